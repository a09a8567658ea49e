package twinopentracing

import (
	"fmt"
	"time"

	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// span is a native span as OpenTracing's: the same memory with other methods.
type span twinspan.Span

func (s *span) native() *twinspan.Span { return (*twinspan.Span)(s) }

// Finish is opentracing.Span's.
func (s *span) Finish() { s.native().End() }

// FinishWithOptions is opentracing.Span's.
func (s *span) FinishWithOptions(o ot.FinishOptions) {
	for _, r := range o.LogRecords {
		s.log(r.Timestamp, r.Fields)
	}
	for i := range o.BulkLogData {
		r := o.BulkLogData[i].ToLogRecord()
		s.log(r.Timestamp, r.Fields)
	}
	s.native().EndAt(orNow(o.FinishTime))
}

// Context is opentracing.Span's.
func (s *span) Context() ot.SpanContext { return spanContext{s.native().Context()} }

// SetOperationName is opentracing.Span's.
func (s *span) SetOperationName(operation string) ot.Span {
	s.native().SetOperation(operation)
	return s
}

// SetTag is opentracing.Span's. "error" sets the status.
func (s *span) SetTag(key string, value any) ot.Span {
	switch key {
	case "error":
		switch v := value.(type) {
		case bool:
			if v {
				s.native().Fail("")
			}
		case string:
			if v != "" && v != "false" {
				s.native().Fail("")
			}
		case error:
			s.native().SetError(v)
		}
	case "span.kind": // the start's
	default:
		s.native().SetTags(tag(key, value))
	}
	return s
}

// LogFields is opentracing.Span's.
func (s *span) LogFields(fields ...log.Field) { s.log(time.Time{}, fields) }

// LogKV is opentracing.Span's.
func (s *span) LogKV(pairs ...any) {
	fields, err := log.InterleavedKVToFields(pairs...)
	if err != nil {
		fields = []log.Field{log.Error(err), log.String("function", "LogKV")}
	}
	s.log(time.Time{}, fields)
}

// log makes an event of a log record. Its name is the field "event", or "log".
func (s *span) log(at time.Time, fields []log.Field) {
	if s.native().Ended() {
		return
	}
	e := collector{name: "log"}
	for _, f := range fields {
		f.Marshal(&e)
	}
	s.native().AddEventAt(e.name, orNow(at), e.tags...)
}

// SetBaggageItem is opentracing.Span's.
func (s *span) SetBaggageItem(key, value string) ot.Span {
	s.native().SetBaggage(key, value)
	return s
}

// BaggageItem is opentracing.Span's.
func (s *span) BaggageItem(key string) string { return s.native().Baggage(key) }

// Tracer is opentracing.Span's.
func (s *span) Tracer() ot.Tracer { return NewTracer(s.native().Tracer()) }

// LogEvent is opentracing.Span's.
func (s *span) LogEvent(event string) { s.LogFields(log.Event(event)) }

// LogEventWithPayload is opentracing.Span's.
func (s *span) LogEventWithPayload(event string, payload any) {
	s.LogFields(log.Event(event), log.Object("payload", payload))
}

// Log is opentracing.Span's.
func (s *span) Log(data ot.LogData) {
	r := data.ToLogRecord()
	s.log(r.Timestamp, r.Fields)
}

// tag makes a tag of any value.
func tag(key string, value any) twinspan.Tag {
	switch v := value.(type) {
	case string:
		return twinspan.String(key, v)
	case bool:
		return twinspan.Bool(key, v)
	case int:
		return twinspan.Int(key, int64(v))
	case int8:
		return twinspan.Int(key, int64(v))
	case int16:
		return twinspan.Int(key, int64(v))
	case int32:
		return twinspan.Int(key, int64(v))
	case int64:
		return twinspan.Int(key, v)
	case uint8:
		return twinspan.Int(key, int64(v))
	case uint16:
		return twinspan.Int(key, int64(v))
	case uint32:
		return twinspan.Int(key, int64(v))
	case uint:
		return unsigned(key, uint64(v))
	case uint64:
		return unsigned(key, v)
	case float32:
		return twinspan.Float(key, float64(v))
	case float64:
		return twinspan.Float(key, v)
	case []string:
		return twinspan.Strings(key, v)
	}
	return twinspan.String(key, fmt.Sprint(value))
}

// unsigned keeps numbers beyond int64 as texts.
func unsigned(key string, v uint64) twinspan.Tag {
	if n := int64(v); n >= 0 {
		return twinspan.Int(key, n)
	}
	return twinspan.String(key, fmt.Sprint(v))
}

// collector is a log.Encoder that collects the tags of an event.
type collector struct {
	name string
	tags []twinspan.Tag
}

func (c *collector) add(key string, value any) { c.tags = append(c.tags, tag(key, value)) }

// EmitString is log.Encoder's.
func (c *collector) EmitString(key, value string) {
	if key == "event" {
		c.name = value
		return
	}
	c.add(key, value)
}

// EmitBool is log.Encoder's.
func (c *collector) EmitBool(key string, value bool) { c.add(key, value) }

// EmitInt is log.Encoder's.
func (c *collector) EmitInt(key string, value int) { c.add(key, value) }

// EmitInt32 is log.Encoder's.
func (c *collector) EmitInt32(key string, value int32) { c.add(key, value) }

// EmitInt64 is log.Encoder's.
func (c *collector) EmitInt64(key string, value int64) { c.add(key, value) }

// EmitUint32 is log.Encoder's.
func (c *collector) EmitUint32(key string, value uint32) { c.add(key, value) }

// EmitUint64 is log.Encoder's.
func (c *collector) EmitUint64(key string, value uint64) { c.add(key, value) }

// EmitFloat32 is log.Encoder's.
func (c *collector) EmitFloat32(key string, value float32) { c.add(key, value) }

// EmitFloat64 is log.Encoder's.
func (c *collector) EmitFloat64(key string, value float64) { c.add(key, value) }

// EmitObject is log.Encoder's.
func (c *collector) EmitObject(key string, value any) { c.add(key, value) }

// EmitLazyLogger is log.Encoder's.
func (c *collector) EmitLazyLogger(value log.LazyLogger) { value(c) }
