package twinspan

import (
	"encoding/base64"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/sdk/histogram"
)

// overflowKey stands in the fields of a stat key for everything beyond Config.StatMaxKeys.
const overflowKey = "<overflow>"

// statKey is what one stat line is about. fields are those of the component's stat key, without the app, in the order of
// componentSpec.statKey.
type statKey struct {
	component Component
	kind      Kind
	success   bool
	loadTest  bool
	fields    [2]string
	operation string
	remoteApp string
}

type statValue struct {
	count, errors uint64
	millis        int64 // sum of whole milliseconds per span, as SOFATracer adds them
	latency       histogram.H
}

// statTable counts ended spans. It is cut into shards, one of which a span's goroutine picks at random, so that not all
// requests meet at one lock.
type statTable struct {
	shards  []statShard
	maxKeys int
}

type statShard struct {
	mu   sync.Mutex
	keys map[statKey]*statValue
	_    [104]byte // a cache line of its own
}

func newStatTable(maxKeys int) *statTable {
	shards := 1
	for shards < 4*runtime.GOMAXPROCS(0) && shards < 64 {
		shards *= 2
	}
	t := &statTable{shards: make([]statShard, shards), maxKeys: maxKeys}
	for i := range t.shards {
		t.shards[i].keys = make(map[statKey]*statValue)
	}
	return t
}

// add counts a span that has ended.
func (t *statTable) add(tracer *Tracer, s *Span) {
	key := s.statKey()
	shard := &t.shards[rand.Uint32()&uint32(len(t.shards)-1)]
	shard.mu.Lock()
	v := shard.keys[key]
	if v == nil {
		if len(shard.keys) >= t.maxKeys {
			tracer.counters.statOverflow.Add(1)
			key = key.overflow()
			v = shard.keys[key]
		}
		if v == nil {
			v = new(statValue)
			shard.keys[key.clone()] = v
		}
	}
	v.count++
	if s.failed {
		v.errors++
	}
	v.millis += s.duration.Milliseconds()
	v.latency.Add(int64(s.duration))
	shard.mu.Unlock()
}

func (s *Span) statKey() statKey {
	spec := s.component.spec()
	key := statKey{component: s.component, kind: s.kind, operation: s.operation, remoteApp: s.remoteApp}
	key.success = spec.success(s.resultCode, s.failed)
	key.loadTest = lookup(s.biz, markKey) == markLoadTest
	n := 0
	for _, name := range spec.statKey {
		switch name {
		case keyLocalApp:
			continue
		case keyOperationRoute:
			// The route, not the URL: SOFATracer's keys by full URL have no bound.
			key.fields[n] = s.route
			if s.route == "" {
				key.fields[n] = route(s.operation)
			}
		default:
			for i := range spec.fields {
				if at := s.std[i]; at != 0 && spec.fields[i].key == name {
					key.fields[n] = s.tags[at-1].str
				}
			}
		}
		n++
	}
	return key
}

// route gives an HTTP operation without its method.
func route(operation string) string {
	if _, path, ok := strings.Cut(operation, " "); ok {
		return path
	}
	return operation
}

// overflow gives the key under which what is too much is counted. There are at most 2*2*5 for each component.
func (k statKey) overflow() statKey {
	return statKey{component: k.component, kind: k.kind, success: k.success, loadTest: k.loadTest,
		fields: [2]string{overflowKey, overflowKey}, operation: overflowKey, remoteApp: overflowKey}
}

// clone gives a key whose texts keep nothing else alive, such as the buffer of a request's headers.
func (k statKey) clone() statKey {
	for i := range k.fields {
		k.fields[i] = strings.Clone(k.fields[i])
	}
	k.operation, k.remoteApp = strings.Clone(k.operation), strings.Clone(k.remoteApp)
	return k
}

// take gives everything counted since the last take, merged.
func (t *statTable) take() map[statKey]*statValue {
	merged := make(map[statKey]*statValue)
	for i := range t.shards {
		shard := &t.shards[i]
		shard.mu.Lock()
		keys := shard.keys
		if len(keys) == 0 {
			shard.mu.Unlock() // it stays in use
			continue
		}
		shard.keys = make(map[statKey]*statValue, len(keys))
		shard.mu.Unlock()
		for key, v := range keys {
			if merged[key] == nil && len(merged) >= t.maxKeys {
				key = key.overflow()
			}
			m := merged[key]
			if m == nil {
				merged[key] = v
				continue
			}
			m.count += v.count
			m.errors += v.errors
			m.millis += v.millis
			m.latency.Merge(&v.latency)
		}
	}
	return merged
}

// statLine writes one stat line, with its newline.
func (e *encoder) statLine(b []byte, key *statKey, v *statValue, begin, end time.Time) []byte {
	if e.format == Text {
		return e.statText(b, key, v, begin, end)
	}
	spec := key.component.spec()
	b = append(b, `{"time":"`...)
	b = e.times.append(b, end)
	b = append(b, `","stat.key":{`...)
	for i, name := range spec.statKey {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), '"', ':')
		b = appendString(b, key.field(spec, name, e.app))
	}
	b = append(b, `},"count":`...)
	b = strconv.AppendUint(b, v.count, 10)
	b = append(b, `,"total.cost.milliseconds":`...)
	b = strconv.AppendInt(b, v.millis, 10)
	b = appendField(b, "success", yesNo(key.success, "Y", "N"))
	b = appendField(b, "load.test", yesNo(key.loadTest, "T", "F"))
	b = append(b, ',')
	b = e.statExtras(b, key, v, begin, end)
	return append(b, '}', '\n')
}

func (e *encoder) statExtras(b []byte, key *statKey, v *statValue, begin, end time.Time) []byte {
	b = append(b, `"begin.ns":"`...)
	b = strconv.AppendInt(b, begin.UnixNano(), 10)
	b = append(b, `","length.ns":`...)
	b = strconv.AppendInt(b, end.Sub(begin).Nanoseconds(), 10)
	b = appendField(b, TagRemoteApp, key.remoteApp)
	b = appendField(b, "span.kind", key.kind.String())
	b = appendField(b, "operation", key.operation)
	b = appendField(b, "instance", e.instance)
	b = append(b, `,"errors":`...)
	b = strconv.AppendUint(b, v.errors, 10)
	b = append(b, `,"latency":"`...)
	b = base64.StdEncoding.AppendEncode(b, v.latency.Append(nil))
	return append(b, '"')
}

func (e *encoder) statText(b []byte, key *statKey, v *statValue, begin, end time.Time) []byte {
	spec := key.component.spec()
	b = e.times.append(b, end)
	for _, name := range spec.statText {
		b = appendColumn(b, key.field(spec, name, e.app))
	}
	b = strconv.AppendUint(append(b, ','), v.count, 10)
	b = strconv.AppendInt(append(b, ','), v.millis, 10)
	b = appendColumn(b, yesNo(key.success, "Y", "N"))
	b = appendColumn(b, yesNo(key.loadTest, "T", "F"))
	e.scratch = append(e.statExtras(append(e.scratch[:0], '{'), key, v, begin, end), '}')
	b = appendJSONColumn(b, e.scratch)
	return append(b, '\n')
}

// field gives the value of one field of the stat key.
func (k *statKey) field(spec *componentSpec, name, app string) string {
	if name == keyLocalApp {
		return app
	}
	n := 0
	for _, other := range spec.statKey {
		if other == name {
			return k.fields[n]
		}
		if other != keyLocalApp {
			n++
		}
	}
	return ""
}

func yesNo(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
