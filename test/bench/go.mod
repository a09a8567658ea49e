module github.com/twinspan/twinspan/test/bench

go 1.26.0
