package pebble

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
	"github.com/twinspan/twinspan/sdk/id"
)

// Several traces at once are what each is alone.
func TestTraces(t *testing.T) {
	s := openStore(t, testConfig(t.TempDir()))
	defer s.Close()
	shop := storetest.NewShop(7)
	var traces []id.Trace
	for p := range uint16(2) {
		calls := shop.Calls(3000)
		for i := range calls {
			if tr := calls[i].Trace(); i%50 == 0 && !slices.Contains(traces, tr) {
				traces = append(traces, tr)
			}
		}
		// In two ranges, so that some traces lie in both.
		slices.SortFunc(calls, func(a, b span.Call) int { return int(a.Lead().Origin%997) - int(b.Lead().Origin%997) })
		to := storetest.Write(t, s, p, 0, calls[:2000], nil, 700)
		storetest.Write(t, s, p, to, calls[2000:], nil, 700)
	}
	traces = append(traces, id.Trace{1})
	describe := func(calls []span.Call) (list []string) {
		for i := range calls {
			list = append(list, storetest.Describe(&calls[i], false))
		}
		slices.Sort(list)
		return list
	}
	got, truncated, err := s.Traces(context.Background(), traces, 1000)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i, tr := range traces {
		want, _, err := s.Trace(context.Background(), tr, 0)
		if err != nil {
			t.Fatal(err)
		}
		if truncated[i] || !slices.Equal(describe(got[i]), describe(want)) || (len(want) == 0) != (i == len(traces)-1) {
			t.Errorf("trace %s: %d calls, truncated %v, want %d calls", tr, len(got[i]), truncated[i], len(want))
		}
		most = max(most, len(want))
	}
	got, truncated, err = s.Traces(context.Background(), traces, most-1)
	if err != nil || !slices.Contains(truncated, true) || !slices.Contains(truncated, false) {
		t.Fatalf("with at most %d calls: truncated %v, %v", most-1, truncated, err)
	}
	for i := range traces {
		if truncated[i] && got[i] != nil {
			t.Errorf("trace %s is given in part", traces[i])
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.Traces(ctx, traces, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	s.Close()
	if _, _, err := s.Traces(context.Background(), traces, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
