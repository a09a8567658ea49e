module github.com/twinspan/twinspan/sdk

go 1.26.0

require go.opentelemetry.io/otel/trace v1.47.0
