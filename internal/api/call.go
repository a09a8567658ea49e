package api

import (
	"strconv"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// callJSON is a call in lists.
type callJSON struct {
	TraceID            string `json:"traceId"`
	W3CTraceID         string `json:"w3cTraceId"`
	SpanID             string `json:"spanId"`
	Caller             string `json:"caller"`
	Callee             string `json:"callee"`
	Type               string `json:"type"`
	Operation          string `json:"operation"`
	StartUnixNano      string `json:"startUnixNano"`
	DurationNano       int64  `json:"durationNano"`
	ServerDurationNano *int64 `json:"serverDurationNano"`
	GapNano            *int64 `json:"gapNano"`
	Sides              string `json:"sides"`
	Error              bool   `json:"error"`
	ResultCode         string `json:"resultCode"`
	ServerResultCode   string `json:"serverResultCode"`
	LoadTest           bool   `json:"loadTest"`
	CallerAddress      string `json:"callerAddress"`
	CalleeAddress      string `json:"calleeAddress"`
	StatusMessage      string `json:"statusMessage"`
}

func callOf(c *span.Call) callJSON {
	lead := c.Lead()
	out := callJSON{
		TraceID: lead.TraceString(), W3CTraceID: lead.Trace.Hex(), SpanID: lead.Span.String(),
		Caller: c.Caller, Callee: c.Callee, Type: c.Type.String(), Operation: c.Operation(),
		StartUnixNano: strconv.FormatInt(lead.Start, 10), DurationNano: lead.Duration,
		Sides: sides(c), Error: c.Failed(), ResultCode: lead.ResultCode, LoadTest: c.LoadTest(),
		CallerAddress: c.CallerAddr(), CalleeAddress: c.CalleeAddr(),
	}
	if c.Server != nil {
		out.ServerResultCode = c.Server.ResultCode
		out.ServerDurationNano = &c.Server.Duration
		if c.Client != nil {
			gap := c.Gap()
			out.GapNano = &gap
		}
	}
	out.StatusMessage = lead.Payload.StatusMessage()
	if out.StatusMessage == "" {
		out.StatusMessage = c.Last().Payload.StatusMessage()
	}
	return out
}

func sides(c *span.Call) string {
	if c.Server == nil && !c.Client.Kind.CallerSide() {
		return "internal"
	}
	return c.Sides()
}

// nodeJSON is a call in its trace, without the halves: those are written behind it as they come.
type nodeJSON struct {
	callJSON
	ID             int      `json:"id"`
	ParentID       *int     `json:"parentId"`
	Depth          int      `json:"depth"`
	SkewNano       int64    `json:"skewNano"`
	ClientSkewNano int64    `json:"clientSkewNano"`
	SelfNano       int64    `json:"selfNano"`
	Critical       bool     `json:"critical"`
	Notes          []string `json:"notes"`
}

func nodeOf(id int, n *query.Node) nodeJSON {
	out := nodeJSON{
		callJSON: callOf(&n.Call), ID: id, Depth: n.Depth, SkewNano: n.ServerSkew, ClientSkewNano: n.ClientSkew,
		SelfNano: n.Self, Critical: n.Critical, Notes: n.Notes.Names(),
	}
	out.StartUnixNano = strconv.FormatInt(n.Start(), 10)
	if n.Parent >= 0 {
		out.ParentID = &n.Parent
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	return out
}
