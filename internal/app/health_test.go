package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/config"
)

func (r *running) pipeline() (p api.Pipeline, by map[string]int64) {
	r.t.Helper()
	status, answer := ask(r.t, "GET", r.url+"/api/v1/pipeline", "")
	if err := json.Unmarshal([]byte(answer), &p); err != nil || status != 200 {
		r.t.Fatalf("/api/v1/pipeline answers %d %q: %v", status, answer, err)
	}
	by = make(map[string]int64)
	for _, s := range p.Stages {
		for _, c := range append(s.Counters, s.Lost...) {
			by[strings.TrimSuffix(s.Name+"."+c.Name+"."+c.Reason, ".")] = c.Value
		}
	}
	return p, by
}

func TestPipelineTellsOfStages(t *testing.T) {
	r := start(t, "all", t.TempDir())
	p, by := r.pipeline()
	if len(p.Stages) != 4 || by["receive.halves"] != 0 || p.WindowSeconds != 10 || p.NotReady != "" {
		t.Errorf("at first: %+v", p)
	}
	want(t, 202, "", "POST", r.zipkin+"/api/v2/spans", spanOf("pay"))
	want(t, 400, "", "POST", r.zipkin+"/api/v2/spans", "[{}]")
	want(t, 200, traceID, "GET", r.url+"/api/v1/traces/"+traceID, "") // it is paired by then
	p, by = r.pipeline()
	for name, n := range map[string]int64{
		"receive.halves": 1, "receive.requests.ok": 1, "receive.requests.invalid": 1, "log.records": 1, "log.syncs": 1, "store.calls": 0,
	} {
		if by[name] < n {
			t.Errorf("%s is %d, want %d; all: %v", name, by[name], n, by)
		}
	}
	if store := p.Stages[3]; store.Depth+p.Stages[2].Depth != 1 || store.LagSeconds <= 0 {
		t.Errorf("one call is open: %+v", p.Stages)
	}
	if p.Process.HeapBytes == 0 || p.Process.Goroutines == 0 || p.Disk.RetentionDays != 7 || p.Disk.LogBytes == 0 {
		t.Errorf("%+v %+v", p.Process, p.Disk)
	}
}

// TestFullLogIsNotReady: while the log refuses what comes, the process says so to who asks whether to send to it.
func TestFullLogIsNotReady(t *testing.T) {
	r := start(t, "all", t.TempDir(), "TWINSPAN_WAL_SEGMENT_BYTES=16KiB", "TWINSPAN_WAL_MAX_BYTES=32KiB",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES=8KiB", "TWINSPAN_COLLECT_RANGE_AGE=1h")
	want(t, 200, "ok", "GET", r.url+"/readyz", "")
	for n := 0; ; n++ {
		status, answer := ask(t, "POST", r.zipkin+"/api/v2/spans", spanOf("pay"))
		if status == 503 {
			break
		}
		if status != 202 || n == 2000 {
			t.Fatalf("request %d: %d %s", n, status, answer)
		}
	}
	want(t, 503, "the log of tenant default takes nothing", "GET", r.url+"/readyz", "")
	want(t, 200, "ok", "GET", r.url+"/healthz", "")
	p, by := r.pipeline()
	if by["receive.refused.full"] == 0 || by["log.failures.full"] == 0 || p.NotReady == "" {
		t.Errorf("the pipeline does not tell: %q %v", p.NotReady, by)
	}
}

func TestProfilesAreForWhomTheSettingSays(t *testing.T) {
	for _, tt := range []struct {
		setting, from string
		status        int
	}{
		{config.ProfilesLoopback, "127.0.0.1:5", 200}, {config.ProfilesLoopback, "[::1]:5", 200},
		{config.ProfilesLoopback, "10.1.1.1:5", 403}, {config.ProfilesAll, "10.1.1.1:5", 200}, {config.ProfilesOff, "127.0.0.1:5", 404},
	} {
		p := &process{cfg: config.Default()}
		p.cfg.HTTP.Profiles = tt.setting
		r, w := httptest.NewRequest(http.MethodGet, "/debug/pprof/cmdline", nil), httptest.NewRecorder()
		r.RemoteAddr = tt.from
		p.profiles(func(http.ResponseWriter, *http.Request) {})(w, r)
		if w.Code != tt.status {
			t.Errorf("%s from %s: %d, want %d", tt.setting, tt.from, w.Code, tt.status)
		}
	}
}
