package peer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/peer/server"
)

func TestMain(m *testing.M) { server.Main(m) }

// collector is a running collector, and what the tests read of it.
type collector struct{ server.Server }

func start(t *testing.T) collector {
	t.Helper()
	return collector{server.Start(t)}
}

// half and call are what the tests read of the API's answers.
type half struct {
	App        string            `json:"app"`
	Kind       string            `json:"kind"`
	Operation  string            `json:"operation"`
	Status     string            `json:"status"`
	Route      string            `json:"route"`
	Peer       string            `json:"peer"`
	PeerAddr   string            `json:"peerAddress"`
	Attributes map[string]any    `json:"attributes"`
	Events     []json.RawMessage `json:"events"`
}

type call struct {
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
	Sides     string `json:"sides"`
	Error     bool   `json:"error"`
	Client    *half  `json:"client"`
	Server    *half  `json:"server"`
}

type trace struct {
	TraceID string `json:"traceId"`
	Halves  int    `json:"halves"`
	Calls   []call `json:"calls"`
}

// get asks the API.
func (c collector) get(path string, into any) error {
	r, err := http.Get("http://" + c.Address("http") + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, r.Status, body)
	}
	return json.Unmarshal(body, into)
}

// wait waits for a trace of some halves.
func (c collector) wait(t *testing.T, id string, halves int) trace {
	t.Helper()
	var tr trace
	var err error
	for deadline := time.Now().Add(server.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		tr = trace{}
		if err = c.get("/api/v1/traces/"+url.PathEscape(id), &tr); err == nil && tr.Halves == halves {
			return tr
		}
	}
	t.Fatalf("trace %s has %d halves, want %d: %v", id, tr.Halves, halves, err)
	return tr
}

// joined gives the trace's call from caller to callee, which must have both halves, come by a route, and be the only one.
func (tr trace) joined(t *testing.T, caller, callee, route string) call {
	t.Helper()
	var found []call
	for _, c := range tr.Calls {
		if c.Caller == caller && c.Callee == callee && c.Client != nil && c.Server != nil {
			found = append(found, c)
		}
	}
	if len(found) != 1 || found[0].Client.Route != route || found[0].Server.Route != route {
		t.Fatalf("%d joined calls from %s to %s by %s, want 1, in %+v", len(found), caller, callee, route, tr.Calls)
	}
	return found[0]
}
