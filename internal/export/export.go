// Package export writes calls as files that other tools read: Parquet and JSON lines, one row a call with the columns of
// both halves. It is given calls and asks nobody. docs/formats/parquet.md describes the columns.
package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/twinspan/twinspan/internal/span"
)

// Writer writes calls one by one. It is not safe for concurrent use. What it keeps in memory is bounded.
type Writer interface {
	// Write adds a call, of which nothing is kept.
	Write(c *span.Call) error
	// Close ends the file; without it, it is not complete. It does not close what is below.
	Close() error
}

// formats are those that New knows, by name.
var formats = map[string]func(io.Writer) Writer{
	"parquet": func(w io.Writer) Writer { return newParquet(w) },
	"jsonl":   func(w io.Writer) Writer { return newLines(w) },
}

// New makes a writer of a format: "parquet" or "jsonl".
func New(format string, w io.Writer) (Writer, error) {
	open, ok := formats[format]
	if !ok {
		return nil, fmt.Errorf("format %.100q is unknown: use parquet or jsonl", format)
	}
	return open(w), nil
}

// ContentType is the media type of a format.
func ContentType(format string) string {
	if format == "parquet" {
		return "application/vnd.apache.parquet"
	}
	return "application/x-ndjson"
}

// lines writes JSON, an object a line.
type lines struct {
	w *bufio.Writer
	e *json.Encoder
}

func newLines(w io.Writer) *lines {
	b := bufio.NewWriterSize(w, 64<<10)
	return &lines{b, json.NewEncoder(b)}
}

// line is a call. Halves are spelled as everywhere (span.Half.MarshalJSON).
type line struct {
	TraceID       string     `json:"traceId"`
	W3CTraceID    string     `json:"w3cTraceId"`
	Caller        string     `json:"caller"`
	Callee        string     `json:"callee"`
	Type          string     `json:"type"`
	Operation     string     `json:"operation"`
	StartUnixNano string     `json:"startUnixNano"`
	DurationNano  int64      `json:"durationNano"`
	GapNano       *int64     `json:"gapNano"`
	Sides         string     `json:"sides"`
	Error         bool       `json:"error"`
	LoadTest      bool       `json:"loadTest"`
	Client        *span.Half `json:"client"`
	Server        *span.Half `json:"server"`
}

func (l *lines) Write(c *span.Call) error {
	lead := c.Lead()
	return l.e.Encode(&line{
		TraceID: lead.TraceString(), W3CTraceID: lead.Trace.Hex(), Caller: c.Caller, Callee: c.Callee, Type: c.Type.String(),
		Operation: c.Operation(), StartUnixNano: strconv.FormatInt(c.Start(), 10), DurationNano: c.Duration(), GapNano: gap(c), Sides: c.Sides(),
		Error: c.Failed(), LoadTest: c.LoadTest(), Client: c.Client, Server: c.Server,
	})
}

func gap(c *span.Call) *int64 {
	if c.Client == nil || c.Server == nil {
		return nil
	}
	g := c.Gap()
	return &g
}

func (l *lines) Close() error { return l.w.Flush() }
