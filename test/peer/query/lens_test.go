package query

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lens is Zipkin's web UI as it is released.
const lens = "io.zipkin:zipkin-lens:3.4.3"

// TestZipkinLens searches and opens a trace in Zipkin's own UI, which reads from /zipkin, in a browser.
func TestZipkinLens(t *testing.T) {
	s := start(t)
	s.sendZipkin(t)
	site := httptest.NewServer(lensSite(t, s.Address("http")))
	defer site.Close()

	var seen struct {
		Services, Rows, Complaints []string
		Query, TracePath, Trace    string
		Dependencies               bool
	}
	browse(t, "lens", site.URL, &seen)
	if !strings.Contains(strings.Join(seen.Services, " "), "frontend") || !strings.Contains(seen.Query, "serviceName=frontend") {
		t.Errorf("services %q, query %q", seen.Services, seen.Query)
	}
	if len(seen.Rows) != 1 || !strings.Contains(seen.Rows[0], "frontend: get /") {
		t.Errorf("rows: %q", seen.Rows)
	}
	if seen.TracePath != "/zipkin/traces/"+zipkinTrace {
		t.Errorf("opened %q", seen.TracePath)
	}
	for _, want := range []string{"frontend", "backend", "get /api", "query", "4"} {
		if !strings.Contains(strings.ToLower(seen.Trace), want) {
			t.Errorf("the trace's page lacks %q: %q", want, seen.Trace)
		}
	}
	if len(seen.Complaints) > 0 || !seen.Dependencies {
		t.Errorf("%+v", seen)
	}
}

const zipkinTrace = "5af7183fb1d4cf5f0000000000000001"

// sendZipkin sends a trace of four spans, as Zipkin's tracers do: the server's half of a call shares its client's id.
func (c collector) sendZipkin(t *testing.T) {
	t.Helper()
	at := time.Now().Add(-time.Minute).UnixMicro()
	spans := fmt.Sprintf(`[
		{"traceId":%[1]q,"id":"0000000000000001","kind":"SERVER","name":"get /","timestamp":%[2]d,"duration":90000,
		 "localEndpoint":{"serviceName":"frontend","ipv4":"10.0.0.1","port":8080},"tags":{"http.method":"GET","http.path":"/"}},
		{"traceId":%[1]q,"parentId":"0000000000000001","id":"0000000000000002","kind":"CLIENT","name":"get /api","timestamp":%[3]d,"duration":50000,
		 "localEndpoint":{"serviceName":"frontend","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"backend","ipv4":"10.0.0.2","port":9000}},
		{"traceId":%[1]q,"parentId":"0000000000000001","id":"0000000000000002","kind":"SERVER","name":"get /api","timestamp":%[4]d,"duration":30000,
		 "shared":true,"localEndpoint":{"serviceName":"backend","ipv4":"10.0.0.2","port":9000},"tags":{"error":"no rows"},
		 "annotations":[{"timestamp":%[4]d,"value":"retried"}]},
		{"traceId":%[1]q,"parentId":"0000000000000002","id":"0000000000000003","kind":"CLIENT","name":"query","timestamp":%[5]d,"duration":10000,
		 "localEndpoint":{"serviceName":"backend"},"remoteEndpoint":{"serviceName":"mysql"},"tags":{"db.system":"mysql","sql.query":"select 1"}}]`,
		zipkinTrace, at, at+10_000, at+20_000, at+25_000)
	r, err := http.Post("http://"+c.Address("zipkin")+"/api/v2/spans", "application/json", strings.NewReader(spans))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusAccepted {
		body, _ := io.ReadAll(r.Body)
		t.Fatalf("%s: %s", r.Status, body)
	}
	c.wait(t, zipkinTrace, 4)
}

// browse runs a story of ui/browse.mjs and reads what it saw.
func browse(t *testing.T, story, site string, into any) {
	t.Helper()
	cmd := exec.Command("node", filepath.Join("ui", "browse.mjs"), story, site)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
}

// lensSite serves the UI's files as docs/compatible-apis.md says, and passes the API on.
func lensSite(t *testing.T, address string) http.Handler {
	t.Helper()
	files, err := fs.Sub(mavenJar(t, lens), "zipkin-lens")
	if err != nil {
		t.Fatal(err)
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	static := http.StripPrefix("/zipkin/", http.FileServerFS(files))
	mux := http.NewServeMux()
	api := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	mux.Handle("/zipkin/api/", api)
	mux.Handle("/zipkin/config.json", api)
	mux.HandleFunc("/zipkin/", func(w http.ResponseWriter, r *http.Request) {
		if name := strings.TrimPrefix(r.URL.Path, "/zipkin/"); name != "" {
			if _, err := fs.Stat(files, name); err == nil {
				static.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(index)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/zipkin/", http.StatusFound) })
	return mux
}

// mavenJar gets an artifact by Maven, which keeps it for the next time, and opens it.
func mavenJar(t *testing.T, artifact string) fs.FS {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(filepath.Join("..", "..", "again.sh"), append([]string{"mvn", "-q", "-B"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("mvn %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("dependency:get", "-Dartifact="+artifact, "-Dtransitive=false")
	run("dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+dir, "-Dmdep.useBaseVersion=true")
	names, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return z
}
