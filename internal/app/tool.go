package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/certificate"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/pebble"
	"github.com/twinspan/twinspan/internal/tenant"
)

// tool is a command that works on data, once, and ends.
type tool struct {
	about string
	run   func(t *toolRun) error
}

var tools = map[string]tool{
	"backup":  {aboutBackup, runBackup},
	"restore": {aboutRestore, runRestore},
	"inspect": {aboutInspect, runInspect},
	"export":  {aboutExport, runExport},
	"doctor":  {aboutDoctor, runDoctor},
}

// toolRun is one run of a tool.
type toolRun struct {
	ctx            context.Context
	name           string
	args, environ  []string
	flags          *flag.FlagSet
	stdout, stderr io.Writer
}

// errUsage is given for command lines that cannot be understood.
var errUsage = errors.New("see -h")

func usage1(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errUsage)...)
}

func runTool(name string, what tool, args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &toolRun{ctx: ctx, name: name, args: args, environ: environ, flags: flag.NewFlagSet(name, flag.ContinueOnError), stdout: stdout, stderr: stderr}
	t.flags.SetOutput(stderr)
	t.flags.Usage = func() {
		fmt.Fprintln(stderr, strings.TrimSpace(what.about)+"\n\nFlags:")
		t.flags.PrintDefaults()
	}
	err := what.run(t)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errFlags):
		return 2
	case errors.Is(err, errProblems):
		return 1
	}
	fmt.Fprintf(stderr, "twinspan %s: %v\n", name, err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// errFlags says that the flags were wrong, which the flag set has said.
var errFlags = errors.New("wrong flags")

func (t *toolRun) parse() error {
	err := t.flags.Parse(t.args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errFlags
}

// remote is how a tool reaches a running collector.
type remote struct {
	url, tokenFile, tenant string
	tls                    certificate.Client
}

func (t *toolRun) remoteFlags() *remote {
	r := new(remote)
	t.flags.StringVar(&r.url, "collector", "", "HTTP `URL` of a running collector, such as http://localhost:8680")
	t.flags.StringVar(&r.tokenFile, "token-file", "", "`FILE` with the bearer token for it")
	t.flags.StringVar(&r.tls.CAFile, "ca-file", "", "`FILE` with the certificates that vouch for it; without it those of the system")
	t.flags.StringVar(&r.tls.CertFile, "cert-file", "", "`FILE` with the certificate to show to it")
	t.flags.StringVar(&r.tls.KeyFile, "key-file", "", "`FILE` with that certificate's key")
	return r
}

// check says whether the collector can be asked at all.
func (r *remote) check() error {
	base, err := url.Parse(r.url)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usage1("-collector is %q: want a URL such as http://localhost:8680", r.url)
	}
	return nil
}

// ask sends the collector a GET and gives its answer, whatever its status.
func (r *remote) ask(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	base, err := url.Parse(r.url)
	if err != nil {
		return nil, err
	}
	u := base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.tokenFile != "" {
		b, err := os.ReadFile(r.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(b)))
	}
	if r.tenant != "" {
		req.Header.Set("X-Scope-OrgID", r.tenant)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	if r.tls != (certificate.Client{}) {
		if err := r.tls.Validate(); err != nil {
			return nil, usage1("%w", err)
		}
		d, err := r.tls.Dialer("TLS", quiet())
		if err != nil {
			return nil, err
		}
		transport.DialTLSContext = d.DialTLS
	}
	return (&http.Client{Transport: transport}).Do(req)
}

// get asks the collector and gives the body of its answer.
func (r *remote) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	resp, err := r.ask(ctx, path, query)
	if errors.Is(err, errUsage) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("ask the collector: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the collector answers %s: %s", resp.Status, strings.TrimSpace(string(b)))
	}
	return resp.Body, nil
}

// stopped is the data of one tenant of a collector that does not run, or of a backup: opened to be read only, and held so that no
// process starts on it.
type stopped struct {
	name  string // of the tenant
	dir   string
	store *store.Store
	hold  io.Closer // of the log
}

// openStopped opens the data of one tenant.
func openStopped(ctx context.Context, data, name string, log *slog.Logger) (*stopped, error) {
	s := &stopped{name: name, dir: tenantDir(data, name)}
	cfg := pebble.DefaultConfig()
	cfg.Dir = filepath.Join(s.dir, "store")
	if _, err := os.Stat(cfg.Dir); err != nil {
		return nil, fmt.Errorf("%s holds no data of a collector: %w", s.dir, err)
	}
	kv, err := pebble.OpenReadOnly(cfg, log)
	if err != nil {
		return nil, whereToTurn(s.dir, err)
	}
	if s.store, err = store.Open(ctx, kv); err != nil {
		return nil, whereToTurn(s.dir, errors.Join(err, kv.Close()))
	}
	if s.hold, err = wal.Hold(filepath.Join(s.dir, "wal")); err != nil {
		return nil, whereToTurn(s.dir, errors.Join(err, s.store.Close()))
	}
	return s, nil
}

func (s *stopped) close() error { return errors.Join(s.store.Close(), s.hold.Close()) }

// whereToTurn says what to do about data that cannot be opened.
func whereToTurn(dir string, err error) error {
	switch {
	case errors.Is(err, store.ErrInUse), errors.Is(err, wal.ErrInUse):
		return fmt.Errorf("a collector runs on %s: stop it, or ask it with -collector URL: %w", dir, err)
	case errors.Is(err, store.ErrVersion):
		return err
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w\n%s", err, damageHelp)
	}
	return err
}

const damageHelp = `What to do: restore a backup ('twinspan restore'); or, to give up what the damaged directory holds and keep the rest,
move that directory out of store/ while no collector runs. The others do not depend on it.`

// tenantsOf gives the names of the tenants that a data directory has.
func tenantsOf(data string) (names []string, err error) {
	if _, err := os.Stat(filepath.Join(data, "store")); err == nil {
		names = append(names, tenant.Default)
	}
	entries, err := os.ReadDir(filepath.Join(data, "tenants"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && tenant.Check(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds no data of a collector: give the directory that it runs with, the setting data_dir", data)
	}
	return names, nil
}

// quiet is the log of tools: what they have to say they write themselves.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
