package config

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/agent"
)

func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestGoodFiles(t *testing.T) {
	want := Default()
	want.DataDir = "/var/lib/twinspan"
	want.Partitions = 4
	want.Log = Log{Level: slog.LevelDebug, Format: "json"}
	want.HTTP.Address = ":8680"
	want.Receivers.OTLP.GRPCAddress = ""
	want.Receivers.OTLP.MaxSpans = 1000
	want.Receivers.OTLP.RetryAfter = 90 * time.Second
	want.WAL.SegmentBytes = 128 << 20
	want.Collect.RangeBytes = 16 << 20
	want.Agent.Paths = []string{"/home/admin/logs/tracelog", "~/logs/*"}
	want.Agent.Overrides = []agent.Override{
		{Path: "/data/legacy", Zone: "Asia/Shanghai", Charset: "gb18030"}, {Path: "/data/new", Format: "json"},
	}
	want.Agent.Compress = false
	for file, want := range map[string]Config{
		"all.good.yml": want, "empty.good.yml": Default(), "document.good.yml": Default(),
	} {
		got, unknown, err := Load(filepath.Join("testdata", file), nil)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(unknown) > 0 {
			t.Errorf("%s: unknown variables %v", file, unknown)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives\n%+v, want\n%+v", file, got, want)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// bad has the whole message for each kind of wrong file.
var bad = map[string]string{
	"unknown-key":    `line 2: collect.windw: there is no such setting: did you mean "window"?`,
	"unknown-group":  `line 1: storage: there is no such setting: did you mean "store"?`,
	"unknown-nested": `line 4: agent.overrides[0].timezone: there is no such setting: 'twinspan config' lists all`,
	"wrong-place":    `line 1: retention_days: there is no such setting: did you mean store.retention_days?`,
	"wrong-type": `line 1: partitions: "many" is not understood: want a whole number
line 4: receivers.otlp.max_spans: a list is not understood: want a whole number
line 6: agent.compress: "perhaps" is not understood: want true or false
line 8: log.level: "verbose" is not understood: want debug, info, warn or error`,
	"fraction":      `line 1: partitions: "2.7" is not understood: want a whole number`,
	"duration-unit": `line 2: collect.window: "5" is not understood: want a duration with its unit, such as 500ms, 10s, 5m or 1h30m`,
	"duration-days": `line 2: query.max_range: "7d" is not understood: want a duration with its unit, such as 500ms, 10s, 5m or 1h30m`,
	"size":          `line 2: store.max_bytes: "10GB" is not understood: want a number of bytes, such as 1048576 or 64MiB`,
	"list":          `line 2: agent.paths: "/logs" is not understood: want a list, such as [a, b]`,
	"list-item":     `line 2: agent.paths[1]: a group of settings is not understood: want a text`,
	"group":         `line 1: http: "127.0.0.1:8680" is not understood: want settings, each on its own line as name: value`,
	"root":          `line 1: a list is not understood: want settings, each on its own line as name: value`,
	"no-value":      `line 2: store.retention_days: there is no value: give a whole number, or delete the line`,
	"duplicate-key": `line 4: store.retention_days: set before, in line 2: keep one`,
	"two-documents": `line 2: a second YAML document begins: keep one in a file`,
	"no-yaml":       `line 2: did not find expected key`,
	"tab":           `line 2: found character that cannot start any token`,
	"not-done": `wal: commit_bytes is 0, want 1 to 1073741824
collect: window is 1h0m0s, want 0s to 10m
collect: range_age is 0s, want 1s to 1h
ingest.max_request_bytes is 134217728, more than fits into a segment of the log: raise wal.segment_bytes above it`,
	"addresses": `http.address is empty: without it nothing can be seen or checked, give host:port
receivers.otlp.grpc_address is "4317", want host:port, such as 127.0.0.1:8680 or :8680 for all addresses
receivers.agent: address "localhost" is not host:port: address localhost: missing port in address`,
	"out-of-range": `partitions is -1, want 0 (one for each processor) to 1024
log.format is "xml", want text or json
store: retention_days is 0: keep at least 1 day
query: max_scan is 0: it has to be above 0`,
}

func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	tested := 0
	for _, file := range files {
		want, ok := bad[strings.TrimSuffix(filepath.Base(file), ".bad.yml")]
		if !ok {
			t.Errorf("%s: there is no message for it in the table", file)
			continue
		}
		tested++
		c, _, err := Load(file, nil)
		if err == nil {
			err = c.Validate()
		} else {
			want = "configuration " + file + ": " + want
		}
		if err == nil {
			t.Errorf("%s is accepted", file)
		} else if err.Error() != want {
			t.Errorf("%s gives\n%v\nwant\n%s", file, err, want)
		}
	}
	if tested != len(bad) {
		t.Errorf("%d files for %d messages", tested, len(bad))
	}
}

func TestFileMissing(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "none.yml"), nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yml") {
		t.Errorf("got %v, want a message about the file that is not there", err)
	}
}

func TestEnvironment(t *testing.T) {
	// The environment wins over the file; inlined groups have no part of their own in names; a text is taken as it is.
	c, unknown, err := Load("testdata/all.good.yml", []string{
		"PATH=/bin",
		"TWINSPAN_PARTITIONS=8",
		"TWINSPAN_DATA_DIR=a: b # c",
		"TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS=",
		"TWINSPAN_RECEIVERS_ZIPKIN_MAX_SPANS=7",
		"TWINSPAN_QUERY_COLLECTOR=http://c:8680",
		"TWINSPAN_QUERY_MAX_RANGE=24h",
		"TWINSPAN_STORE_MAX_BYTES=2TiB",
		"TWINSPAN_LOG_LEVEL=warn",
		"TWINSPAN_AGENT_PATHS=[/a, '/b c']",
		"TWINSPAN_AGENT_OVERRIDES=[{path: /a, zone: UTC}]",
		"TWINSPAN_AGENT_COMPRESS=true",
		"TWINSPAN_SERVICE_HOST=10.0.0.1",
		"TWINSPAN_AGENT=x",
		"TWINSPAN_=x",
	})
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := Load("testdata/all.good.yml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want.Partitions = 8
	want.DataDir = "a: b # c"
	want.Receivers.OTLP.HTTPAddress = ""
	want.Receivers.Zipkin.MaxSpans = 7
	want.Query.Collector = "http://c:8680"
	want.Query.MaxRange = 24 * time.Hour
	want.Store.MaxBytes = 2 << 40
	want.Log.Level = slog.LevelWarn
	want.Agent.Paths = []string{"/a", "/b c"}
	want.Agent.Overrides = []agent.Override{{Path: "/a", Zone: "UTC"}}
	want.Agent.Compress = true
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v, want\n%+v", c, want)
	}
	if names := []string{"TWINSPAN_", "TWINSPAN_AGENT", "TWINSPAN_SERVICE_HOST"}; !slices.Equal(unknown, names) {
		t.Errorf("unknown variables %v, want %v", unknown, names)
	}
}

func TestBadEnvironment(t *testing.T) {
	for variable, want := range map[string]string{
		"TWINSPAN_COLLECT_WINDOW=5":               `environment variable TWINSPAN_COLLECT_WINDOW: "5" is not understood: want a duration with its unit, such as 500ms, 10s, 5m or 1h30m`,
		"TWINSPAN_PARTITIONS=":                    `environment variable TWINSPAN_PARTITIONS is empty: unset it or give a whole number`,
		"TWINSPAN_STORE_MAX_BYTES=":               `environment variable TWINSPAN_STORE_MAX_BYTES is empty: unset it or give a number of bytes, such as 1048576 or 64MiB`,
		"TWINSPAN_AGENT_PATHS=/logs":              `environment variable TWINSPAN_AGENT_PATHS: "/logs" is not understood: want a list, such as [a, b]`,
		"TWINSPAN_AGENT_PATHS=[/logs":             `environment variable TWINSPAN_AGENT_PATHS="[/logs": line 1: did not find expected ',' or ']'`,
		"TWINSPAN_AGENT_OVERRIDES=[{path: {}}]":   `environment variable TWINSPAN_AGENT_OVERRIDES[0].path: a group of settings is not understood: want a text`,
		"TWINSPAN_AGENT_OVERRIDES=[{zome: UTC}]":  `environment variable TWINSPAN_AGENT_OVERRIDES[0].zome: there is no such setting: did you mean "zone"?`,
		"TWINSPAN_PARTITIONS=9223372036854775808": `environment variable TWINSPAN_PARTITIONS: "9223372036854775808" is not understood: want a whole number`,
	} {
		if _, _, err := Load("", []string{variable}); err == nil || err.Error() != want {
			t.Errorf("%s gives\n%v\nwant\n%s", variable, err, want)
		}
	}
}

// TestNames: no two settings share a variable, and every setting has a type that can be read.
func TestNames(t *testing.T) {
	c := Default()
	paths := make(map[string]string)
	leaves(reflect.ValueOf(&c).Elem(), nil, func(path []string, v reflect.Value) {
		name, dotted := envName(path), strings.Join(path, ".")
		if before, ok := paths[name]; ok {
			t.Errorf("%s is both %s and %s", name, before, dotted)
		}
		paths[name] = dotted
		wanted(v, name)
	})
	if len(paths) < 50 {
		t.Errorf("only %d settings are found", len(paths))
	}
}

func TestPrint(t *testing.T) {
	for _, file := range []string{"", "testdata/all.good.yml"} {
		c, _, err := Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Query.Collector = "a: 'b' # c\nd" // texts that need quoting
		c.Agent.Name = "true"
		c.Agent.Zone = "12"
		var printed bytes.Buffer
		if err := c.Print(&printed); err != nil {
			t.Fatal(err)
		}
		back := Default()
		if err := back.decode(printed.Bytes()); err != nil {
			t.Fatalf("%v\n%s", err, printed.String())
		}
		if !reflect.DeepEqual(back, c) {
			t.Errorf("read back\n%+v, want\n%+v", back, c)
		}
		leaves(reflect.ValueOf(&c).Elem(), nil, func(path []string, _ reflect.Value) {
			if n := strings.Count(printed.String(), "# "+envName(path)+"\n"); n != 1 {
				t.Errorf("%s is named %d times in\n%s", envName(path), n, printed.String())
			}
		})
	}
}

// FuzzDecode: whatever stands in the file, it is read or refused, and what is read can be printed and read back.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if c.decode(text) != nil {
			return
		}
		var printed bytes.Buffer
		if err := c.Print(&printed); err != nil {
			t.Fatal(err)
		}
		back := Default()
		if err := back.decode(printed.Bytes()); err != nil {
			t.Fatalf("%v\n%s", err, printed.Bytes())
		}
	})
}
