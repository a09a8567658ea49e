package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/store"
)

// Memory is a store.KV in memory: the least that the contract promises. A volume is a day. It is for tests.
type Memory struct {
	// RetentionDays is as in the embedded store, 0 for ever.
	RetentionDays int
	// Fault, if set, is asked before each row of a write; its error ends the write, and the rows before stay.
	Fault func(row int) error

	mu      sync.Mutex
	volumes []*memoryVolume // newest first
}

var _ store.KV = (*Memory)(nil)

type memoryVolume struct {
	day store.Day

	mu      sync.Mutex
	refs    int
	dropped bool
	rows    map[store.Table]map[string][]byte
	keys    map[store.Table][]string // sorted, nil when rows changed
}

// Write implements store.KV. Rows become visible one by one, as in a distributed store.
func (m *Memory) Write(ctx context.Context, received int64, rows []store.Row, done store.Row) (store.Volume, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v := m.volume(store.DayOf(received))
	for i, r := range rows {
		if len(r.Value) > store.MaxValue {
			v.Release()
			return nil, fmt.Errorf("a value of %d bytes", len(r.Value))
		}
		if i > 0 && (rows[i-1].Table > r.Table || rows[i-1].Table == r.Table && bytes.Compare(rows[i-1].Key, r.Key) >= 0) {
			v.Release()
			return nil, fmt.Errorf("row %d is not in order", i)
		}
		if m.Fault != nil {
			if err := m.Fault(i); err != nil {
				v.Release()
				return nil, err
			}
		}
		v.put(r)
	}
	v.put(done)
	return v, nil
}

func (m *Memory) volume(day store.Day) *memoryVolume {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := slices.BinarySearchFunc(m.volumes, day, func(v *memoryVolume, d store.Day) int { return int(d) - int(v.day) })
	if !ok {
		v := &memoryVolume{day: day, refs: 1, rows: make(map[store.Table]map[string][]byte), keys: make(map[store.Table][]string)}
		m.volumes = slices.Insert(m.volumes, i, v)
	}
	m.volumes[i].Acquire()
	return m.volumes[i]
}

// Volumes implements store.KV.
func (m *Memory) Volumes() (out []store.Volume) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.volumes {
		v.Acquire()
		out = append(out, v)
	}
	return out
}

// Expired implements store.KV.
func (m *Memory) Expired(now time.Time) (out []store.Volume) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.volumes) - 1; i > 0 && m.RetentionDays > 0; i-- {
		if v := m.volumes[i]; int(store.DayOf(now.UnixNano())-v.day) > m.RetentionDays {
			v.Acquire()
			out = append(out, v)
		}
	}
	return out
}

// Crowded implements store.KV: memory is not a disk.
func (m *Memory) Crowded(bool) []store.Volume { return nil }

// Drop implements store.KV.
func (m *Memory) Drop(v store.Volume) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := v.(*memoryVolume)
	m.volumes = slices.DeleteFunc(m.volumes, func(have *memoryVolume) bool { return have == gone })
	gone.mu.Lock()
	gone.dropped = true
	gone.mu.Unlock()
	gone.Release()
	return nil
}

// Close implements store.KV: it reports volumes that were not released.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.volumes {
		if v.refs != 1 {
			return fmt.Errorf("volume %s is held %d times", v.Name(), v.refs-1)
		}
	}
	return nil
}

func (v *memoryVolume) put(r store.Row) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rows[r.Table] == nil {
		v.rows[r.Table] = make(map[string][]byte)
	}
	v.rows[r.Table][string(r.Key)] = bytes.Clone(r.Value)
	v.keys[r.Table] = nil
}

func (v *memoryVolume) Name() string   { return v.day.String() }
func (v *memoryVolume) Day() store.Day { return v.day }

func (v *memoryVolume) Bytes() (n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, rows := range v.rows {
		for key, value := range rows {
			n += int64(len(key) + len(value))
		}
	}
	return n
}

func (v *memoryVolume) Acquire() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dropped {
		return false
	}
	v.refs++
	return true
}

func (v *memoryVolume) Release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refs--; v.refs < 0 {
		panic("storetest: a volume was released more often than acquired")
	}
}

func (v *memoryVolume) Get(ctx context.Context, t store.Table, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.rows[t][string(key)]), nil
}

func (v *memoryVolume) Scan(ctx context.Context, t store.Table, prefix []byte, yield func(key, value []byte) bool) error {
	v.mu.Lock()
	if v.keys[t] == nil {
		for key := range v.rows[t] {
			v.keys[t] = append(v.keys[t], key)
		}
		slices.Sort(v.keys[t])
	}
	keys, rows := v.keys[t], v.rows[t]
	v.mu.Unlock()
	at, _ := slices.BinarySearch(keys, string(prefix))
	for _, key := range keys[at:] {
		if !bytes.HasPrefix([]byte(key), prefix) {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		v.mu.Lock()
		value := bytes.Clone(rows[key])
		v.mu.Unlock()
		if !yield([]byte(key), value) {
			break
		}
	}
	return nil
}
