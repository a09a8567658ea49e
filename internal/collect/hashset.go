package collect

// hashSet is a set of well-mixed hashes. It holds eight bytes for each place, of which at most two thirds are taken, and
// no pointers. The zero value is empty.
type hashSet struct {
	places []uint64 // a power of two; 0 is free
	n      int
	zero   bool // 0 is in the set
}

const leastPlaces = 1 << 10

func (s *hashSet) has(h uint64) bool {
	if h == 0 {
		return s.zero
	}
	if len(s.places) == 0 {
		return false
	}
	return s.places[s.find(h)] == h
}

// find gives the place of h, or the free one where it would be.
func (s *hashSet) find(h uint64) uint64 {
	mask := uint64(len(s.places) - 1)
	at := h & mask
	for s.places[at] != 0 && s.places[at] != h {
		at = (at + 1) & mask
	}
	return at
}

// add puts h in, and is false where it is in already.
func (s *hashSet) add(h uint64) bool {
	if h == 0 {
		was := s.zero
		s.zero = true
		return !was
	}
	if 3*s.n >= 2*len(s.places) {
		s.grow()
	}
	at := s.find(h)
	if s.places[at] == h {
		return false
	}
	s.places[at] = h
	s.n++
	return true
}

func (s *hashSet) grow() {
	old := s.places
	s.places = make([]uint64, max(leastPlaces, 2*len(old)))
	for _, h := range old {
		if h != 0 {
			s.places[s.find(h)] = h
		}
	}
}

// reset empties the set. It keeps the memory if a good part of it was used.
func (s *hashSet) reset() {
	if 8*s.n < len(s.places) {
		s.places = nil
	}
	clear(s.places)
	s.n, s.zero = 0, false
}
