module github.com/twinspan/twinspan/sdk/contrib/zap

go 1.26.0

require (
	github.com/twinspan/twinspan/sdk v0.0.0
	go.uber.org/zap v1.27.1
)

require (
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
)

// Until the first tag of the sdk: consumers of a checkout need the same lines with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
