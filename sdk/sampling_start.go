package twinspan

import "strings"

// HasSamplingRules says that a Sampler or rules look at what a trace begins with. An instrumentation that would not else know its
// operation and tags at the start gives them then, by StartOptions or as the operation, and spares itself the work otherwise. It
// may change while the Tracer runs.
func (t *Tracer) HasSamplingRules() bool { return t != nil && t.sampling.Load().asks }

// anything says that a pattern fits every text.
func anything(pattern string) bool { return strings.Trim(pattern, "*") == "" }

// seen is what rules see of a span that starts.
type seen struct {
	component Component
	inferred  bool // the component is that of the tags so far
	operation string
	request   string // of an inferred HTTP span: method and path, when its operation is not that
}

func (p *samplingPlan) look(s *Span) seen {
	v := seen{component: s.component, operation: s.operation}
	if s.component != Inferred || !p.asks {
		return v
	}
	at := s.facts()
	v.component, v.inferred = s.inferComponent(&at), true
	if v.component != HTTPServer && v.component != HTTPClient {
		return v
	}
	path := s.fact(&at, factPath)
	if path == "" {
		_, rest, _ := strings.Cut(s.fact(&at, factURL), "://")
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			path = rest[i:]
		}
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if path == "" {
		path = "/"
	}
	v.request = s.fact(&at, factMethod) + " " + path
	return v
}

// fits says that a rule's component and operation fit. "inferred" is a name of all spans whose component is.
func (v *seen) fits(r *samplingRule, s *Span) bool {
	if !fits(r.component, v.component.pattern()) && !(s.component == Inferred && fits(r.component, Inferred.pattern())) {
		return false
	}
	return fits(r.operation, v.operation) || v.request != "" && fits(r.operation, v.request)
}
