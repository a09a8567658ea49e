module github.com/twinspan/twinspan/sdk/contrib/sql

go 1.26.0

require github.com/twinspan/twinspan/sdk v0.0.0

require go.opentelemetry.io/otel/trace v1.47.0 // indirect

// Until the first tag of the sdk: consumers of a checkout need the same line with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
