package traceql

import (
	"math"
	"slices"
	"time"
)

// Eval gives the sets of spans of a trace that the query finds, none where the trace does not match.
func (q *Query) Eval(t *Trace) []Spanset {
	all := Spanset{Spans: make([]int32, len(t.Spans))}
	for i := range all.Spans {
		all.Spans[i] = int32(i)
	}
	if len(all.Spans) == 0 {
		return nil
	}
	return t.pipeline(q.Pipeline, []Spanset{all})
}

// maxShown bounds the attributes that are shown with a span.
const maxShown = 32

// Shown gives the attributes that the query compares or selects, each once: what a list of its spans shows.
func (q *Query) Shown() (list []Attribute) {
	q.attributes(func(a Attribute) {
		if !slices.Contains(list, a) && len(list) < maxShown {
			list = append(list, a)
		}
	})
	return list
}

func (t *Trace) pipeline(p *Pipeline, in []Spanset) []Spanset {
	for _, s := range p.Stages {
		if len(in) == 0 {
			return nil
		}
		in = t.stage(s, in)
	}
	return in
}

func (t *Trace) stage(s Stage, in []Spanset) (out []Spanset) {
	switch s := s.(type) {
	case Coalesce:
		var all Spanset
		for i := range in {
			all.Spans = append(all.Spans, in[i].Spans...)
		}
		all.Spans = sortSet(all.Spans)
		return []Spanset{all}
	case *Select, Value, *Aggregate, *ScalarOp:
		return in
	case *Pipeline:
		return t.pipeline(s, in)
	case *GroupBy:
		for i := range in {
			out = append(out, t.groups(s, &in[i])...)
		}
		return out
	}
	for i := range in {
		switch s := s.(type) {
		case *SpansetFilter:
			if spans := t.filter(s, in[i].Spans); len(spans) > 0 {
				out = append(out, Spanset{spans, in[i].Labels})
			}
		case *SpansetOp:
			if spans := t.combine(s, &in[i]); len(spans) > 0 {
				out = append(out, Spanset{spans, in[i].Labels})
			}
		case *ScalarFilter:
			out = append(out, t.compared(s, &in[i])...)
		}
	}
	return out
}

func (t *Trace) filter(f *SpansetFilter, in []int32) (out []int32) {
	if f.Expr == nil {
		return in
	}
	for _, i := range in {
		e := env{t, &t.Spans[i]}
		if isTrue(e.eval(f.Expr)) {
			out = append(out, i)
		}
	}
	return out
}

// MaxGroups bounds the sets that by() makes of the spans of a trace; what is beyond is left out.
const MaxGroups = 10_000

func (t *Trace) groups(g *GroupBy, in *Spanset) (out []Spanset) {
	byValue := make(map[string]int)
	for _, i := range in.Spans {
		e := env{t, &t.Spans[i]}
		v := e.eval(g.Expr)
		key := v.String()
		at, ok := byValue[key]
		if !ok {
			if len(out) == MaxGroups {
				continue
			}
			at = len(out)
			byValue[key] = at
			labels := append(in.Labels[:len(in.Labels):len(in.Labels)], Label{g.String(), v})
			out = append(out, Spanset{Labels: labels})
		}
		out[at].Spans = append(out[at].Spans, i)
	}
	return out
}

// flat gives the spans of what a part of a stage finds in a set.
func (t *Trace) flat(s Stage, in *Spanset) (list []int32) {
	sets := t.stage(s, []Spanset{*in})
	if len(sets) == 1 {
		return sets[0].Spans
	}
	for i := range sets {
		list = append(list, sets[i].Spans...)
	}
	return sortSet(list)
}

func (t *Trace) combine(o *SpansetOp, in *Spanset) []int32 {
	l := t.flat(o.L, in)
	if len(l) == 0 && o.Op != OpOr && !o.Op.negated() {
		return nil
	}
	r := t.flat(o.R, in)
	switch {
	case o.Op == OpOr, o.Op == OpAnd && len(r) > 0:
		return sortSet(append(append(make([]int32, 0, len(l)+len(r)), l...), r...))
	case o.Op == OpAnd || len(r) == 0:
		return nil
	}
	found := t.related(o.Op.relation(), l, r, o.Op.negated())
	if o.Op.union() {
		found = sortSet(append(found, t.related(inverse(o.Op.relation()), r, l, false)...))
	}
	return found
}

// inverse gives the relation of r to l where l has op to r.
func inverse(op Op) Op {
	switch op {
	case OpChild:
		return OpParent
	case OpParent:
		return OpChild
	case OpDescendant:
		return OpAncestor
	case OpAncestor:
		return OpDescendant
	}
	return op
}

// related gives the spans of r that are children, parents, descendants, ancestors or siblings of one of l; with not, the others.
func (t *Trace) related(op Op, l, r []int32, not bool) (out []int32) {
	in := make([]bool, len(t.Spans))
	for _, i := range l {
		in[i] = true
	}
	var holds func(i int32) bool
	switch op {
	case OpChild:
		holds = func(i int32) bool { p := t.Spans[i].Parent; return p >= 0 && in[p] }
	case OpParent:
		has := make([]bool, len(t.Spans))
		for _, i := range l {
			if p := t.Spans[i].Parent; p >= 0 {
				has[p] = true
			}
		}
		holds = func(i int32) bool { return has[i] }
	case OpDescendant:
		below := make([]bool, len(t.Spans))
		for _, i := range t.order {
			if p := t.Spans[i].Parent; p >= 0 {
				below[i] = below[p] || in[p]
			}
		}
		holds = func(i int32) bool { return below[i] }
	case OpAncestor:
		above := make([]bool, len(t.Spans))
		for n := len(t.order) - 1; n >= 0; n-- {
			i := t.order[n]
			if p := t.Spans[i].Parent; p >= 0 && (in[i] || above[i]) {
				above[p] = true
			}
		}
		holds = func(i int32) bool { return above[i] }
	default:
		siblings := make(map[int32]int)
		for _, i := range l {
			siblings[t.Spans[i].Parent]++
		}
		holds = func(i int32) bool {
			p := t.Spans[i].Parent
			if p < 0 {
				return false
			}
			n := siblings[p]
			if in[i] {
				n--
			}
			return n > 0
		}
	}
	for _, i := range r {
		if holds(i) != not {
			out = append(out, i)
		}
	}
	return out
}

// compared applies a comparison of numbers to a set.
func (t *Trace) compared(f *ScalarFilter, in *Spanset) []Spanset {
	out := Spanset{Spans: in.Spans, Labels: in.Labels[:len(in.Labels):len(in.Labels)]}
	var spans []int32
	fromPipelines := false
	number := func(s Scalar) Value { return t.numberOf(s, in, &out, &spans, &fromPipelines) }
	l, r := number(f.L), number(f.R)
	b := Binary{Op: f.Op}
	if l.IsNil() || r.IsNil() || !b.holds(l, r) {
		return nil
	}
	if fromPipelines {
		out.Spans = sortSet(spans)
	}
	return []Spanset{out}
}

// numberOf gives a number of a set. Sets that pipelines in it leave are collected in spans.
func (t *Trace) numberOf(s Scalar, in, out *Spanset, spans *[]int32, fromPipelines *bool) Value {
	switch s := s.(type) {
	case Value:
		return s
	case *ScalarOp:
		l := t.numberOf(s.L, in, out, spans, fromPipelines)
		return arithmetic(s.Op, l, t.numberOf(s.R, in, out, spans, fromPipelines))
	case *Aggregate:
		v := t.aggregate(s, in.Spans)
		out.Labels = append(out.Labels, Label{s.String(), v})
		return v
	case *Pipeline:
		last := len(s.Stages) - 1
		var all Spanset
		for _, set := range t.pipeline(&Pipeline{s.Stages[:last]}, []Spanset{*in}) {
			all.Spans = append(all.Spans, set.Spans...)
		}
		all.Spans = sortSet(all.Spans)
		if len(all.Spans) == 0 {
			return Value{}
		}
		*spans, *fromPipelines = append(*spans, all.Spans...), true
		return t.numberOf(s.Stages[last], &all, out, spans, fromPipelines)
	}
	return Value{}
}

func (t *Trace) aggregate(a *Aggregate, spans []int32) Value {
	if a.Func == Count {
		return Int(int64(len(spans)))
	}
	n, sum, least, greatest := 0, 0.0, math.Inf(1), math.Inf(-1)
	of := TypeInt
	for _, i := range spans {
		e := env{t, &t.Spans[i]}
		v := e.eval(a.Expr)
		f := v.Float()
		if math.IsNaN(f) {
			continue
		}
		if n == 0 || of == TypeInt {
			of = v.Type
		}
		n++
		sum += f
		least, greatest = min(least, f), max(greatest, f)
	}
	if n == 0 {
		return Value{}
	}
	f := sum
	switch a.Func {
	case Avg:
		f /= float64(n)
	case Min:
		f = least
	case Max:
		f = greatest
	}
	switch {
	case of == TypeDuration:
		return Duration(time.Duration(f))
	case of == TypeInt && f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return Int(int64(f))
	}
	return Float(f)
}
