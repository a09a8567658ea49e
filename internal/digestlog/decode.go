package digestlog

import (
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// state is how sure it is that a text is a whole record.
type state uint8

const (
	// broken: it is no record, or only the beginning of one.
	broken state = iota
	// looksComplete: it is one, but lines to come could belong to its last free text.
	looksComplete
	complete
)

// lineDecoder turns the text of one record into a half or a stat line. It keeps memory between records.
type lineDecoder struct {
	src    Source
	file   File
	comp   *component
	keys   []key // all keys of the component's JSON digest, nil where they are not known
	clock  clock
	fields []field
	extra  []field
	pieces pieces

	resourceText string // the last one, and what it is
	resourceOf   span.Payload
}

func newLineDecoder(src Source, file File) *lineDecoder {
	d := &lineDecoder{src: src, file: file, comp: componentOf(file.Component), clock: clock{zone: src.Zone}}
	if d.comp.keys != nil {
		d.keys = append(append(append([]key(nil), headKeys...), d.comp.keys...), tailKeys...)
	}
	return d
}

// decode reads the text of a record, without its line end. It gives broken with an Err when it cannot.
func (d *lineDecoder) decode(text string, repairs Repairs) (Record, state) {
	rec, st := d.read(text)
	rec.Repairs |= repairs
	if st == broken && rec.Err == nil {
		rec.Err = &Rejection{Reason: ReasonMalformed, Detail: "the line is neither JSON nor text of a " + d.file.Kind.String() + " log"}
	}
	return rec, st
}

func (d *lineDecoder) read(text string) (Record, state) {
	json := strings.HasPrefix(text, "{")
	switch {
	case json && d.src.Format == FormatText, !json && d.src.Format == FormatJSON:
		return Record{}, broken
	case d.file.Kind == KindStat && json:
		return d.statJSON(text)
	case d.file.Kind == KindStat:
		return d.statText(text)
	case json:
		return d.digestJSON(text)
	}
	return d.digestText(text)
}

// digestJSON reads a digest line of JSON. Twinspan's lines are JSON, Java's only look like it.
func (d *lineDecoder) digestJSON(text string) (Record, state) {
	if strings.Contains(text, `"start.ns":`) {
		if fields, ok := scanObject(d.fields[:0], text, true); ok {
			d.fields = fields
			return d.half(fields, true, 0)
		}
	}
	fields, ok := scanObject(d.fields[:0], text, false)
	d.fields = fields
	if ok && d.asKnown(fields) {
		return d.half(fields, false, 0)
	}
	plain := ok
	if d.comp.foreign && !(ok && foreignEnds(fields)) {
		if fields, ok := scanUnknown(d.fields[:0], text, foreignHeadKeys, foreignTailKeys); ok {
			d.fields = fields
			return d.half(fields, false, RepairUnescaped)
		}
	}
	if d.keys != nil {
		if fields, ok = scanKnown(d.fields[:0], text, d.keys); ok {
			d.fields = fields
			return d.half(fields, false, RepairUnescaped)
		}
	}
	if fields, ok = scanUnknown(d.fields[:0], text, headKeys, tailKeys); ok {
		d.fields = fields
		repairs := RepairUnescaped
		if d.keys != nil {
			repairs |= RepairKeys
		}
		return d.half(fields, false, repairs)
	}
	// The keys are other than SOFATracer's: what comes out even counts as it stands.
	repairs := RepairKeys
	if d.comp.foreign {
		repairs = 0
	}
	if fields, ok = scanObject(d.fields[:0], text, !plain); ok {
		d.fields = fields
		return d.half(fields, false, repairs)
	}
	return Record{Err: incomplete(text)}, broken
}

// foreignEnds says that a line of SOFARPC ends where it seems to: its last field is baggage, and whole.
func foreignEnds(fields []field) bool {
	n := len(fields) - 1
	return n >= 0 && fields[n].key == foreignTailKeys[0].name && validBaggage(fields[n].val)
}

// asKnown says that fields are those that a line of the component has, and that the record ends where it seems to.
func (d *lineDecoder) asKnown(fields []field) bool {
	n := len(headKeys)
	if len(fields) < n+len(tailKeys) {
		return false
	}
	for i, k := range headKeys {
		if fields[i].key != k.name {
			return false
		}
	}
	middle, tail := fields[n:len(fields)-len(tailKeys)], fields[len(fields)-len(tailKeys):]
	for i, k := range tailKeys {
		if tail[i].key != k.name || !validBaggage(tail[i].val) {
			return false
		}
	}
	if d.comp.keys == nil {
		return true
	}
	i := 0
	for _, k := range d.comp.keys {
		switch {
		case i < len(middle) && middle[i].key == k.name && (!k.number || middle[i].val == "" || middle[i].form == formNumber || middle[i].form == formNull):
			i++
		case !k.optional:
			return false
		}
	}
	return i == len(middle)
}

// incomplete explains a JSON text that has no end.
func incomplete(text string) *Rejection {
	if !strings.HasSuffix(text, "}") {
		return &Rejection{Reason: ReasonIncomplete, Detail: "the JSON object has no end"}
	}
	return &Rejection{Reason: ReasonMalformed, Detail: "the keys of a SOFATracer line are not found in their order, and it is not JSON"}
}

// digestText reads a digest line of comma-separated text.
func (d *lineDecoder) digestText(text string) (Record, state) {
	line, extras, own := ownColumn(text, `"start.ns":`)
	fit, ok := d.splitDigest(line)
	d.fields = fit.fields
	if !ok {
		return Record{Err: &Rejection{Reason: ReasonMalformed,
			Detail: fmt.Sprintf("the columns of a %s digest are not found: %d columns", d.file.Component, len(d.pieces.ends))}}, broken
	}
	var repairs Repairs
	if fit.shifted {
		repairs |= RepairColumns
	}
	if own {
		unescapeOwn(fit.fields)
		if fit.fields, own = scanObject(fit.fields, extras, true); !own {
			return Record{Err: &Rejection{Reason: ReasonMalformed, Detail: "the last column begins like JSON and is none"}}, broken
		}
		d.fields = fit.fields
	}
	rec, st := d.half(fit.fields, own, repairs)
	if st == complete && fit.open && !own {
		st = looksComplete
	}
	return rec, st
}

// ownColumn takes Twinspan's last column off a text line: a JSON object, in which a comma is %2C and a percent sign %25.
// mark is a key that it has in every line.
func ownColumn(text, mark string) (line, object string, ok bool) {
	if !strings.HasSuffix(text, "}") {
		return text, "", false
	}
	i := strings.LastIndexByte(text, ',')
	if i < 0 || i+1 >= len(text) || text[i+1] != '{' || !strings.Contains(text[i:], mark) {
		return text, "", false
	}
	return text[:i], unescape(text[i+1:], columnEscapes), true
}

// unescapeOwn undoes what Twinspan escapes in the columns of its text lines: commas and line breaks, nothing else.
func unescapeOwn(fields []field) {
	for i := range fields {
		fields[i].val = unescape(fields[i].val, ownEscapes)
	}
}

// The escapes of a line's columns, of the last one, and of an item of baggage. They are read only.
var (
	ownEscapes    = strings.NewReplacer("%2C", ",", "%0A", "\n", "%0D", "\r")
	columnEscapes = strings.NewReplacer("%2C", ",", "%2c", ",", "%25", "%")
	itemEscapes   = strings.NewReplacer("%26", "&", "%3D", "=", "%25", "%")
)

// unescape undoes some escapes; most texts have none.
func unescape(s string, escapes *strings.Replacer) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return escapes.Replace(s)
}
