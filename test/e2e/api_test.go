package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// What the tests read of the API's answers.

type half struct {
	App           string `json:"app"`
	SpanID        string `json:"spanId"`
	SofaSpanID    string `json:"sofaSpanId"`
	TwinSpanID    string `json:"twinSpanId"`
	Kind          string `json:"kind"`
	StartUnixNano string `json:"startUnixNano"`
	ResultCode    string `json:"resultCode"`
}

type call struct {
	TraceID   string `json:"traceId"`
	SpanID    string `json:"spanId"`
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
	Sides     string `json:"sides"`
	Error     bool   `json:"error"`
	LoadTest  bool   `json:"loadTest"`
	ParentID  *int   `json:"parentId"`
	Client    *half  `json:"client"`
	Server    *half  `json:"server"`
}

type trace struct {
	TraceID  string `json:"traceId"`
	Halves   int    `json:"halves"`
	Calls    []call `json:"calls"`
	LoadTest bool   `json:"loadTest"`
}

type topology struct {
	Edges []struct {
		Caller        string `json:"caller"`
		Callee        string `json:"callee"`
		Type          string `json:"type"`
		Calls         int64  `json:"calls"`
		Errors        int64  `json:"errors"`
		LoadTestCalls int64  `json:"loadTestCalls"`
	} `json:"edges"`
}

type apps struct {
	Apps []struct {
		Name   string `json:"name"`
		Kind   string `json:"kind"`
		Calls  int64  `json:"calls"`
		Errors int64  `json:"errors"`
		Source string `json:"source"`
	} `json:"apps"`
}

type status struct {
	HalvesReceived int64 `json:"halvesReceived"`
	CallsStored    int64 `json:"callsStored"`
	OpenCalls      int64 `json:"openCalls"`
}

// get asks the API.
func (s *server) get(path string, query url.Values, into any) error {
	target := "http://" + s.http + "/api/v1/" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	for name, values := range s.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", target, r.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return nil
}

func (s *server) trace(id string) (*trace, error) {
	t := new(trace)
	return t, s.get("traces/"+url.PathEscape(id), nil, t)
}

// search gives all calls that match, page by page.
func (s *server) search(query url.Values) ([]call, error) {
	query.Set("limit", "1000")
	var all []call
	for {
		var page struct {
			Calls []call `json:"calls"`
			Next  string `json:"next"`
		}
		if err := s.get("calls", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Calls...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}
