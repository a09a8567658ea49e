package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// TestUnreadable shows that what cannot be read is said once, does not keep the rest from being read, and is read as soon
// as it can be.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		// root reads everything; the links below cover what is the same for all users.
		t.Log("running as root: permissions are not covered")
	}
	cases := []struct {
		name       string
		root       bool // it works for root too
		lock, open func(r *rig) error
		says       string
	}{
		{name: "file", says: "a log file cannot be read",
			lock: func(r *rig) error { return os.Chmod(r.path("app/"+live), 0) },
			open: func(r *rig) error { return os.Chmod(r.path("app/"+live), 0o644) }},
		{name: "directory", says: "a log directory cannot be listed",
			lock: func(r *rig) error { return os.Chmod(r.path("app"), 0) },
			open: func(r *rig) error { return os.Chmod(r.path("app"), 0o755) }},
		{name: "directory without the right to enter", says: "",
			lock: func(r *rig) error { return os.Chmod(r.path("app"), 0o444) },
			open: func(r *rig) error { return os.Chmod(r.path("app"), 0o755) }},
		{name: "link that leads to itself", root: true, says: "a log directory cannot be looked at",
			lock: func(r *rig) error {
				if err := os.Rename(r.path("app"), r.path("../kept")); err != nil {
					return err
				}
				return os.Symlink(r.path("app"), r.path("app"))
			},
			open: func(r *rig) error {
				if err := os.Remove(r.path("app")); err != nil {
					return err
				}
				return os.Rename(r.path("../kept"), r.path("app"))
			}},
	}
	for _, c := range cases {
		for _, known := range []bool{false, true} {
			name := c.name + " from the start"
			if known {
				name = c.name + " later"
			}
			t.Run(name, func(t *testing.T) {
				if !c.root && os.Geteuid() == 0 {
					t.Skip("root may read everything")
				}
				col := newCollector(t, 1<<20)
				r := newRig(t, col)
				if err := os.MkdirAll(r.path("app"), 0o755); err != nil {
					t.Fatal(err)
				}
				r.write("app/"+live, 3)
				if known {
					r.step()
					r.pass(time.Minute)
					r.restart() // so that no descriptor is open
					r.write("app/"+live, 3)
				}
				if err := c.lock(r); err != nil {
					t.Fatal(err)
				}
				r.write(live, 3)
				for range 5 {
					r.step()
				}
				if n := strings.Count(r.out.String(), c.says); c.says != "" && n != 1 {
					t.Errorf("%q is said %d times\n%s", c.says, n, r.out.String())
				}
				if !known && col.count() != 3 {
					t.Errorf("%d halves of the readable file came, want 3", col.count())
				}
				if err := c.open(r); err != nil {
					t.Fatal(err)
				}
				r.write("app/"+live, 3)
				r.pass(time.Second)
				col.wantOnce(0, r.lines)
				if strings.Contains(r.out.String(), "bytes_lost") {
					t.Errorf("the agent says that something was lost:\n%s", r.out.String())
				}
			})
		}
	}
}

// TestLateDirectory shows that directories may come later, and that waiting for them is said once.
func TestLateDirectory(t *testing.T) {
	col := newCollector(t, 1<<20)
	r := newRig(t, col)
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.step()
	}
	if n := strings.Count(r.out.String(), "no log directory yet"); n != 2 {
		t.Errorf("waiting is said %d times, want once for each of 2 paths:\n%s", n, r.out.String())
	}
	if err := os.MkdirAll(r.path("app/shadow"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write(live, 2)
	r.write("app/shadow/"+live, 2)
	r.step()
	col.wantOnce(0, 4)
}

// TestStateNotKept shows that the agent works without being able to keep its state.
func TestStateNotKept(t *testing.T) {
	col := newCollector(t, 1<<20)
	r := newRig(t, col)
	// A directory of the state's name cannot be replaced by a file, by no user.
	if err := os.MkdirAll(filepath.Join(r.cfg.StateDir, stateName, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.write(live, 2)
		r.pass(saveEvery)
	}
	col.wantOnce(0, 6)
	if n := strings.Count(r.out.String(), "state cannot be kept"); n != 1 {
		t.Errorf("it is said %d times that the state cannot be kept:\n%s", n, r.out.String())
	}
	if left, err := filepath.Glob(filepath.Join(r.cfg.StateDir, "*.tmp*")); err != nil || len(left) > 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}

// TestInstance shows what tells processes apart whose lines do not say it, and what overrides do.
func TestInstance(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Name, cfg.Charset = "web-1", "UTF-8"
	cfg.Overrides = []Override{
		{Path: "/logs/old", Zone: "UTC", Charset: "GB18030", Format: "text", Instance: "old-1"},
		{Path: "/logs/*", Zone: "UTC"},
	}
	s, err := newSources(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := digestlog.Known(live + ".2026-11-23")
	cases := []struct {
		dir, instance, charset, zone string
		format                       digestlog.Format
		shadow                       bool
	}{
		{dir: "/home/a/logs/tracelog", instance: "web-1:/home/a/logs/tracelog", charset: "UTF-8"},
		{dir: "/logs/new", instance: "web-1:/logs/new", charset: "UTF-8", zone: "UTC"},
		{dir: "/logs/new/shadow", instance: "web-1:/logs/new", charset: "UTF-8", zone: "UTC", shadow: true},
		{dir: "/logs/old/shadow", instance: "old-1", charset: "GB18030", zone: "UTC", format: digestlog.FormatText, shadow: true},
	}
	for _, c := range cases {
		src := s.source(c.dir, name)
		zone := ""
		if src.Zone != nil {
			zone = src.Zone.String()
		}
		if src.Instance != c.instance || src.Charset != c.charset || zone != c.zone || src.Format != c.format ||
			src.Shadow != c.shadow || src.Host != "web-1" || src.Name != live {
			t.Errorf("source of %s is %+v, want %+v", c.dir, src, c)
		}
	}
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
	cases := map[string]func(*Config){
		"name":             func(c *Config) { c.Name = "a/b" },
		"collector":        func(c *Config) { c.Collector = "localhost" },
		"paths":            func(c *Config) { c.Paths = []string{"/logs/["} },
		"zone":             func(c *Config) { c.Zone = "Mars/Olympus" },
		"charset":          func(c *Config) { c.Charset = "utf-16" },
		"overrides[1]":     func(c *Config) { c.Overrides = []Override{{Path: "/a"}, {Path: "/b", Format: "xml"}} },
		"scan_interval":    func(c *Config) { c.ScanInterval = 0 },
		"settle_after":     func(c *Config) { c.SettleAfter = time.Hour },
		"release_after":    func(c *Config) { c.ReleaseAfter = -1 },
		"batch_bytes":      func(c *Config) { c.BatchBytes = 1 },
		"max_record_bytes": func(c *Config) { c.MaxRecordBytes = 1 << 40 },
		"max_open_files":   func(c *Config) { c.MaxOpenFiles = 0 },
		"request_timeout":  func(c *Config) { c.RequestTimeout = 0 },
		"max_backoff":      func(c *Config) { c.MaxBackoff = 0 },
	}
	for name, change := range cases {
		cfg := DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
