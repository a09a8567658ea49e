package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// otlp makes a request of some traces as OTLP/JSON: in each trace "shop" calls "stock", with one half of each.
func otlp(random *rand.Rand, traces int) (body []byte, ids []string) {
	type object = map[string]any
	hex := func(bytes int) string {
		b := make([]byte, bytes)
		for i := range b {
			b[i] = byte(random.IntN(255) + 1)
		}
		return fmt.Sprintf("%x", b)
	}
	now := time.Now().UnixNano()
	var clients, servers []object
	for range traces {
		id, client := hex(16), hex(8)
		ids = append(ids, id)
		half := func(span, parent string, kind int, start, end int64) object {
			return object{"traceId": id, "spanId": span, "parentSpanId": parent, "name": "GET /stock/{id}", "kind": kind,
				"startTimeUnixNano": fmt.Sprint(start), "endTimeUnixNano": fmt.Sprint(end),
				"attributes": []object{
					{"key": "http.request.method", "value": object{"stringValue": "GET"}},
					{"key": "goods.name", "value": object{"stringValue": "西湖龙井"}},
				}}
		}
		clients = append(clients, half(client, "", 3, now-9e6, now-1e6))
		servers = append(servers, half(hex(8), client, 2, now-8e6, now-2e6))
	}
	resource := func(app string, spans []object) object {
		return object{
			"resource":   object{"attributes": []object{{"key": "service.name", "value": object{"stringValue": app}}}},
			"scopeSpans": []object{{"spans": spans}},
		}
	}
	body, err := json.Marshal(object{"resourceSpans": []object{resource("shop", clients), resource("stock", servers)}})
	if err != nil {
		panic(err)
	}
	return body, ids
}

// post sends a request and gives the status and the body of the answer.
func post(url, contentType string, body []byte) (int, string, error) {
	r, err := http.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, string(text), err
}

func (s *server) tracesURL() string {
	return "http://" + s.env["TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS"] + "/v1/traces"
}

// TestAcknowledgedIsFoundAtOnce asks for a trace in the moment in which it is acknowledged.
func TestAcknowledgedIsFoundAtOnce(t *testing.T) {
	s := newServer(t, "collector", filepath.Join(t.TempDir(), "data"), nil)
	s.start()
	s.ready()
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		body, ids := otlp(random, 3)
		if code, text, err := post(s.tracesURL(), "application/json", body); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s %v", code, text, err)
		}
		for _, id := range ids {
			if tr, err := s.trace(id); err != nil || tr.Halves != 2 || len(tr.Calls) != 1 {
				t.Fatalf("%v %+v", err, tr)
			}
			if calls, err := s.search(url.Values{"traceId": {id}}); err != nil || len(calls) != 1 {
				t.Fatalf("search for the trace: %v %+v", err, calls)
			}
		}
	}
	calls, err := s.search(url.Values{"callee": {"stock"}, "tag": {"goods.name=西湖龙井"}})
	if err != nil || len(calls) != 150 {
		t.Fatalf("%v, %d calls", err, len(calls))
	}
}

// TestResends sends OTLP requests while the collector is killed with kill -9, each again until it is acknowledged, and
// some once more after that, as senders do whose acknowledgement was lost. Everything is found once.
func TestResends(t *testing.T) {
	const senders, requests, traces = 6, 50, 10
	seed := seedOr(t, 5)
	s := newServer(t, "collector", filepath.Join(t.TempDir(), "data"), map[string]string{
		"TWINSPAN_COLLECT_RANGE_AGE":        "1s",
		"TWINSPAN_COLLECT_WINDOW":           "1s",
		"TWINSPAN_WAL_SEGMENT_BYTES":        "262144",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "262144",
	})
	s.start()
	s.ready()
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	again := 0
	var sending sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for range requests {
				body, ids := otlp(random, traces)
				tries := 0
				for times := 1 + random.IntN(10)/9; times > 0; {
					tries++
					code, _, err := post(s.tracesURL(), "application/json", body)
					if err == nil && code == http.StatusOK {
						times--
						continue
					}
					time.Sleep(time.Duration(10+random.IntN(40)) * time.Millisecond)
				}
				mu.Lock()
				for _, id := range ids {
					acknowledged[id] = true
				}
				if tries > 1 {
					again++
				}
				mu.Unlock()
				time.Sleep(time.Duration(random.IntN(250)) * time.Millisecond)
			}
		})
	}
	done := make(chan struct{})
	go func() { sending.Wait(); close(done) }()
	random := rand.New(rand.NewPCG(seed, 99))
	kills := 0
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-time.After(time.Duration(100+random.IntN(500)) * time.Millisecond):
			if kills%4 == 3 {
				s.ready() // some starts are let end, or on a slow machine none would
			}
			s.kill()
			s.start()
			kills++
		}
	}
	t.Logf("seed %d: killed %d times; %d of %d requests sent more than once", seed, kills, again, senders*requests)
	s.ready()
	check := func() {
		want := map[edge]count{{"shop", "stock", "http"}: {calls: senders * requests * traces}}
		eventually(t, "topology", func() error { return checkEdges(s, nil, want) })
		found(t, s, slices.Collect(maps.Keys(acknowledged)))
		if calls, err := s.search(url.Values{}); err != nil || len(calls) != len(acknowledged) {
			t.Fatalf("%d calls found, %d traces acknowledged, %v", len(calls), len(acknowledged), err)
		}
	}
	check()
	s.stop()
	s.start()
	s.ready()
	check()
}
