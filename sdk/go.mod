module github.com/twinspan/twinspan/sdk

go 1.26
