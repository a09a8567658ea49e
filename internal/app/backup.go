package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/twinspan/twinspan/internal/backup"
)

const aboutBackup = `
Usage: twinspan backup -collector URL -to PLACE     of a running collector
       twinspan backup -data DIR -to PLACE          of a stopped one
       twinspan backup -check PLACE                 read a backup and compare it with its checksums

Copies everything that was acknowledged: stored spans, counts, and the log, of all tenants. PLACE is a new file, if it ends with
.tar, or else a new directory. What was written is read back and compared before it gets its name.
`

const aboutRestore = `
Usage: twinspan restore -from PLACE -data DIR

Puts a backup into a data directory that is empty or missing. Then start the collector with -data DIR.
`

// backupPath is where a running collector gives a backup.
const backupPath = "/api/v1/admin/backup"

func runBackup(t *toolRun) error {
	r := t.remoteFlags()
	data := t.flags.String("data", "", "data `DIR` of a collector that does not run")
	to := t.flags.String("to", "", "`PLACE` of the backup: a new file ending with .tar, or a new directory")
	check := t.flags.String("check", "", "check the backup at `PLACE` and do nothing else")
	if err := t.parse(); err != nil {
		return err
	}
	if *check != "" {
		m, err := backup.Check(*check)
		if err != nil {
			return err
		}
		return t.say(*check, "is whole", m)
	}
	switch {
	case t.flags.NArg() > 0:
		return usage1("argument %q is not understood", t.flags.Arg(0))
	case *to == "":
		return usage1("-to is missing: say where the backup goes")
	case (*data == "") == (r.url == ""):
		return usage1("give one of -collector, for a running collector, and -data, for a stopped one")
	}
	var stream io.ReadCloser
	var err error
	if r.url != "" {
		stream, err = r.get(t.ctx, backupPath, nil)
	} else {
		stream, err = t.packStopped(*data)
	}
	if err != nil {
		return err
	}
	m, err := backup.Save(stream, *to, !strings.HasSuffix(*to, ".tar"))
	if err = errors.Join(err, stream.Close()); err != nil {
		return err
	}
	return t.say(*to, "is written and read back", m)
}

func (t *toolRun) say(place, what string, m *backup.Manifest) error {
	_, err := fmt.Fprintf(t.stdout, "%s %s: %d files, %d bytes, of %s\n", place, what, len(m.Files), m.Bytes(), m.Created.Format("2006-01-02 15:04:05 MST"))
	return err
}

// packStopped gives the backup of a data directory that no process uses; it is held until the stream is closed.
func (t *toolRun) packStopped(data string) (io.ReadCloser, error) {
	tenants, err := tenantsOf(data)
	if err != nil {
		return nil, err
	}
	b := &heldBackup{}
	for _, name := range tenants {
		s, err := openStopped(t.ctx, data, name, quiet())
		if err != nil {
			return nil, errors.Join(err, b.release())
		}
		b.held = append(b.held, s)
	}
	all, err := backup.List(data)
	if err != nil {
		return nil, errors.Join(err, b.release())
	}
	var names []string
	for _, name := range all {
		if inBackup(name) {
			names = append(names, name)
		}
	}
	b.ReadCloser = backup.Stream(func(w io.Writer) error {
		_, err := backup.Pack(w, data, names, Version())
		return err
	})
	return b, nil
}

// heldBackup keeps processes from starting on what is being read.
type heldBackup struct {
	io.ReadCloser
	held []*stopped
}

func (b *heldBackup) Close() error { return errors.Join(b.ReadCloser.Close(), b.release()) }

func (b *heldBackup) release() (err error) {
	for _, s := range b.held {
		err = errors.Join(err, s.close())
	}
	b.held = nil
	return err
}

// inBackup says that a file of a data directory belongs into a backup: no locks, nothing unfinished, and not how far the
// agent of this process is in the files of this host.
func inBackup(name string) bool {
	parts := strings.Split(name, "/")
	if parts[0] == "tenants" && len(parts) > 2 {
		parts = parts[2:]
	}
	switch base := parts[len(parts)-1]; {
	case base == "LOCK", base == "OWNER", strings.HasSuffix(base, ".new"):
		return false
	case len(parts) == 1:
		return base == "partitions"
	case parts[0] == "wal":
		return true
	case parts[0] == "store":
		return parts[1] != "incoming" && !strings.HasSuffix(parts[1], ".dropped")
	}
	return false
}

func runRestore(t *toolRun) error {
	from := t.flags.String("from", "", "`PLACE` of the backup")
	data := t.flags.String("data", "", "data `DIR`, empty or missing")
	if err := t.parse(); err != nil {
		return err
	}
	switch {
	case t.flags.NArg() > 0:
		return usage1("argument %q is not understood", t.flags.Arg(0))
	case *from == "" || *data == "":
		return usage1("give -from and -data")
	}
	m, err := backup.Restore(*from, *data)
	if err != nil {
		return err
	}
	return t.say(*data, "is restored", m)
}

// stageName begins the names of directories in which a running collector puts a backup together.
const stageName = "backup-"

// backupHandler gives a backup of this process, one at a time.
func (p *process) backupHandler(w http.ResponseWriter, r *http.Request) {
	switch {
	case !p.role.collect:
		answerError(w, http.StatusNotFound, "not_found", "the role "+string(p.role.name)+" has no data: ask the collector itself")
		return
	case !p.ready.Load():
		unavailable(w, p.noAPI())
		return
	}
	if !p.backingUp.TryLock() {
		answerError(w, http.StatusConflict, "busy", "another backup is being made: wait for it to end")
		return
	}
	defer p.backingUp.Unlock()
	stage, err := os.MkdirTemp(p.cfg.DataDir, stageName)
	if err == nil {
		defer func() {
			if err := os.RemoveAll(stage); err != nil {
				p.log.Error("cannot remove what was put together for a backup: remove it by hand", "directory", stage, "error", err)
			}
		}()
		err = p.stageBackup(stage)
	}
	var names []string
	if err == nil {
		names, err = backup.List(stage)
	}
	if err != nil {
		p.log.Error("cannot make a backup", "error", err)
		answerError(w, http.StatusInternalServerError, "internal", "the backup cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	m, err := backup.Pack(w, stage, names, Version())
	if err != nil {
		p.log.Warn("a backup was broken off", "error", err)
		panic(http.ErrAbortHandler) // so that who reads it sees that it is not complete
	}
	p.log.Info("made a backup", "files", len(m.Files), "bytes", m.Bytes(), "for", r.RemoteAddr)
}

// stageBackup puts the files of a backup together, by hard links: the store first and then the log, which keeps what the
// store does not have.
func (p *process) stageBackup(stage string) error {
	for name, t := range p.pipelines {
		dir := tenantDir(stage, name)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
		err := t.wal.Snapshot(filepath.Join(dir, "wal"), func() error { return t.store.Checkpoint(filepath.Join(dir, "store")) })
		if err != nil {
			return err
		}
		n, err := os.ReadFile(filepath.Join(t.dir, "partitions"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "partitions"), n, 0o640)
		}
		if err != nil {
			return fmt.Errorf("copy the number of partitions: %w", err)
		}
	}
	return nil
}

// removeStages removes what a process that was killed while it made a backup left.
func removeStages(data string) error {
	left, err := filepath.Glob(filepath.Join(data, stageName+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
