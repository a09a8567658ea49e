package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const live = "spring-mvc-digest.log"

func TestTail(t *testing.T) {
	cases := []struct {
		name string
		run  func(r *rig)
		// lost is the number of bytes that the agent has to say are lost, rejected the records that cannot be read.
		lost, rejected int
	}{
		{name: "growing file", run: func(r *rig) {
			for range 5 {
				r.write(live, 3)
				r.step()
			}
		}},
		{name: "line in pieces", run: func(r *rig) {
			text := line(0) + line(1)
			r.lines = 2
			for i := range len(text) {
				r.raw(live, text[i:i+1])
				if i%7 == 0 || i > len(line(0))-3 && i < len(line(0))+3 {
					r.step()
				}
			}
		}},
		{name: "unfinished line stays", run: func(r *rig) {
			r.write(live, 1)
			text := line(1)
			r.raw(live, text[:50])
			r.pass(time.Hour)
			r.raw(live, text[50:])
			r.lines++
		}},
		{name: "daily rolling", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.write(live, 3)
			r.rename(live, live+".2026-11-23")
			r.write(live, 3)
			r.step()
			r.write(live, 3)
		}},
		{name: "rolling by size shifts all", run: func(r *rig) {
			for range 4 {
				r.write(live, 4)
				r.step()
				r.write(live, 2)
				for _, move := range [][2]string{{".3", ".4"}, {".2", ".3"}, {".1", ".2"}, {"", ".1"}} {
					if _, err := os.Stat(r.path(live + move[0])); err == nil {
						r.rename(live+move[0], live+move[1])
					}
				}
			}
		}},
		{name: "rolled before it was seen", run: func(r *rig) {
			r.write(live, 3)
			r.rename(live, live+".2026-11-23_17")
			r.write(live, 3)
		}},
		{name: "rolled file is written on", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.rename(live, live+".2026-11-23")
			r.write(live, 1)
			r.pass(time.Hour)
			r.write(live+".2026-11-23", 2)
			r.pass(time.Hour)
		}},
		{name: "rolled file ends in an unfinished line", rejected: 1, run: func(r *rig) {
			r.write(live, 3)
			r.raw(live, line(99)[:60])
			r.step()
			r.rename(live, live+".2026-11-23")
			r.write(live, 3)
			r.pass(time.Hour)
		}},
		{name: "last line of a rolled file has no line end", run: func(r *rig) {
			r.write(live, 3)
			r.raw(live, strings.TrimRight(line(3), "\r\n"))
			r.lines++
			r.step()
			r.rename(live, live+".2026-11-23")
			r.pass(time.Hour)
		}},
		{name: "copytruncate", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.write(live, 3)
			r.copy(live, live+".1")
			r.truncate(live)
			r.write(live, 1)
			r.step()
			r.write(live, 5)
		}},
		{name: "copytruncate seen between copy and truncate", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.copy(live, live+".1")
			r.step()
			r.truncate(live)
			r.step()
			r.write(live, 20)
		}},
		{name: "copytruncate, the copy is seen after the truncation", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.write(live, 3)
			r.agent.scan(r.now)
			r.copy(live, "hidden")
			r.truncate(live)
			r.step()
			r.rename("hidden", live+".1")
			r.write(live, 3)
			r.step()
		}},
		{name: "truncated and longer than before at the next look", run: func(r *rig) {
			r.write(live, 2)
			r.step()
			r.truncate(live)
			r.write(live, 9)
		}},
		{name: "truncated between look and read", lost: 3 * len(line(0)), run: func(r *rig) {
			r.write(live, 2)
			r.step()
			r.write(live, 3)
			r.agent.scan(r.now)
			r.lines = 2
			r.truncate(live)
			r.write(live, 9)
			r.send()
		}},
		{name: "truncated before it was read", lost: 4 * len(line(0)), run: func(r *rig) {
			r.write(live, 4)
			r.agent.scan(r.now)
			r.first = r.lines
			r.truncate(live)
			r.write(live, 4)
		}},
		{name: "deleted while open", run: func(r *rig) {
			r.write(live, 3)
			r.agent.scan(r.now)
			r.remove(live)
			r.write(live, 2)
		}},
		{name: "deleted while open, last line without end", run: func(r *rig) {
			r.write(live, 3)
			r.raw(live, strings.TrimRight(line(3), "\r\n"))
			r.lines++
			r.agent.scan(r.now)
			r.remove(live)
			r.pass(time.Hour)
		}},
		{name: "deleted directory", run: func(r *rig) {
			r.write(live, 3)
			r.agent.scan(r.now)
			if err := os.RemoveAll(r.dir); err != nil {
				r.t.Fatal(err)
			}
			r.pass(time.Hour)
		}},
		{name: "deleted while not open", lost: 3 * len(line(0)), run: func(r *rig) {
			r.agent.open = r.cfg.MaxOpenFiles
			r.write(live, 3)
			r.agent.scan(r.now)
			r.first = r.lines
			r.remove(live)
			r.pass(time.Hour)
		}},
		{name: "deleted and a new one with the same inode", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.lines = 3
			// Which number a new file gets is the system's choice: write into the old one.
			if err := os.WriteFile(r.path(live), []byte(line(3)+line(4)+line(5)), 0o644); err != nil {
				r.t.Fatal(err)
			}
			r.touch(live)
			r.lines = 6
		}},
		{name: "restart", run: func(r *rig) {
			for range 4 {
				r.write(live, 3)
				r.pass(saveEvery)
				r.restart()
				r.write(live, 2)
				r.step()
			}
		}},
		{name: "restart with rolling in between", run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			r.kill()
			r.write(live, 3)
			r.rename(live, live+".2026-11-23")
			r.write(live, 3)
			r.start()
			r.step()
		}},
		{name: "restart with copytruncate in between", run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			r.kill()
			r.write(live, 3)
			r.copy(live, live+".1")
			r.truncate(live)
			r.write(live, 3)
			r.start()
			r.step()
		}},
		{name: "restart after a reboot that numbers devices anew", run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			path := filepath.Join(r.cfg.StateDir, stateName)
			s, err := readState(path)
			if err != nil || len(s.Files) != 1 || s.Files[0].Offset != 3*int64(len(line(0))) {
				r.t.Fatalf("state is %+v, %v", s, err)
			}
			s.Files[0].Device, s.Files[0].Inode = 77, 77
			if err := writeState(path, s); err != nil {
				r.t.Fatal(err)
			}
			r.restart()
			r.write(live, 2)
			r.step()
			r.wantLog("goes on in its copy")
		}},
		{name: "restart without state", run: func(r *rig) {
			r.write(live, 3)
			r.rename(live, live+".2026-11-23")
			r.write(live, 3)
			r.pass(saveEvery)
			if err := os.RemoveAll(r.cfg.StateDir); err != nil {
				r.t.Fatal(err)
			}
			r.restart()
			r.write(live, 2)
			r.step()
		}},
		{name: "restart with a damaged state", run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			path := filepath.Join(r.cfg.StateDir, stateName)
			if err := os.WriteFile(path, []byte(`{"version":1,"files":[{"key`), 0o644); err != nil {
				r.t.Fatal(err)
			}
			r.restart()
			r.wantLog("the agent's state cannot be read")
			if _, err := os.Stat(path + ".unreadable"); err != nil {
				r.t.Error(err)
			}
			r.write(live, 2)
			r.step()
		}},
		{name: "restart with a state of another version", run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			if err := os.WriteFile(filepath.Join(r.cfg.StateDir, stateName), []byte(`{"version":9}`), 0o644); err != nil {
				r.t.Fatal(err)
			}
			r.restart()
			r.wantLog("it has version 9")
			r.step()
		}},
		{name: "deleted while the agent was down", lost: 2 * len(line(0)), run: func(r *rig) {
			r.write(live, 3)
			r.pass(saveEvery)
			r.write(live, 2)
			r.lines = 3
			r.agent.scan(r.now)
			r.agent.dirty = true
			r.agent.save(r.now, true)
			r.kill()
			r.remove(live)
			r.start()
			r.pass(time.Hour)
		}},
		{name: "shadow and sub-directories", run: func(r *rig) {
			for _, d := range []string{"shadow", "app-1/shadow", "app-2"} {
				if err := os.MkdirAll(r.path(d), 0o755); err != nil {
					r.t.Fatal(err)
				}
				r.write(d+"/"+live, 3)
			}
			r.write(live, 1)
		}},
		{name: "other files are left alone", run: func(r *rig) {
			r.write(live, 2)
			r.raw("tracer-self.log", "hello\n")
			r.raw("application.log", "hello\n")
			r.raw(live+".2026-11-22.gz", "hello\n")
		}},
		{name: "a copy beside the original", run: func(r *rig) {
			r.write(live, 3)
			r.step()
			r.copy(live, live+".1")
			r.write(live, 3)
			r.step()
			r.remove(live)
		}},
		{name: "linked twice", run: func(r *rig) {
			r.write(live, 3)
			if err := os.Link(r.path(live), r.path(live+".1")); err != nil {
				r.t.Skip(err)
			}
		}},
		{name: "malformed lines", rejected: 2, run: func(r *rig) {
			r.write(live, 1)
			r.raw(live, "no log line\r\n")
			r.write(live, 1)
			r.raw(live, `{"time":"2026-11-23 16:36:42.597","local.app":"x","spanId":"0"}`+"\r\n")
			r.raw(live, "\x00\xff\x01\r\n")
			r.write(live, 2)
			r.step()
			r.wantLog("a log record cannot be read and is left out")
		}},
		{name: "trace id of zero", rejected: 1, run: func(r *rig) {
			r.write(live, 1)
			r.raw(live, strings.Replace(line(50), "c00002021795423000050100128074", "00000000000000000000000000000000", 1))
			r.write(live, 1)
		}},
		{name: "more than one batch, many files", run: func(r *rig) {
			r.agent.cfg.BatchBytes, r.agent.cfg.MaxOpenFiles = 4<<10, 2
			for i := range 6 {
				d := "app-" + string(rune('a'+i))
				if err := os.MkdirAll(r.path(d), 0o755); err != nil {
					r.t.Fatal(err)
				}
				r.write(d+"/"+live, 100)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			col := newCollector(t, 1<<20)
			r := newRig(t, col)
			c.run(r)
			r.step()
			r.pass(time.Minute)
			r.pass(time.Minute)
			col.wantOnce(r.first, r.lines)
			if got := value(t, r.agent.metrics.Lost); got != float64(c.lost) {
				t.Errorf("lost bytes are %v, want %d", got, c.lost)
			}
			if lost := strings.Contains(r.out.String(), "bytes_lost"); lost != (c.lost > 0) {
				t.Errorf("the log says that bytes are lost: %v\n%s", lost, r.out.String())
			}
			rejected := 0.0
			for _, reason := range []string{"no-start", "incomplete", "malformed", "no-trace-id"} {
				rejected += value(t, r.agent.metrics.Rejected.WithLabelValues(reason))
			}
			if rejected != float64(c.rejected) {
				t.Errorf("rejected are %v, want %d\n%s", rejected, c.rejected, r.out.String())
			}
			if lag := value(t, r.agent.metrics.Lag); lag != 0 {
				t.Errorf("lag is %v at the end", lag)
			}
			if len(r.agent.queue) != 0 {
				t.Errorf("%d requests are left", len(r.agent.queue))
			}
		})
	}
}
