package query

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJaegerClients reads by Jaeger's API and its version 3 with a client of each, as they are released.
func TestJaegerClients(t *testing.T) {
	s := start(t)
	s.sendZipkin(t)
	url := "http://" + s.Address("http") + "/jaeger"

	var v1 struct {
		Services, Spans, Found, Dependencies []string
		Root, Path                           string
	}
	python(t, &v1, []string{"jaeger-mcp==0.6.1", "httpx==0.28.1", "typing-extensions==4.15.0"}, []string{"JAEGER_URL=" + url, "JAEGER_TOKEN=unused"}, "v1.py", zipkinTrace)
	for what, got := range map[string][2]string{
		"services":     {strings.Join(v1.Services, ", "), "backend, frontend"},
		"spans":        {strings.Join(v1.Spans, ", "), "backend get /api True, backend query False, frontend get / False, frontend get /api False"},
		"root":         {v1.Root, "frontend get / 90000 2 1"},
		"found":        {strings.Join(v1.Found, ", "), zipkinTrace},
		"dependencies": {strings.Join(v1.Dependencies, ", "), "frontend > backend 1"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", what, got[0], got[1])
		}
	}
	if !strings.Contains(v1.Path, "query") {
		t.Errorf("the critical path ends before the database: %s", v1.Path)
	}

	var v3 struct {
		Services   []string
		Operations json.RawMessage
		Summaries  []struct {
			TraceID   string `json:"traceId"`
			Root      string `json:"rootServiceName"`
			Operation string `json:"rootOperationName"`
			Spans     int    `json:"spanCount"`
			Services  []struct {
				Name  string
				Spans int `json:"spanCount"`
			}
		}
	}
	python(t, &v3, []string{"mcp-server-jaeger==0.1.0", "requests==2.34.2", "python-dotenv==1.2.2", "pydantic==2.13.5"}, nil, "v3.py", url)
	if len(v3.Services) != 2 || !strings.Contains(string(v3.Operations), "get /api") || len(v3.Summaries) != 1 {
		t.Fatalf("%+v", v3)
	}
	if m := v3.Summaries[0]; m.TraceID != zipkinTrace || m.Root != "frontend" || m.Operation != "get /" || m.Spans != 4 || len(m.Services) != 2 || m.Services[0].Spans != 2 {
		t.Errorf("%+v", m)
	}
}

// python installs packages for one run of a script in jaeger/ and reads what it prints. The first is installed without what
// it asks for, which is named by the others: the rest of that serves other uses of it.
func python(t *testing.T, into any, packages, environment []string, script string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, p := range [][]string{append([]string{"--no-deps"}, packages[0]), packages[1:]} {
		install := []string{"python3", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore", "--target", dir}
		cmd := exec.Command(filepath.Join("..", "..", "again.sh"), append(install, p...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("pip install %s: %v\n%s", strings.Join(p, " "), err, out)
		}
	}
	cmd := exec.Command("python3", append([]string{filepath.Join("jaeger", script)}, args...)...)
	cmd.Env = append(append(cmd.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1"), environment...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &complaints)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("%s: %v: %s", script, err, &out)
	}
}
