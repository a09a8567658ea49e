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
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.biz, key)
}

// SystemBaggage gives the value of a system baggage item, "" if there is none.
func (s *Span) SystemBaggage(key string) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.sys, key)
}

// SetBaggage sets a business baggage item, which travels to everything that this span calls from now on. An item that
// does not fit in Config.BizBaggageBytes, or has no key, is dropped and counted. Contexts that carry the span have it in
// OpenTelemetry's baggage as well, where that API is used.
func (s *Span) SetBaggage(key, value string) {
	if s.lock() {
		s.biz = s.tracer.addBaggage(s.biz, key, value, s.tracer.config.BizBaggageBytes)
		s.mu.Unlock()
	}
}

// SetSystemBaggage sets a system baggage item: like SetBaggage, for what the infrastructure needs. It travels in
// SOFATracer's formats only, not in W3C baggage.
func (s *Span) SetSystemBaggage(key, value string) {
	if s.lock() {
		s.sys = s.tracer.addBaggage(s.sys, key, value, s.tracer.config.SysBaggageBytes)
		s.mu.Unlock()
	}
}

// LoadTest says that the span belongs to load-test traffic: business baggage mark=T.
func (s *Span) LoadTest() bool { return s.Baggage(markKey) == markLoadTest }

// baggage gives both lists; they are not to be changed.
func (s *Span) baggage() (biz, sys []Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.biz, s.sys
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
