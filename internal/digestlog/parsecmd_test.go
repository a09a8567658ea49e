package digestlog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunParse(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("spring-mvc-digest.log", jsonLine("0", "")+jsonLine("0.1", "a\nb"))
	shadow := write("shadow/spring-mvc-digest.log", jsonLine("0", ""))
	bad := write("spring-mvc-digest.log.2026-11-22", "old\n"+jsonLine("0", ""))
	other := write("tracer-self.log", "one\ntwo\n")
	unknown := write("app.log", "")
	stat := `{"time":"2026-11-23 16:50:38.970","stat.key":{"local.app":"b","database.name":"l","sql":"COMMIT"},"count":3,"total.cost.milliseconds":7,"success":"N","load.test":"F"}` + "\n"
	tests := []struct {
		name         string
		args         []string
		stdin        string
		exit, lines  int
		out, message string
	}{
		{"good", []string{good}, "", 0, 2, `"sofaSpanId":"0.1"`, "lines read 3, parsed 3 (2 records), other 0, rejected 0\n  repaired, lines: 1 records"},
		{"shadow", []string{shadow}, "", 0, 1, `"loadTest":true`, "rejected 0"},
		{"rejected", []string{bad}, "", 1, 1, `"sofaSpanId":"0"`, `line 1: rejected: no-start`},
		{"rejected, quiet", []string{"-q", bad}, "", 1, 1, "", "lines read 2, parsed 1 (1 records), other 0, rejected 1\n  rejected, no-start: 1"},
		{"other", []string{other}, "", 0, 0, "", "lines read 2, parsed 0 (0 records), other 2, rejected 0"},
		{"standard input", []string{"-name", "datasource-client-stat.log", "-zone", "UTC", "-"}, stat, 0, 1,
			`{"app":"b","component":"datasource-client","kind":"client","type":"db","operation":"COMMIT","statKey":"database.name=l,local.app=b,sql=COMMIT","beginUnixNano":"1795452638970000000","begin":"2026-11-23T16:50:38.97Z","lengthNano":0,"count":3,"errors":3,"totalDurationNano":7000000,"loadTest":false}`, ""},
		{"format", []string{"-format", "text", good}, "", 1, 0, "", "rejected 3"},
		{"unknown name", []string{unknown}, "", 2, 0, "", "no digest or stat log by its name"},
		{"missing file, the rest is read", []string{filepath.Join(dir, "biz-digest.log"), good}, "", 2, 2, "", "no such file"},
		{"bad zone", []string{"-zone", "Nowhere/City", good}, "", 2, 0, "", "-zone"},
		{"bad charset", []string{"-charset", "klingon", good}, "", 2, 0, "", `charset "klingon" is unknown`},
		{"no file", nil, "", 2, 0, "", "usage"},
		{"help", []string{"-h"}, "", 0, 0, "", "usage"},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		exit := runParse(tt.args, strings.NewReader(tt.stdin), &stdout, &stderr)
		lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
		if stdout.Len() == 0 {
			lines = nil
		}
		if exit != tt.exit || len(lines) != tt.lines || !strings.Contains(stdout.String(), tt.out) || !strings.Contains(stderr.String(), tt.message) {
			t.Errorf("%s: exit %d\n%s%s", tt.name, exit, stdout.String(), stderr.String())
		}
		for _, l := range lines {
			if !json.Valid([]byte(l)) {
				t.Errorf("%s: not JSON: %s", tt.name, l)
			}
		}
	}
}
