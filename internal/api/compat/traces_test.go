package compat

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// failing cannot read one trace.
type failing struct {
	*querytest.Reader
	bad id.Trace
}

func (f failing) Trace(ctx context.Context, t id.Trace, limit int) ([]span.Call, bool, error) {
	if t == f.bad {
		return nil, false, errors.New("cannot be read")
	}
	return f.Reader.Trace(ctx, t, limit)
}

func TestReading(t *testing.T) {
	r := querytest.Counted(t, "internal a 1 trace=a1 at=0+1\ninternal a 2 trace=a2 at=1+1\ninternal a 3 trace=a3 at=2+1")
	trace := func(text string) id.Trace {
		t, _ := id.ParseTrace(text)
		return t
	}
	log := slog.New(slog.DiscardHandler)
	for _, tt := range []struct {
		name, bad string
		ids       []string
		spans     int
		want      string // traces that are given, and a word of what is said to be missing
		fails     bool
	}{
		{"all", "", []string{"a1", "dead", "a2", "a3"}, 9, "a1 a2 a3|", false},
		{"what does not fit", "", []string{"a1", "a2", "a3"}, 2, "a1 a2|max_spans", false},
		{"one that cannot be read", "a2", []string{"a1", "a2", "a3"}, 9, "a1|cannot be read", false},
		{"the first cannot be read", "a1", []string{"a1", "a2"}, 9, "|", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.MaxSpans, c.ReadBatch = tt.spans, 2
			q := query.New([]store.Reader{failing{r, trace(tt.bad)}}, query.DefaultConfig(), log)
			reading := Reading{Query: q, Config: c, Log: log, API: "some"}
			var ids []id.Trace
			for _, text := range tt.ids {
				ids = append(ids, trace(text))
			}
			w := httptest.NewRecorder()
			var got []string
			err := reading.Each(t.Context(), &Response{w: w}, ids, func(tr *query.Trace) error {
				got = append(got, strings.TrimLeft(tr.ID.Hex(), "0"))
				return nil
			})
			traces, missing, _ := strings.Cut(tt.want, "|")
			if (err != nil) != tt.fails || strings.Join(got, " ") != traces || !strings.Contains(w.Header().Get(HeaderPartial), missing) ||
				missing == "" && w.Header().Get(HeaderPartial) != "" {
				t.Errorf("%q, %v, %v; want %s", got, w.Header(), err, tt.want)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.MaxSpans = 0
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "max_spans") {
		t.Error(err)
	}
}
