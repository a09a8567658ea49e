package store

import (
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
)

// want is what the query asks for, of which a call has to have one.
type want []postingKey

func wantsOf(q *Query) (wants []want) {
	add := func(asked bool, value string, fields ...field) {
		if !asked {
			return
		}
		var w want
		for _, f := range fields {
			w = append(w, postingKey{f, value})
		}
		wants = append(wants, w)
	}
	party := func(f field, name string, none bool) {
		switch {
		case none && name != "":
			wants = append(wants, want{{f, ""}, {f, name}})
		default:
			add(none || name != "", name, f)
		}
	}
	party(fieldCallee, q.Callee, q.NoCallee)
	party(fieldCaller, q.Caller, q.NoCaller)
	add(q.App != "", q.App, fieldCaller, fieldCallee)
	add(q.Operation != "", q.Operation, fieldOperation)
	if host := hostOf(q.Address); q.Address != "" {
		wants = append(wants, want{{fieldHost, host}, {fieldHostHash, hostHash(host)}})
	}
	failed := q.Error != nil && *q.Error
	if h := q.Half; h != nil {
		add(h.App.Is != "" && q.App == "", h.App.Is, fieldCaller, fieldCallee)
		// What the callee says is the call's operation.
		own := h.Kind != nil && !h.Kind.CallerSide()
		add(h.Operation.Is != "" && own && q.Operation == "", h.Operation.Is, fieldOperation)
		failed = failed || h.Status != nil && *h.Status == span.StatusError
	}
	add(failed, "", fieldError)
	return wants
}

// maxMisses is the number of ranges without a fitting block after which a search asks which ranges have what it wants at all.
const maxMisses = 48

// prune drops the ranges that have no posting of one of the values. A search for what is rare so reads its postings at one
// go, one for what is common never gets here.
func (s *search) prune(ctx context.Context) error {
	for i := range s.wants {
		w := s.wants[i]
		have := make(map[*rangeInfo]bool)
		seen := make(map[*volume]bool)
		for at := range s.heap {
			r := s.heap[at].rng
			if s.heap[at].stage != stageRange || seen[r.volume] {
				continue
			}
			seen[r.volume] = true
			for _, key := range w {
				if err := s.ranges(ctx, r.volume, key.field, key.value, have); err != nil {
					return err
				}
			}
		}
		s.heap = slices.DeleteFunc(s.heap, func(x item) bool {
			return x.stage == stageRange && !have[x.rng] && !x.rng.lacks(w)
		})
	}
	heap.Init(&s.heap)
	return nil
}

// ranges adds the ranges of a volume that have postings of a value.
func (s *search) ranges(ctx context.Context, v *volume, f field, value string, have map[*rangeInfo]bool) error {
	prefix := postingPrefix(f, value)
	var bad error
	err := v.Scan(ctx, TablePosting, prefix, func(key, _ []byte) bool {
		rid, ok := parseRange(key[len(prefix):])
		if !ok {
			bad = fmt.Errorf("%w: the key %x of a posting", ErrCorrupt, key)
			return false
		}
		if r := s.store.index.find(v, rid); r != nil {
			have[r] = true
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// lacks says that the range has no postings for one of the fields.
func (r *rangeInfo) lacks(w want) bool {
	return slices.ContainsFunc(w, func(key postingKey) bool {
		return r.unindexed>>key.field&1 != 0 && (key.field != fieldHost || r.unindexed&hostsHashed == 0)
	})
}

// has says that the range has postings for a field.
func (r *rangeInfo) has(f field) bool {
	return r.unindexed>>f&1 == 0 && (f != fieldHostHash || r.unindexed&hostsHashed != 0)
}

// narrow keeps the blocks that have what is wanted, and draws their bounds closer.
func (s *search) narrow(ctx context.Context, r *rangeInfo, found []bounds, w want) error {
	if r.lacks(w) || !slices.ContainsFunc(found, func(b bounds) bool { return b.calls > 0 }) {
		return nil
	}
	has := make([]bounds, len(found))
	for _, key := range w {
		if !r.has(key.field) {
			continue
		}
		b, err := r.volume.Get(ctx, TablePosting, appendRange(postingPrefix(key.field, key.value), r.id))
		if err != nil {
			return err
		}
		if b == nil {
			continue
		}
		list, err := parsePostings(b, r.least)
		if err != nil {
			return err
		}
		for i := range list {
			if p := &list[i]; p.block < len(has) {
				has[p.block].merge(&p.bounds)
			}
		}
	}
	for i := range found {
		if found[i].calls == 0 || has[i].calls == 0 {
			found[i] = bounds{}
			continue
		}
		a, b := &found[i], &has[i]
		a.least, a.greatest = max(a.least, b.least), min(a.greatest, b.greatest)
		a.minDuration, a.maxDuration = max(a.minDuration, b.minDuration), min(a.maxDuration, b.maxDuration)
	}
	return nil
}
