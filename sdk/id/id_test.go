package id

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestTraceText(t *testing.T) {
	tests := []struct {
		text, hex, back string
		exact           bool
	}{
		{"0ad1348f1403169275002100356696", "0ad1348f1403169275002100356696ff", "0ad1348f1403169275002100356696", true},
		{"0ad1348f1403169275002100356696T", "0ad1348f1403169275002100356696ff", "0ad1348f1403169275002100356696", false},
		{"0ad1348f14031692750021009999999", "0ad1348f14031692750021009999999f", "0ad1348f14031692750021009999999", true},
		{"ffffffff14031692750021001", "0000000ffffffff14031692750021001", "0000000ffffffff14031692750021001", false}, // no pid
		{"ffffffff140316927500210041943059", "ffffffff140316927500210041943059", "ffffffff140316927500210041943059", true},
		{"4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736", true},
		{"4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736", false},
		{"a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736", false},
		{"0ad1348f0000000000001100356696", "000ad1348f0000000000001100356696", "000ad1348f0000000000001100356696", false},
		{"", "00000000000000000000000000000000", "00000000000000000000000000000000", true},
	}
	for _, tt := range tests {
		got, exact := ParseTrace(tt.text)
		if got.Hex() != tt.hex || got.String() != tt.back || exact != tt.exact {
			t.Errorf("%q: hex %s, text %s, exact %v", tt.text, got.Hex(), got.String(), exact)
		}
	}
	if a, exact := ParseTrace("order/17"); exact || a.IsZero() {
		t.Error("text that is no hex has to be hashed and kept")
	}
}

func TestSpanText(t *testing.T) {
	for dotted, hex := range map[string]string{"0": "af63ad4c86019caf", "0.1": "4e18dd181d0a2066", "0.1.10": "2474468fb2f3faa1", "00000000000000ff": "00000000000000ff"} {
		if got := SpanOf(dotted).String(); got != hex {
			t.Errorf("%s: %s, want %s", dotted, got, hex)
		}
	}
	if SpanOf("0.1") == ServerSpanOf("0.1") {
		t.Error("a server half needs an id of its own")
	}
	for dotted, parent := range map[string]string{"0": "", "0.1": "0", "0.1.0.1": "0.1", "0.1.0.1.2": "0.1.0.1", "0.10": "0"} {
		if got := ParentOf(dotted); got != parent {
			t.Errorf("parent of %s is %q, want %q", dotted, got, parent)
		}
	}
}

func FuzzParseTrace(f *testing.F) {
	for _, s := range []string{"", "0ad1348f1403169275002100356696T", "zz", "ffffffffffffffffffffffffffffffff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, exact := ParseTrace(text)
		if exact && text != "" && id.String() != text {
			t.Fatalf("%q reads back as %q", text, id.String())
		}
		if again, ok := ParseTrace(id.String()); again != id || !ok && !id.IsZero() {
			t.Fatalf("%q: %v is not stable: %v", text, id, again)
		}
	})
}

func TestParseW3C(t *testing.T) {
	for _, text := range []string{"0a0fe8ec1700000000123100112345ff", "4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000001",
		"ffffffffffffffffffffffffffffffff", "0000000000000000463ac35c9f6413ad", "0ad1348f14031692750021003566961f"} {
		got, n, ok := ParseW3C(text)
		want, _ := ParseTrace(text)
		if !ok || got != want || n != want.TextLen() || text[:n] != want.String() {
			t.Errorf("%s: %s, %d, %v; want %s, %d", text, got, n, ok, want, want.TextLen())
		}
	}
	for _, text := range []string{"", "00000000000000000000000000000000", "4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e473",
		"4bf92f3577b34da6a3ce929d0e0e473g", "4bf92f3577b34da6a3ce929d0e0e47361", "4bf92f3577b34da6 3ce929d0e0e4736"} {
		if got, _, ok := ParseW3C(text); ok || !got.IsZero() {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestAppendHex(t *testing.T) {
	for _, n := range []uint64{0, 1, 9, 10, 15, 16, 0x0123456789abcdef, 0xfedcba9876543210, 1<<64 - 1, 0xa0a0a0a0b9b9b9b9} {
		if got, want := string(Span(n).AppendHex([]byte("x"))), fmt.Sprintf("x%016x", n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	trace, _ := ParseTrace("0ad1348f1403169275002100356696")
	if got := string(trace.AppendHex(nil)); got != trace.Hex() {
		t.Errorf("%s, want %s", got, trace.Hex())
	}
}

// TestParseLower tries every byte at every place.
func TestParseLower(t *testing.T) {
	const digits = "0123456789abcdef"
	for place := range 16 {
		for c := range 256 {
			text := []byte("f09af19ac3d46ae7")
			text[place] = byte(c)
			want, err := strconv.ParseUint(string(text), 16, 64)
			lower := strings.IndexByte(digits, byte(c)) >= 0
			if got, ok := ParseLower(string(text)); ok != lower || ok && (err != nil || uint64(got) != want) {
				t.Fatalf("%q: %s, %v", text, got, ok)
			}
		}
	}
}

// TestShape holds the arithmetic against the rule for texts.
func TestShape(t *testing.T) {
	base := "0ad1348f1403169275002100356696ff"
	for place := range len(base) {
		for _, c := range "0123456789abcdef" {
			text := base[:place] + string(c) + base[place+1:]
			for _, end := range []int{24, 25, 26, 31, 32} {
				text := text[:end] + strings.Repeat("f", len(text)-end)
				trace, n, ok := ParseW3C(text)
				want := 32
				if short := strings.TrimRight(text[sofaFixed:], "f"); sofaLen(text[:sofaFixed] + short) {
					want = sofaFixed + len(short)
				}
				if !ok || n != want || trace.IsSOFA() != sofaLen(text[:n]) || trace.String() != text[:n] {
					t.Fatalf("%s: %d, want %d", text, n, want)
				}
			}
		}
	}
	for _, millis := range []string{"0978307199999", "0978307200000", "4133980799999", "4133980800000"} {
		text := "0ad1348f" + millis + "100056696fff"
		if _, n, _ := ParseW3C(text[:32]); (n < 32) != sofaLen(strings.TrimRight(text[:32], "f")) {
			t.Errorf("%s: %d", text, n)
		}
	}
}
