package opentelemetry

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/attribute"
)

// filler gives what writes attributes as tags, those that are not valid as tags without a key.
func filler(attributes []attribute.KeyValue) func(i int, t *twinspan.Tag) {
	return func(i int, t *twinspan.Tag) { fill(&attributes[i], t) }
}

// fill is a function of its own: what is called in a closure that is inlined somewhere is not inlined there.
func fill(a *attribute.KeyValue, t *twinspan.Tag) {
	switch a.Value.Type() {
	case attribute.STRING: // most are
		t.SetString(string(a.Key), a.Value.AsString())
	case attribute.INT64:
		t.SetInt(string(a.Key), a.Value.AsInt64())
	default:
		if *t = (twinspan.Tag{}); a.Valid() {
			*t = tag(a)
		}
	}
}

func tags(attributes []attribute.KeyValue) []twinspan.Tag {
	if len(attributes) == 0 {
		return nil
	}
	list := make([]twinspan.Tag, 0, len(attributes)+3) // an exception adds up to three
	for i := range attributes {
		if attributes[i].Valid() {
			list = append(list, tag(&attributes[i]))
		}
	}
	return list
}

func tag(a *attribute.KeyValue) twinspan.Tag {
	key := string(a.Key)
	switch a.Value.Type() {
	case attribute.STRING:
		return twinspan.String(key, a.Value.AsString())
	case attribute.INT64:
		return twinspan.Int(key, a.Value.AsInt64())
	case attribute.BOOL:
		return twinspan.Bool(key, a.Value.AsBool())
	case attribute.FLOAT64:
		return twinspan.Float(key, a.Value.AsFloat64())
	case attribute.STRINGSLICE:
		return twinspan.Strings(key, a.Value.AsStringSlice())
	case attribute.INT64SLICE:
		return twinspan.Ints(key, a.Value.AsInt64Slice())
	case attribute.FLOAT64SLICE:
		return twinspan.Floats(key, a.Value.AsFloat64Slice())
	case attribute.BOOLSLICE:
		return twinspan.Bools(key, a.Value.AsBoolSlice())
	case attribute.BYTESLICE:
		return twinspan.String(key, base64.StdEncoding.EncodeToString(a.Value.AsByteSlice()))
	case attribute.SLICE, attribute.MAP:
		text, err := json.Marshal(plain(a.Value, 0))
		if err != nil {
			return twinspan.String(key, a.Value.String())
		}
		return twinspan.RawJSON(key, string(text))
	}
	return twinspan.String(key, "")
}

// maxDepth bounds values within values.
const maxDepth = 32

// plain gives a value as encoding/json takes it.
func plain(v attribute.Value, depth int) any {
	switch v.Type() {
	case attribute.EMPTY:
		return nil
	case attribute.FLOAT64:
		if f := v.AsFloat64(); math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.FormatFloat(f, 'g', -1, 64) // JSON has no such number
		}
	case attribute.SLICE, attribute.MAP:
		if depth == maxDepth {
			return v.String()
		}
		if v.Type() == attribute.SLICE {
			list := []any{}
			for _, e := range v.AsSlice() {
				list = append(list, plain(e, depth+1))
			}
			return list
		}
		object := map[string]any{}
		for _, e := range v.AsMap() {
			object[string(e.Key)] = plain(e.Value, depth+1)
		}
		return object
	}
	return v.AsInterface()
}
