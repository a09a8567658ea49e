package opentelemetry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// span is what both sides are reduced to.
type span struct {
	id, parent string
	text       string // name, kind, status, scope, attributes, events, links
}

// forest writes spans as trees, siblings sorted by their text, so that equal forests are equal texts.
func forest(spans []span) string {
	ids := make(map[string]bool)
	for _, s := range spans {
		ids[s.id] = true
	}
	below := make(map[string][]span)
	for _, s := range spans {
		parent := s.parent
		if !ids[parent] {
			parent = ""
		}
		below[parent] = append(below[parent], s)
	}
	var write func(parent, indent string) string
	write = func(parent, indent string) string {
		var list []string
		for _, s := range below[parent] {
			list = append(list, indent+strings.ReplaceAll(s.text, "\n", "\n"+indent+"    ")+"\n"+write(s.id, indent+"  "))
		}
		slices.Sort(list)
		return strings.Join(list, "")
	}
	return write("", "")
}

// What differs from run to run.
var (
	ports    = regexp.MustCompile(`(127\.0\.0\.1|localhost|\[::1\]):\d+`)
	volatile = map[string]bool{"server.port": true, "network.peer.port": true, "client.port": true, "net.peer.port": true,
		"net.sock.peer.port": true, "exception.stacktrace": true, "messaging.client_id": true, "code.lineno": true}
)

func steady(key, value string) string {
	if volatile[key] {
		return key + "=*"
	}
	return key + "=" + ports.ReplaceAllString(value, "$1:*")
}

func joined(list []string) string {
	slices.Sort(list)
	return strings.Join(list, " ")
}

// fromSDK reduces what OpenTelemetry's SDK gives.
func fromSDK(stubs tracetest.SpanStubs) []span {
	var all []span
	for _, s := range stubs {
		text := fmt.Sprintf("%s [%s] %s %q scope %s %s\nattributes %s", s.Name, s.SpanKind, strings.ToLower(s.Status.Code.String()),
			ports.ReplaceAllString(s.Status.Description, "$1:*"), s.InstrumentationScope.Name, s.InstrumentationScope.Version, attributes(s.Attributes))
		for _, e := range s.Events {
			text += "\nevent " + e.Name + " " + attributes(e.Attributes)
		}
		for _, l := range s.Links {
			text += "\nlink to " + nameOf(stubs, l.SpanContext.SpanID().String()) + " " + attributes(l.Attributes)
		}
		all = append(all, span{id: s.SpanContext.SpanID().String(), parent: s.Parent.SpanID().String(), text: text})
	}
	return all
}

func nameOf(stubs tracetest.SpanStubs, id string) string {
	for _, s := range stubs {
		if s.SpanContext.SpanID().String() == id {
			return s.Name
		}
	}
	return "?"
}

func attributes(set []attribute.KeyValue) string {
	var list []string
	for _, a := range set {
		value := a.Value.String()
		switch a.Value.Type() {
		case attribute.STRING:
			value = strconv.Quote(a.Value.AsString())
		case attribute.FLOAT64:
			if value = strconv.FormatFloat(a.Value.AsFloat64(), 'g', -1, 64); !strings.ContainsAny(value, ".e") {
				value += ".0"
			}
		case attribute.STRINGSLICE:
			var quoted []string
			for _, v := range a.Value.AsStringSlice() {
				quoted = append(quoted, strconv.Quote(v))
			}
			value = "[" + strings.Join(quoted, ",") + "]"
		}
		list = append(list, steady(string(a.Key), value))
	}
	return joined(list)
}

// line is what a digest line says.
type line struct {
	Trace     string `json:"traceId"`
	Operation string `json:"operation"`
	Kind      string `json:"span.kind"`
	Status    string `json:"status"`
	Error     string `json:"error"`
	ID        string `json:"span.id8"`
	Parent    string `json:"parent.id8"`
	Twin      string `json:"twin.id8"`
	Scope     struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"scope"`
	Attributes map[string]any `json:"attributes"`
	Events     []struct {
		Name       string         `json:"name"`
		Attributes map[string]any `json:"attributes"`
	} `json:"events"`
	Links []struct {
		Span       string         `json:"span.id8"`
		Attributes map[string]any `json:"attributes"`
	} `json:"links"`
}

// fromLogs reduces the digest lines of a directory. Components written says how many lines each file has.
func fromLogs(t *testing.T, dir string) (all []span, files map[string]int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-digest.log"))
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string]int)
	var lines []line
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		for d.More() {
			var l line
			if err := d.Decode(&l); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lines = append(lines, l)
			files[strings.TrimSuffix(filepath.Base(name), "-digest.log")]++
		}
	}
	called := make(map[string]string)
	for _, l := range lines {
		called[l.ID+l.Trace] = l.Operation
		called[l.ID] = l.Operation
	}
	for _, l := range lines {
		text := fmt.Sprintf("%s [%s] %s %q scope %s %s\nattributes %s", l.Operation, l.Kind, l.Status, ports.ReplaceAllString(l.Error, "$1:*"),
			l.Scope.Name, l.Scope.Version, fromJSON(l.Attributes))
		for _, e := range l.Events {
			text += "\nevent " + e.Name + " " + fromJSON(e.Attributes)
		}
		for _, link := range l.Links {
			text += "\nlink to " + called[link.Span] + " " + fromJSON(link.Attributes)
		}
		// Dotted ids repeat from trace to trace.
		all = append(all, span{id: l.Trace + l.ID, parent: l.Trace + cmp.Or(l.Parent, l.Twin), text: text})
	}
	return all, files
}

func fromJSON(object map[string]any) string {
	var list []string
	for key, v := range object {
		value := fmt.Sprint(v)
		switch v := v.(type) {
		case string:
			value = strconv.Quote(v)
		case []any:
			var parts []string
			for _, e := range v {
				if s, ok := e.(string); ok {
					parts = append(parts, strconv.Quote(s))
				} else {
					parts = append(parts, fmt.Sprint(e))
				}
			}
			value = "[" + strings.Join(parts, ",") + "]"
		}
		list = append(list, steady(key, value))
	}
	return joined(list)
}
