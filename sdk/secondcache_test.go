package twinspan

import (
	"fmt"
	"math"
	"strconv"
	"testing"
)

func TestSecondCache(t *testing.T) {
	var c secondCache
	for _, ns := range []int64{0, 1, -1, math.MinInt64, math.MaxInt64, 1e18, 1e18 - 1, 1e18 + 1, 1795465513824427799, 1795465513000000000, 1795465513999999999,
		1795465514000000001, 1795465513090000009} {
		if got := string(c.append([]byte("x"), ns)); got != "x"+strconv.FormatInt(ns, 10) {
			t.Errorf("%d: %s", ns, got)
		}
	}
}

func TestEightDigits(t *testing.T) {
	check := func(n uint32) {
		var b [8]byte
		for i, w := 0, eightDigits(n); i < 8; i, w = i+1, w>>8 {
			b[i] = byte(w)
		}
		if string(b[:]) != fmt.Sprintf("%08d", n) {
			t.Fatalf("%d: %s", n, b)
		}
	}
	for n := range uint32(10000) { // all pairs of halves
		check(n)
		check(n * 10000)
		check(99999999 - n)
		check(n*10000 + 9999 - n)
	}
}
