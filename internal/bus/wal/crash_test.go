package wal

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// crashWork is a small workload: appends of one to three records that fill some segments, with truncations. It ends with
// the first error that means that the power is gone.
type crashWork struct {
	records []Record
	acked   []bool // by record
	groups  []int  // number of the first record of a record's append
	kept    int64  // the offset before which the log was told to delete
	offsets map[int]int64
}

const crashRecords = 60

func (w *crashWork) run(cfg Config, fsys *crashFS) error {
	w.records, w.acked, w.groups, w.kept, w.offsets = nil, nil, nil, 0, make(map[int]int64)
	l, err := open(cfg, discard(), fsys)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	for len(w.records) < crashRecords {
		first := len(w.records)
		var group []Record
		for i := range 1 + first%3 {
			group = append(group, rec(first+i, 100+first*37%900))
		}
		w.records = append(w.records, group...)
		for range group {
			w.groups, w.acked = append(w.groups, first), append(w.acked, false)
		}
		offsets, err := l.Append(context.Background(), group...)
		if errors.Is(err, errPower) {
			return err
		}
		for i := range offsets {
			w.acked[first+i] = true
			w.offsets[first+i] = offsets[i]
		}
		if first%10 == 9 {
			kept := l.Next() - 6
			if err := l.TruncateBefore(kept); errors.Is(err, errPower) {
				w.kept = kept
				return err
			}
			w.kept = kept
		}
	}
	return nil
}

// check says what is wrong with the log as it is found: acknowledged records are there, at their offsets, appends are there
// as a whole or not at all, and nothing is there twice.
func (w *crashWork) check(l *Log) error {
	entries, err := tryRead(l, 0)
	if err != nil {
		return err
	}
	at := make(map[string]int) // record → entry
	for i, e := range entries {
		if i > 0 && e.Offset != entries[i-1].Offset+1 {
			return fmt.Errorf("offset %d stands behind %d", e.Offset, entries[i-1].Offset)
		}
		if _, twice := at[string(e.Data)]; twice {
			return fmt.Errorf("%.12q is there twice", e.Data)
		}
		at[string(e.Data)] = i
	}
	found := make([]bool, len(w.records))
	for n, r := range w.records {
		i, is := at[string(r.Data)]
		found[n] = is
		delete(at, string(r.Data))
		if w.acked[n] && !is && w.offsets[n] >= w.kept {
			return fmt.Errorf("record %d, acknowledged at offset %d, is lost; there are %d from %d on", n, w.offsets[n], len(entries), l.First())
		}
		if w.acked[n] && is && entries[i].Offset != w.offsets[n] {
			return fmt.Errorf("record %d is at offset %d, acknowledged at %d", n, entries[i].Offset, w.offsets[n])
		}
	}
	for n := range w.records {
		if !w.acked[n] && found[n] != found[w.groups[n]] {
			return fmt.Errorf("of the append of record %d only a part is there", w.groups[n])
		}
	}
	if len(at) > 0 {
		return fmt.Errorf("%d records are there that were never written", len(at))
	}
	return nil
}

// recovered checks the log that the power left, twice: with a second cut of the power right after the first recovery.
func (w *crashWork) recovered(cfg Config, fsys *crashFS) error {
	for range 2 {
		l, err := open(cfg, discard(), fsys)
		if err != nil {
			return err
		}
		if err := w.check(l); err != nil {
			return errors.Join(err, l.Close())
		}
		fsys = fsys.after()
		if err := l.Close(); err != nil {
			return err
		}
	}
	l, err := open(cfg, discard(), fsys)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	n := len(w.records)
	offsets, err := l.Append(context.Background(), rec(n, 50))
	if err != nil {
		return err
	}
	w.records, w.acked, w.groups = append(w.records, rec(n, 50)), append(w.acked, true), append(w.groups, n)
	w.offsets[n] = offsets[0]
	return w.check(l)
}

// TestPowerLossAnywhere lets the power go before each call of the file system that changes something.
func TestPowerLossAnywhere(t *testing.T) {
	cfg := testConfig(t.TempDir())
	for _, keep := range []int{0, 30, 70, 100} {
		for at := 0; ; at++ {
			fsys := newCrashFS(uint64(at), keep)
			fsys.powerOff = at
			var w crashWork
			err := w.run(cfg, fsys)
			if err := w.recovered(cfg, fsys.after()); err != nil {
				t.Errorf("the power goes before call %d, %d %% of what was not synced stays: %v", at+1, keep, err)
			}
			if err == nil {
				if at < 100 {
					t.Fatalf("the workload has only %d calls", at)
				}
				break
			}
		}
	}
}

// TestErrorsAnywhere lets each call of the file system that changes something fail, once or three times in a row, and the
// power go at the end.
func TestErrorsAnywhere(t *testing.T) {
	cfg := testConfig(t.TempDir())
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, times := range []int{1, 3} {
			for at := 1; ; at++ {
				fsys := newCrashFS(uint64(at), 50)
				fsys.fault = func(call int) error {
					if call >= at && call < at+times {
						return failure
					}
					return nil
				}
				var w crashWork
				err := w.run(cfg, fsys)
				if err != nil && !errors.Is(err, failure) {
					t.Fatalf("%v at call %d: %v", failure, at, err)
				}
				fsys.fault = nil
				if err := w.recovered(cfg, fsys.after()); err != nil {
					t.Errorf("%v at call %d, %d times: %v", failure, at, times, err)
				}
				if fsys.calls < at {
					break
				}
			}
		}
	}
}
