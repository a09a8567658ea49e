module github.com/twinspan/twinspan/sdk/contrib/logrus

go 1.26.0

require (
	github.com/sirupsen/logrus v1.10.1
	github.com/twinspan/twinspan/sdk v0.0.0
)

require (
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/sys v0.13.0 // indirect
)

// Until the first tag of the sdk: consumers of a checkout need the same lines with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
