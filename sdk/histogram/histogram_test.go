package histogram

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

func TestIndexMatchesTheDefinition(t *testing.T) {
	for range 200000 {
		v := rand.Int64N(1 << (1 + rand.IntN(62)))
		if v < 1 {
			continue
		}
		i := Index(v)
		if lo, hi := Upper(i-1), Upper(i); float64(v) <= lo*(1-1e-12) || float64(v) > hi*(1+1e-12) {
			t.Fatalf("value %d in bucket %d (%g, %g]", v, i, lo, hi)
		}
	}
	for exp := range 62 {
		if got := Index(1 << exp); got != exp*perOctave-1 {
			t.Fatalf("2^%d in bucket %d, want %d", exp, got, exp*perOctave-1)
		}
	}
}

func TestQuantileIsWithinABucket(t *testing.T) {
	var h H
	values := make([]int64, 10000)
	for i := range values {
		values[i] = int64(math.Exp(rand.NormFloat64()*2 + 14))
		h.Add(values[i])
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		exact := float64(values[max(int(math.Ceil(q*float64(len(values))))-1, 0)])
		if got := h.Quantile(q); math.Abs(got/exact-1) > 0.0221 {
			t.Errorf("quantile %g = %g, exact %g", q, got, exact)
		}
	}
}

func TestMergeIsExact(t *testing.T) {
	var all, a, b H
	for i := range 5000 {
		v := rand.Int64N(1e10) - 100
		all.Add(v)
		if i%3 == 0 {
			a.Add(v)
		} else {
			b.Add(v)
		}
	}
	a.Merge(&b)
	if got, want := string(a.Append(nil)), string(all.Append(nil)); got != want {
		t.Error("merged parts differ from the whole")
	}
	a.Sub(&b)
	a.Merge(&b)
	if got, want := string(a.Append(nil)), string(all.Append(nil)); got != want {
		t.Error("taking away and adding again changes the histogram")
	}
}

func TestEncoding(t *testing.T) {
	for _, values := range [][]int64{nil, {0}, {1}, {1, 2, 3}, {-5, 7, math.MaxInt64}, {1 << 40, 1}} {
		var h H
		for _, v := range values {
			h.Add(v)
		}
		b := h.Append([]byte("x"))
		got, rest, err := Decode(append(b[1:], "rest"...))
		if err != nil || string(rest) != "rest" || string(got.Append(nil)) != string(b[1:]) {
			t.Errorf("%v: decoded %+v, rest %q, %v", values, got, rest, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var h H
	h.Add(5)
	h.Add(1e9)
	f.Add(h.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, _, err := Decode(b)
		if err != nil {
			return
		}
		again, rest, err := Decode(h.Append(nil))
		if err != nil || len(rest) != 0 || string(again.Append(nil)) != string(h.Append(nil)) {
			t.Fatalf("does not survive a round trip: %v", err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	var h H
	for i := range b.N {
		h.Add(int64(i%1000)*12345 + 1000)
	}
}
