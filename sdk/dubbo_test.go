package twinspan

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// dubboFrames cuts what a Dubbo client sent: a header of 16 bytes, magic 0xdabb, the body's length in its last 4.
func dubboFrames(t *testing.T, file string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sofatracer", file))
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for len(data) >= 16 {
		n := 16 + int(binary.BigEndian.Uint32(data[12:]))
		if binary.BigEndian.Uint16(data) != 0xdabb || n > len(data) {
			t.Fatalf("%s: no frame at %x", file, data[:16])
		}
		frames, data = append(frames, data[16:n]), data[n:]
	}
	return frames
}

// dubboAttachment finds a text among a frame's attachments: Hessian 2 has a string's length in one byte up to 31, in 10 bits
// up to 1023, and else in the two bytes after 'S'.
func dubboAttachment(t *testing.T, frame []byte, key string) string {
	t.Helper()
	_, rest, ok := bytes.Cut(frame, []byte(key))
	if !ok || len(rest) < 3 {
		return ""
	}
	n := int(rest[0])
	switch {
	case n < 0x20:
		rest = rest[1:]
	case n >= 0x30 && n < 0x34:
		n, rest = (n&3)<<8|int(rest[1]), rest[2:]
	case n == 'S':
		n, rest = int(binary.BigEndian.Uint16(rest[1:])), rest[3:]
	default:
		t.Fatalf("no string at %q", rest[:16])
	}
	end := 0
	for ; n > 0 && end < len(rest); n-- { // the length counts UTF-16 units, each written by itself
		switch c := rest[end]; {
		case c < 0x80:
			end++
		case c < 0xe0:
			end += 2
		default:
			end += 3
		}
	}
	return string(rest[:end])
}

// TestDubboOnTheWire reads the attachments that Java clients sent, and writes the same text for the same context.
func TestDubboOnTheWire(t *testing.T) {
	tracer := newTracer(t, nil)
	for _, file := range []string{"dubbo26-requests.bin", "dubbo27-requests.bin"} {
		found, baggage := 0, 0
		for i, frame := range dubboFrames(t, file) {
			text := dubboAttachment(t, frame, propagationKeys[Dubbo])
			if text == "" {
				continue // a heartbeat
			}
			found++
			var r SpanContext
			r.extract(MapCarrier{propagationKeys[Dubbo]: text}, []Propagation{Dubbo})
			if !r.Valid() || !r.trace.IsSOFA() {
				t.Errorf("%s, frame %d: nothing in %q", file, i, text)
				continue
			}
			baggage += len(r.baggage().biz) + len(r.baggage().sys)
			client := &Span{trunk: &trunk{tracer: tracer, traceID: r.traceID, sampled: r.sampled}, kind: Client, spanID: r.spanID}
			client.bag.Store(r.bag)
			again := MapCarrier{}
			client.Inject(again, Dubbo)
			if got := again[propagationKeys[Dubbo]]; got != text {
				t.Errorf("%s, frame %d: we write %q, Java %q", file, i, got, text)
			}
			_, server := tracer.StartFrom(t.Context(), again, Server, GRPCServer, "pay.Ledger.Book", Dubbo)
			if server.SpanID() != r.spanID {
				t.Errorf("%s, frame %d: server span %s below %s", file, i, server.SpanID(), r.spanID)
			}
		}
		if found < 10 || baggage == 0 {
			t.Errorf("%s: %d attachments, %d items of baggage", file, found, baggage)
		}
	}
}
