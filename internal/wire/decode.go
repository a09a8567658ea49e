package wire

import (
	"unsafe"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/histogram"
	"github.com/twinspan/twinspan/sdk/id"
)

// tables are the batch's strings and resources while it is decoded.
type tables struct {
	strings   []string
	resources []span.Payload
}

// DecodeBatch reads a Batch message. What it gives aliases m, which must not be changed afterwards.
func DecodeBatch(m []byte) (batch span.Batch, calls []span.Call, err error) {
	var t tables
	halves, stats, joined := 0, 0, 0
	err = fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			t.strings = append(t.strings, view(f.Data))
		case 2:
			t.resources = append(t.resources, span.Payload(f.Data))
		case 3:
			halves++
		case 4:
			joined++
		case 5:
			stats++
		}
		return nil
	})
	if err != nil {
		return batch, nil, err
	}
	batch.Halves = make([]span.Half, 0, halves)
	batch.Stats = make([]span.Stat, 0, stats)
	calls = make([]span.Call, 0, joined)
	err = fields(m, func(f span.Field) error {
		switch f.Number {
		case 3:
			batch.Halves = append(batch.Halves, span.Half{})
			return t.half(&batch.Halves[len(batch.Halves)-1], f.Data)
		case 4:
			calls = append(calls, span.Call{})
			return t.call(&calls[len(calls)-1], f.Data)
		case 5:
			batch.Stats = append(batch.Stats, span.Stat{})
			return t.stat(&batch.Stats[len(batch.Stats)-1], f.Data)
		}
		return nil
	})
	return batch, calls, err
}

func (t *tables) half(h *span.Half, m []byte) error {
	err := fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			if len(f.Data) != len(h.Trace) {
				return malformed("trace_id is not 16 bytes")
			}
			copy(h.Trace[:], f.Data)
		case 2:
			h.Span = id.Span(f.Num)
		case 3:
			h.Parent = id.Span(f.Num)
		case 4:
			h.Twin = id.Span(f.Num)
		case 5:
			h.Kind = enum(f.Num, span.KindConsumer)
		case 6:
			h.Type = enum(f.Num, span.TypeMQ)
		case 7:
			h.Status = enum(f.Num, span.StatusError)
		case 8:
			h.Route = enum(f.Num, span.RouteSkyWalking)
		case 9:
			h.LoadTest, h.Coarse, h.Shared = f.Num&flagLoadTest != 0, f.Num&flagCoarse != 0, f.Num&flagShared != 0
		case 10:
			h.TraceText = view(f.Data)
		case 11:
			h.Dotted = view(f.Data)
		case 12:
			return t.text(&h.App, f.Num)
		case 13:
			return t.text(&h.Instance, f.Num)
		case 14:
			return t.text(&h.Operation, f.Num)
		case 15:
			return t.text(&h.Component, f.Num)
		case 16:
			return t.text(&h.ResultCode, f.Num)
		case 17:
			return t.text(&h.LocalAddr, f.Num)
		case 18:
			return t.text(&h.PeerAddr, f.Num)
		case 19:
			return t.text(&h.Peer, f.Num)
		case 20:
			h.Start = int64(f.Num)
		case 21:
			h.Duration = max(int64(f.Num), 0)
		case 22:
			h.Received = int64(f.Num)
		case 23:
			h.Origin = f.Num
		case 24:
			h.Payload = f.Data
		case 25:
			if f.Num >= uint64(len(t.resources)) {
				return malformed("resource index out of range")
			}
			h.Resource = t.resources[f.Num]
		}
		return nil
	})
	if err == nil && h.Trace.IsZero() {
		return malformed("half without trace_id")
	}
	return err
}

func (t *tables) call(c *span.Call, m []byte) error {
	err := fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			return t.text(&c.Caller, f.Num)
		case 2:
			return t.text(&c.Callee, f.Num)
		case 3:
			c.Type = enum(f.Num, span.TypeMQ)
		case 4:
			c.Client = new(span.Half)
			return t.half(c.Client, f.Data)
		case 5:
			c.Server = new(span.Half)
			return t.half(c.Server, f.Data)
		}
		return nil
	})
	if err == nil && c.Client == nil && c.Server == nil {
		return malformed("call without a half")
	}
	return err
}

func (t *tables) stat(s *span.Stat, m []byte) error {
	return fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			return t.text(&s.App, f.Num)
		case 2:
			return t.text(&s.Instance, f.Num)
		case 3:
			return t.text(&s.Component, f.Num)
		case 4:
			return t.text(&s.Operation, f.Num)
		case 5:
			return t.text(&s.Key, f.Num)
		case 6:
			return t.text(&s.Peer, f.Num)
		case 7:
			s.Kind = enum(f.Num, span.KindConsumer)
		case 8:
			s.Type = enum(f.Num, span.TypeMQ)
		case 9:
			s.Begin = int64(f.Num)
		case 10:
			s.Length = int64(f.Num)
		case 11:
			s.Count = f.Num
		case 12:
			s.Errors = f.Num
		case 13:
			s.TotalNanos = int64(f.Num)
		case 14:
			s.LoadTest = f.Num != 0
		case 15:
			h, _, err := histogram.Decode(f.Data)
			if err != nil {
				return malformed("latency: " + err.Error())
			}
			s.Latency = &h
		case 16:
			s.Origin = f.Num
		case 17:
			s.Received = int64(f.Num)
		}
		return nil
	})
}

// text resolves an index; the strings of one batch are shared by its halves.
func (t *tables) text(s *string, index uint64) error {
	if index >= uint64(len(t.strings)) {
		return malformed("string index out of range")
	}
	*s = t.strings[index]
	return nil
}

// view gives bytes as a string without a copy: a decoded message is never changed.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
