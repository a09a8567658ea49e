package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
	"google.golang.org/grpc"
)

// service is what the business of a service works with.
type service struct {
	name   string
	tracer *twinspan.Tracer // nil in a process that is not traced
	counts *counts
	data   string
	// peers are the addresses of the other services by name.
	peers map[string]string
	web   *http.Client
	// closers run when nothing is served any more.
	closers []func() error
}

// hello is the line that a service prints once it listens.
type hello struct {
	Listen  string `json:"listen"`
	Control string `json:"control"`
}

// runService runs one service: it listens, says where, reads where the others are, and serves until ctx is done or its
// standard input ends. So no service outlives the demo that started it, however that ends.
func runService(ctx context.Context, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New("which service? See 'payment list'")
	}
	name, args := args[0], args[1:]
	var sp spec
	for _, s := range system() {
		if s.name == name {
			sp = s
		}
	}
	if sp.make == nil {
		return fmt.Errorf("there is no service %q, see 'payment list'", name)
	}
	flags := flag.NewFlagSet("payment service", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to serve on; port 0 takes a free one")
	control := flags.String("control", "127.0.0.1:0", "`address` for GET /counts")
	data := flags.String("data", ".demo", "`directory` under which logs/NAME and db/NAME are")
	stat := flags.Duration("stat-interval", 5*time.Second, "time between two stat lines, 1s or more")
	peers := flags.String("peers", "", "addresses of the others as `JSON`; without it they are read from standard input, whose end then stops the service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := &service{name: name, counts: newCounts(), data: *data}
	if !sp.untraced {
		tracer, err := newTracer(name, s.logs(), *stat, sp.tune)
		if err != nil {
			return err
		}
		s.tracer = tracer
	}
	main, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	side, err := net.Listen("tcp", *control)
	if err != nil {
		return fmt.Errorf("%s: control port: %w", name, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(hello{main.Addr().String(), side.Addr().String()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	line := *peers
	if line == "" {
		in := bufio.NewReader(os.Stdin)
		if line, err = in.ReadString('\n'); err != nil {
			return fmt.Errorf("%s: read the others' addresses: %w", name, err)
		}
		go func() {
			_, _ = io.Copy(io.Discard, in)
			cancel()
		}()
	}
	if err := json.Unmarshal([]byte(line), &s.peers); err != nil {
		return fmt.Errorf("%s: addresses of the others: %w", name, err)
	}
	s.web = &http.Client{Transport: nethttp.NewTransport(s.tracer, newTransport(), nethttp.WithRemoteApp(calleeOf))}
	p, err := sp.make(s)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return s.serve(ctx, p, main, side)
}

func newTracer(name, logs string, stat time.Duration, tune func(*twinspan.Config)) (*twinspan.Tracer, error) {
	c := twinspan.DefaultConfig(name)
	c.LogDir = logs
	c.Instance = name + "-1"
	c.StatInterval = stat
	if tune != nil {
		tune(&c)
	}
	return twinspan.New(c)
}

func (s *service) logs() string { return filepath.Join(s.data, "logs", s.name) }

// serve serves until ctx is done. Then it ends in the order in which nothing is lost: no new work, wait for the work that
// is under way, write the logs out, write the counts.
func (s *service) serve(ctx context.Context, p parts, main, side net.Listener) error {
	failed := make(chan error, 2)
	var stop []func()
	if p.rpc != nil {
		server := s.rpcServer(p.rpc)
		go func() { failed <- server.Serve(main) }()
		stop = append(stop, func() { gracefulStop(server) })
	} else {
		handler := p.web
		if handler == nil {
			handler = http.NotFoundHandler()
		}
		stop = append(stop, serveHTTP(s.handler(handler), main, failed))
	}
	defer serveHTTP(s.control(), side, failed)()
	var running sync.WaitGroup
	if p.run != nil {
		running.Go(func() { p.run(ctx) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	running.Wait()
	for _, f := range stop {
		f()
	}
	for _, f := range s.closers {
		err = errors.Join(err, f())
	}
	return errors.Join(err, s.tracer.Close(), s.writeCounts())
}

// control serves what the service counted.
func (s *service) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.report()) })
	return mux
}

// stopTimeout bounds how long work that is under way may take at the end.
const stopTimeout = 5 * time.Second

// serveHTTP serves in the background and gives the function that ends it.
func serveHTTP(h http.Handler, l net.Listener, failed chan<- error) (stop func()) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_ = server.Shutdown(ctx)
	}
}

func gracefulStop(server *grpc.Server) {
	t := time.AfterFunc(stopTimeout, server.Stop)
	defer t.Stop()
	server.GracefulStop()
}
