// Package histogram is the one exponential latency histogram of Twinspan: the SDK counts into it, stat lines carry it,
// roll-ups add it up, and because its scale is fixed, merging is exact at every step. It depends on the standard library
// only. It is not safe for concurrent use.
package histogram

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// Scale is the scale of all histograms as OpenTelemetry defines it: bucket i holds values v with
// 2^(i/2^Scale) < v <= 2^((i+1)/2^Scale). At 4 a bucket's bounds are 4.4% apart, so a quantile is off by 2.2% at most.
const Scale = 4

const perOctave = 1 << Scale

// uppers[k] is 2^((k+1)/perOctave) as a fixed-point number with 63 fraction bits, for the index of a mantissa.
var uppers = func() (u [perOctave]uint64) {
	for k := range perOctave - 1 {
		u[k] = uint64(math.Exp2(float64(k+1)/perOctave) * (1 << 63))
	}
	u[perOctave-1] = math.MaxUint64
	return u
}()

// cellBits is the number of a mantissa's first fraction bits that leave at most one bound to look at: cells are narrower than buckets.
const cellBits = 8

// cells gives the least bucket that a mantissa with these bits may be in.
var cells = func() (c [1 << cellBits]uint8) {
	for i := range c {
		for least := 1<<63 | uint64(i)<<(63-cellBits); uppers[c[i]] < least; {
			c[i]++
		}
	}
	return c
}()

// H counts values, by convention durations in nanoseconds. The zero value is empty and ready. Values of 0 and less are
// counted as zero. Counts are modulo 2^64, so that a histogram can also carry a correction (see Sub).
type H struct {
	// Count is the number of values, Zero of those the number that were 0 or less, Sum the sum of the others.
	Count, Zero uint64
	Sum         int64
	// first is the index of buckets[0].
	first   int
	buckets []uint64
}

// Index gives the bucket of a value above 0.
func Index(v int64) int {
	if v <= 1 {
		return -1
	}
	u := uint64(v)
	exp := bits.Len64(u) - 1
	if u&(u-1) == 0 { // a power of two is the upper bound of its bucket
		return exp*perOctave - 1
	}
	m := u << (63 - exp) // 1.xxx with 63 fraction bits
	// The least k for which m <= uppers[k], without branches that nobody could foresee.
	k := cells[m>>(63-cellBits)%(1<<cellBits)]
	_, above := bits.Sub64(uppers[k], m, 0)
	return exp*perOctave + int(k) + int(above)
}

// Upper gives the upper, inclusive bound of bucket i.
func Upper(i int) float64 { return math.Exp2(float64(i+1) / perOctave) }

// Add counts one value.
func (h *H) Add(v int64) { h.AddN(v, 1) }

// AddN counts a value n times.
func (h *H) AddN(v int64, n uint64) {
	h.Count += n
	if v <= 0 {
		h.Zero += n
		return
	}
	h.Sum += v * int64(n)
	h.addBucket(Index(v), n)
}

func (h *H) addBucket(i int, n uint64) {
	h.reach(i)
	h.buckets[i-h.first] += n
}

// reach grows buckets so that index i is inside.
func (h *H) reach(i int) {
	switch {
	case len(h.buckets) == 0:
		if cap(h.buckets) == 0 {
			h.buckets = make([]uint64, 0, perOctave)
		}
		h.first = i
		h.buckets = append(h.buckets, 0)
	case i < h.first:
		// With some room: values that come next may be less still.
		room := h.first - i + perOctave/2
		grown := make([]uint64, len(h.buckets)+room, len(h.buckets)+room+perOctave/2)
		copy(grown[room:], h.buckets)
		h.buckets, h.first = grown, h.first-room
	default:
		for i >= h.first+len(h.buckets) {
			h.buckets = append(h.buckets, 0)
		}
	}
}

// Merge adds all of o.
func (h *H) Merge(o *H) {
	h.Count += o.Count
	h.Zero += o.Zero
	h.Sum += o.Sum
	for i, n := range o.buckets {
		if n != 0 {
			h.addBucket(o.first+i, n)
		}
	}
}

// Sub takes all of o away. The result may be a correction (negative modulo 2^64) until it is merged with what it corrects.
func (h *H) Sub(o *H) {
	h.Count -= o.Count
	h.Zero -= o.Zero
	h.Sum -= o.Sum
	for i, n := range o.buckets {
		if n != 0 {
			h.addBucket(o.first+i, -n)
		}
	}
}

// Clone gives a copy that shares nothing.
func (h *H) Clone() *H {
	c := *h
	c.buckets = append([]uint64(nil), h.buckets...)
	return &c
}

// Buckets calls yield with the index and count of every bucket that is not empty, lowest first.
func (h *H) Buckets(yield func(index int, count uint64) bool) {
	for i, n := range h.buckets {
		if n != 0 && !yield(h.first+i, n) {
			return
		}
	}
}

// Quantile gives the value below which the share q (0 to 1) of all values lies, by the geometric middle of its bucket;
// 0 for an empty histogram.
func (h *H) Quantile(q float64) float64 {
	if h.Count == 0 || int64(h.Count) < 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(h.Count)))
	rank = max(rank, 1)
	if rank <= h.Zero {
		return 0
	}
	seen := h.Zero
	last := 0
	for i, n := range h.buckets {
		if int64(n) <= 0 {
			continue
		}
		seen += n
		last = h.first + i
		if seen >= rank {
			break
		}
	}
	return math.Exp2((float64(last) + 0.5) / perOctave)
}

// Append encodes h behind b: varints of count, zero, sum (zigzag), number of filled buckets, then for each bucket the
// distance from the one before (the first: zigzag index) and its count.
func (h *H) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, h.Count)
	b = binary.AppendUvarint(b, h.Zero)
	b = binary.AppendVarint(b, h.Sum)
	filled := 0
	for _, n := range h.buckets {
		if n != 0 {
			filled++
		}
	}
	b = binary.AppendUvarint(b, uint64(filled))
	before := 0
	for i, n := range h.buckets {
		if n != 0 {
			b = binary.AppendVarint(b, int64(h.first+i-before))
			b = binary.AppendUvarint(b, n)
			before = h.first + i
		}
	}
	return b
}

// ErrMalformed says that bytes are not an encoded histogram.
var ErrMalformed = errors.New("histogram: malformed encoding")

// maxIndex bounds the indices that Decode accepts: no int64 is beyond it.
const maxIndex = 64 * perOctave

// Decode reads what Append wrote and gives the rest of b.
func Decode(b []byte) (h H, rest []byte, err error) {
	if rest, err = h.MergeEncoded(b); err != nil {
		return H{}, nil, err
	}
	return h, rest, nil
}

// MergeEncoded adds the histogram that Append wrote at the front of b, and gives the rest of b. After an error h has a part
// of it.
func (h *H) MergeEncoded(b []byte) (rest []byte, err error) {
	at := 0
	uvarint := func() uint64 {
		if at < len(b) && b[at] < 0x80 { // nearly all are
			at++
			return uint64(b[at-1])
		}
		v, n := binary.Uvarint(b[at:])
		if n <= 0 {
			err = ErrMalformed
			return 0
		}
		at += n
		return v
	}
	varint := func() int64 {
		u := uvarint()
		return int64(u>>1) ^ -int64(u&1)
	}
	h.Count += uvarint()
	h.Zero += uvarint()
	h.Sum += varint()
	index := int64(0)
	for range uvarint() {
		index += varint()
		n := uvarint()
		if err != nil || index < -perOctave || index > maxIndex {
			return nil, ErrMalformed
		}
		if i := int(index) - h.first; i >= 0 && i < len(h.buckets) {
			h.buckets[i] += n
			continue
		}
		h.addBucket(int(index), n)
	}
	if err != nil {
		return nil, err
	}
	return b[at:], nil
}

// Reset empties h and keeps its memory for what it counts next.
func (h *H) Reset() { *h = H{buckets: h.buckets[:0]} }
