package digestlog

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/histogram"
)

// statLine is a stat line whose fields are known.
type statLine struct {
	time, count, total, success, loadTest string
	keys                                  []field
	extra                                 []field // Twinspan's
}

// statJSON reads a stat line of JSON.
func (d *lineDecoder) statJSON(text string) (Record, state) {
	own := strings.Contains(text, `"begin.ns":`)
	if own {
		if fields, ok := scanObject(d.fields[:0], text, true); ok {
			d.fields = fields
			return d.statFields(fields, true, 0)
		}
	}
	keys := statKeys
	if d.comp.foreign {
		keys = foreignStatKeys
	}
	fields, ok := scanKnown(d.fields[:0], text, keys)
	d.fields = fields
	if !ok {
		return Record{Err: incomplete(text)}, broken
	}
	return d.statFields(fields, false, 0)
}

func (d *lineDecoder) statFields(fields []field, own bool, repairs Repairs) (Record, state) {
	var line statLine
	for i := range fields {
		f := &fields[i]
		switch f.key {
		case "time":
			line.time = f.val
		case "stat.key":
			var ok bool
			if line.keys, ok = scanObject(d.extra[:0], f.val, own); !ok && !own {
				repairs |= RepairUnescaped
				line.keys, ok = d.statKey(f.val)
			}
			d.extra = line.keys
			if !ok {
				return Record{Err: &Rejection{Reason: ReasonMalformed, Detail: "stat.key is no object: " + quote(f.val)}}, broken
			}
		case "count":
			line.count = f.val
		case "total.cost.milliseconds":
			line.total = f.val
		case "success":
			line.success = f.val
		case "load.test":
			line.loadTest = f.val
			line.extra = fields[i+1:]
		}
	}
	if !own {
		line.extra = nil
	}
	return d.stat(line, repairs)
}

// statKey splits a stat.key object with unescaped values; its keys come in any order.
func (d *lineDecoder) statKey(object string) ([]field, bool) {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return nil, false
	}
	steps := budget
	return scanBetween(d.extra[:0], object, len(object)-1, nil, &steps)
}

// statText reads a stat line of comma-separated text.
func (d *lineDecoder) statText(text string) (Record, state) {
	text, extras, own := ownColumn(text, `"begin.ns":`)
	head, keys, shifted, ok := d.splitStat(text)
	d.fields = keys
	if !ok {
		return Record{Err: &Rejection{Reason: ReasonMalformed,
			Detail: "the columns of a " + d.file.Component + " stat line are not found"}}, broken
	}
	line := statLine{time: head[0], count: head[2], total: head[3], success: head[4], loadTest: head[5], keys: keys}
	if own {
		unescapeOwn(line.keys)
		if line.extra, ok = scanObject(d.extra[:0], extras, true); !ok {
			return Record{Err: &Rejection{Reason: ReasonMalformed, Detail: "the last column begins like JSON and is none"}}, broken
		}
		d.extra = line.extra
	}
	var repairs Repairs
	if shifted {
		repairs = RepairColumns
	}
	return d.stat(line, repairs)
}

// stat makes a span.Stat of a line's fields.
func (d *lineDecoder) stat(line statLine, repairs Repairs) (Record, state) {
	fail := func(reason Reason, detail string) (Record, state) {
		return Record{Err: &Rejection{Reason: reason, Detail: detail}}, broken
	}
	if line.loadTest == "" && d.comp.foreign {
		line.loadTest = "F" // the file says it
	}
	if line.success != "Y" && line.success != "N" || line.loadTest != "T" && line.loadTest != "F" {
		return fail(ReasonMalformed, "success is not Y or N, or load.test not T or F: "+quote(line.success)+", "+quote(line.loadTest))
	}
	at, ok := d.clock.read(line.time)
	if !ok {
		return fail(ReasonTime, "time is not yyyy-MM-dd HH:mm:ss.SSS: "+quote(line.time))
	}
	count, ok := parseInt(line.count)
	total, ok2 := parseInt(line.total)
	if !ok || !ok2 || count < 0 || total > maxMillis*1000 || total < -maxMillis*1000 {
		return fail(ReasonNumber, "count or total.cost.milliseconds is not a number: "+quote(line.count)+", "+quote(line.total))
	}
	s := &span.Stat{
		Component: d.file.Component, Type: d.comp.typ, Kind: d.statKind(), Instance: d.src.Instance, Begin: at,
		Count: uint64(count), TotalNanos: total * 1e6, LoadTest: line.loadTest == "T" || d.src.Shadow,
	}
	if line.success == "N" {
		s.Errors = s.Count
	}
	var n notes
	for i := range line.keys {
		f := &line.keys[i]
		switch f.key {
		case "local.app":
			s.App = f.val
		case "sql":
			if line.extra == nil {
				f.val = unescapeComma(f.val)
			}
			n.sql = f.val
		case "remote.app":
			n.remoteApp = f.val
		default:
			n.note(f.key, f.val)
			if f.key == d.comp.dest {
				n.dest = f.val
			}
		}
	}
	slices.SortStableFunc(line.keys, func(a, b field) int { return strings.Compare(a.key, b.key) })
	s.Key = keyText(line.keys)
	if err := d.ownStat(s, line.extra); err != nil {
		return Record{Err: err}, broken
	}
	if d.comp.shape == shapeAny && s.Type == span.TypeInternal && !hasField(line.extra, "type") {
		s.Type = guessType(&n, s.Kind)
	}
	if s.Operation == "" {
		s.Operation = d.operation(s.Type, &n)
	}
	if s.Peer == "" && d.comp.shape != shapeAny {
		s.Peer = d.statPeer(&n)
	}
	return Record{Stat: s, Repairs: repairs}, complete
}

// statPeer names the store or queue where the key says it all.
func (d *lineDecoder) statPeer(n *notes) string {
	if d.comp.shape == shapeQueue && n.dest != "" {
		return d.peer(n)
	}
	if d.comp.foreign {
		return n.remoteApp
	}
	return ""
}

// statKind is the kind of all halves of a component.
func (d *lineDecoder) statKind() span.Kind {
	switch {
	case d.comp.kind != span.KindUnspecified:
		return d.comp.kind
	case d.comp.callee:
		return span.KindServer
	case d.comp.shape != shapeAny:
		return span.KindClient
	case strings.HasSuffix(d.comp.name, "server"):
		return span.KindServer
	case strings.HasSuffix(d.comp.name, "client"):
		return span.KindClient
	}
	return span.KindUnspecified
}

func keyText(keys []field) string {
	size := 0
	for i := range keys {
		size += len(keys[i].key) + len(keys[i].val) + 2
	}
	var b strings.Builder
	b.Grow(size)
	for i := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(keys[i].key)
		b.WriteByte('=')
		b.WriteString(keys[i].val)
	}
	return b.String()
}

func hasField(fields []field, key string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.key == key })
}

// ownStat takes the fields that Twinspan adds to a stat line (docs/formats/digest-log.md).
func (d *lineDecoder) ownStat(s *span.Stat, fields []field) *Rejection {
	for _, f := range fields {
		n, isNumber := parseInt(f.val)
		bad := false
		switch f.key {
		case "begin.ns":
			s.Begin, bad = n, !isNumber
		case "length.ns":
			s.Length, bad = n, !isNumber || n < 0
		case "errors":
			s.Errors, bad = uint64(max(n, 0)), !isNumber || n < 0
		case "total.ns":
			s.TotalNanos, bad = n, !isNumber
		case "remote.app":
			s.Peer = f.val
		case "operation":
			s.Operation = f.val
		case "instance":
			s.Instance = cmp.Or(f.val, s.Instance)
		case "span.kind":
			if kind, err := span.ParseKind(f.val); err == nil {
				s.Kind = kind
			}
		case "type":
			if t, err := span.ParseType(f.val); err == nil {
				s.Type = t
			}
		case "latency":
			if f.val == "" {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(f.val)
			if err != nil {
				return &Rejection{Reason: ReasonMalformed, Detail: "latency is not base64: " + err.Error()}
			}
			h, rest, err := histogram.Decode(data)
			if err != nil || len(rest) > 0 {
				return &Rejection{Reason: ReasonMalformed, Detail: "latency is not one histogram"}
			}
			s.Latency, s.TotalNanos = &h, h.Sum
		}
		if bad {
			return &Rejection{Reason: ReasonNumber, Detail: f.key + " is not a number: " + quote(f.val)}
		}
	}
	return nil
}
