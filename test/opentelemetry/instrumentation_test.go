package opentelemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	twinspan "github.com/twinspan/twinspan/sdk"
	twinotel "github.com/twinspan/twinspan/sdk/contrib/opentelemetry"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	_ "modernc.org/sqlite"
)

// both runs a scenario on OpenTelemetry's SDK and on ours and compares. files says how many of our lines have to be in the
// file of each component.
func both(t *testing.T, files map[string]int, scenario func(t *testing.T, ctx context.Context, tp trace.TracerProvider, p propagation.TextMapPropagator)) {
	t.Helper()
	run := func(tp trace.TracerProvider, p propagation.TextMapPropagator) {
		ctx, root := tp.Tracer("test").Start(t.Context(), "root")
		scenario(t, ctx, tp, p)
		root.End()
	}
	exporter := tracetest.NewInMemoryExporter()
	theirs := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	run(theirs, propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	if err := theirs.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := forest(fromSDK(exporter.GetSpans()))

	c := twinspan.DefaultConfig("app")
	c.LogDir = t.TempDir()
	c.QueuePolicy = twinspan.WaitWhenFull
	native, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	run(twinotel.NewTracerProvider(native), twinotel.NewPropagator(native))
	if err := native.Close(); err != nil {
		t.Fatal(err)
	}
	ours, gotFiles := fromLogs(t, c.LogDir)
	if got := forest(ours); got != want {
		t.Errorf("on our tracer:\n%s\non OpenTelemetry's SDK:\n%s", got, want)
	}
	if !maps.Equal(gotFiles, files) {
		t.Errorf("lines in the components' files: %v, want %v", gotFiles, files)
	}
	t.Logf("%d spans are the same", len(ours))
}

func TestHTTP(t *testing.T) {
	both(t, map[string]int{"biz": 2, "http-server": 4, "httpclient": 5}, func(t *testing.T, ctx context.Context, tp trace.TracerProvider, p propagation.TextMapPropagator) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /pay/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, inner := tp.Tracer("app").Start(r.Context(), "inner", trace.WithAttributes(attribute.String("user", baggage.FromContext(r.Context()).Member("user").Value())))
			inner.AddEvent("seen", trace.WithAttributes(attribute.StringSlice("l", []string{"a", "b"}), attribute.Float64("f", 1)))
			inner.End()
			fmt.Fprint(w, "ok")
		})
		mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
		ended := make(chan struct{}, 10)
		handler := otelhttp.NewHandler(mux, "server", otelhttp.WithTracerProvider(tp), otelhttp.WithPropagators(p))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r)
			ended <- struct{}{}
		}))
		defer server.Close()
		client := http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(tp), otelhttp.WithPropagators(p))}
		user, err := baggage.Parse("user=u%201")
		if err != nil {
			t.Fatal(err)
		}
		ctx = baggage.ContextWithBaggage(ctx, user)
		for _, call := range [][2]string{{"GET", "/pay/7?q=1"}, {"POST", "/fail"}, {"GET", "/none"}, {"BREW", "/pay/1"}} {
			r, err := http.NewRequestWithContext(ctx, call[0], server.URL+call[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			<-ended
		}
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/", nil)
		if _, err := client.Do(r); err == nil {
			t.Error("port 1 answers")
		}
	})
}

func TestGRPC(t *testing.T) {
	both(t, map[string]int{"biz": 1, "grpc-client": 3, "grpc-server": 3}, func(t *testing.T, ctx context.Context, tp trace.TracerProvider, p propagation.TextMapPropagator) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(tp), otelgrpc.WithPropagators(p),
			otelgrpc.WithMessageEvents(otelgrpc.ReceivedEvents, otelgrpc.SentEvents))))
		grpc_health_v1.RegisterHealthServer(server, health.NewServer())
		served := make(chan error)
		go func() { served <- server.Serve(listener) }()
		conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(tp), otelgrpc.WithPropagators(p))))
		if err != nil {
			t.Fatal(err)
		}
		client := grpc_health_v1.NewHealthClient(conn)
		if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "none"}); err == nil {
			t.Fatal("an unknown service is healthy")
		}
		streaming, cancel := context.WithCancel(ctx)
		stream, err := client.Watch(streaming, &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, _ = stream.Recv()
		conn.Close()
		server.GracefulStop()
		<-served
	})
}

func TestSQL(t *testing.T) {
	both(t, map[string]int{"biz": 1, "datasource-client": 15}, func(t *testing.T, ctx context.Context, tp trace.TracerProvider, _ propagation.TextMapPropagator) {
		db, err := otelsql.Open("sqlite", ":memory:", otelsql.WithTracerProvider(tp),
			otelsql.WithAttributes(attribute.String("db.system.name", "sqlite"), attribute.String("db.namespace", "ledger")))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(ctx, "CREATE TABLE account (id INTEGER, name TEXT)"); err != nil {
			t.Fatal(err)
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO account VALUES (?, ?)", 1, "a"); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		rows, err := db.QueryContext(ctx, "SELECT name FROM account WHERE id = ?", 1)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		rows.Close()
		if _, err := db.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)"); err == nil {
			t.Fatal("inserted into nowhere")
		}
		stmt, err := db.PrepareContext(ctx, "SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		var one int
		if err := stmt.QueryRowContext(ctx).Scan(&one); err != nil {
			t.Fatal(err)
		}
		stmt.Close()
		db.Close()
	})
}

func TestRedis(t *testing.T) {
	both(t, map[string]int{"biz": 1, "redis": 8}, func(t *testing.T, ctx context.Context, tp trace.TracerProvider, _ propagation.TextMapPropagator) {
		server := miniredis.RunT(t)
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), DisableIdentity: true, PoolSize: 1, Protocol: 2,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
		defer client.Close()
		if err := redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(tp)); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(ctx, "k", "v", time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Get(ctx, "none").Err(); !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		if err := client.Incr(ctx, "k").Err(); err == nil {
			t.Fatal("a text was incremented")
		}
		if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "a", 1, 0)
			p.Incr(ctx, "a")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestKafka(t *testing.T) {
	both(t, map[string]int{"biz": 1, "kafkamq-send": 2, "kafkamq-consume": 4}, func(t *testing.T, ctx context.Context, tp trace.TracerProvider, p propagation.TextMapPropagator) {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "payments"))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		hooks := kotel.NewTracer(kotel.TracerProvider(tp), kotel.TracerPropagator(p), kotel.ClientID("c"), kotel.ConsumerGroup("g"))
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.WithHooks(hooks), kgo.ConsumeTopics("payments"),
			kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for i := range 2 {
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: "payments", Key: []byte{byte('a' + i)}, Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for seen := 0; seen < 2; {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				seen++
				_, process := hooks.WithProcessSpan(r)
				process.SetStatus(codes.Ok, "")
				process.End()
			})
		}
	})
}
