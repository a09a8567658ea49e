package query

import (
	"log/slog"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

func TestRatesAreOfTheTimeWithData(t *testing.T) {
	const base = querytest.Base
	for _, test := range []struct {
		name     string
		scenario string
		from, to int64
		want     float64 // seconds, up to a step of one
	}{
		{"nothing", "", base, base + 60e9, 0},
		{"started within the range", "server a 1 at=20000+1\nserver a 2 at=110000+1", base - 600e9, base + 120e9, 90},
		{"ended within the range", "server a 1 at=0+1\nserver a 2 at=80000+1", base, base + 600e9, 80},
		{"ran before", "server a 1 at=50000+1\nserver a 2 at=110000+1", base + 20e9, base + 120e9, 110},
		{"one call", "server a 1 at=40000+1", base - 600e9, base + 600e9, 30},
		{"one call just now", "server a 1 at=40000+1", base - 600e9, base + 41e9, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := querytest.Calls(t, test.scenario)
			r := &querytest.Reader{Calls: calls}
			for i := range calls {
				r.Rows = append(r.Rows, span.Rollup{RollupKey: span.RollupKey{Minute: calls[i].Start() / minute, Callee: "a"}, Calls: 1})
			}
			s := New([]store.Reader{r}, DefaultConfig(), slog.New(slog.DiscardHandler))
			top, err := s.Topology(t.Context(), Range{test.from, test.to}, TopologyFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if got := float64(top.Data.To-top.Data.From) / 1e9; got < test.want || got > test.want+1.01 {
				t.Errorf("%v seconds, want %v", got, test.want)
			}
		})
	}
}
