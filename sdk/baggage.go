package twinspan

import "slices"

// markKey and markLoadTest are the business baggage that marks load-test traffic.
const (
	markKey      = "mark"
	markLoadTest = "T"
)

// Baggage gives the value of a business baggage item, "" if there is none.
func (s *Span) Baggage(key string) string {
	if s == nil {
		return ""
	}
	return lookup(s.baggage().biz, key)
}

// SystemBaggage gives the value of a system baggage item, "" if there is none.
func (s *Span) SystemBaggage(key string) string {
	if s == nil {
		return ""
	}
	return lookup(s.baggage().sys, key)
}

// SetBaggage sets a business baggage item, which travels to everything that this span calls from now on. An item that
// does not fit in Config.BizBaggageBytes, or has no key, is dropped and counted. Contexts that carry the span have it in
// OpenTelemetry's baggage as well, where that API is used.
func (s *Span) SetBaggage(key, value string) {
	if s.lock() {
		s.takeBaggage([]Pair{{key, value}}, nil)
		s.mu.Unlock()
	}
}

// SetSystemBaggage sets a system baggage item: like SetBaggage, for what the infrastructure needs. It travels in
// SOFATracer's formats only, not in W3C baggage.
func (s *Span) SetSystemBaggage(key, value string) {
	if s.lock() {
		s.takeBaggage(nil, []Pair{{key, value}})
		s.mu.Unlock()
	}
}

// LoadTest says that the span belongs to load-test traffic: business baggage mark=T.
func (s *Span) LoadTest() bool { return s != nil && s.bag.Load().loadTest() }

// bag is the baggage of a span: business and system baggage, sorted by key. Neither it nor its lists are ever changed, so that
// spans share them and read them without a lock.
type bag struct{ biz, sys []Pair }

// loadTest is LoadTest's.
func (b *bag) loadTest() bool { return b != nil && lookup(b.biz, markKey) == markLoadTest }

// baggage gives what the span carries.
func (s *Span) baggage() bag {
	if b := s.bag.Load(); b != nil {
		return *b
	}
	return bag{}
}

func has(pairs []Pair, key string) bool {
	for i := range pairs {
		if pairs[i].Key == key {
			return true
		}
	}
	return false
}

func lookup(pairs []Pair, key string) string {
	for i := range pairs {
		if pairs[i].Key == key {
			return pairs[i].Value
		}
	}
	return ""
}

// addBaggage gives a copy of pairs, sorted by key, with one more item or another value, or pairs as they are if the item
// does not fit.
func (t *Tracer) addBaggage(pairs []Pair, key, value string, limit int) []Pair {
	size := len(key) + len(value)
	for _, p := range pairs {
		if p.Key != key {
			size += len(p.Key) + len(p.Value)
		}
	}
	if key == "" || size > limit {
		t.counters.baggageDropped.Add(1)
		return pairs
	}
	i := 0
	for i < len(pairs) && pairs[i].Key < key {
		i++
	}
	if i < len(pairs) && pairs[i].Key == key {
		if pairs[i].Value == value {
			return pairs
		}
		pairs = slices.Clone(pairs)
		pairs[i].Value = value
		return pairs
	}
	return slices.Insert(slices.Clip(slices.Clone(pairs)), i, Pair{key, value})
}
