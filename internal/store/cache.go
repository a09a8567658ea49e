package store

import (
	"container/list"
	"context"
	"sync"
)

// Cache keeps blocks and ids unpacked, those that were used last, up to a number of bytes. Unpacking is most of what a
// search or a trace costs, and most questions are about the newest blocks. Stores may share one. Its methods may be called
// from any goroutine.
type Cache struct {
	limit int64

	mu      sync.Mutex
	size    int64
	owned   map[*Store]int64
	entries map[cacheKey]*list.Element
	recent  list.List // of *cacheEntry, the last used first
}

type cacheKey struct {
	rng    *rangeInfo
	kind   byte // kindFilter for a block, kindIDs for ids
	number int
}

type cacheEntry struct {
	cacheKey
	owner *Store
	value any // *openBlock or *ids
	size  int64
}

// NewCache makes a cache of some bytes; of 0 it keeps nothing.
func NewCache(bytes int64) *Cache {
	return &Cache{limit: bytes, owned: make(map[*Store]int64), entries: make(map[cacheKey]*list.Element)}
}

// get gives what is kept. Where it takes it out, nobody else has it until it is put back: a block unpacks its columns one by
// one, when they are asked for.
func (c *Cache) get(key cacheKey, takeOut bool) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.entries[key]
	if at == nil {
		return nil
	}
	if takeOut {
		c.remove(at)
	} else {
		c.recent.MoveToFront(at)
	}
	return at.Value.(*cacheEntry).value
}

func (c *Cache) put(s *Store, key cacheKey, value any, size int64) {
	if size > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.entries[key]; at != nil {
		c.remove(at) // another reader's; this one may have more columns
	}
	c.entries[key] = c.recent.PushFront(&cacheEntry{key, s, value, size})
	c.size += size
	c.owned[s] += size
	for c.size > c.limit {
		c.remove(c.recent.Back())
	}
}

func (c *Cache) remove(at *list.Element) {
	e := c.recent.Remove(at).(*cacheEntry)
	delete(c.entries, e.cacheKey)
	c.size -= e.size
	c.owned[e.owner] -= e.size
}

// forget lets go of what a store has of a volume; of all volumes for nil.
func (c *Cache) forget(s *Store, kv Volume) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.entries {
		if e := at.Value.(*cacheEntry); e.owner == s && (kv == nil || e.rng.volume.Volume == kv) {
			c.remove(at)
		}
	}
	if kv == nil {
		delete(c.owned, s)
	}
}

func (c *Cache) bytes(s *Store) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owned[s]
}

// cached gives what is kept, and counts.
func (s *Store) cached(key cacheKey, takeOut bool) any {
	v := s.cache.get(key, takeOut)
	if v == nil {
		s.metrics.cacheMisses.Inc()
	} else {
		s.metrics.cacheHits.Inc()
	}
	return v
}

// openBlock gives a block that nobody else uses until putBlock, if that is called.
func (s *Store) openBlock(ctx context.Context, r *rangeInfo, number int) (*openBlock, error) {
	if b, ok := s.cached(cacheKey{r, kindFilter, number}, true).(*openBlock); ok {
		return b, nil
	}
	f, err := s.readFilters(ctx, r, number)
	if err != nil {
		return nil, err
	}
	return &openBlock{rng: r, number: number, filters: f}, nil
}

// putBlock says that a block, of which nothing is used any more, may be kept.
func (s *Store) putBlock(b *openBlock) {
	if b.err != nil {
		return
	}
	b.rows = nil
	s.cache.put(s, cacheKey{b.rng, kindFilter, b.number}, b, b.size())
}

// size is about the bytes that a block holds.
func (b *openBlock) size() int64 {
	n := 1024 + b.g.Size() + 8*(b.filters.rows+len(b.times)+len(b.traceOf)) + 4*len(b.ordinals)
	for i := range b.ints {
		if b.ints[i] != nil {
			n += b.ints[i].Size()
		}
		if b.texts[i] != nil {
			n += b.texts[i].Size()
		}
	}
	for side := range b.ownApp {
		n += 8 * (len(b.ownApp[side].at) + len(b.ownReceived[side].at))
	}
	if b.group.g == nil {
		return int64(n)
	}
	n += b.group.g.Size()
	for side, p := range b.payload {
		n += b.group.resources[side].texts.Size() + p.rows.Size()
		for f := range p.fields {
			n += 64 + len(p.fields[f].key) + p.texts[f].Size() + p.nums[f].Size()
		}
		for _, shape := range p.shapes {
			n += 24 + 8*len(shape)
		}
	}
	return int64(n)
}

// size is about the bytes that ids hold.
func (d *ids) size() int64 {
	n := 1024 + 8*(len(d.firsts)+len(d.halves)) + len(d.others)
	for p := range d.planes {
		n += d.planes[p].Size()
	}
	n += d.block.Size() + d.present.Size() + d.span.Size() + d.origin.Size() + d.other.Size() + d.text.Size() + d.dotted.Size()
	for _, r := range [...]*refs{&d.parent, &d.twin} {
		n += r.to.Size() + r.own.Size()
	}
	return int64(n)
}
