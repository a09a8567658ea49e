package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func pack(t testing.TB, encoding string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1)) // streamed: the frame does not tell its size
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return data
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(b *Bodies, encoding string, body io.Reader, length int64) ([]byte, error) {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = length
	r.Header.Set("Content-Encoding", encoding)
	return b.Read(httptest.NewRecorder(), r)
}

func TestBodiesAtTheLimit(t *testing.T) {
	const limit = 1 << 20
	b := NewBodies(limit)
	for _, encoding := range []string{"", "gzip", "zstd"} {
		for _, size := range []int{0, 1, 511, 512, 513, limit - 1, limit} {
			data := bytes.Repeat([]byte("ab"), limit)[:size]
			packed := pack(t, encoding, data)
			for _, length := range []int64{int64(len(packed)), -1} {
				got, err := read(b, encoding, bytes.NewReader(packed), length)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%q, %d bytes: %v, %d bytes", encoding, size, err, len(got))
				}
			}
		}
		packed := pack(t, encoding, make([]byte, limit+1))
		if _, err := read(b, encoding, bytes.NewReader(packed), -1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q, a byte too many: %v", encoding, err)
		}
	}
}

// TestBodiesBombs sends what unpacks to far more than the limit, in one part and in many.
func TestBodiesBombs(t *testing.T) {
	b := NewBodies(64 << 10)
	for _, encoding := range []string{"gzip", "zstd"} {
		bomb := pack(t, encoding, make([]byte, 16<<20))
		if _, err := read(b, encoding, bytes.NewReader(bomb), -1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", encoding, err)
		}
		many := bytes.Repeat(pack(t, encoding, make([]byte, 60<<10)), 20)
		if _, err := read(b, encoding, bytes.NewReader(many), -1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s, many parts: %v", encoding, err)
		}
		empty := bytes.Repeat(pack(t, encoding, nil), 10000) // unpacks to nothing, but is long itself
		if _, err := read(b, encoding, bytes.NewReader(empty), -1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s, empty parts: %v", encoding, err)
		}
	}
}

func TestBodiesErrors(t *testing.T) {
	b := NewBodies(64 << 10)
	broken := errors.New("connection reset")
	for _, encoding := range []string{"", "gzip", "zstd"} {
		cut := io.MultiReader(bytes.NewReader(pack(t, encoding, []byte("abc"))[:3]), iotest.ErrReader(broken))
		if _, err := read(b, encoding, cut, -1); !errors.Is(err, broken) || errors.Is(err, ErrInvalid) {
			t.Errorf("%q, a broken connection: %v", encoding, err)
		}
		if encoding == "" {
			continue
		}
		packed := pack(t, encoding, []byte(strings.Repeat("hello", 100)))
		if _, err := read(b, encoding, bytes.NewReader(packed[:len(packed)-3]), -1); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, cut: %v", encoding, err)
		}
		packed[len(packed)-2] ^= 0x55
		if _, err := read(b, encoding, bytes.NewReader(packed), -1); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, changed: %v", encoding, err)
		}
	}
	if _, err := read(b, "gzip, gzip", strings.NewReader("x"), -1); !errors.Is(err, ErrEncoding) {
		t.Errorf("packed twice: %v", err)
	}
}

func FuzzBodies(f *testing.F) {
	f.Add("gzip", pack(f, "gzip", []byte("hello")))
	f.Add("zstd", pack(f, "zstd", []byte("hello")))
	f.Add("zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0x7f})
	b := NewBodies(4096)
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		got, err := read(b, encoding, bytes.NewReader(body), -1)
		if err == nil && len(got) > 4096 {
			t.Fatalf("%d bytes beyond the limit", len(got))
		}
		for _, known := range []error{ErrTooLarge, ErrInvalid, ErrEncoding} {
			if errors.Is(err, known) {
				return
			}
		}
		if err != nil {
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}

func TestPace(t *testing.T) {
	var p Pace
	at := time.Unix(100, 0)
	for i, want := range []bool{true, false, false, true, false} {
		if got := p.Allow(at.Add(time.Duration(i)*4*time.Second), 10*time.Second); got != want {
			t.Errorf("after %d s: %v", 4*i, got)
		}
	}
}
