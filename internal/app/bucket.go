package app

import dto "github.com/prometheus/client_model/go"

// bucket is one of a histogram: how many observations were at most its bound, those of lower buckets included.
type bucket struct {
	bound float64
	count uint64
}

// buckets are those of a histogram, the lowest bound first. What is above the last bound is not in them.
type buckets []bucket

// buckets gives those of a metric's first histogram.
func (r readings) buckets(name string) buckets {
	for _, m := range r.of(name) {
		if h := m.GetHistogram(); h != nil {
			return bucketsOf(h)
		}
	}
	return nil
}

func bucketsOf(h *dto.Histogram) buckets {
	out := make(buckets, 0, len(h.GetBucket()))
	for _, b := range h.GetBucket() {
		out = append(out, bucket{b.GetUpperBound(), b.GetCumulativeCount()})
	}
	return out
}

// since takes away what was observed before.
func (b buckets) since(before buckets) buckets {
	if len(before) != len(b) {
		return b
	}
	out := make(buckets, len(b))
	for i := range b {
		out[i] = bucket{b[i].bound, b[i].count - before[i].count}
	}
	return out
}

// quantile is read between the bounds of the bucket that it falls into, as Prometheus' histogram_quantile does; 0 where
// nothing was observed.
func (b buckets) quantile(q float64) float64 {
	if len(b) == 0 || b[len(b)-1].count == 0 {
		return 0
	}
	rank := q * float64(b[len(b)-1].count)
	var below bucket
	for _, at := range b {
		if float64(at.count) >= rank && at.count > below.count {
			return below.bound + (at.bound-below.bound)*(rank-float64(below.count))/float64(at.count-below.count)
		}
		below = at
	}
	return below.bound
}
