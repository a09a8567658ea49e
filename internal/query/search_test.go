package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// listing writes calls as "caller>callee sides@start".
func listing(calls []span.Call) string {
	var parts []string
	for i := range calls {
		c := &calls[i]
		side := "both"
		if c.Server == nil {
			side = "client"
		} else if c.Client == nil {
			side = "server"
		}
		parts = append(parts, fmt.Sprintf("%s>%s %s@%v", c.Caller, c.Callee, side, float64(c.Start()-querytest.Base)/1e6))
	}
	return strings.Join(parts, ", ")
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// late has a call whose halves are in different ranges, one joined call in both, and calls that have no other half.
const late = `
	client a 1 at=10+50 op=ask tag=who:a
	server x 9 at=5+1 op=root
	client b 5 parent=2 at=25+5 type=db peer=mysql:b
	client a 20 at=90+5 origin=40 & server c 21 twin=20 parent=20 at=91+3 origin=41 op=other
	---
	server b 2 twin=1 parent=1 at=20+30 op=serve error tag=who:b origin=50
	client a 20 at=90+5 origin=40 & server c 21 twin=20 parent=20 at=91+3 origin=41 op=other
	client a 30 at=70+5 peer=gone origin=60`

func TestSearch(t *testing.T) {
	tests := []struct {
		name  string
		query store.Query
		want  string
	}{
		{"everything once, newest first", store.Query{},
			"a>c both@90, a>gone client@70, b>mysql:b client@25, a>b both@10, >x server@5"},
		{"by the caller", store.Query{Caller: "a"}, "a>c both@90, a>gone client@70, a>b both@10"},
		{"by the callee, of which only the server's half tells", store.Query{Callee: "b"}, "a>b both@10"},
		{"by what the server's half says", store.Query{Operation: "serve"}, "a>b both@10"},
		{"the client's name for it is not the call's", store.Query{Operation: "ask"}, ""},
		{"failed", store.Query{Error: yes()}, "a>b both@10"},
		{"not failed: the client's half alone would be", store.Query{Error: no()},
			"a>c both@90, a>gone client@70, b>mysql:b client@25, >x server@5"},
		{"a tag of the client's half", store.Query{Tags: []store.Tag{{Key: "who", Value: "a"}}}, "a>b both@10"},
		{"a tag of the server's half", store.Query{Tags: []store.Tag{{Key: "who", Value: "b"}}}, "a>b both@10"},
		{"as long as the client saw it", store.Query{MinDuration: 40e6}, "a>b both@10"},
		{"as long as only the server saw it", store.Query{MinDuration: 20e6, MaxDuration: 40e6}, ""},
		{"by the client's start", store.Query{From: querytest.Base + 15e6}, "a>c both@90, a>gone client@70, b>mysql:b client@25"},
		{"callers from outside", store.Query{Caller: External}, ">x server@5"},
		{"a callee from outside", store.Query{Callee: External}, ""},
		{"an app on either side", store.Query{App: "b"}, "b>mysql:b client@25, a>b both@10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 100} {
				s := newService(t, late)
				var got []span.Call
				req := SearchRequest{Query: tt.query, Limit: limit}
				for pages := 0; pages == 0 || req.Cursor != ""; pages++ {
					page, err := s.Search(t.Context(), req)
					if err != nil || page.Partial || pages > 20 {
						t.Fatalf("page %d: %v %+v", pages, err, page)
					}
					got = append(got, page.Calls...)
					req.Cursor = page.Next
				}
				if list := listing(got); list != tt.want {
					t.Errorf("limit %d: got  %s\nwant %s", limit, list, tt.want)
				}
			}
		})
	}
}

func TestSearchInOneTrace(t *testing.T) {
	s := newService(t, late+"\nserver z 1 at=95+1 trace=77 origin=99")
	got := ""
	req := SearchRequest{TraceID: querytest.TraceText, Limit: 2, Query: store.Query{App: "a"}}
	for range 3 {
		page, err := s.Search(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got += listing(page.Calls) + "|"
		if req.Cursor = page.Next; req.Cursor == "" {
			break
		}
	}
	if want := "a>c both@90, a>gone client@70|a>b both@10|"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if page, err := s.Search(t.Context(), SearchRequest{TraceID: "1234"}); err != nil || len(page.Calls) != 0 {
		t.Errorf("a trace that is not stored: %v %+v", err, page)
	}
}

func TestSearchSaysWhatItLeavesOut(t *testing.T) {
	var text strings.Builder
	for i := range 5 {
		fmt.Fprintf(&text, "client a %d at=%d+5 trace=%x1 op=o\n", i+1, i*10, i+1)
	}
	s := newService(t, text.String())
	s.config.MaxLookups = 2
	page, err := s.Search(t.Context(), SearchRequest{})
	if err != nil || !page.Partial || page.Reason == "" || len(page.Calls) != 5 {
		t.Errorf("%v %+v", err, page)
	}

	// Calls that fail their filters once they are joined are passed over, within bounds.
	text.Reset()
	for i := range 5 {
		fmt.Fprintf(&text, "client a %d at=%d+5\nserver b %d twin=%d at=%d+4 error\n", i+1, i*10, i+100, i+1, i*10)
	}
	s = newService(t, text.String())
	s.config.MaxScan = 2
	page, err = s.Search(t.Context(), SearchRequest{Query: store.Query{Error: no()}})
	if err != nil || !page.Partial || page.Next == "" || len(page.Calls) != 0 {
		t.Errorf("%v %+v", err, page)
	}
}

func TestSearchRefuses(t *testing.T) {
	s := newService(t, late)
	first, err := s.Search(t.Context(), SearchRequest{Limit: 1})
	if err != nil || first.Next == "" {
		t.Fatal(err)
	}
	for name, req := range map[string]SearchRequest{
		"limit":         {Limit: 1001},
		"negative":      {Limit: -1},
		"range":         {Query: store.Query{From: 5, To: 5}},
		"garbage":       {Cursor: "x"},
		"changed":       {Cursor: first.Next[:20] + flip(first.Next[20:])},
		"other filters": {Cursor: first.Next, Query: store.Query{Caller: "a"}},
	} {
		if _, err := s.Search(t.Context(), req); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another time range is no other search: it may be relative to now.
	if _, err := s.Search(t.Context(), SearchRequest{Cursor: first.Next, Query: store.Query{From: 1}}); err != nil {
		t.Error(err)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(store.Position{Start: 1, Trace: id.Trace{2}, Span: 3, Origin: 4}, 5))
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		const filters = 5
		p, err := decodeCursor(text, filters)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		if again := encodeCursor(p, filters); again != text {
			t.Fatalf("%q reads as %+v, which is written %q", text, p, again)
		}
	})
}

// flip changes the first character.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}
