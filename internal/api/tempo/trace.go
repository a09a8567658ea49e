package tempo

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/api/otlp"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

const mimeProto = "application/protobuf"

// reasonTruncated says that a trace is shown in part.
const reasonTruncated = "the trace has more spans than are shown"

// Fields of tempopb.TraceByIDResponse, and a value of its PartialStatus.
const (
	responseTrace   = 1
	responseMetrics = 2
	responseStatus  = 3
	responseMessage = 4
	statusPartial   = 1
)

// read gives the trace that was asked for. Its start and end are not needed to find it; they are not looked at.
func (h *Handler) read(ctx context.Context, r *http.Request) (*query.Trace, error) {
	return compat.TraceOf(ctx, h.query, r.PathValue("id"))
}

// wantsProto says that the client reads protobuf.
func wantsProto(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(accept, mimeProto) {
			return true
		}
	}
	return false
}

// traceV1 answers a tempopb.Trace: TracesData of OTLP in protobuf; in JSON, ResourceSpans are called batches.
func (h *Handler) traceV1(ctx context.Context, w *compat.Response, r *http.Request) error {
	t, err := h.read(ctx, r)
	if err != nil {
		return err
	}
	if t.Truncated {
		w.Partial(reasonTruncated)
	}
	b := make([]byte, 0, len(t.Nodes)*otlp.SizeOfNode)
	if wantsProto(r) {
		w.ContentType(mimeProto)
		_, err = w.Write(otlp.AppendProto(b, t))
		return err
	}
	b = otlp.ProtoJSON.AppendJSON(append(b, `{"batches":[`...), t, true)
	_, err = w.Write(append(b, "]}\n"...))
	return err
}

// traceV2 answers a tempopb.TraceByIDResponse, which has a place to say that the trace is not whole.
func (h *Handler) traceV2(ctx context.Context, w *compat.Response, r *http.Request) error {
	if r.URL.Query().Get("q") != "" {
		return compat.BadRequest("q is not supported here: the whole trace is given, search with /api/search")
	}
	t, err := h.read(ctx, r)
	if err != nil {
		return err
	}
	b := make([]byte, 0, len(t.Nodes)*otlp.SizeOfNode)
	if wantsProto(r) {
		w.ContentType(mimeProto)
		b = span.AppendBytesField(b, responseTrace, otlp.AppendProto(nil, t))
		b = span.AppendBytesField(b, responseMetrics, nil)
		if t.Truncated {
			b = span.AppendVarintField(b, responseStatus, statusPartial)
			b = span.AppendStringField(b, responseMessage, reasonTruncated)
		}
		_, err = w.Write(b)
		return err
	}
	b = otlp.ProtoJSON.AppendJSON(append(b, `{"trace":{"resourceSpans":[`...), t, true)
	b = append(b, `]},"metrics":{}`...)
	if t.Truncated {
		b = compat.AppendString(append(b, `,"status":"PARTIAL","message":`...), reasonTruncated)
	}
	_, err = w.Write(append(b, "}\n"...))
	return err
}
