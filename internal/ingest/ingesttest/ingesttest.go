// Package ingesttest is what the tests of the receivers share: where requests go, golden inputs, and what every decoder promises.
package ingesttest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// Sink keeps the requests that it is given, and answers each with Err. Its room is not bounded.
type Sink struct {
	Err error
	// Max is the limit of a request, in bytes.
	Max int64
	// Got is to be read when nothing writes.
	Got []ingest.Request

	mu sync.Mutex
}

// Limit implements ingest.Sink.
func (s *Sink) Limit() int64 { return s.Max }

// Room implements ingest.Sink.
func (s *Sink) Room() *ingest.Room { return nil }

// Write implements ingest.Sink.
func (s *Sink) Write(_ context.Context, req ingest.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Got = append(s.Got, req)
	return s.Err
}

// Halves counts those of all requests.
func (s *Sink) Halves() (n int) {
	for i := range s.Got {
		n += len(s.Got[i].Batch.Halves)
	}
	return n
}

// Limits are some that no test reaches by accident.
func Limits() *ingest.Limits {
	l := ingest.DefaultLimits()
	return &l
}

// Read gives a file of the package's testdata.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// JSON spells a half.
func JSON(t testing.TB, h *span.Half) string {
	t.Helper()
	b, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Decoded checks what a decoder made of any input: halves that can be stored, or an error that says whose fault it is.
func Decoded(t *testing.T, halves []span.Half, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ingest.ErrInvalid) && !errors.Is(err, ingest.ErrTooLarge) {
			t.Fatalf("an error of no kind: %v", err)
		}
		return
	}
	for i := range halves {
		h := &halves[i]
		if h.Trace.IsZero() || h.Span == 0 || h.Start <= 0 || h.Duration < 0 || !h.Payload.Valid() || !h.Resource.Valid() {
			t.Fatalf("half %d cannot be used: %+v", i, h)
		}
	}
}
