package export

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/twinspan/twinspan/internal/span"
)

// SchemaVersion stands in a file's metadata as twinspan.schema. A column that changes its meaning takes a new number; one
// that is added does not.
const SchemaVersion = "1"

// groupRows and groupBytes bound a row group, which is what the writer has in memory: its rows, and about the bytes of
// their texts.
const (
	groupRows  = 50_000
	groupBytes = 32 << 20
)

// callRow is the schema: docs/formats/parquet.md.
type callRow struct {
	TraceID    string   `parquet:"trace_id"`
	W3CTraceID string   `parquet:"w3c_trace_id"`
	Caller     string   `parquet:"caller,dict"`
	Callee     string   `parquet:"callee,dict"`
	Type       string   `parquet:"type,dict"`
	Operation  string   `parquet:"operation,dict"`
	Start      int64    `parquet:"start,timestamp(nanosecond)"`
	Duration   int64    `parquet:"duration_ns"`
	Gap        *int64   `parquet:"gap_ns,optional"`
	Sides      string   `parquet:"sides,dict"`
	Error      bool     `parquet:"error"`
	LoadTest   bool     `parquet:"load_test"`
	Client     *halfRow `parquet:"client,optional"`
	Server     *halfRow `parquet:"server,optional"`
}

type halfRow struct {
	SpanID        string            `parquet:"span_id"`
	ParentSpanID  *string           `parquet:"parent_span_id,optional"`
	SofaSpanID    *string           `parquet:"sofa_span_id,optional"`
	Kind          string            `parquet:"kind,dict"`
	App           string            `parquet:"app,dict"`
	Instance      string            `parquet:"instance,dict"`
	Operation     string            `parquet:"operation,dict"`
	Component     string            `parquet:"component,dict"`
	Status        string            `parquet:"status,dict"`
	StatusMessage *string           `parquet:"status_message,optional"`
	ResultCode    string            `parquet:"result_code,dict"`
	LocalAddress  string            `parquet:"local_address,dict"`
	PeerAddress   string            `parquet:"peer_address,dict"`
	Peer          string            `parquet:"peer,dict"`
	Route         string            `parquet:"route,dict"`
	Start         int64             `parquet:"start,timestamp(nanosecond)"`
	Duration      int64             `parquet:"duration_ns"`
	Received      int64             `parquet:"received,timestamp(nanosecond)"`
	Attributes    map[string]string `parquet:"attributes"`
	Resource      map[string]string `parquet:"resource"`
	Events        []eventRow        `parquet:"events,list"`
	Links         []linkRow         `parquet:"links,list"`
}

type eventRow struct {
	Time       int64             `parquet:"time,timestamp(nanosecond)"`
	Name       string            `parquet:"name"`
	Attributes map[string]string `parquet:"attributes"`
}

type linkRow struct {
	TraceID    string            `parquet:"trace_id"`
	SpanID     string            `parquet:"span_id"`
	Attributes map[string]string `parquet:"attributes"`
}

type parquetWriter struct {
	w     *parquet.GenericWriter[callRow]
	rows  int
	bytes int
	one   [1]callRow
}

func newParquet(w io.Writer) *parquetWriter {
	return &parquetWriter{w: parquet.NewGenericWriter[callRow](w, parquet.Compression(&zstd.Codec{}), parquet.CreatedBy("twinspan", SchemaVersion, ""),
		parquet.KeyValueMetadata("twinspan.schema", SchemaVersion))}
}

func (p *parquetWriter) Write(c *span.Call) error {
	lead := c.Lead()
	p.one[0] = callRow{
		TraceID: text(lead.TraceString()), W3CTraceID: lead.Trace.Hex(), Caller: text(c.Caller), Callee: text(c.Callee), Type: c.Type.String(),
		Operation: text(c.Operation()), Start: c.Start(), Duration: c.Duration(), Gap: gap(c), Sides: c.Sides(), Error: c.Failed(),
		LoadTest: c.LoadTest(), Client: rowOf(c.Client), Server: rowOf(c.Server),
	}
	if _, err := p.w.Write(p.one[:]); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	p.rows++
	for _, h := range [...]*span.Half{c.Client, c.Server} {
		if h != nil {
			p.bytes += h.Size()
		}
	}
	if p.rows < groupRows && p.bytes < groupBytes {
		return nil
	}
	p.rows, p.bytes = 0, 0
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write a row group: %w", err)
	}
	return nil
}

func (p *parquetWriter) Close() error { return p.w.Close() }

// text makes a text that other tools take: Parquet's strings are UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	s = text(s)
	return &s
}

func rowOf(h *span.Half) *halfRow {
	if h == nil {
		return nil
	}
	r := &halfRow{
		SpanID: h.Span.String(), SofaSpanID: optional(h.Dotted), Kind: h.Kind.String(), App: text(h.App), Instance: text(h.Instance),
		Operation: text(h.Operation), Component: text(h.Component), Status: h.Status.String(), StatusMessage: optional(h.Payload.StatusMessage()),
		ResultCode: text(h.ResultCode), LocalAddress: text(h.LocalAddr), PeerAddress: text(h.PeerAddr), Peer: text(h.Peer), Route: h.Route.String(),
		Start: h.Start, Duration: h.Duration, Received: h.Received, Attributes: attributes(h.Payload), Resource: attributes(h.Resource),
	}
	if h.Parent != 0 {
		r.ParentSpanID = optional(h.Parent.String())
	}
	h.Payload.Events(func(e span.Event) bool {
		r.Events = append(r.Events, eventRow{e.Time, text(e.Name), attributes(e.Attrs)})
		return true
	})
	h.Payload.Links(func(l span.Link) bool {
		r.Links = append(r.Links, linkRow{hex.EncodeToString(l.TraceID), hex.EncodeToString(l.SpanID), attributes(l.Attrs)})
		return true
	})
	return r
}

// attributes gives the values as text; of a repeated name the first counts.
func attributes(p span.Payload) map[string]string {
	m := make(map[string]string)
	p.Attrs(func(key string, v span.Value) bool {
		key = text(key)
		if _, twice := m[key]; !twice {
			m[key] = text(v.Text())
		}
		return true
	})
	return m
}
