module github.com/twinspan/twinspan/test/peer/server

go 1.26.0
