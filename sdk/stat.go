package twinspan

import (
	"encoding/base64"
	"strconv"
	"strings"
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
	fields    [3]string
	operation string
	remoteApp string
}

// maxStatText bounds each text of a key, so that the number of keys bounds their memory. It is SOFATracer's limit of SQL.
const maxStatText = 4096

type statValue struct {
	count, errors uint64
	millis        int64 // sum of whole milliseconds per span, as SOFATracer adds them
	latency       histogram.H
}

// statTable counts the ended spans of a shard, under its lock.
type statTable struct {
	keys    map[statKey]*statValue
	recent  [recentKeys]*statEntry // entries of keys, found without hashing all of a key
	maxKeys int
}

type statEntry struct {
	key   statKey
	value *statValue
}

// recentKeys is the size of the cache; a power of two.
const recentKeys = 64

func newStatTable(maxKeys int) statTable {
	return statTable{keys: make(map[statKey]*statValue), maxKeys: maxKeys}
}

// add counts a span that has ended.
func (t *statTable) add(tracer *Tracer, s *Span, r *resolved) {
	var key statKey
	s.statKey(&key, r)
	at := &t.recent[key.slot()]
	entry := *at
	if entry == nil || entry.key != key {
		entry = t.entry(tracer, &key)
		*at = entry
	}
	v := entry.value
	v.count++
	if s.failed {
		v.errors++
	}
	v.millis += s.duration.Milliseconds()
	v.latency.Add(int64(s.duration))
}

// entry finds or makes the entry of a key, or of the overflow key.
func (t *statTable) entry(tracer *Tracer, key *statKey) *statEntry {
	k := *key
	v := t.keys[k]
	if v == nil && len(t.keys) >= t.maxKeys {
		tracer.counters.statOverflow.Add(1)
		k = k.overflow()
		v = t.keys[k]
	}
	if v == nil {
		v = new(statValue)
		k = k.clone()
		t.keys[k] = v
	}
	return &statEntry{k, v}
}

// slot gives a key's place in the cache.
func (k *statKey) slot() uint {
	h := uint(k.component)<<3 ^ uint(k.kind)
	if k.success {
		h ^= 32
	}
	h = mix(mix(mix(h, k.operation), k.fields[0]), k.fields[1])
	return h % recentKeys
}

// mix takes a text into a hash, by what tells names apart as a rule.
func mix(h uint, s string) uint {
	n := len(s)
	if n == 0 {
		return h
	}
	return h*31 ^ uint(n)<<1 ^ uint(s[n-1]) ^ uint(s[n/2])<<2
}

// statKey fills a key, which is empty.
func (s *Span) statKey(key *statKey, r *resolved) {
	spec := s.component.spec()
	key.component, key.kind, key.operation, key.remoteApp = s.component, s.kind, s.operation, s.remoteApp
	key.success = spec.success(s.resultCode, s.failed)
	key.loadTest = s.bag.Load().loadTest()
	for n, at := range spec.statFields {
		switch {
		case at == routeField:
			// The route, not the URL: SOFATracer's keys by full URL have no bound.
			if key.fields[n] = r.route; r.route == "" {
				key.fields[n] = route(s.operation)
			}
		case at == operationField:
			key.fields[n] = s.operation
		case at >= 0 && spec.fields[at].number():
			key.fields[n] = numberText(s.fieldNumber(&spec.fields[at], at, r))
		case at >= 0 && r.std[at] != 0:
			key.fields[n] = s.tags[r.std[at]-1].str
		}
	}
	for n := range key.fields {
		if len(key.fields[n]) > maxStatText {
			key.fields[n] = cut(key.fields[n], maxStatText)
		}
	}
	if len(key.remoteApp) > maxStatText {
		key.remoteApp = cut(key.remoteApp, maxStatText)
	}
}

// route gives an HTTP operation without its method.
func route(operation string) string {
	return operation[strings.IndexByte(operation, ' ')+1:]
}

// overflow gives the key under which what is too much is counted. There are at most 2*2*5 for each component.
func (k statKey) overflow() statKey {
	return statKey{component: k.component, kind: k.kind, success: k.success, loadTest: k.loadTest,
		fields: [3]string{overflowKey, overflowKey, overflowKey}, operation: overflowKey, remoteApp: overflowKey}
}

// clone gives a key whose texts keep nothing else alive, such as the buffer of a request's headers.
func (k statKey) clone() statKey {
	for i := range k.fields {
		k.fields[i] = strings.Clone(k.fields[i])
	}
	k.operation, k.remoteApp = strings.Clone(k.operation), strings.Clone(k.remoteApp)
	return k
}

// takeStats gives everything that all shards counted since the last time, merged.
func (t *Tracer) takeStats() map[statKey]*statValue {
	merged := make(map[statKey]*statValue)
	for _, sh := range t.shards.list {
		sh.mu.Lock()
		keys := sh.stats.keys
		if len(keys) > 0 {
			sh.stats.keys = make(map[statKey]*statValue, len(keys))
			clear(sh.stats.recent[:])
		} else {
			keys = nil // it stays in use
		}
		sh.mu.Unlock()
		for key, v := range keys {
			if merged[key] == nil && len(merged) >= t.config.StatMaxKeys {
				if over := key.overflow(); over != key { // else the shard has counted it
					t.counters.statOverflow.Add(v.count)
					key = over
				}
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
	spec := key.component.spec()
	if e.format == Text && spec.rpc == nil {
		return e.statText(b, key, v, begin, end)
	}
	b = append(b, `{"time":"`...)
	b = e.times.append(b, end)
	b = append(b, `","stat.key":{`...)
	for _, name := range spec.statKey {
		if name == TagRemoteApp && key.remoteApp == "" {
			continue // as SOFARPC does
		}
		if b[len(b)-1] != '{' {
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
	switch name {
	case keyLocalApp:
		return app
	case TagRemoteApp:
		return k.remoteApp
	}
	n := 0
	for _, other := range spec.statKey {
		if other == name {
			return k.fields[n]
		}
		if other != keyLocalApp && other != TagRemoteApp {
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
