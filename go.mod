module github.com/twinspan/twinspan

go 1.26
