module github.com/twinspan/twinspan/test/e2e

go 1.26.0

require (
	github.com/twinspan/twinspan/sdk v0.0.0
	github.com/twinspan/twinspan/sdk/contrib/nethttp v0.0.0
)

require go.opentelemetry.io/otel/trace v1.47.0 // indirect

replace (
	github.com/twinspan/twinspan/sdk => ../../sdk
	github.com/twinspan/twinspan/sdk/contrib/nethttp => ../../sdk/contrib/nethttp
)
