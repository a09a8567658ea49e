package store

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// index knows, in memory, the ranges that are done: where they are and what their done rows say.
type index struct {
	mu sync.Mutex
	// volumes, newest first.
	volumes []*volume
	// intervals of each partition: merged, sorted.
	intervals map[uint16][]Interval
	// last range of each partition, by offset.
	last map[uint16]*rangeInfo
	// claimed are the ranges that are being written.
	claimed map[RangeID]int64
	// tallies are all roll-ups, each range's own and the sums.
	tallies map[mergedID]*tally
	// loading says that not all ranges are known yet, so that sums are not looked at.
	loading bool
}

// volume is a KV's volume and its ranges.
type volume struct {
	Volume
	byID map[RangeID]*rangeInfo
	// ranges only grows, so that readers share it. Its own lock is index.mu.
	ranges []*rangeInfo
	bounds bounds
	// tops are the tallies that are in no sum. A slice of it stays as it is.
	tops []*tally
}

// rangeInfo is a range that is done. It is not changed.
type rangeInfo struct {
	id     RangeID
	volume *volume
	*done
}

func newIndex() *index {
	return &index{intervals: make(map[uint16][]Interval), last: make(map[uint16]*rangeInfo), claimed: make(map[RangeID]int64),
		tallies: make(map[mergedID]*tally), loading: true}
}

// volumeOf gives the index's own volume of a KV's, which it takes over, acquired, or releases.
func (x *index) volumeOf(kv Volume) *volume {
	for _, v := range x.volumes {
		if v.Volume == kv {
			kv.Release()
			return v
		}
	}
	v := &volume{Volume: kv, byID: make(map[RangeID]*rangeInfo)}
	at, _ := slices.BinarySearchFunc(x.volumes, v, func(a, b *volume) int {
		return cmp.Or(cmp.Compare(b.Day(), a.Day()), cmp.Compare(b.Name(), a.Name()))
	})
	x.volumes = slices.Insert(x.volumes, at, v)
	return v
}

// take takes over an acquired volume, whether it has ranges or not.
func (x *index) take(kv Volume) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.volumeOf(kv)
}

// add takes up a range that is done. kv is acquired and the index's from now on.
func (x *index) add(kv Volume, id RangeID, d *done) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !kv.Acquire() { // dropped since it was written: drop, which follows, must find nothing new
		x.intervals[id.Partition] = insertInterval(x.intervals[id.Partition], Interval{id.From, d.to})
		kv.Release()
		return
	}
	kv.Release()
	v := x.volumeOf(kv)
	if v.byID[id] != nil {
		return
	}
	info := &rangeInfo{id: id, volume: v, done: d}
	v.byID[id] = info
	v.ranges = append(v.ranges, info)
	v.bounds.merge(&d.bounds)
	x.intervals[id.Partition] = insertInterval(x.intervals[id.Partition], Interval{id.From, d.to})
	if last := x.last[id.Partition]; last == nil || last.id.From < id.From {
		x.last[id.Partition] = info
	}
	x.addTally(info)
	if !x.loading {
		x.addMerged([]*rangeInfo{info})
	}
}

// loaded says that all ranges are known.
func (x *index) loaded() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loading = false
	var ranges []*rangeInfo
	for _, v := range x.volumes {
		ranges = append(ranges, v.ranges...)
	}
	x.addMerged(ranges)
}

func (b *bounds) merge(o *bounds) {
	switch {
	case o.calls == 0:
	case b.calls == 0:
		*b = *o
	default:
		b.calls += o.calls
		b.least, b.greatest = min(b.least, o.least), max(b.greatest, o.greatest)
		b.minDuration, b.maxDuration = min(b.minDuration, o.minDuration), max(b.maxDuration, o.maxDuration)
	}
}

// insertInterval adds v and merges what touches.
func insertInterval(list []Interval, v Interval) []Interval {
	i, _ := slices.BinarySearchFunc(list, v.From, func(a Interval, from int64) int { return cmp.Compare(a.To, from) })
	j := i
	for j < len(list) && list[j].From <= v.To {
		v.From, v.To = min(v.From, list[j].From), max(v.To, list[j].To)
		j++
	}
	return slices.Replace(list, i, j, v)
}

func overlaps(list []Interval, from, to int64) bool {
	i, _ := slices.BinarySearchFunc(list, from+1, func(a Interval, at int64) int { return cmp.Compare(a.To, at) })
	return i < len(list) && list[i].From < to
}

// claim keeps others from writing what r covers until release. written says that r is there already.
func (x *index) claim(r *Range) (release func(), written bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, v := range x.volumes {
		if d := v.byID[r.ID]; d != nil && d.to == r.To {
			return nil, true, nil
		}
	}
	taken := overlaps(x.intervals[r.ID.Partition], r.ID.From, r.To)
	for other, to := range x.claimed {
		taken = taken || other.Partition == r.ID.Partition && other.From < r.To && to > r.ID.From
	}
	if taken {
		return nil, false, fmt.Errorf("store: writing range %s to %d: %w: replay from LastDone and leave out what is Done", r.ID, r.To, ErrConflict)
	}
	x.claimed[r.ID] = r.To
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.claimed, r.ID)
	}, false, nil
}

// snapshot gives the volumes, acquired, with their ranges as they are now.
func (x *index) snapshot() []*snapshot {
	out, _ := x.snapshotWithout(nil)
	return out
}

// snapshotWithout gives the sums, too, that have one of some ranges in them.
func (x *index) snapshotWithout(ranges map[RangeID]bool) (volumes []*snapshot, sums map[*tally]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	sums = make(map[*tally]bool)
	for id := range ranges {
		t := x.tallies[mergedID{id, 0}]
		for ; t != nil && t.parent != nil; t = t.parent {
			sums[t.parent] = true
		}
	}
	out := make([]*snapshot, 0, len(x.volumes))
	for _, v := range x.volumes {
		if v.Acquire() {
			out = append(out, &snapshot{volume: v, ranges: v.ranges, bounds: v.bounds, tops: v.tops})
		}
	}
	return out, sums
}

// snapshot is a volume at a moment.
type snapshot struct {
	volume *volume
	ranges []*rangeInfo
	bounds bounds
	tops   []*tally
}

func releaseAll(list []*snapshot) {
	for _, s := range list {
		s.volume.Release()
	}
}

// find gives a range of the volume that is done, or nil.
func (x *index) find(v *volume, id RangeID) *rangeInfo {
	x.mu.Lock()
	defer x.mu.Unlock()
	return v.byID[id]
}

// drop forgets a volume and releases it. Its offsets stay done.
func (x *index) drop(kv Volume) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, v := range x.volumes {
		if v.Volume == kv {
			x.volumes = slices.Delete(x.volumes, i, i+1)
			x.dropTallies(v)
			v.Release()
			return
		}
	}
}
