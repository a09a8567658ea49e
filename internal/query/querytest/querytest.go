// Package querytest has what tests of queries need: halves written as short lines of text, and a store.Reader that holds
// them in memory and does nothing clever. It is for tests only.
package querytest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// Base is the time that scenarios start at, in nanoseconds of the Unix epoch: 2026-01-02T03:04:00Z.
const Base = int64(1767323040e9)

// TraceText is the trace that lines belong to which name none.
const TraceText = "0ad1348f1403169275002100356696"

// Calls reads a scenario: one stored call a line, its two halves joined by " & ". Empty lines and lines that begin with
// "#" say nothing. A half is "kind app span" and any of
//
//	parent=ID twin=ID dotted=ID trace=TEXT origin=N    ids in hex, twin also sets the type rpc
//	at=START+DURATION                                  milliseconds from Base, fractions allowed
//	type=T op=NAME peer=NAME instance=NAME code=TEXT local=ADDR remote=ADDR route=R tag=KEY:VALUE message=TEXT
//	error shared coarse load
//
// where "_" stands for a space. The type is rpc for callers and callees and internal for the rest. Origins count up from
// 1 over the whole text.
func Calls(t testing.TB, text string) []span.Call {
	t.Helper()
	var calls []span.Call
	origin := uint64(0)
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var client, server *span.Half
		for _, part := range strings.Split(line, " & ") {
			origin++
			h, err := parseHalf(part, origin)
			if err != nil {
				t.Fatalf("%s: %v", part, err)
			}
			if h.Kind.CalleeSide() {
				server = h
			} else {
				client = h
			}
		}
		calls = append(calls, span.Join(client, server, ""))
	}
	return calls
}

func parseHalf(text string, origin uint64) (*span.Half, error) {
	words := strings.Fields(text)
	if len(words) < 3 {
		return nil, fmt.Errorf("want kind, app and span")
	}
	h := &span.Half{App: words[1], Origin: origin, Route: span.RouteOTLP, Start: Base}
	h.Trace, _ = id.ParseTrace(TraceText)
	var err error
	if h.Kind, err = span.ParseKind(words[0]); err != nil {
		return nil, err
	}
	if h.Kind.CallerSide() || h.Kind.CalleeSide() {
		h.Type = span.TypeRPC
	}
	h.Span = spanID(words[2])
	for _, w := range words[3:] {
		key, value, _ := strings.Cut(w, "=")
		if err := set(h, key, strings.ReplaceAll(value, "_", " ")); err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
	}
	return h, nil
}

func set(h *span.Half, key, value string) (err error) {
	switch key {
	case "parent":
		h.Parent = spanID(value)
	case "twin":
		h.Twin = spanID(value)
	case "dotted":
		h.Dotted = value
	case "trace":
		var exact bool
		if h.Trace, exact = id.ParseTrace(value); !exact {
			h.TraceText = value
		}
	case "origin":
		h.Origin, err = strconv.ParseUint(value, 10, 64)
	case "at":
		start, duration, _ := strings.Cut(value, "+")
		if h.Start, err = millis(start); err == nil {
			h.Start += Base
			h.Duration, err = millis(duration)
		}
	case "type":
		h.Type, err = span.ParseType(value)
	case "op":
		h.Operation = value
	case "peer":
		h.Peer = value
	case "instance":
		h.Instance = value
	case "code":
		h.ResultCode = value
	case "local":
		h.LocalAddr = value
	case "remote":
		h.PeerAddr = value
	case "route":
		h.Route = span.Route(slices.Index([]string{"unknown", "agent", "otlp", "zipkin", "jaeger", "skywalking"}, value))
	case "tag":
		k, v, _ := strings.Cut(value, ":")
		h.Payload = h.Payload.AppendAttr(k, span.String(v))
	case "message":
		h.Payload = h.Payload.AppendStatusMessage(value)
	case "error":
		h.Status = span.StatusError
	case "shared":
		h.Shared = true
	case "coarse":
		h.Coarse = true
	case "load":
		h.LoadTest = true
	default:
		return fmt.Errorf("unknown word")
	}
	return err
}

func spanID(text string) id.Span {
	if text == "0" || strings.Contains(text, ".") {
		return id.SpanOf(text)
	}
	s, _ := id.ParseSpan(text)
	return s
}

func millis(text string) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	return int64(f * 1e6), err
}

// Reader is a store.Reader over lists.
type Reader struct {
	Calls []span.Call
	Rows  []span.Rollup
	// Err, if set, is what every method gives.
	Err error
}

// Counted makes a Reader of a scenario, with one roll-up a call. Server halves of the dotted id 0.1, which share it with
// their client, get the 8-byte id that agents give them.
func Counted(t testing.TB, text string) *Reader {
	t.Helper()
	r := &Reader{Calls: Calls(t, text)}
	for i := range r.Calls {
		c := &r.Calls[i]
		if s := c.Server; s != nil && s.Dotted == "0.1" {
			s.Span = id.ServerSpanOf(s.Dotted)
		}
		row := span.Rollup{RollupKey: span.RollupKey{Minute: c.Start() / 60e9, Type: c.Type, LoadTest: c.LoadTest(),
			Caller: c.Caller, Callee: c.Callee, Operation: c.Operation()}, Calls: 1}
		if c.Failed() {
			row.Errors = 1
		}
		if c.Server != nil {
			row.Instance = "i-1"
		}
		row.Latency.Add(c.Duration())
		r.Rows = append(r.Rows, row)
	}
	return r
}

// Trace implements store.Reader.
func (r *Reader) Trace(ctx context.Context, trace id.Trace, limit int) (calls []span.Call, truncated bool, err error) {
	if err := r.check(ctx); err != nil {
		return nil, false, err
	}
	for _, c := range r.Calls {
		if c.Trace() == trace {
			if limit > 0 && len(calls) == limit {
				return calls, true, nil
			}
			calls = append(calls, c)
		}
	}
	return calls, false, nil
}

// Search implements store.Reader.
func (r *Reader) Search(ctx context.Context, q *store.Query, yield func(span.Call) bool) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	all := slices.Clone(r.Calls)
	slices.SortFunc(all, func(a, b span.Call) int { return store.Compare(&a, &b) })
	for i := range all {
		if q.Progress != nil && !q.Progress(store.Time(&all[i])) || q.Match(&all[i]) && !yield(all[i]) {
			break
		}
	}
	return nil
}

// Rollups implements store.Reader.
func (r *Reader) Rollups(ctx context.Context, q store.RollupQuery, yield func(*span.Rollup) bool) (minutes store.Interval, err error) {
	if err := r.check(ctx); err != nil {
		return minutes, err
	}
	for _, row := range r.Rows {
		if row.Minute < q.From || row.Minute >= q.To {
			continue
		}
		minutes.Include(row.Minute, row.Minute+1)
		row.Minute = q.Minute(row.Minute)
		if !yield(&row) {
			break
		}
	}
	return minutes, nil
}

// Times implements store.Reader.
func (r *Reader) Times(ctx context.Context, from, to int64) (times store.Interval, err error) {
	if err := r.check(ctx); err != nil {
		return times, err
	}
	for i := range r.Calls {
		if at := store.Time(&r.Calls[i]); at >= from && at < to {
			times.Include(at, at+1)
		}
	}
	return times, nil
}

func (r *Reader) check(ctx context.Context) error {
	if r.Err != nil {
		return r.Err
	}
	return ctx.Err()
}
