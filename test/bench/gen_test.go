package main

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"
)

// TestStamp: every trace of a request has its id in each of its spans, parents are spans of the request, and another nonce
// gives another request of the same size.
func TestStamp(t *testing.T) {
	tpl := newTemplates(7, 1, 300)[0]
	if tpl.spans < 300 || len(tpl.traceAt) != tpl.spans || len(tpl.timeAt) != 2*tpl.spans {
		t.Fatalf("%d spans, %d trace ids, %d times", tpl.spans, len(tpl.traceAt), len(tpl.timeAt))
	}
	now := time.Unix(1_800_000_000, 0)
	one := tpl.stamp(nil, 1, now)
	sum := 0
	for i, size := range tpl.sizes {
		id, err := hex.DecodeString(tpl.trace(i, 1))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(one, id); n != size {
			t.Errorf("trace %d is in %d spans, want %d", i, n, size)
		}
		sum += size
	}
	if sum != tpl.spans {
		t.Errorf("the traces have %d spans, the request %d", sum, tpl.spans)
	}
	seen := make(map[string]int)
	for _, at := range tpl.spanAt {
		seen[string(one[at:at+8])]++
	}
	if roots := len(tpl.sizes); len(seen) != tpl.spans || len(tpl.spanAt) != 2*tpl.spans-roots {
		t.Errorf("%d ids in %d places for %d spans of %d traces", len(seen), len(tpl.spanAt), tpl.spans, roots)
	}
	two := tpl.stamp(nil, 2, now)
	if len(two) != len(one) || bytes.Equal(one, two) {
		t.Error("two nonces give the same request")
	}
	if again := tpl.stamp(two, 1, now); !bytes.Equal(again, one) {
		t.Error("a nonce does not give the same request again")
	}
}
