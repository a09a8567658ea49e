package export_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/export"
)

// Spans go to a collector by OTLP over HTTP and to Zipkin, and to the logs as always.
func Example() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"/v1/traces": http.StatusOK, "/api/v2/spans": http.StatusAccepted}[r.URL.Path])
	}))
	defer receiver.Close()
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	config := twinspan.DefaultConfig("payment")
	config.LogDir = dir
	otlp := export.NewOTLP(export.Config{}, export.HTTP{URL: receiver.URL + "/v1/traces"}, config.App, config.Instance)
	zipkin := export.NewZipkin(export.Config{}, export.HTTP{URL: receiver.URL + "/api/v2/spans"}, config.App)
	config.Exporters = []twinspan.Exporter{otlp, zipkin} // the tracer owns them
	tracer, err := twinspan.New(config)
	if err != nil {
		panic(err)
	}
	_, span := tracer.Start(context.Background(), twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	span.End()
	if err := tracer.Close(); err != nil {
		panic(err)
	}
	fmt.Println(otlp.Counters().Sent, zipkin.Counters().Sent)
	// Output: 1 1
}
