package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// handler traces what an HTTP server is asked, and counts it. It also tells the trace id to whoever asks.
func (s *service) handler(next http.Handler) http.Handler {
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Trace-Id", nethttp.SpanFromRequest(r).TraceID())
		out := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(out, r)
		s.counts.add(edge{
			Side: "server", Callee: s.name, Type: "http", LoadTest: loadTest(r.Context()), Operation: r.Pattern,
		}, out.status >= 500)
	})
	return nethttp.NewHandler(s.tracer, counted)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func newTransport() http.RoundTripper {
	return &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second}
}

// calleeKey is the context's key of the service that a request goes to.
type calleeKey struct{}

// calleeOf names the app that a client's request goes to, for the client half's "remote.app".
func calleeOf(r *http.Request) string {
	callee, _ := r.Context().Value(calleeKey{}).(string)
	return callee
}

// statusError is an answer that is no success.
type statusError struct {
	callee string
	status int
	text   string
}

// Error says who answered what.
func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.callee, e.status, e.text)
}

// call asks another service over HTTP. route is the path with names for what differs from request to request, such as
// "/merchants/{id}"; the client half's operation is made of it.
func (s *service) call(ctx context.Context, callee, method, route, path string, in, out any) (err error) {
	defer func() {
		s.counts.add(edge{
			Side: "client", Caller: s.name, Callee: callee, Type: "http", LoadTest: loadTest(ctx), Operation: method + " " + route,
		}, err != nil)
	}()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx = context.WithValue(nethttp.ContextWithRoute(ctx, route), calleeKey{}, callee)
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.peers[callee]+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.web.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		return &statusError{callee, answer.StatusCode, strings.TrimSpace(string(text))}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// loadTest says whether what is done is load-test traffic.
func loadTest(ctx context.Context) bool { return twinspan.SpanFromContext(ctx).LoadTest() }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// readJSON reads a request's body; where that fails it has answered.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "malformed request: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
