package digestlog

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// notInText are the fields that a component's text lines leave out, or write under another name than its JSON.
var notInText = map[string][]string{
	"resttemplate":  {"req.size.bytes"},
	"dubbo-server":  {"local.port", "remote.host"},
	"mongodb":       {"method"},
	"kafkamq-send":  {"error"},
	"biz":           {"param.types"},
	"dubbo-client":  {"resp.size.bytes"}, // sizes of serialized errors differ from run to run
	"rocketmq-send": {},
}

// TestTextAgreesWithJSON compares runs of the same requests with JSON and with text logs: the halves of each request are
// the same but for ids, times, sizes of time and what text leaves out.
func TestTextAgreesWithJSON(t *testing.T) {
	files := archive(t, "java-logs")
	for _, name := range []string{"core", "edge", "loadtest", "dubbo26", "kafka", "rabbit", "redis", "mongo", "message", "v4"} {
		jsonRequests, textRequests := requestsOf(t, files, name+"-json"), requestsOf(t, files, name+"-text")
		if len(jsonRequests) != len(textRequests) {
			t.Fatalf("%s: %d requests with JSON, %d with text", name, len(jsonRequests), len(textRequests))
		}
		compared, differ := 0, 0
		for i, a := range jsonRequests {
			b := textRequests[i]
			got, want := essences(b.halves), essences(a.halves)
			if len(got) != len(want) {
				continue // lines that came late count to the next request
			}
			compared += len(got)
			for j := range got {
				if got[j] == want[j] {
					continue
				}
				if differ++; differ <= 3 {
					t.Errorf("%s, %s:\ntext %s\nJSON %s", name, a.label, got[j], want[j])
				}
			}
		}
		if compared == 0 || differ > 0 {
			t.Errorf("%s: %d halves compared, %d differ", name, compared, differ)
		}
	}
}

// essences gives what should be the same in both runs, sorted.
func essences(halves map[string][]*span.Half) (all []string) {
	for file, list := range halves {
		for _, h := range list {
			all = append(all, path.Dir(file)+" "+essence(h))
		}
	}
	slices.Sort(all)
	return all
}

func essence(h *span.Half) string {
	var attrs []string
	left := notInText[h.Component]
	h.Payload.Attrs(func(key string, v span.Value) bool {
		switch {
		case slices.Contains(left, key), strings.HasSuffix(key, ".time"), strings.HasSuffix(key, ".span"):
		case key == "resp.size.bytes" && h.Operation == "GET /call": // the answer tells times
		case key == "current.thread.name", key == "db.execute.cost", key == "msg.id", key == "kafka.partition", key == "kafka.offset":
		default:
			attrs = append(attrs, key+"="+steady(v.Text()))
		}
		return true
	})
	slices.Sort(attrs)
	message := steady(h.Payload.StatusMessage())
	if h.Component == "kafkamq-send" {
		message = ""
	}
	if h.Component == "dubbo-client" && (h.ResultCode == "2" || h.ResultCode == "1") {
		message = message[:20] // then come ports, times and ids
	}
	peer := steady(h.PeerAddr)
	if h.Component == "dubbo-server" {
		peer = "" // only text has it
	}
	return fmt.Sprintf("%s %s %s %s %s [%s] %s %s %s load=%v peer=%s to=%s %q %q", h.Component, h.Kind, h.Type, h.App, h.Dotted,
		h.Operation, h.ResultCode, h.Status, shared(h), h.LoadTest, h.Peer, peer, message, attrs)
}

func shared(h *span.Half) string {
	switch h.Twin {
	case 0:
		return "alone"
	case h.Parent:
		return "below"
	}
	return "?"
}

// steady takes out what differs between two runs: the services' ports.
func steady(s string) string {
	return strings.NewReplacer(":8381", ":8081", ":8382", ":8082", ":8383", ":8083", "%3A838", "%3A808", "838", "808").Replace(s)
}
