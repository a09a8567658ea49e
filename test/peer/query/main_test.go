package query

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/peer/server"
)

func TestMain(m *testing.M) { server.Main(m) }

// collector is a running collector, and what the tests ask of it.
type collector struct{ server.Server }

func start(t *testing.T) collector {
	t.Helper()
	return collector{server.Start(t)}
}

// ask sends a GET to the API and gives status, headers and body.
func (c collector) ask(t *testing.T, path, accept string) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+c.Address("http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, body
}

// wait waits until all spans of a trace can be read.
func (c collector) wait(t *testing.T, id string, spans int) {
	t.Helper()
	var body []byte
	for deadline := time.Now().Add(server.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var status int
		var list []json.RawMessage
		if status, _, body = c.ask(t, "/zipkin/api/v2/trace/"+id, ""); status == http.StatusOK && json.Unmarshal(body, &list) == nil && len(list) == spans {
			return
		}
	}
	t.Fatalf("trace %s has not %d spans: %s", id, spans, body)
}
