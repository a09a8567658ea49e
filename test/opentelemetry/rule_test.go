package opentelemetry

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinotel "github.com/twinspan/twinspan/sdk/contrib/opentelemetry"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// TestRulesFitInstrumentations: sampling rules by component and operation take out requests that otelhttp and otelgrpc begin with.
func TestRulesFitInstrumentations(t *testing.T) {
	c := twinspan.DefaultConfig("app")
	c.LogDir, c.QueuePolicy = t.TempDir(), twinspan.WaitWhenFull
	c.SampleRules = []twinspan.SampleRule{"http-server:server:GET /health*=0%", "grpc-server:server:*/Check=0%"}
	native, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	tp, p := twinotel.NewTracerProvider(native), twinotel.NewPropagator(native)
	handler := otelhttp.NewHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "server", otelhttp.WithTracerProvider(tp), otelhttp.WithPropagators(p))
	for _, path := range []string{"/health/live", "/pay"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://app"+path, nil))
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(tp), otelgrpc.WithPropagators(p))))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }() // GracefulStop ends it
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client := grpc_health_v1.NewHealthClient(conn)
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.List(t.Context(), &grpc_health_v1.HealthListRequest{}); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	server.GracefulStop()
	if err := native.Close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"http-server-digest.log": `"request.url":"http://app/pay"`, "grpc-server-digest.log": `/List"`} {
		data, err := os.ReadFile(filepath.Join(c.LogDir, file))
		if lines := strings.Count(string(data), "\n"); err != nil || lines != 1 || !strings.Contains(string(data), want) {
			t.Errorf("%s has %d lines, %v: %s", file, lines, err, data)
		}
	}
}
