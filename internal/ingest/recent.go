package ingest

import "sync"

// Recent remembers requests by their hash for a while, in two generations of which the older one is dropped as a whole.
// It is safe for concurrent use.
type Recent struct {
	mu       sync.Mutex
	window   int64
	began    int64
	now, old map[uint64]struct{}
}

// maxRecent bounds a generation: about 32 MB.
const maxRecent = 1 << 20

// NewRecent remembers for at least window nanoseconds, unless more than a million requests come in that time.
func NewRecent(window int64) *Recent {
	return &Recent{window: window, now: make(map[uint64]struct{}), old: make(map[uint64]struct{})}
}

// seen says that the request was taken before.
func (r *Recent) seen(hash uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.has(hash)
}

func (r *Recent) has(hash uint64) bool {
	if _, ok := r.now[hash]; ok {
		return true
	}
	_, ok := r.old[hash]
	return ok
}

// Add remembers a request that is durable, taken at a time in ns of the Unix epoch. It gives false where one with the same
// hash had been taken before.
func (r *Recent) Add(hash uint64, at int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.has(hash) {
		return false
	}
	if at-r.began > r.window || len(r.now) >= maxRecent {
		r.old, r.now, r.began = r.now, make(map[uint64]struct{}, len(r.now)), at
	}
	r.now[hash] = struct{}{}
	return true
}
