module github.com/twinspan/twinspan/sdk/contrib/opentracing

go 1.26.0

require (
	github.com/opentracing/opentracing-go v1.2.0
	github.com/twinspan/twinspan/sdk v0.0.0
)

require (
	github.com/stretchr/testify v1.12.1 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

// Until the first tag of the sdk: consumers of a checkout need the same line with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
