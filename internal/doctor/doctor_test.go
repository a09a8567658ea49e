package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/leaktest"
	sdk "github.com/twinspan/twinspan/sdk"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// service writes logs as a service does: one request, and its stat lines.
func service(t *testing.T, change func(*sdk.Config)) (dir string) {
	t.Helper()
	c := sdk.DefaultConfig("pay")
	c.LogDir = t.TempDir()
	if change != nil {
		change(&c)
	}
	tracer, err := sdk.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, s := tracer.Start(context.Background(), sdk.Server, sdk.HTTPServer, fmt.Sprintf("GET /pay/%d", i))
		s.End()
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	return c.LogDir
}

// write makes a file and gives its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// grow adds to a file.
func grow(t *testing.T, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	write(t, path, string(before)+text)
}

// expect runs a check and wants a finding of the level that has the texts, in what or do.
func expect(t *testing.T, o Options, level Level, texts ...string) {
	t.Helper()
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Back == 0 {
		o.Back = 15 * time.Minute
	}
	report := Run(t.Context(), o)
	for _, f := range report.Findings {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(f.What+"\n"+f.Do, text)
		}
		if all && f.Level == level {
			return
		}
	}
	var b strings.Builder
	_ = report.WriteText(&b)
	t.Errorf("no %s with %q in\n%s", level, texts, &b)
}

func TestWholeSetUp(t *testing.T) {
	report := Run(t.Context(), Options{App: "pay", LogDir: service(t, nil), Zone: time.Local})
	if report.Problems != 0 {
		t.Errorf("problems of a service that is well: %+v", report.Findings)
	}
	if len(report.Settings) != len(sdk.SettingNames()) {
		t.Errorf("%d settings, there are %d", len(report.Settings), len(sdk.SettingNames()))
	}
	var b strings.Builder
	if err := report.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || len(back.Findings) != len(report.Findings) {
		t.Errorf("JSON: %v: %s", err, &b)
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tracer.properties")
	for text, want := range map[string][]string{
		"app = pay\nsample_percent = 3\n":                            {file + ":2: ", "sample_percent"},
		"app = pay\n\nsample_percentage = 300\n":                     {file + ":3: ", "between 0 and 100"},
		"app = pay\nstat_interval = 5\n":                             {file + ":2: ", "a duration with a unit"},
		"app = pay\ninject = zipkin\n":                               {file + ":2: ", "zipkin"},
		"app = pay\nsample_percentage = 0\n":                         {"no trace that begins here is logged"},
		"app = pay\nextract =\n":                                     {"no trace crosses the service's border"},
		"app = pay\ntracer_global_log_reserve_day = 7\napp = pays\n": {"is set in line 1 already"},
	} {
		write(t, file, text)
		expect(t, Options{ConfigFile: file, LogDir: dir}, Problem, want...)
		expect(t, Options{Environ: []string{fileVariable + "=" + file}, LogDir: dir}, Problem, want...)
	}
	expect(t, Options{Environ: []string{"SOFA_TRACER_SAMPLING=1"}, LogDir: dir}, Problem, "SOFA_TRACER_SAMPLING is of no setting")
	expect(t, Options{Environ: []string{"OTEL_TRACES_SAMPLER=always_off"}, LogDir: dir}, Problem, "sample_percentage is 0")
	expect(t, Options{ConfigFile: filepath.Join(dir, "none"), LogDir: dir}, Problem, "no such file")
	expect(t, Options{LogDir: dir}, Note, "given in code")
	expect(t, Options{Environ: []string{"SOFA_TRACER_SAMPLE_PERCENTAGE=0", "SOFA_TRACER_KEEP_ERRORS=true"}, LogDir: dir}, Note, "keep_errors")
	expect(t, Options{App: "pay", Environ: []string{"OTEL_SERVICE_NAME=pays"}, LogDir: dir}, Note, `"pays"`, `"pay"`)
}

func TestLogs(t *testing.T) {
	const name = "http-server-digest.log"
	// later gives a line of the log with another moment, as a clock or zone that is wrong gives it.
	moved := func(t *testing.T, by time.Duration) string {
		dir := t.TempDir()
		at := time.Now().Add(by)
		write(t, filepath.Join(dir, "spring-mvc-digest.log"), fmt.Sprintf(
			`{"time":%q,"local.app":"pay","traceId":"0a0fe8ec1403169275002100356696","spanId":"0","span.kind":"server","result.code":"200","current.thread.name":"main","time.cost.milliseconds":"3ms","request.url":"http://pay/1","method":"GET","req.size.bytes":-1,"resp.size.bytes":1,"sys.baggage":"","biz.baggage":""}`+"\n",
			at.Format("2006-01-02 15:04:05.000")))
		return dir
	}
	for what, c := range map[string]struct {
		dir   func(t *testing.T) string
		level Level
		want  []string
	}{
		"no directory": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, Problem, []string{"does not exist"}},
		"a file": {func(t *testing.T) string { return write(t, filepath.Join(t.TempDir(), "tracelog"), "") },
			Problem, []string{"is no directory"}},
		"empty": {func(t *testing.T) string { return t.TempDir() }, Problem, []string{"has no digest and no stat log"}},
		"unreadable line": {func(t *testing.T) string {
			dir := service(t, nil)
			good, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			grow(t, filepath.Join(dir, name), `{"time":"2026-11-23 10:00:00.000","local.app":"pay","traceId":"","spanId":"0"}`+"\n"+string(good))
			return dir
		}, Problem, []string{name, "1 of the last 7 records", "bad-number", "twinspan parse"}},
		"zone": {func(t *testing.T) string { return moved(t, -8*time.Hour) }, Problem, []string{"8h0m0s behind", "the time zone is wrong"}},
		"ahead": {func(t *testing.T) string { return moved(t, 21*time.Minute) },
			Problem, []string{"ahead of", "set the clock"}},
		"overflow": {func(t *testing.T) string { return service(t, func(c *sdk.Config) { c.StatMaxKeys = 1 }) },
			Problem, []string{"of 3 spans are counted under the overflow key"}},
		"self log": {func(t *testing.T) string {
			dir := service(t, nil)
			grow(t, filepath.Join(dir, "tracer-self.log"), time.Now().Format("2006-01-02 15:04:05.000")+
				"[WARN]  twinspan: 17 digest lines dropped because the queue was full\n")
			return dir
		}, Problem, []string{"tracer-self.log, 1 times", "17 digest lines dropped"}},
		"self log of the tracer itself": {func(t *testing.T) string { return service(t, func(c *sdk.Config) { c.StatMaxKeys = 1 }) },
			Problem, []string{"tracer-self.log", "too many stat keys"}},
		"sampled out": {func(t *testing.T) string { return service(t, func(c *sdk.Config) { c.SamplePercentage = 0 }) },
			Problem, []string{"sampling drops all"}},
		"quiet": {func(t *testing.T) string {
			dir := service(t, nil)
			files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
			for _, f := range files {
				at := time.Now().Add(-3 * time.Hour)
				if err := os.Chtimes(f, at, at); err != nil {
					t.Fatal(err)
				}
			}
			return dir
		}, Note, []string{"nothing was written for 3h"}},
		"old component": {func(t *testing.T) string {
			dir := service(t, nil)
			at := time.Now().Add(-72 * time.Hour)
			if err := os.Chtimes(write(t, filepath.Join(dir, "okhttp-digest.log"), "\n"), at, at); err != nil {
				t.Fatal(err)
			}
			return dir
		}, Note, []string{"okhttp-digest.log", "no longer uses"}},
	} {
		t.Run(what, func(t *testing.T) { expect(t, Options{App: "pay", LogDir: c.dir(t)}, c.level, c.want...) })
	}
	expect(t, Options{App: "orders", LogDir: service(t, nil)}, Note, "none of the last lines is of orders, all are of pay")
}

// serve serves fixed answers by path.
func serve(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAgent(t *testing.T) {
	dir := service(t, nil)
	expect(t, Options{LogDir: dir, AgentPaths: []string{"/logs"}, Follows: func(string) bool { return false }}, Problem, "does not follow", "/logs")
	expect(t, Options{LogDir: dir, Follows: func(string) bool { return true }}, OK, "follows "+dir)
	const up = "# HELP x\ntwinspan_agent_files 3\ntwinspan_agent_bytes_total 100\n"
	for metrics, want := range map[string][]string{
		"go_goroutines 3\n":        {"runs no agent"},
		"twinspan_agent_files 0\n": {"follows no file"},
		up + "twinspan_agent_lag_bytes 2048\ntwinspan_agent_forward_errors_total{reason=\"network\"} 7\n": {"does not get on", "2.0 KiB", "7 network"},
		up + "twinspan_agent_rejected_records_total{reason=\"bad-time\"} 2\n":                             {"2 records could not be read", "2 bad-time"},
		up + "twinspan_agent_lost_bytes_total 5\n":                                                        {"5 bytes went away"},
		up + "twinspan_agent_file_errors_total 4\n":                                                       {"4 times"},
	} {
		s := serve(t, map[string]string{"/metrics": metrics})
		expect(t, Options{LogDir: dir, AgentURL: s.URL, Wait: time.Millisecond}, Problem, want...)
	}
	s := serve(t, map[string]string{"/metrics": up + "twinspan_agent_lag_bytes 0\n"})
	expect(t, Options{LogDir: dir, AgentURL: s.URL}, OK, "follows 3 files")
	s.Close()
	expect(t, Options{LogDir: dir, AgentURL: s.URL}, Problem, "nothing listens there")
}

// at asks a server as the collector.
func at(base string) Ask {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context, path string, query url.Values) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path+"?"+query.Encode(), nil)
		if err != nil {
			return nil, err
		}
		return client.Do(req)
	}
}

func TestCollector(t *testing.T) {
	dir := service(t, nil)
	const status, apps = `{"version":"1","role":"all"}`, `{"apps":[{"name":"pay"},{"name":"ledger"}]}`
	calls := func(list ...string) string { return `{"calls":[` + strings.Join(list, ",") + `]}` }
	one := func(trace, id, caller, callee, kind, sides string) string {
		return fmt.Sprintf(`{"traceId":%q,"spanId":%q,"caller":%q,"callee":%q,"type":%q,"sides":%q}`, trace, id, caller, callee, kind, sides)
	}
	served := one("t1", "1", "pay", "ledger", "http", "both")
	for what, c := range map[string]struct {
		answers map[string]string
		level   Level
		want    []string
	}{
		"another server": {map[string]string{"/": "hello"}, Problem, []string{"404", "not of another server"}},
		"no JSON":        {map[string]string{"/api/v1/status": "<html>"}, Problem, []string{"no answer of Twinspan's API"}},
		"nothing":        {map[string]string{"/api/v1/calls": calls()}, Problem, []string{"nothing that pay wrote came"}},
		"other spelling": {map[string]string{"/api/v1/calls": calls(), "/api/v1/apps": `{"apps":[{"name":"Pay"}]}`}, Problem, []string{`it is there as "Pay"`}},
		"joined":         {map[string]string{"/api/v1/calls": calls(served)}, OK, []string{"pay → ledger (http): all 1 calls have both sides"}},
		"from outside":   {map[string]string{"/api/v1/calls": calls(one("t1", "1", "", "pay", "http", "server"))}, Note, []string{"? → pay (http): 1 calls from outside"}},
		"callee elsewhere": {map[string]string{"/api/v1/calls": calls(one("t1", "1", "pay", "ledger", "http", "client")),
			"/api/v1/traces/t1": calls(one("t1", "1", "pay", "ledger", "http", "client"))},
			Problem, []string{"1 of 1 calls have one side only", "does not read what pay injects"}},
		"ids that do not meet": {map[string]string{"/api/v1/calls": calls(served, one("t2", "1", "pay", "ledger", "http", "client")),
			"/api/v1/traces/t2": calls(one("t2", "1", "pay", "ledger", "http", "client"), one("t2", "2", "", "ledger", "http", "server"))},
			Problem, []string{"1 of 2 calls", "server_span_id of ledger"}},
		"callee silent": {map[string]string{"/api/v1/calls": calls(one("t1", "1", "pay", "mail", "http", "client"))}, Problem, []string{"nothing comes from mail"}},
		"callee unknown": {map[string]string{"/api/v1/calls": calls(one("t1", "1", "pay", "", "http", "client"))},
			Problem, []string{"the other side is not traced"}},
	} {
		t.Run(what, func(t *testing.T) {
			if c.answers["/"] == "" && c.answers["/api/v1/status"] == "" {
				c.answers["/api/v1/status"] = status
			}
			if c.answers["/api/v1/apps"] == "" {
				c.answers["/api/v1/apps"] = apps
			}
			expect(t, Options{App: "pay", LogDir: dir, Collector: at(serve(t, c.answers).URL)}, c.level, c.want...)
		})
	}
	for status, want := range map[int]string{401: "-token-file", 403: "-tenant", 400: "-tenant", 503: "wait until it is started"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":{"message":"so it is"}}`))
		}))
		expect(t, Options{App: "pay", LogDir: dir, Collector: at(s.URL)}, Problem, "so it is", want)
		s.Close()
		expect(t, Options{App: "pay", LogDir: dir, Collector: at(s.URL)}, Problem, "nothing listens there", "start it")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(status))
	}))
	defer s.Close()
	expect(t, Options{App: "pay", LogDir: dir, Collector: at(s.URL)}, Problem, "behind this host's", "NTP")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	expect(t, Options{App: "pay", LogDir: dir, Collector: at(secure.URL)}, Problem, "not trusted here", "-ca-file")
	expect(t, Options{App: "pay", LogDir: dir, Collector: at("https" + strings.TrimPrefix(s.URL, "http"))}, Problem, "use http://")
	push := Port{Named: "agent.collector", Protocol: AgentPush, URL: s.URL + "/v1/push"}
	s.Close()
	expect(t, Options{LogDir: dir, Ports: []Port{push}}, Problem, "nothing listens there", "an address that this host reaches")
}

// TestPropagation asks a service that reads W3C and SOFATracer's headers.
func TestPropagation(t *testing.T) {
	c := sdk.DefaultConfig("pay")
	c.LogDir = t.TempDir()
	c.Extract = []sdk.Propagation{sdk.W3C, sdk.SOFAHTTP}
	tracer, err := sdk.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, span := tracer.StartFrom(r.Context(), sdk.HeaderCarrier(r.Header), sdk.Server, sdk.HTTPServer, "GET /pay")
		span.End()
		tracer.Flush()
	}))
	defer s.Close()
	// What comes is there at once: the service flushes before it answers.
	o := Options{App: "pay", LogDir: c.LogDir, URL: s.URL, Wait: time.Millisecond}
	expect(t, o, OK, "W3C: the trace goes on in pay (http-server-digest.log)")
	expect(t, o, OK, "SOFATracer's HTTP: the trace goes on in pay")
	// The tracer reads no B3; by the settings that the command sees it should.
	expect(t, o, Problem, "B3: the service begins a trace of its own", "although extract has the format")
	o.Environ = []string{"SOFA_TRACER_EXTRACT=w3c,sofa-http"}
	expect(t, o, Note, "B3: the service begins a trace of its own", "add b3 to extract")

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	o.URL = plain.URL
	expect(t, o, Problem, "none of the requests' traces goes on")
	o.Collector = at(plain.URL)
	expect(t, o, Problem, "none of the requests' traces goes on")
	plain.Close()
	expect(t, o, Problem, "the request cannot be sent", "nothing listens there")
	o.LogDir, o.Collector = filepath.Join(c.LogDir, "none"), nil
	expect(t, o, Problem, "no place to look")
}
