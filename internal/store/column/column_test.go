package column

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func codec(t testing.TB) *Codec {
	t.Helper()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	many := func(n int, value func(i int) int64) (v []int64) {
		for i := range n {
			v = append(v, value(i))
		}
		return v
	}
	for name, v := range map[string][]int64{
		"none":     nil,
		"zeros":    make([]int64, 5),
		"one":      {math.MinInt64},
		"const":    {7, 7, 7},
		"extremes": {math.MaxInt64, math.MinInt64, 0, -1, math.MaxInt64},
		"times":    many(5000, func(i int) int64 { return 1772323200e9 + int64(i)*1e6 + rng.Int64N(1e6) }),
		"few":      many(5000, func(int) int64 { return rng.Int64N(40) * 1e12 }),
		"random":   many(5000, func(int) int64 { return int64(rng.Uint64()) }),
		"small":    many(300, func(int) int64 { return rng.Int64N(3) - 1 }),
		"256":      many(2000, func(i int) int64 { return int64(i%256) << 40 }),
		"257":      many(2000, func(i int) int64 { return int64(i%257) << 40 }),
	} {
		w := NewWriter(codec(t))
		w.Begin(len(v), len(v))
		w.Ints(3, v)
		g, err := w.codec.Open(w.Append(nil))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		col, err := g.Ints(3, len(v))
		if err != nil || !slices.Equal(col.All(nil), v) {
			t.Errorf("%s: not the same, %v", name, err)
			continue
		}
		for i := range v {
			if col.At(i) != v[i] {
				t.Fatalf("%s: value %d is %d, want %d", name, i, col.At(i), v[i])
			}
		}
	}
}

func TestStrings(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	many := func(n int, value func(i int) string) (v []string) {
		for i := range n {
			v = append(v, value(i))
		}
		return v
	}
	for name, v := range map[string][]string{
		"none":    nil,
		"empty":   {"", "", ""},
		"one":     {"x"},
		"const":   {"ab", "ab"},
		"dict":    many(3000, func(i int) string { return fmt.Sprint("v", i%300) }),
		"plain":   many(3000, func(i int) string { return string(rune('a'+rng.IntN(26))) + fmt.Sprintf("%x", rng.Uint64()) + "\x00" }),
		"address": many(3000, func(int) string { return fmt.Sprintf("10.%d.%d.7:%d", rng.IntN(99), rng.IntN(256), rng.IntN(65536)) }),
		"mixed": many(3000, func(i int) string {
			return []string{"none", "id 007", "at 1.2.3", "18446744073709551616 x"}[rng.IntN(4)] + fmt.Sprint(i)
		}),
		"numbers":  many(300, func(i int) string { return fmt.Sprint(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, i) }),
		"zeros":    many(300, func(i int) string { return fmt.Sprintf("%04d", i) }),
		"no utf-8": many(3000, func(i int) string { return fmt.Sprint("\xff\xfe", i) }),
	} {
		w := NewWriter(codec(t))
		w.Begin(len(v), len(v))
		w.Strings(3, v)
		g, err := w.codec.Open(w.Append(nil))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, all := range []bool{false, true} {
			col, err := g.Strings(3, len(v))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if all {
				col.Test(func(string) bool { return true })
			}
			for i := range v {
				if col.At(i) != v[i] {
					t.Fatalf("%s: text %d is %q, want %q", name, i, col.At(i), v[i])
				}
			}
			row, _ := col.Test(func(s string) bool { return s == v[len(v)-1] })
			for i := range v {
				if row(i) != (v[i] == v[len(v)-1]) {
					t.Fatalf("%s: test of text %d", name, i)
				}
			}
		}
	}
}

// TestOnce checks that what is alike takes next to no space.
func TestOnce(t *testing.T) {
	w := NewWriter(codec(t))
	w.Begin(4000, 4000)
	ints, texts := make([]int64, 4000), make([]string, 4000)
	for i := range ints {
		ints[i], texts[i] = 1772323200e9, "a text that is always the same"
	}
	w.Ints(1, ints)
	w.Strings(2, texts)
	w.Ints(3, make([]int64, 4000))
	if b := w.Append(nil); len(b) > 60 {
		t.Errorf("%d bytes", len(b))
	}
}

func FuzzOpen(f *testing.F) {
	c := codec(f)
	w := NewWriter(c)
	for _, n := range []int{3, 300} {
		w.Begin(n, n)
		for id := range 3 {
			ints, texts := make([]int64, n), make([]string, n)
			for i := range n {
				ints[i] = int64(i*i<<(8*id)) >> (i % 3)
				texts[i] = []string{"a", fmt.Sprint(i), fmt.Sprintf("%x-%d", i*77777, i)}[id]
			}
			w.Ints(id, ints)
			w.Strings(10+id, texts)
		}
		w.Bytes(20, bytes.Repeat([]byte("abc"), n))
		f.Add(w.Append(nil), n)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		g, err := c.Open(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		n = max(0, min(n, 5000))
		for _, id := range []int{0, 1, 2, 10, 11, 12, 20} {
			if v, err := g.Ints(id, n); err == nil {
				for i, x := range v.All(nil) {
					if v.At(i) != x {
						t.Fatal("one and all differ")
					}
				}
			}
			if s, err := g.Strings(id, n); err == nil {
				for i := range n {
					_ = s.At(i)
				}
				s.Test(func(string) bool { return true })
			}
			_, _ = g.Bytes(id)
		}
	})
}

func BenchmarkStrings(b *testing.B) {
	v := make([]string, 4096)
	for i := range v {
		v[i] = fmt.Sprintf("10.32.%d.%d", i*31%64, i*17%250)
	}
	w := NewWriter(codec(b))
	for b.Loop() {
		w.Begin(len(v), len(v))
		w.Strings(1, v)
	}
}
