package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// value is an answer that fits in memory as JSON.
type value struct{ v any }

func (v value) writeTo(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v.v)
}

// traceAnswer writes a trace call by call: a great one is never in memory as JSON.
type traceAnswer struct{ t *query.Trace }

type traceJSON struct {
	TraceID       string   `json:"traceId"`
	W3CTraceID    string   `json:"w3cTraceId"`
	StartUnixNano string   `json:"startUnixNano"`
	DurationNano  int64    `json:"durationNano"`
	Apps          []string `json:"apps"`
	Halves        int      `json:"halves"`
	Truncated     bool     `json:"truncated"`
	Errors        int      `json:"errors"`
	LoadTest      bool     `json:"loadTest"`
}

func (a traceAnswer) writeTo(w http.ResponseWriter) error {
	t := a.t
	head, err := json.Marshal(traceJSON{
		TraceID: t.Text, W3CTraceID: t.ID.Hex(), StartUnixNano: strconv.FormatInt(t.Start, 10), DurationNano: t.Duration,
		Apps: append([]string{}, t.Apps...), Halves: t.Halves, Truncated: t.Truncated, Errors: t.Errors, LoadTest: t.LoadTest,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	buf := append(head[:len(head)-1], `,"calls":[`...)
	for i := range t.Nodes {
		if i > 0 {
			buf = append(buf, ',')
		}
		if buf, err = appendNode(buf, i, &t.Nodes[i]); err != nil {
			return err
		}
		if len(buf) >= flushAt {
			if _, err = w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err = w.Write(append(buf, "]}\n"...))
	return err
}

// flushAt is how many bytes of a trace are gathered before they are written.
const flushAt = 64 << 10

func appendNode(buf []byte, id int, n *query.Node) ([]byte, error) {
	b, err := json.Marshal(nodeOf(id, n))
	if err != nil {
		return nil, err
	}
	buf = append(buf, b[:len(b)-1]...)
	if buf, err = appendHalf(append(buf, `,"client":`...), n.Call.Client); err != nil {
		return nil, err
	}
	if buf, err = appendHalf(append(buf, `,"server":`...), n.Call.Server); err != nil {
		return nil, err
	}
	return append(buf, '}'), nil
}

func appendHalf(buf []byte, h *span.Half) ([]byte, error) {
	if h == nil {
		return append(buf, "null"...), nil
	}
	// Not through json.Marshal, which would read and check what MarshalJSON gives once more.
	b, err := h.MarshalJSON()
	return append(buf, b...), err
}

// pageAnswer is a page of calls.
type pageAnswer struct{ page *query.Page }

func (a pageAnswer) writeTo(w http.ResponseWriter) error {
	calls := make([]callJSON, len(a.page.Calls))
	for i := range calls {
		calls[i] = callOf(&a.page.Calls[i])
	}
	return value{struct {
		Calls         []callJSON `json:"calls"`
		Next          string     `json:"next"`
		Partial       bool       `json:"partial"`
		PartialReason string     `json:"partialReason"`
		SearchedFrom  string     `json:"searchedFromUnixNano"`
	}{calls, a.page.Next, a.page.Partial, a.page.Reason, nanoOrNone(a.page.SearchedFrom)}}.writeTo(w)
}

// nanoOrNone writes a point in time, "" for none.
func nanoOrNone(ns int64) string {
	if ns == 0 {
		return ""
	}
	return strconv.FormatInt(ns, 10)
}

// pointOfCallJSON is a point of a scatter.
type pointOfCallJSON struct {
	TraceID       string `json:"traceId"`
	SpanID        string `json:"spanId"`
	StartUnixNano string `json:"startUnixNano"`
	DurationNano  int64  `json:"durationNano"`
	Error         bool   `json:"error"`
	LoadTest      bool   `json:"loadTest"`
	Caller        string `json:"caller"`
	Callee        string `json:"callee"`
	Operation     string `json:"operation"`
}

// scatterAnswer is a sample of calls.
type scatterAnswer struct{ scatter *query.Scatter }

func (a scatterAnswer) writeTo(w http.ResponseWriter) error {
	points := make([]pointOfCallJSON, len(a.scatter.Calls))
	for i := range points {
		c := &a.scatter.Calls[i]
		lead := c.Lead()
		points[i] = pointOfCallJSON{
			TraceID: lead.TraceString(), SpanID: lead.Span.String(), StartUnixNano: strconv.FormatInt(lead.Start, 10),
			DurationNano: lead.Duration, Error: c.Failed(), LoadTest: c.LoadTest(),
			Caller: c.Caller, Callee: c.Callee, Operation: c.Operation(),
		}
	}
	var matched *int64
	if a.scatter.Matched >= 0 {
		matched = &a.scatter.Matched
	}
	return value{struct {
		Points        []pointOfCallJSON `json:"points"`
		Complete      bool              `json:"complete"`
		Matched       *int64            `json:"matched"`
		Partial       bool              `json:"partial"`
		PartialReason string            `json:"partialReason"`
	}{points, a.scatter.Complete, matched, a.scatter.Partial, a.scatter.Reason}}.writeTo(w)
}
