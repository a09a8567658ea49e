package app

import (
	"math"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/api"
)

func TestRatesOverSpans(t *testing.T) {
	var s rates
	if s.perSecond("log", rateEvery, 0) != 0 {
		t.Error("a rate without samples")
	}
	begin := time.Unix(1_700_000_000, 0)
	for i := range 200 { // log grows by 10 a second, disk by 6000 once a minute
		s.add(sample{begin.Add(time.Duration(i) * rateEvery), map[string]float64{"log": float64(i * 50), "disk": float64(i / 12 * 6000)}, nil})
		if early := s.perSecond("disk", burstSpan, leastBurst); i < 24 && early != 0 {
			t.Fatalf("after %d samples the disk's rate is %v, want that it is not known", i, early)
		}
	}
	if got := s.perSecond("log", rateEvery, 0); got != 10 {
		t.Errorf("log: %v a second, want 10", got)
	}
	if got := s.perSecond("disk", burstSpan, leastBurst); got != 100 {
		t.Errorf("disk: %v a second, want 100", got)
	}
	if n := len(s.samples); n != int(burstSpan/rateEvery)+1 {
		t.Errorf("%d samples are kept", n)
	}
}

func TestQuantilesOfBuckets(t *testing.T) {
	before := buckets{{1, 5}, {2, 5}, {4, 5}}
	now := buckets{{1, 5}, {2, 15}, {4, 15}}
	for _, tt := range []struct {
		b    buckets
		q    float64
		want float64
	}{
		{nil, 0.5, 0}, {buckets{{1, 0}}, 0.5, 0}, {before, 0.5, 0.5}, {now.since(before), 0.5, 1.5}, {now.since(before), 1, 2},
		{now.since(nil), 0.99, 1.985}, {before.since(before), 0.99, 0},
	} {
		if got := tt.b.quantile(tt.q); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%v of %v is %v, want %v", tt.q, tt.b, got, tt.want)
		}
	}
}

func TestRoomIsTheLesserOfLimitAndDisk(t *testing.T) {
	for _, tt := range []struct{ stored, limit, free, want int64 }{
		{10, 0, 0, 0}, {10, 100, 0, 100}, {10, 0, 50, 60}, {10, 100, 50, 60}, {10, 100, 500, 100},
	} {
		if got := roomOf(&api.Disk{Bytes: tt.stored, MaxBytes: tt.limit, FreeBytes: tt.free}); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}
