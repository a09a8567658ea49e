package agent

import (
	"strings"
	"testing"
	"time"
)

// BenchmarkForward measures a line's whole way: read, decode, encode, compress, receive, and write to the log.
func BenchmarkForward(b *testing.B) {
	col := newCollector(b, 32<<20)
	r := newRig(b, col)
	const lines = 20000
	var text strings.Builder
	for i := range lines {
		text.WriteString(line(i))
	}
	b.SetBytes(int64(text.Len()) / lines)
	for n := 0; n < b.N; n += lines {
		r.raw(live, text.String())
	}
	r.now = r.now.Add(time.Minute)
	b.ResetTimer()
	r.step()
	b.StopTimer()
	if n := col.count(); n < b.N {
		b.Fatalf("%d halves came, want %d", n, b.N)
	}
}
