package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A query in place of filters lists and draws the calls of the spans that it finds.
func TestCallsByTraceQL(t *testing.T) {
	a := newAPI(t)
	for q, want := range map[string]string{
		`{ }`: "POST /pay Pay/Do SELECT", `{ status = error }`: "Pay/Do", `{ call:caller = "gw" }`: "Pay/Do",
		`{ resource.service.name = "gw" } >> { kind = internal }`: "check", `{ .none = 1 }`: "",
	} {
		for _, path := range []string{"/calls", "/calls/scatter"} {
			w := get(a, "/api/v1"+path+"?query="+url.QueryEscape(q))
			var page struct{ Calls, Points []struct{ Operation string } }
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", q, w.Code, w.Body)
			}
			var names []string
			for _, c := range append(page.Calls, page.Points...) {
				names = append(names, c.Operation)
			}
			got := strings.Join(names, " ")
			if q == `{ }` { // a list gives three spans of a set, two of which are of one call
				want = map[string]string{"/calls": "POST /pay Pay/Do", "/calls/scatter": "check SELECT Pay/Do POST /pay"}[path]
			}
			if got != want {
				t.Errorf("%s%s: %q, want %q", path, q, got, want)
			}
		}
	}
}

func TestTraceQLIsRefused(t *testing.T) {
	a := newAPI(t)
	for path, want := range map[string]string{
		"/traces": "is missing", "/traces?query=%7B%7D&limit=0": "limit", "/traces?query=%7B%7D&cursor=x": "cursor",
		"/calls?query=%7B%7D&app=gw": `\"app\" cannot stand beside`, "/calls/scatter?query=%7B%7D&tag=a": `\"tag\" cannot stand beside`,
		"/calls?spans=3": `belongs to \"query\"`, "/traceql?query=%7B%20.a%20%3D%20%7D": `"line":1,"column":8,"endColumn":9`,
		"/traceql?query=%7B%7D%7Crate()": "makes series", "/tags?scope=x": "is unknown", "/tags/values": "is missing", "/tags/values?tag=%7B": "expected an attribute",
	} {
		if w := get(a, "/api/v1"+path); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := get(a, "/api/v1/traceql?query=%7B%7D"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"{ }"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
