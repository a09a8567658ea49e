package digestlog

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// TestNothingIsLost reads the lines of JSON that a JSON decoder can read too, Java's and Twinspan's, and looks for every
// field in the half.
func TestNothingIsLost(t *testing.T) {
	checked := 0
	for _, set := range []string{"java", "twinspan"} {
		files := archive(t, set+"-logs")
		for _, name := range sortedNames(files) {
			if f, ok := Known(path.Base(name)); !ok || f.Kind != KindDigest {
				continue
			}
			for _, rec := range readRecords(t, sourceOf(name), files[name]) {
				line := files[name][rec.From:rec.To]
				var object map[string]json.RawMessage
				if rec.Half == nil || set == "java" && strings.Contains(string(line), `\`) || json.Unmarshal(line, &object) != nil {
					continue
				}
				checked++
				for key, raw := range object {
					if missing := lost(rec.Half, key, raw); missing != "" {
						t.Errorf("%s at %d: %s: %s", name, rec.From, key, missing)
					}
				}
			}
		}
	}
	if checked < 3000 {
		t.Errorf("only %d lines were checked", checked)
	}
}

// lost says what is missing of a field, "" when all is there.
func lost(h *span.Half, key string, raw json.RawMessage) string {
	want := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &want); err != nil {
			return err.Error()
		}
	}
	own := !h.Coarse
	got := ""
	switch key {
	case "time":
		if own {
			return ""
		}
		got = h.StartTime().In(shanghai).Format("2006-01-02")
		want = want[:len(got)]
	case "local.app":
		got = h.App
	case "traceId":
		got = h.TraceString()
	case "spanId":
		got = h.Dotted
	case "span.kind":
		got = want // asserted by the goldens: biz and queues have kinds of their own
	case "result.code":
		got = h.ResultCode
	case "time.cost.milliseconds":
		got = want
		if ms := strings.TrimSuffix(want, "ms"); ms != span.Int(h.Duration/1e6).Text() {
			got = "duration " + span.Int(h.Duration).Text()
		}
	case "sql":
		if !own {
			want = strings.ReplaceAll(want, "%2C", ",")
		}
		got = text(h, key)
	case "error":
		got = h.Payload.StatusMessage()
	case "resp.size.bytes":
		if v, ok := h.Payload.Attr(key); ok || h.Component != "resttemplate" {
			got = v.Text()
		} else { // equal to the request's
			got = text(h, "req.size.bytes")
		}
	default:
		if own && ownKey(h, key, want, &got) {
			break
		}
		if key == "remote.app" && h.Type != span.TypeMQ {
			got = h.Peer
			break
		}
		v, ok := h.Payload.Attr(key)
		if !ok && want == "" {
			return ""
		}
		if got = v.Text(); ok && (raw[0] == '"') != (v.Kind == span.ValueString) && raw[0] != '{' && raw[0] != '[' {
			return "another type"
		}
	}
	if got != want {
		return "read " + got + ", written " + want
	}
	return ""
}

// ownKey gives what became of one of the fields that Twinspan adds.
func ownKey(h *span.Half, key, want string, got *string) bool {
	switch key {
	case "start.ns":
		*got = span.Int(h.Start).Text()
	case "duration.ns":
		*got = span.Int(h.Duration).Text()
	case "span.id8":
		*got = h.Span.String()
	case "parent.id8":
		*got = h.Parent.String()
	case "twin.id8":
		*got = h.Twin.String()
	case "local.address":
		*got = h.LocalAddr
	case "remote.address":
		*got = h.PeerAddr
	case "remote.app":
		*got = h.Peer
	case "instance":
		*got = h.Instance
	case "operation":
		*got = h.Operation
	case "status":
		*got = h.Status.String()
	case "type":
		*got = h.Type.String()
	case "attributes":
		*got = want
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(want), &object) != nil {
			*got = "no object"
		}
		for k, raw := range object {
			if missing := lost(h, k, raw); missing != "" {
				*got = k + ": " + missing
			}
		}
	case "events":
		*got = want
		var list []struct {
			Name string
			Time string `json:"time.ns"`
		}
		if err := json.Unmarshal([]byte(want), &list); err != nil {
			*got = err.Error()
		}
		i := 0
		h.Payload.Events(func(e span.Event) bool {
			if i >= len(list) || e.Name != list[i].Name || span.Int(e.Time).Text() != list[i].Time {
				*got = "event " + e.Name
			}
			i++
			return true
		})
		if i != len(list) {
			*got = "other events"
		}
	default:
		return false
	}
	return true
}
