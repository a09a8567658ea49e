package traceql

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// env is the span that an expression is about. Without a trace, only what the half itself says is known.
type env struct {
	trace *Trace
	span  *Span
}

// MayMatch says whether a filter can keep a half, as far as the half alone tells: what depends on other spans of its trace
// counts as possible.
func (f *SpansetFilter) MayMatch(h *span.Half) bool {
	if f.Expr == nil {
		return true
	}
	v := (&env{span: &Span{Half: h}}).eval(f.Expr)
	return v.Type == TypeUnknown || v.Type == TypeBool && v.num != 0
}

// Alone says that a half by itself tells whether the filter keeps it.
func (f *SpansetFilter) Alone() bool { return f.Expr == nil || alone(f.Expr) }

func alone(e Expr) bool {
	switch e := e.(type) {
	case Attribute:
		return !e.ofTrace()
	case *Unary:
		return alone(e.X)
	case *Binary:
		return alone(e.L) && alone(e.R)
	}
	return true
}

// ofTrace says that a half alone does not tell the attribute. Ids count as such: a store that tests a half may not have
// them at hand.
func (a Attribute) ofTrace() bool {
	switch a.Intrinsic {
	case SpanID, SpanParentID, Parent, TraceID, ChildCount, NestedSetLeft, NestedSetRight, NestedSetParent, TraceDuration, RootName, RootService,
		CallCaller, CallCallee, CallOperation, CallType, CallGap, CallLoadTest, CallResultCode, CallCallerAddress, CallCalleeAddress:
		return true
	}
	return a.Parent
}

// OfHalf gives an attribute of a half alone; nil where it takes the trace to tell.
func (a Attribute) OfHalf(h *span.Half) Value {
	v := (&env{span: &Span{Half: h}}).attribute(a)
	if v.Type == TypeUnknown {
		return Value{}
	}
	return v
}

// Of gives an attribute of a span of a trace.
func (a Attribute) Of(t *Trace, i int32) Value {
	return (&env{trace: t, span: &t.Spans[i]}).attribute(a)
}

func (e *env) eval(x Expr) Value {
	switch x := x.(type) {
	case Value:
		return x
	case Attribute:
		return e.attribute(x)
	case *Unary:
		v := e.eval(x.X)
		switch {
		case v.Type == TypeUnknown:
			return v
		case x.Op == OpSubtract:
			return arithmetic(OpSubtract, Int(0), v)
		case v.Type != TypeBool:
			return Value{}
		}
		return Bool(v.num == 0)
	case *Binary:
		return e.binary(x)
	}
	return Value{}
}

func (e *env) binary(b *Binary) Value {
	l := e.eval(b.L)
	if b.Op == OpAnd || b.Op == OpOr {
		// What is no truth value is not true. A side that is not known decides nothing.
		decides := b.Op == OpOr
		if l.Type != TypeUnknown && isTrue(l) == decides {
			return Bool(decides)
		}
		r := e.eval(b.R)
		switch {
		case r.Type != TypeUnknown && isTrue(r) == decides:
			return Bool(decides)
		case l.Type == TypeUnknown || r.Type == TypeUnknown:
			return unknown
		}
		return Bool(!decides)
	}
	r := e.eval(b.R)
	if !b.Op.comparison() {
		return arithmetic(b.Op, l, r)
	}
	if l.Type == TypeUnknown || r.Type == TypeUnknown {
		return unknown
	}
	return Bool(b.holds(l, r))
}

func isTrue(v Value) bool { return v.Type == TypeBool && v.num != 0 }

// holds compares. Of a list, one element must fit; for != and !~, all.
func (b *Binary) holds(l, r Value) bool {
	if l.Type == TypeList && r.Type != TypeList && r.Type != TypeNil {
		all := b.Op == OpNotEqual || b.Op == OpNotRegex
		for _, v := range l.list {
			if b.holds(v, r) != all {
				return !all
			}
		}
		return all && len(l.list) > 0
	}
	if r.Type == TypeList && l.Type != TypeList && l.Type != TypeNil {
		swapped := Binary{Op: mirrored(b.Op)}
		return swapped.holds(r, l)
	}
	switch b.Op {
	case OpRegex:
		return l.Type == TypeText && b.Regex.MatchString(l.text)
	case OpNotRegex:
		return l.Type == TypeText && !b.Regex.MatchString(l.text)
	}
	if l.Type == TypeNil || r.Type == TypeNil {
		// There is nothing to compare with but whether there is a value. A missing value differs from no value only.
		_, lc := b.L.(Value)
		_, rc := b.R.(Value)
		same := l.Type == r.Type
		switch {
		case b.Op == OpEqual:
			return same && (lc || rc)
		case b.Op == OpNotEqual:
			return !same && (lc && l.Type == TypeNil || rc && r.Type == TypeNil)
		}
		return false
	}
	n, ok := compare(l, r)
	if !ok {
		return false
	}
	switch b.Op {
	case OpEqual:
		return n == 0
	case OpNotEqual:
		return n != 0
	case OpLess:
		return n < 0
	case OpLessEqual:
		return n <= 0
	case OpGreater:
		return n > 0
	}
	return n >= 0
}

// mirrored gives the operator that holds for b, a where op holds for a, b.
func mirrored(op Op) Op {
	switch op {
	case OpLess:
		return OpGreater
	case OpLessEqual:
		return OpGreaterEqual
	case OpGreater:
		return OpLess
	case OpGreaterEqual:
		return OpLessEqual
	}
	return op
}

func (e *env) attribute(a Attribute) Value {
	if a.ofTrace() && e.trace == nil {
		return unknown
	}
	if a.Intrinsic != NoIntrinsic {
		return e.intrinsic(a.Intrinsic)
	}
	h := e.span.Half
	if a.Parent {
		if e.span.Parent < 0 {
			return Value{}
		}
		h = e.trace.Spans[e.span.Parent].Half
	}
	switch a.Scope {
	case ScopeSpan:
		return named(h.Payload, a.Name)
	case ScopeResource:
		return resource(h, a.Name)
	case ScopeInstrumentation:
		return named(h.Resource, scopePrefix+a.Name)
	case ScopeEvent:
		return eventAttribute(h, a.Name)
	case ScopeLink:
		return linkAttribute(h, a.Name)
	}
	if v := named(h.Payload, a.Name); !v.IsNil() && a.Name != serviceName {
		return v
	}
	return resource(h, a.Name)
}

// scopePrefix begins the names of what an instrumentation scope says, among the attributes of the resource.
const scopePrefix = "otel.scope."

// The attributes of a resource that a half has outside of it.
const (
	serviceName     = "service.name"
	serviceInstance = "service.instance.id"
)

func named(p span.Payload, name string) Value {
	if v, ok := p.Attr(name); ok {
		return ValueOf(v)
	}
	return Value{}
}

func resource(h *span.Half, name string) Value {
	if name == serviceName {
		return textOrNil(h.App)
	}
	v := named(h.Resource, name)
	if v.IsNil() && name == serviceInstance {
		return textOrNil(h.Instance)
	}
	return v
}

func textOrNil(s string) Value {
	if s == "" {
		return Value{}
	}
	return Text(s)
}

// several makes one value of those of several events or links.
func several(list []Value) Value {
	switch len(list) {
	case 0:
		return Value{}
	case 1:
		return list[0]
	}
	return Value{Type: TypeList, list: list}
}

func eventAttribute(h *span.Half, name string) Value {
	var list []Value
	h.Payload.Events(func(e span.Event) bool {
		if v := named(e.Attrs, name); !v.IsNil() {
			list = append(list, v)
		}
		return true
	})
	return several(list)
}

func linkAttribute(h *span.Half, name string) Value {
	var list []Value
	h.Payload.Links(func(l span.Link) bool {
		if v := named(l.Attrs, name); !v.IsNil() {
			list = append(list, v)
		}
		return true
	})
	return several(list)
}

func (e *env) intrinsic(i Intrinsic) Value {
	h := e.span.Half
	switch i {
	case Name:
		return Text(h.Operation)
	case DurationOf:
		return Duration(time.Duration(h.Duration))
	case StatusOf:
		return Status(h.Status)
	case StatusMessage:
		return Text(h.Payload.StatusMessage())
	case KindOf:
		return Kind(h.Kind)
	case SpanID:
		return Text(h.Span.String())
	case SpanParentID, Parent:
		if h.Parent == 0 {
			return Value{}
		}
		return Text(h.Parent.String())
	case TraceID:
		return Text(h.Trace.Hex())
	case EventName, EventTimeSinceStart, LinkTraceID, LinkSpanID:
		return severalOf(h, i)
	case InstrumentationName:
		return textOrNil(h.Component)
	case InstrumentationVersion:
		return named(h.Resource, scopePrefix+"version")
	}
	return e.ofTrace(i)
}

func severalOf(h *span.Half, i Intrinsic) Value {
	var list []Value
	switch i {
	case EventName:
		h.Payload.Events(func(e span.Event) bool { list = append(list, Text(e.Name)); return true })
	case EventTimeSinceStart:
		h.Payload.Events(func(e span.Event) bool {
			list = append(list, Duration(time.Duration(e.Time-h.Start)))
			return true
		})
	case LinkTraceID:
		h.Payload.Links(func(l span.Link) bool { list = append(list, Text(hex.EncodeToString(l.TraceID))); return true })
	default:
		h.Payload.Links(func(l span.Link) bool { list = append(list, Text(hex.EncodeToString(l.SpanID))); return true })
	}
	return several(list)
}

func (e *env) ofTrace(i Intrinsic) Value {
	c := e.span.Call
	switch i {
	case ChildCount:
		return Int(int64(e.span.children))
	case NestedSetLeft:
		return Int(int64(e.span.left))
	case NestedSetRight:
		return Int(int64(e.span.right))
	case NestedSetParent:
		if e.span.Parent < 0 {
			return Int(-1)
		}
		return Int(int64(e.trace.Spans[e.span.Parent].left))
	case TraceDuration:
		return Duration(time.Duration(e.trace.Duration))
	case RootName:
		return Text(e.trace.RootName)
	case RootService:
		return Text(e.trace.RootService)
	case CallCaller:
		return textOrNil(c.Caller)
	case CallCallee:
		return textOrNil(c.Callee)
	case CallOperation:
		return Text(c.Operation())
	case CallType:
		return Text(c.Type.String())
	case CallGap:
		if c.Client == nil || c.Server == nil {
			return Value{}
		}
		return Duration(time.Duration(c.Gap()))
	case CallLoadTest:
		return Bool(c.LoadTest())
	case CallResultCode:
		return textOrNil(strings.TrimSpace(c.Last().ResultCode))
	case CallCallerAddress:
		return textOrNil(c.CallerAddr())
	case CallCalleeAddress:
		return textOrNil(c.CalleeAddr())
	}
	return Value{}
}
