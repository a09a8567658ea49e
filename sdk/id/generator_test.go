package id

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestGeneratorParts(t *testing.T) {
	tests := []struct {
		name           string
		config         GeneratorConfig
		prefix, suffix string
	}{
		{"plain", GeneratorConfig{Address: netip.MustParseAddr("10.209.52.143"), PID: 56696}, "0ad1348f1403169275002", "56696"},
		{"IPv4 in IPv6", GeneratorConfig{Address: netip.MustParseAddr("::ffff:192.0.2.2"), PID: 100}, "c00002021403169275002", "100"},
		{"small pid kept", GeneratorConfig{Address: netip.MustParseAddr("192.0.2.2"), PID: 7, KeepSmallPID: true}, "c00002021403169275002", "7"},
	}
	for _, tt := range tests {
		tt.config.Now = func() int64 { return 1403169275002 }
		text := NewGenerator(tt.config).Next()
		if !strings.HasPrefix(text, tt.prefix) || text[25:] != tt.suffix {
			t.Errorf("%s: %s", tt.name, text)
		}
		if sequence, err := strconv.Atoi(text[21:25]); err != nil || sequence < 1000 || sequence > 9000 {
			t.Errorf("%s: sequence in %s", tt.name, text)
		}
		if parsed, exact := ParseTrace(text); !exact || !parsed.IsSOFA() {
			t.Errorf("%s: %s does not read back as a SOFATracer id", tt.name, text)
		}
	}
}

func TestGeneratorReplacesOddPIDs(t *testing.T) {
	for _, pid := range []int{1, 99, 10000000, 1 << 31} {
		text := NewGenerator(GeneratorConfig{PID: pid}).Next()
		if got, err := strconv.Atoi(text[25:]); err != nil || got < minReplacedPID || got > maxReplacedPID {
			t.Errorf("pid %d: %s", pid, text)
		}
	}
}

func TestGeneratorNeverRepeats(t *testing.T) {
	// A clock that stands still, then steps back by an hour, for more ids than the sequence has numbers.
	now := int64(1403169275002)
	g := NewGenerator(GeneratorConfig{PID: 12345, Now: func() int64 { return now }})
	seen := make(map[string]bool)
	for i := range 30000 {
		if i == 12000 {
			now -= 3600e3
		}
		text := g.Next()
		if seen[text] {
			t.Fatalf("%s came twice, after %d ids", text, i)
		}
		seen[text] = true
	}
}

func TestGeneratorIsConcurrent(t *testing.T) {
	g := NewGenerator(GeneratorConfig{})
	const workers, each = 8, 5000
	lists := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				lists[w] = append(lists[w], g.Next())
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, list := range lists {
		for _, text := range list {
			seen[text] = true
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d different ids of %d", len(seen), workers*each)
	}
}

func BenchmarkGenerator(b *testing.B) {
	g := NewGenerator(GeneratorConfig{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Next()
		}
	})
}
