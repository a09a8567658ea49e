package query

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
)

func TestMonitor(t *testing.T) {
	m := querytest.Base
	tests := []struct {
		name string
		req  MonitorRequest
		want string
	}{
		{"received, two minutes back", MonitorRequest{From: m, To: m + 3*minute, Step: minute, Window: 2 * minute, Apps: []string{"pay", "gw"}, Kinds: []span.Kind{span.KindServer}},
			"gw: 1=10/1 2=16/1 3=6/0; pay: 1=10/1 2=13/1 3=3/0; "},
		{"by operation, one minute", MonitorRequest{From: m + minute, To: m + minute, Step: minute, Window: 1, Apps: []string{"pay"}, Kinds: []span.Kind{span.KindServer, span.KindInternal}, ByOperation: true},
			"pay Pay/Do: 1=10/1; pay check: 1=99/0; "},
		{"called", MonitorRequest{From: m + minute, To: m + minute, Step: minute, Window: minute, Apps: []string{"pay"}, Kinds: []span.Kind{span.KindClient}},
			"pay: 1=18/0; "},
		{"published", MonitorRequest{From: m + minute, To: m + minute, Step: minute, Window: minute, Apps: []string{"pay"}, Kinds: []span.Kind{span.KindProducer}},
			"pay: 1=9/0; "},
		{"consumed", MonitorRequest{From: m + minute, To: m + minute, Step: minute, Window: minute, Apps: []string{"mailer"}, Kinds: []span.Kind{span.KindConsumer}},
			"mailer: 1=5/0; "},
		{"nobody", MonitorRequest{From: m, To: m + minute, Step: minute, Window: minute, Apps: []string{"x"}, Kinds: []span.Kind{span.KindServer}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := counts(shop).Monitor(t.Context(), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, s := range list {
				got += s.App
				if s.Operation != "" {
					got += " " + s.Operation
				}
				got += ":"
				for _, p := range s.Points {
					got += fmt.Sprintf(" %d=%d/%d", (p.Time-m)/minute, p.Calls, p.Errors)
				}
				got += "; "
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// Stat lines count what was not sampled; their latencies too.
func TestMonitorCountsStatLines(t *testing.T) {
	s := counts([][]span.Rollup{{
		row(0, span.TypeRPC, "gw", "pay", "Pay/Do", "p-1", 8, 0, 20e6),
		stats(row(0, span.TypeRPC, "", "pay", "Pay.Do", "p-1", 80, 4, 40e6), span.KindServer),
	}})
	req := MonitorRequest{From: querytest.Base + minute, To: querytest.Base + minute, Step: 1, Window: minute, Apps: []string{"pay"}, Kinds: []span.Kind{span.KindServer}}
	list, err := s.Monitor(t.Context(), req)
	if err != nil || len(list) != 1 || list[0].Points[0].Calls != 80 || list[0].Points[0].Errors != 4 {
		t.Fatal(list, err)
	}
	if v, ok := list[0].Points[0].Quantile(0.95); !ok || math.Abs(v/40e6-1) > 0.03 {
		t.Error(v, ok)
	}
	req.ByOperation = true
	if list, err = s.Monitor(t.Context(), req); err != nil || len(list) != 1 || list[0].Points[0].Calls != 8 {
		t.Error(list, err)
	}
	req.To, req.Step = req.From+maxMonitorPoints, 1
	if _, err := s.Monitor(t.Context(), req); !errors.Is(err, ErrBad) {
		t.Error(err)
	}
}
