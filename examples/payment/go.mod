module github.com/twinspan/twinspan/examples/payment

go 1.26.0

require (
	github.com/twinspan/twinspan/sdk v0.0.0
	github.com/twinspan/twinspan/sdk/contrib/grpc v0.0.0
	github.com/twinspan/twinspan/sdk/contrib/nethttp v0.0.0
	github.com/twinspan/twinspan/sdk/contrib/sql v0.0.0
	google.golang.org/grpc v1.85.0
	modernc.org/sqlite v1.61.1
)

require (
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/twinspan/twinspan/sdk => ../../sdk
	github.com/twinspan/twinspan/sdk/contrib/grpc => ../../sdk/contrib/grpc
	github.com/twinspan/twinspan/sdk/contrib/nethttp => ../../sdk/contrib/nethttp
	github.com/twinspan/twinspan/sdk/contrib/sql => ../../sdk/contrib/sql
)
