module github.com/twinspan/twinspan/sdk/contrib/opentracing

go 1.26.0

require (
	github.com/opentracing/opentracing-go v1.2.0
	github.com/twinspan/twinspan/sdk v0.0.0
)

require (
	github.com/davecgh/go-spew v1.1.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/stretchr/testify v1.3.0 // indirect
)

// Until the first tag of the sdk: consumers of a checkout need the same line with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
