package store

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// field is what a posting is about.
type field byte

// The indexed fields. Addresses are indexed by host: the other side of a server half has a port of its own for every connection.
const (
	fieldCaller field = 1 + iota
	fieldCallee
	fieldOperation
	fieldHost
	fieldError
	// fieldHostHash is in the place of fieldHost where a range has too many hosts: several share a value.
	fieldHostHash
	fieldsEnd
)

// hostsHashed is the bit in the set of fields without postings that says that fieldHostHash has some.
const hostsHashed = 1 << 63

// hostHash gives the value of fieldHostHash that a host belongs to, one of maxValues.
func hostHash(host string) string {
	h := fnv.New64a()
	h.Write(bytesOf(host))
	return string(binary.BigEndian.AppendUint16(nil, uint16(h.Sum64()%maxValues)))
}

// maxValues is the number of different values of a field beyond which a range does not index the field: its rows would
// cost more than they save. The range's done row says so.
const maxValues = 4096

// The versions of a posting: blocks with bounds, or a set of blocks, for fieldHostHash, of which a range has thousands.
const (
	postingVersion  = 1
	blockSetVersion = 2
)

// bounds are what is known of a set of calls.
type bounds struct {
	calls                    int64
	least, greatest          int64 // Time
	minDuration, maxDuration int64 // of the halves
}

// add counts a call whose halves take shortest to longest.
func (b *bounds) add(at, shortest, longest int64) {
	if b.calls == 0 {
		*b = bounds{1, at, at, shortest, longest}
		return
	}
	b.calls++
	b.least, b.greatest = min(b.least, at), max(b.greatest, at)
	b.minDuration, b.maxDuration = min(b.minDuration, shortest), max(b.maxDuration, longest)
}

// durations gives the shorter and the longer duration of a call's halves.
func durations(c *span.Call) (shortest, longest int64) {
	a, b := c.Lead().Duration, c.Last().Duration
	return min(a, b), max(a, b)
}

func (b *bounds) append(dst []byte, base int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(b.calls))
	dst = binary.AppendVarint(dst, b.least-base)
	dst = binary.AppendUvarint(dst, uint64(b.greatest-b.least))
	dst = binary.AppendVarint(dst, b.minDuration)
	return binary.AppendUvarint(dst, uint64(b.maxDuration-b.minDuration))
}

func (d *decoder) bounds(base int64) (b bounds) {
	b.calls = int64(d.uvarint())
	b.least = base + d.varint()
	b.greatest = b.least + int64(d.uvarint())
	b.minDuration = d.varint()
	b.maxDuration = b.minDuration + int64(d.uvarint())
	return b
}

// may says whether a call within the bounds can match q.
func (b *bounds) may(q *Query) bool {
	return b.calls > 0 && b.greatest >= q.From && (q.To == 0 || b.least < q.To) &&
		(q.MinDuration == 0 || b.maxDuration >= q.MinDuration) && (q.MaxDuration == 0 || b.minDuration <= q.MaxDuration) &&
		(q.After.IsZero() || b.least <= q.After.Start) && (q.Half == nil || q.Half.may(b))
}

// posting says what a block has of one value.
type posting struct {
	block int
	bounds
}

type postingKey struct {
	field field
	value string
}

// postings collects the postings of a range, block after block.
type postings struct {
	lists  map[postingKey][]posting
	counts [fieldsEnd]int
	// last are the lists of the call before, which mostly has the same callee and operation.
	last [fieldsEnd]struct {
		value string
		at    *posting
	}
}

func newPostings() *postings { return &postings{lists: make(map[postingKey][]posting)} }

func (p *postings) begin() { clear(p.last[:]) }

func (p *postings) add(block int, r *row) {
	c := r.call
	shortest, longest := r.shortest, r.longest
	p.put(fieldCaller, c.Caller, block, r.time, shortest, longest)
	p.put(fieldCallee, c.Callee, block, r.time, shortest, longest)
	p.put(fieldOperation, c.Operation(), block, r.time, shortest, longest)
	if c.Failed() {
		p.put(fieldError, "", block, r.time, shortest, longest)
	}
	var hosts [4]string
	n := 0
	for _, h := range [...]*span.Half{c.Client, c.Server} {
		if h == nil {
			continue
		}
		for _, addr := range [...]string{h.LocalAddr, h.PeerAddr} {
			if host := hostOf(addr); addr != "" && !slices.Contains(hosts[:n], host) {
				hosts[n] = host
				n++
				p.put(fieldHost, host, block, r.time, shortest, longest)
			}
		}
	}
}

func (p *postings) put(f field, value string, block int, at, shortest, longest int64) {
	if p.counts[f] > maxValues {
		if f != fieldHost {
			return
		}
		f, value = fieldHostHash, hostHash(value)
	}
	last := &p.last[f]
	if last.at != nil && last.value == value {
		last.at.add(at, shortest, longest)
		return
	}
	key := postingKey{f, value}
	list, known := p.lists[key]
	if !known {
		if p.counts[f]++; f == fieldHost && p.counts[f] > maxValues {
			p.hash()
			p.put(f, value, block, at, shortest, longest)
			return
		}
		key.value = strings.Clone(value)
	}
	if len(list) == 0 || list[len(list)-1].block != block {
		list = append(list, posting{block: block})
		p.lists[key] = list
	}
	last.value, last.at = value, &list[len(list)-1]
	last.at.add(at, shortest, longest)
}

// hash puts the postings of hosts together by hash.
func (p *postings) hash() {
	clear(p.last[:])
	for key, list := range p.lists {
		if key.field != fieldHost {
			continue
		}
		delete(p.lists, key)
		to := postingKey{fieldHostHash, hostHash(key.value)}
		if _, known := p.lists[to]; !known {
			p.counts[fieldHostHash]++
		}
		p.lists[to] = append(p.lists[to], list...)
	}
	for key, list := range p.lists {
		if key.field != fieldHostHash {
			continue
		}
		slices.SortFunc(list, func(a, b posting) int { return a.block - b.block })
		kept := list[:1]
		for i := range list[1:] {
			if next := &list[1+i]; next.block == kept[len(kept)-1].block {
				kept[len(kept)-1].merge(&next.bounds)
			} else {
				kept = append(kept, *next)
			}
		}
		p.lists[key] = kept
	}
}

// unindexed is the set of fields, as bits, that have too many values.
func (p *postings) unindexed() (mask uint64) {
	for f, n := range p.counts {
		if n > maxValues {
			mask |= 1 << f
		}
	}
	if mask>>fieldHost&1 != 0 {
		mask |= hostsHashed
	}
	return mask
}

func (p *postings) rows(r RangeID, base int64, yield func(Row)) {
	mask := p.unindexed()
	for key, list := range p.lists {
		if mask>>key.field&1 != 0 {
			continue
		}
		if key.field == fieldHostHash {
			yield(Row{TablePosting, appendRange(postingPrefix(key.field, key.value), r), appendBlockSet(list)})
			continue
		}
		b := binary.AppendUvarint([]byte{postingVersion}, uint64(len(list)))
		prev := 0
		for i := range list {
			b = binary.AppendUvarint(b, uint64(list[i].block-prev))
			prev = list[i].block
			b = list[i].append(b, base)
		}
		yield(Row{TablePosting, appendRange(postingPrefix(key.field, key.value), r), b})
	}
}

// appendBlockSet writes which blocks are in the list, a bit each.
func appendBlockSet(list []posting) []byte {
	b := make([]byte, 1+list[len(list)-1].block/8+1)
	b[0] = blockSetVersion
	for i := range list {
		b[1+list[i].block/8] |= 1 << (list[i].block % 8)
	}
	return b
}

// anywhere are the bounds of a block of which only is known that it has some calls.
var anywhere = bounds{1, math.MinInt64, math.MaxInt64, math.MinInt64, math.MaxInt64}

func parseBlockSet(b []byte) (list []posting, err error) {
	if len(b) > maxBlocks/8 {
		return nil, fmt.Errorf("%w: a posting of too many blocks", ErrCorrupt)
	}
	for i, set := range b {
		for ; set != 0; set &= set - 1 {
			list = append(list, posting{8*i + bits.TrailingZeros8(set), anywhere})
		}
	}
	return list, nil
}

func parsePostings(b []byte, base int64) ([]posting, error) {
	if len(b) > 0 && b[0] == blockSetVersion {
		return parseBlockSet(b[1:])
	}
	d := decoder{b: b}
	d.version(postingVersion, "a posting")
	list := make([]posting, d.count(6))
	block := 0
	for i := range list {
		block += d.int(maxBlocks)
		list[i] = posting{block, d.bounds(base)}
	}
	d.end()
	return list, d.err
}
