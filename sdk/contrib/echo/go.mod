module github.com/twinspan/twinspan/sdk/contrib/echo

go 1.26.0

require (
	github.com/labstack/echo/v4 v4.15.4
	github.com/twinspan/twinspan/sdk v0.0.0
	github.com/twinspan/twinspan/sdk/contrib/nethttp v0.0.0
)

require (
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/crypto v0.53.0 // indirect
	golang.org/x/net v0.56.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/text v0.38.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

// Until the first tag of the sdk: consumers of a checkout need the same lines with their own path.
replace github.com/twinspan/twinspan/sdk => ../..

replace github.com/twinspan/twinspan/sdk/contrib/nethttp => ../nethttp
