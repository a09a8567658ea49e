package peer

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/otlp"
	"github.com/twinspan/twinspan/internal/span"
)

// sink keeps what the receiver under test writes, as text: the memory is the receiver's again afterwards.
type sink struct{ halves []string }

func (s *sink) Limit() int64       { return 1 << 20 }
func (s *sink) Room() *ingest.Room { return nil }

func (s *sink) Write(_ context.Context, req ingest.Request) error {
	s.halves = s.halves[:0]
	for i := range req.Batch.Halves {
		s.halves = append(s.halves, ofHalf(&req.Batch.Halves[i]))
	}
	return nil
}

// FuzzOTLP compares the receiver's decoder with OpenTelemetry's pdata: what both take has to say the same. pdata is
// stricter with the length of ids and laxer with times; spans that the receiver rejects are not compared.
func FuzzOTLP(f *testing.F) {
	for _, seed := range seeds() {
		body, err := seed.MarshalProto()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	s := new(sink)
	h := otlp.New(otlp.DefaultConfig(), s, ingest.NewReceiverMetrics(), slog.New(slog.DiscardHandler)).Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		want := ptraceotlp.NewExportRequest()
		if want.UnmarshalProto(body) != nil {
			return // ours may take it: it skips what it does not need
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(slices.Clone(body)))
		r.Header.Set("Content-Type", "application/x-protobuf")
		w := httptest.NewRecorder()
		s.halves = nil
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return
		}
		answer := ptraceotlp.NewExportResponse()
		if err := answer.UnmarshalProto(w.Body.Bytes()); err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		wanted := ofTraces(want.Traces())
		if len(s.halves)+int(answer.PartialSuccess().RejectedSpans()) < len(wanted) {
			t.Fatalf("%d halves and %d rejected of %d usable spans", len(s.halves), answer.PartialSuccess().RejectedSpans(), len(wanted))
		}
		for i, half := range s.halves {
			if answer.PartialSuccess().RejectedSpans() == 0 && half != wanted[i] || !slices.Contains(wanted, half) {
				t.Fatalf("half %d\n got %s\nwant one of\n     %s", i, half, strings.Join(wanted, "\n     "))
			}
		}
	})
}

// seeds are requests with something of everything.
func seeds() []ptraceotlp.ExportRequest {
	data := ptrace.NewTraces()
	for i, service := range []string{"shop", "stock"} {
		rs := data.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		rs.Resource().Attributes().PutStr("host.name", "host-1")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("scope")
		for n := range 2 {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, byte(i)})
			s.SetSpanID(pcommon.SpanID{2, byte(n)})
			s.SetParentSpanID(pcommon.SpanID{byte(n)})
			s.SetName("GET /x")
			s.SetKind(ptrace.SpanKind(2 + n))
			s.SetStartTimestamp(1_790_000_000_000_000_000)
			s.SetEndTimestamp(1_790_000_000_000_000_500)
			s.TraceState().FromRaw("a=b")
			s.SetFlags(0x101)
			s.SetDroppedAttributesCount(3)
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage("no")
			a := s.Attributes()
			a.PutStr("text", "西湖")
			a.PutInt("int", -5)
			a.PutDouble("double", 1.5)
			a.PutBool("bool", true)
			a.PutEmptyBytes("bytes").Append(1, 2)
			a.PutEmptySlice("list").AppendEmpty().SetInt(1)
			a.PutEmptyMap("map").PutStr("k", "v")
			a.PutEmpty("empty")
			e := s.Events().AppendEmpty()
			e.SetName("event")
			e.SetTimestamp(1_790_000_000_000_000_100)
			e.Attributes().PutStr("k", "v")
			l := s.Links().AppendEmpty()
			l.SetTraceID(pcommon.TraceID{9})
			l.SetSpanID(pcommon.SpanID{8})
			l.Attributes().PutBool("k", false)
		}
	}
	return []ptraceotlp.ExportRequest{ptraceotlp.NewExportRequestFromTraces(data), spans(1, 1), ptraceotlp.NewExportRequest()}
}

// ofHalf shows what a half has of a span.
func ofHalf(h *span.Half) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s<%s kind=%d status=%d %d+%d %q msg=%q", h.Trace.Hex(), h.Span, h.Parent, h.Kind, h.Status, h.Start, h.Duration,
		h.Operation, h.Payload.StatusMessage())
	attrs := func(p span.Payload) {
		p.Attrs(func(key string, v span.Value) bool { fmt.Fprintf(&b, " %q=%s", key, ofValue(v)); return true })
	}
	attrs(h.Payload)
	h.Payload.Events(func(e span.Event) bool {
		fmt.Fprintf(&b, " event %d %q", e.Time, e.Name)
		attrs(e.Attrs)
		return true
	})
	h.Payload.Links(func(l span.Link) bool {
		fmt.Fprintf(&b, " link %x %x", l.TraceID, l.SpanID)
		attrs(l.Attrs)
		return true
	})
	return b.String()
}

func ofValue(v span.Value) string {
	switch v.Kind {
	case span.ValueArray, span.ValueMap:
		return "nested" // compared by the seeds' shape only: both are shown as JSON of their own kind
	case span.ValueString:
		return fmt.Sprintf("%q", v.Text())
	}
	return fmt.Sprintf("%d:%s", v.Kind, v.Text())
}

// ofTraces shows the spans that the receiver has to take, as ofHalf does.
func ofTraces(data ptrace.Traces) (list []string) {
	for _, rs := range data.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() || s.StartTimestamp() == 0 || s.StartTimestamp() > math.MaxInt64 {
					continue
				}
				list = append(list, ofSpan(s))
			}
		}
	}
	return list
}

func ofSpan(s ptrace.Span) string {
	var b strings.Builder
	kind, status := s.Kind(), s.Status().Code()
	if kind < 1 || kind > 5 {
		kind = ptrace.SpanKindInternal
	}
	if status < 0 || status > 2 {
		status = 0
	}
	duration := int64(s.EndTimestamp()) - int64(s.StartTimestamp())
	if duration < 0 || s.EndTimestamp() > math.MaxInt64 {
		duration = 0
	}
	fmt.Fprintf(&b, "%x %x<%x kind=%d status=%d %d+%d %q msg=%q", [16]byte(s.TraceID()), [8]byte(s.SpanID()), [8]byte(s.ParentSpanID()), kind, status,
		int64(s.StartTimestamp()), duration, s.Name(), s.Status().Message())
	attrs := func(m pcommon.Map) {
		for key, v := range m.All() {
			fmt.Fprintf(&b, " %q=%s", key, ofAny(v))
		}
	}
	attrs(s.Attributes())
	for _, e := range s.Events().All() {
		fmt.Fprintf(&b, " event %d %q", int64(e.Timestamp()), e.Name())
		attrs(e.Attributes())
	}
	for _, l := range s.Links().All() {
		fmt.Fprintf(&b, " link %x %x", [16]byte(l.TraceID()), [8]byte(l.SpanID()))
		attrs(l.Attributes())
	}
	return b.String()
}

func ofAny(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return fmt.Sprintf("%q", v.Str())
	case pcommon.ValueTypeBool:
		return ofValue(span.Bool(v.Bool()))
	case pcommon.ValueTypeInt:
		return ofValue(span.Int(v.Int()))
	case pcommon.ValueTypeDouble:
		return ofValue(span.Float(v.Double()))
	case pcommon.ValueTypeBytes:
		return ofValue(span.Bytes(v.Bytes().AsRaw()))
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		return "nested"
	}
	return ofValue(span.Value{})
}
