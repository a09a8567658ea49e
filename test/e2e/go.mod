module github.com/twinspan/twinspan/test/e2e

go 1.26.0
