package digestlog

import (
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// rpcTimes is what a line of SOFARPC says of a call's times.
type rpcTimes struct {
	elapsed string // client.elapse.time, biz.impl.time
	mark    string // special.time.mark, server.special.time.mark: "begin&end", ms of the epoch, -1 where not known
	invoke  string
	phases  int64 // ms; what an asynchronous call has in elapsed's place
}

// foreign keeps what a field of SOFARPC's lines says beside being an attribute, and says that it is one of those that only SOFARPC
// has. Its error is a boolean, so no message.
func (n *notes) foreign(f *field) bool {
	switch f.key {
	case "client.elapse.time", "biz.impl.time":
		n.rpc.elapsed = f.val
	case "special.time.mark", "server.special.time.mark":
		n.rpc.mark = f.val
	case "invoke.type":
		n.rpc.invoke = f.val
	case "req.serialize.time", "client.conn.time", "resp.deserialize.time":
		if ms, ok := parseInt(f.val); ok && ms >= 0 && ms <= maxMillis {
			n.rpc.phases += ms
		}
	case "error":
		if f.form != formBool {
			return false
		}
		n.failed = f.val == "true"
	default:
		return false
	}
	return true
}

// maxUncounted bounds by how much a call may be longer than what its line counted: beyond it the begin is another call's, or the
// source's zone is wrong.
const maxUncounted = 10 * 60 * 1000

// rpcDuration gives a call's duration in nanoseconds. SOFARPC does not write its span's: client.elapse.time is missing where a call is
// asynchronous or came to nothing, and biz.impl.time is the service's method alone. So it is counted from the call's begin, where the
// line has it; from the trace's, whose id has it, where the call is the trace's first span; else it is what the line counted.
func (d *lineDecoder) rpcDuration(h *span.Half, n *notes, end int64) (int64, *Rejection) {
	counted := n.rpc.phases
	if n.rpc.elapsed != "" {
		var ok bool
		if counted, ok = parseInt(n.rpc.elapsed); !ok || counted > maxMillis {
			return 0, &Rejection{Reason: ReasonNumber, Detail: "client.elapse.time or biz.impl.time is not a number: " + quote(n.rpc.elapsed)}
		}
	}
	counted = min(max(counted, 0), maxMillis)
	var begin int64
	text, _, _ := strings.Cut(n.rpc.mark, "&")
	switch {
	// On the threads that take answers, SOFARPC has the begin of whatever call they made last, or none.
	case !d.comp.callee && (n.rpc.invoke == "future" || n.rpc.invoke == "callback"):
		if h.Dotted == "0" && len(n.trace) > 21 {
			begin, _ = parseInt(n.trace[8:21])
		}
	default:
		begin, _ = parseInt(text)
	}
	if ms := end/1e6 - begin; begin > 0 && ms >= counted && ms <= counted+maxUncounted {
		counted = ms
	}
	return counted * 1e6, nil
}
