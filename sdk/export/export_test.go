package export

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// sender answers as it is told and remembers what it got.
type sender struct {
	mu      sync.Mutex
	answers []error // of the next calls; then nil
	refuse  int
	batches [][]*twinspan.SpanData
	entered chan struct{} // if set, told at each call
	wait    chan struct{} // if set, waited for in each call
}

func (s *sender) Send(_ context.Context, spans []*twinspan.SpanData) (int, error) {
	if s.entered != nil {
		s.entered <- struct{}{}
	}
	if s.wait != nil {
		<-s.wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, append([]*twinspan.SpanData(nil), spans...))
	if len(s.answers) > 0 {
		err := s.answers[0]
		s.answers = s.answers[1:]
		if err != nil {
			return 0, err
		}
	}
	return s.refuse, nil
}

func (s *sender) Close() error { return nil }

func newTracer(t testing.TB, exporters ...twinspan.Exporter) *twinspan.Tracer {
	t.Helper()
	c := twinspan.DefaultConfig("Pay")
	c.LogDir, c.Exporters = t.TempDir(), exporters
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func start(t testing.TB, tracer *twinspan.Tracer) *twinspan.Span {
	_, span := tracer.Start(t.Context(), twinspan.Client, twinspan.HTTPClient, "GET /pay/{id}")
	return span
}

func TestBatchesAndCounters(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		sender *sender
		spans  int
		want   Counters
		calls  int
	}{
		{"one batch", Config{Delay: time.Hour}, &sender{}, 3, Counters{Sent: 3}, 1},
		{"full batches", Config{Delay: time.Hour, BatchSize: 2}, &sender{}, 5, Counters{Sent: 5}, 3},
		{"refused", Config{Delay: time.Hour}, &sender{refuse: 2}, 3, Counters{Sent: 1, Refused: 2}, 1},
		{"an error that stays", Config{Delay: time.Hour}, &sender{answers: []error{errors.New("bad request")}}, 3, Counters{Failed: 3}, 1},
		{"tried again", Config{Delay: time.Hour}, &sender{answers: []error{&Retry{Err: errors.New("busy")}}}, 3, Counters{Sent: 3}, 2},
		{"tried once", Config{Delay: time.Hour, RetryFor: -1}, &sender{answers: []error{&Retry{Err: errors.New("busy")}}}, 3, Counters{Failed: 3}, 1},
		{"asked to wait for longer than it is tried", Config{Delay: time.Hour, RetryFor: time.Minute},
			&sender{answers: []error{&Retry{Err: errors.New("busy"), After: time.Hour}}}, 3, Counters{Failed: 3}, 1},
	}
	for _, tt := range tests {
		var told []error
		tt.config.OnError = func(err error) { told = append(told, err) }
		e := New(tt.config, tt.sender)
		tracer := newTracer(t, e)
		for range tt.spans {
			start(t, tracer).End()
		}
		tracer.Flush()
		if got := e.Counters(); got != tt.want || len(tt.sender.batches) != tt.calls {
			t.Errorf("%s: %+v in %d calls, want %+v in %d", tt.name, got, len(tt.sender.batches), tt.want, tt.calls)
		}
		if failed := tt.want.Failed+tt.want.Refused > 0; failed != (len(told) == 1) {
			t.Errorf("%s: told %v", tt.name, told)
		}
		if err := tracer.Close(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		start(t, tracer).End()
		if e.Counters().Dropped != 1 {
			t.Errorf("%s: a span after Close is not counted", tt.name)
		}
	}
}

// TestQueueIsBounded: while the other side does not answer, spans wait up to QueueSize, and more are dropped and counted. The
// goroutine that ends a span never waits.
func TestQueueIsBounded(t *testing.T) {
	s := &sender{entered: make(chan struct{}), wait: make(chan struct{})}
	e := New(Config{QueueSize: 4, BatchSize: 1}, s)
	tracer := newTracer(t, e)
	start(t, tracer).End()
	<-s.entered
	for range 10 {
		start(t, tracer).End()
	}
	if c := e.Counters(); c.Dropped != 6 {
		t.Errorf("%+v", c)
	}
	go func() {
		for range s.entered {
		}
	}()
	close(s.wait)
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
	close(s.entered)
	if c := e.Counters(); c.Sent != 5 {
		t.Errorf("%+v", c)
	}
}

// TestSampledOutStays: what is not logged is not exported.
func TestSampledOutStays(t *testing.T) {
	s := &sender{}
	c := twinspan.DefaultConfig("pay")
	c.LogDir, c.SamplePercentage, c.Exporters = t.TempDir(), 0, []twinspan.Exporter{New(Config{}, s)}
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	start(t, tracer).End()
	if err := tracer.Close(); err != nil || len(s.batches) != 0 {
		t.Errorf("%v, %d batches", err, len(s.batches))
	}
}

// TestHTTPAnswers: which statuses are worth another attempt, and how long the other side asks to wait.
func TestHTTPAnswers(t *testing.T) {
	tests := []struct {
		status int
		header string
		retry  bool
		after  time.Duration
	}{
		{200, "", false, 0}, {202, "", false, 0}, {301, "", false, 0}, {400, "", false, 0}, {401, "", false, 0}, {500, "", false, 0},
		{429, "3", true, 3 * time.Second}, {502, "", true, 0}, {503, "99999", true, time.Minute}, {504, "x", true, 0}, {503, "-1", true, 0},
	}
	for _, tt := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tt.header != "" {
				w.Header().Set("Retry-After", tt.header)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, "what is wrong")
		}))
		p := newPoster(HTTP{URL: server.URL}, "text/plain")
		_, err := p.post(t.Context(), []byte("x"))
		_ = p.Close()
		server.Close()
		var retry *Retry
		if errors.As(err, &retry) != tt.retry || retry != nil && retry.After != tt.after {
			t.Errorf("%d: %v", tt.status, err)
		}
		if taken := tt.status < 300; taken != (err == nil) || err != nil && !strings.Contains(err.Error(), "what is wrong") {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
	p := newPoster(HTTP{URL: "http://127.0.0.1:1/"}, "text/plain")
	var retry *Retry
	if _, err := p.post(t.Context(), nil); !errors.As(err, &retry) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestZipkinAsSOFATracer compares the ids and names of spans with those that Java SOFATracer's reporter sends.
func TestZipkinAsSOFATracer(t *testing.T) {
	text, err := os.ReadFile("testdata/zipkin-spans.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden []struct {
		TraceID string          `json:"traceId"`
		SpanID  string          `json:"spanId"`
		Zipkin  json.RawMessage `json:"zipkin"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, g := range golden {
		s := &sender{}
		tracer := newTracer(t, New(Config{}, s))
		headers := twinspan.MapCarrier{"X-B3-TraceId": g.TraceID, "X-B3-SpanId": g.SpanID}
		_, span := tracer.StartFrom(t.Context(), headers, twinspan.Server, twinspan.HTTPServer, "HTTP://h/p")
		span.End()
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		got := toZipkin(s.batches[0][0], "Pay-A")
		if len(got.TraceID) != 32 || len(got.ID) != 16 {
			t.Errorf("%s: %+v", g.TraceID, got)
		}
		var want zipkinSpan
		if json.Unmarshal(g.Zipkin, &want) != nil || !s.batches[0][0].Trace.IsSOFA() {
			continue // Java throws; or an id that is not of SOFATracer's shape, which goes as 16 bytes
		}
		compared++
		// A server that shares its client's dotted id has an 8-byte id of its own, below the client's.
		if got.TraceID != want.TraceID || got.ParentID != want.ID || got.Tags[tagOrigin] != want.Tags[tagOrigin] ||
			got.Tags[tagOriginParent] != want.Tags[tagOriginParent] || got.Name != want.Name || got.Local.ServiceName != want.Local.ServiceName ||
			got.Tags["local.app"] != want.Tags["local.app"] {
			t.Errorf("%+v\nSOFATracer has %+v", got, want)
		}
	}
	if compared < 4 {
		t.Errorf("%d compared", compared)
	}
}

// TestZipkinHasTheResource: as tags, under which a span's own go before.
func TestZipkinHasTheResource(t *testing.T) {
	s := &sender{}
	c := twinspan.DefaultConfig("Pay")
	c.LogDir, c.Exporters = t.TempDir(), []twinspan.Exporter{New(Config{}, s)}
	c.Resource = []twinspan.ResourceAttribute{"service.version=1.2", "region=cn"}
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	span := start(t, tracer)
	span.SetTags(twinspan.String("region", "eu"))
	span.End()
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if tags := toZipkin(s.batches[0][0], "Pay").Tags; tags["service.version"] != "1.2" || tags["region"] != "eu" {
		t.Errorf("%v", tags)
	}
}

// TestPosts: what goes over the wire is packed, and the counters tell what the answer says.
func TestPosts(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, _ := io.ReadAll(unpacked)
		bodies = append(bodies, r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Authorization")+" "+string(body))
		if r.URL.Path == "/v1/traces" {
			_, _ = w.Write([]byte{10, 2, 8, 1}) // partial_success {rejected_spans: 1}
		}
	}))
	defer server.Close()
	header := http.Header{"Authorization": {"Bearer t"}}
	otlp := NewOTLP(Config{}, HTTP{URL: server.URL + "/v1/traces", Header: header}, "pay", "one")
	zipkin := NewZipkin(Config{}, HTTP{URL: server.URL + "/api/v2/spans", Header: header}, "pay")
	tracer := newTracer(t, otlp, zipkin)
	start(t, tracer).End()
	start(t, tracer).End()
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if c := otlp.Counters(); c != (Counters{Sent: 1, Refused: 1}) {
		t.Errorf("OTLP: %+v", c)
	}
	if c := zipkin.Counters(); c != (Counters{Sent: 2}) {
		t.Errorf("Zipkin: %+v", c)
	}
	all := strings.Join(bodies, "\n")
	for _, want := range []string{"/v1/traces application/x-protobuf Bearer t ", "/api/v2/spans application/json Bearer t [{", "service.instance.id"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %q", want, all)
		}
	}
}

func FuzzRejectedSpans(f *testing.F) {
	f.Add([]byte{10, 2, 8, 1}, 3)
	f.Add([]byte{10, 200, 8}, 3)
	f.Fuzz(func(t *testing.T, answer []byte, sent int) {
		if n := RejectedSpans(answer, max(sent, 0)); n < 0 || n > max(sent, 0) {
			t.Errorf("%d of %d", n, sent)
		}
	})
}
