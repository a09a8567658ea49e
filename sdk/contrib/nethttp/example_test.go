package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

func Example() {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := twinspan.DefaultConfig("payment")
	cfg.LogDir = dir
	tracer, err := twinspan.New(cfg)
	if err != nil {
		panic(err)
	}
	defer func() { _ = tracer.Close() }()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/{id}", func(w http.ResponseWriter, r *http.Request) {
		nethttp.SpanFromRequest(r).SetTags(twinspan.String("order", r.PathValue("id")))
		_, _ = fmt.Fprint(w, "paid")
	})
	server := httptest.NewServer(nethttp.NewHandler(tracer, mux))
	defer server.Close()

	client := &http.Client{Transport: nethttp.NewTransport(tracer, nil)}
	answer, err := client.Get(server.URL + "/pay/17")
	if err != nil {
		panic(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(string(body), err)
	// Output: paid <nil>
}
