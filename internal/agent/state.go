package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

const (
	stateName    = "agent-state.json"
	stateVersion = 1
	// saveEvery bounds how often the state is written; what is not in it, the collector knows.
	saveEvery = time.Second
)

// state is the agent's memory between runs.
type state struct {
	Version int         `json:"version"`
	Agent   string      `json:"agent"`
	Files   []stateFile `json:"files"`
}

// stateFile is one followed file. Path is where it was last, Key carries where it was first seen.
type stateFile struct {
	Key    string `json:"key"`
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Print  uint64 `json:"print,string"`
	Length int    `json:"printLength"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
}

// save writes the state if it has changed and was not written just before; force skips the second condition.
func (a *Agent) save(now time.Time, force bool) {
	if !a.dirty || !force && now.Sub(a.saved) < saveEvery {
		return
	}
	a.saved = now
	s := state{Version: stateVersion, Agent: a.cfg.Name, Files: make([]stateFile, 0, len(a.files))}
	for _, f := range a.files {
		s.Files = append(s.Files, stateFile{
			Key: f.key, Path: f.path, Device: f.id.Device, Inode: f.id.Number, Print: f.print.Hash, Length: f.print.Length,
			Offset: f.acked, Size: f.size,
		})
	}
	path := filepath.Join(a.cfg.StateDir, stateName)
	if err := writeState(path, &s); err != nil {
		a.metrics.FileErrors.Inc()
		a.warnOnce(path, "the agent's state cannot be kept; it goes on, and after a restart the collector tells it where",
			"file", path, "error", err)
		return
	}
	delete(a.warned, path)
	a.dirty = false
}

// writeState replaces the file at once: after a crash there is the old one or the new one.
func writeState(path string, s *state) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	h, err := os.CreateTemp(filepath.Dir(path), stateName+".tmp")
	if err != nil {
		return err
	}
	_, err = h.Write(append(data, '\n'))
	if err == nil {
		err = h.Sync()
	}
	err = errors.Join(err, h.Close())
	if err == nil {
		err = os.Rename(h.Name(), path)
	}
	if err != nil {
		_ = os.Remove(h.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a renaming durable, where the system can.
func syncDir(dir string) error {
	h, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = h.Sync() // not every file system can; then the old state may come back, which is harmless
	return h.Close()
}

// load reads the state of the run before. What is unreadable is put aside: the collector knows how far it is.
func (a *Agent) load(now time.Time) {
	path := filepath.Join(a.cfg.StateDir, stateName)
	s, err := readState(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		a.metrics.FileErrors.Inc()
		a.log.Warn("the agent's state cannot be read; it goes on, and the collector tells it where", "file", path,
			"error", err)
		_ = os.Rename(path, path+".unreadable") // to look into; if it fails, the next save replaces it
		return
	}
	if s.Agent != a.cfg.Name {
		a.log.Warn("the agent's name has changed; what was sent and not acknowledged may come twice", "was", s.Agent,
			"is", a.cfg.Name)
	}
	for i := range s.Files {
		a.remember(&s.Files[i], now)
	}
}

func readState(path string) (*state, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("not a state file: %w", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("it has version %d, this agent knows %d", s.Version, stateVersion)
	}
	return &s, nil
}

// remember takes up a file of the run before. Files of directories that are no longer followed are left to themselves.
func (a *Agent) remember(s *stateFile, now time.Time) {
	dir := filepath.Dir(s.Path)
	name, ok := digestlog.Known(filepath.Base(s.Path))
	if !ok || s.Key == "" || s.Offset < 0 || s.Length < 1 || s.Length > maxPrint || a.byKey(s.Key) != nil || !a.matches(dir) {
		return
	}
	f := a.newFile(s.Key, dir, name, fingerprint{s.Length, s.Print})
	f.path, f.rolled, f.id = s.Path, name.Rolled != "", inode{s.Device, s.Inode}
	f.taken, f.acked, f.size, f.grown = s.Offset, s.Offset, s.Size, now
	a.files = append(a.files, f)
}

// matches says whether a directory is followed.
func (a *Agent) matches(dir string) bool {
	if filepath.Base(dir) == shadowDir && a.matches(filepath.Dir(dir)) {
		return true
	}
	for _, pattern := range a.patterns {
		if ok, _ := filepath.Match(pattern, dir); ok {
			return true
		}
	}
	return false
}
