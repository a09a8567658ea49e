package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// roomFor has size bytes for bodies, and no patience.
func roomFor(size int64) *Room {
	return NewRoom(&Config{MaxReadingBytes: size, MaxInFlightBytes: 1, MaxWait: time.Millisecond})
}

// post reads a request's body as a receiver does. The request ends when the test says so.
func post(b *Bodies, encoding string, body io.Reader, length int64) (end func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := httptest.NewRequest(http.MethodPost, "/", body).WithContext(ctx)
	r.ContentLength = length
	r.Header.Set("Content-Encoding", encoding)
	_, err = b.Read(httptest.NewRecorder(), r)
	return cancel, err
}

func TestBodiesShareRoom(t *testing.T) {
	const size = 300 << 10
	data := []byte(strings.Repeat("spans ", size/6))
	for _, tt := range []struct {
		encoding string
		known    bool
	}{{"", true}, {"", false}, {"gzip", true}, {"gzip", false}, {"zstd", true}, {"zstd", false}} {
		packed := pack(t, tt.encoding, data)
		length := int64(-1)
		if tt.known {
			length = int64(len(packed))
		}
		b := NewBodies(1 << 20)
		b.room = roomFor(1 << 20)
		var ends []func()
		taken := 0
		for range 8 {
			end, err := post(b, tt.encoding, bytes.NewReader(packed), length)
			ends = append(ends, end)
			switch {
			case err == nil:
				taken++
			case !errors.Is(err, ErrLater):
				t.Fatalf("%+v: %v", tt, err)
			}
			if used := b.room.bodies.used.Load(); used > 1<<20 || err == nil && used < int64(taken)*size {
				t.Errorf("%+v: %d bytes in use for %d bodies of %d", tt, used, taken, size)
			}
		}
		if taken < 1 || taken > 3 {
			t.Errorf("%+v: %d bodies of 300 KiB were read into 1 MiB", tt, taken)
		}
		for _, end := range ends {
			end()
		}
		deadline := time.Now().Add(time.Minute)
		for used := b.room.bodies.used.Load(); used != 0; used = b.room.bodies.used.Load() {
			if time.Now().After(deadline) {
				t.Fatalf("%+v: %d bytes are still in use when all requests are answered", tt, used)
			}
			time.Sleep(time.Millisecond)
		}
		if _, err := post(b, tt.encoding, bytes.NewReader(packed), length); err != nil {
			t.Errorf("%+v: after that: %v", tt, err)
		}
	}
}

// TestSlowSendersHoldLittle: who announces much and sends nothing leaves room for others.
func TestSlowSendersHoldLittle(t *testing.T) {
	b := NewBodies(32 << 20)
	b.room = roomFor(32 << 20)
	for range 8 {
		slow, writer := io.Pipe()
		defer func() { _ = writer.Close() }()
		go func() { _, _ = post(b, "", slow, 32<<20) }()
		if _, err := writer.Write([]byte("a")); err != nil { // it is being read
			t.Fatal(err)
		}
	}
	if used := b.room.bodies.used.Load(); used > 9<<20 {
		t.Errorf("%d bytes are held for eight requests of which one byte came", used)
	}
	if _, err := post(b, "", bytes.NewReader(make([]byte, 1<<20)), 1<<20); err != nil {
		t.Error(err)
	}
}

func TestLeaseEndsOnce(t *testing.T) {
	r := roomFor(100)
	l, err := r.Lease(t.Context(), 40)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Grow(200); err != nil { // more than there is at all counts as all
		t.Fatal(err)
	}
	if _, err := r.TryLease(1); !errors.Is(err, ErrLater) {
		t.Errorf("a lease of what is not there: %v", err)
	}
	l.Release()
	l.Release()
	if err := l.Grow(10); err == nil {
		t.Error("a lease that has ended grows")
	}
	if used := r.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes in use", used)
	}
	if _, err := r.TryLease(100); err != nil {
		t.Error(err)
	}
	var none *Lease
	none.Release()
	if err := none.Grow(1 << 40); err != nil {
		t.Error(err)
	}
}
