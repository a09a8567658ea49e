// Command bench loads a Twinspan collector with spans and measures what that costs, or what is lost when it is killed and
// when its disk is full. It starts the server itself and removes its data. Run it by make bench-ingest.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("server", "bin/twinspan", "the program to measure")
	spans := flag.Int64("spans", 3_000_000, "spans to send")
	conns := flag.Int("conns", 8, "connections")
	perRequest := flag.Int("request", 1000, "spans in a request")
	settle := flag.Duration("settle", 20*time.Second, "time to let the server settle after the load")
	loss := flag.Bool("loss", false, "kill the server and fill its disk under load, and count what is lost")
	rounds := flag.Int("rounds", 5, "kills with -loss")
	dir := flag.String("dir", "", "where the data goes; empty: the temporary directory")
	flag.Parse()
	err := run(*binary, *dir, *spans, *conns, *perRequest, *settle, *loss, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(binary, dir string, spans int64, conns, perRequest int, settle time.Duration, loss bool, rounds int) error {
	data, err := os.MkdirTemp(dir, "twinspan-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(data) }()
	s, err := newServer(binary, data, nil)
	if err != nil {
		return err
	}
	l := &load{s: s, templates: newTemplates(1, 64, perRequest), conns: conns, spans: spans, stop: make(chan struct{})}
	if loss {
		return losses(s, l, rounds)
	}
	return cost(s, l, settle)
}

func describe(templates []*template) {
	spans, traces, size := 0, 0, 0
	for _, t := range templates {
		spans, traces, size = spans+t.spans, traces+len(t.traces), size+len(t.body)
	}
	fmt.Printf("load: %d services, %.1f spans a trace, %d encoded bytes a span, %d spans a request; %d processors\n\n",
		len(shop), float64(spans)/float64(traces), size/spans, spans/len(templates), runtime.NumCPU())
}

// cost prints what ingest costs.
func cost(s *server, l *load, settle time.Duration) error {
	if err := s.start(); err != nil {
		return err
	}
	describe(l.templates)
	begin := time.Now()
	l.run()
	took := time.Since(begin)
	time.Sleep(settle)
	sum := float64(l.acknowledged.Load())
	row := func(name, format string, args ...any) {
		fmt.Printf("| %-28s | %s |\n", name, fmt.Sprintf(format, args...))
	}
	row("what", "figure")
	fmt.Println("| --- | --- |")
	row("spans acknowledged", "%.0f", sum)
	row("spans/s", "%.0f", sum/took.Seconds())
	row("CPU-s per 1M spans, settled", "%.2f", s.cpuNow().Seconds()/sum*1e6)
	row("disk bytes/span, with the log", "%.1f", float64(s.weigh())/sum)
	row("written bytes/span, with the log", "%.1f", float64(s.proc("io", "write_bytes:"))/sum)
	row("peak RSS", "%d MiB", s.proc("status", "VmHWM:")>>10)
	whole, lost, err := s.verify(l, 500)
	if err != nil {
		return err
	}
	byID, err := timed(100, func(i int) error {
		r := l.done[i*len(l.done)/100]
		_, _, err := s.halves(l.templates[r.template].trace(0, r.nonce))
		return err
	})
	if err != nil {
		return err
	}
	row("trace by id p50", "%v", byID)
	now := time.Now()
	from, to := fmt.Sprint(now.Add(-time.Hour).UnixNano()), fmt.Sprint(now.UnixNano())
	search, err := timed(30, func(i int) error {
		return s.ask("/api/v1/calls?limit=20&callee=" + url.QueryEscape(shop[i%10].name) + "&from=" + from + "&to=" + to)
	})
	if err != nil {
		return err
	}
	row("search by service p50", "%v", search)
	topology, err := timed(5, func(int) error { return s.ask("/api/v1/topology?from=" + from + "&to=" + to) })
	if err != nil {
		return err
	}
	row("topology p50", "%v", topology)
	fresh, err := s.freshness(l, 30)
	if err != nil {
		return err
	}
	row("found after p50", "%v", fresh)
	row("traces read back whole", "%d", whole)
	row("traces lost or in part", "%d", lost)
	if err := s.end(syscall.SIGTERM); err != nil {
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%d traces that were acknowledged are not whole", lost)
	}
	return nil
}

func (s *server) ask(path string) error {
	var answer any
	status, err := s.get(path, &answer)
	if err == nil && status != 200 {
		err = fmt.Errorf("%s answers %d", path, status)
	}
	return err
}

// timed gives the median of n calls.
func timed(n int, fn func(i int) error) (time.Duration, error) {
	var all []time.Duration
	for i := range n {
		begin := time.Now()
		if err := fn(i); err != nil {
			return 0, err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all[len(all)/2].Round(10 * time.Microsecond), nil
}

// verify reads traces of acknowledged requests back: at most so many, spread over all.
func (s *server) verify(l *load, most int) (whole, lost int, err error) {
	step := max(1, len(l.done)/most)
	for i := 0; i < len(l.done); i += step {
		r := l.done[i]
		t := l.templates[r.template]
		which := i % len(t.traces)
		n, twice, err := s.halves(t.trace(which, r.nonce))
		if err != nil {
			return whole, lost, err
		}
		if n == t.sizes[which] && twice == 0 {
			whole++
		} else {
			lost++
		}
	}
	return whole, lost, nil
}

// freshness is how long after its acknowledgement a trace is found.
func (s *server) freshness(l *load, n int) (time.Duration, error) {
	return timed(n, func(int) error {
		t, nonce := l.templates[0], l.next.Add(1)
		if !l.send(s.client, t.stamp(nil, nonce, time.Now())) {
			return fmt.Errorf("the server does not take a request")
		}
		for deadline := time.Now().Add(time.Minute); ; {
			if n, _, err := s.halves(t.trace(0, nonce)); err != nil || n == t.sizes[0] {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("a trace is not found a minute after it was acknowledged")
			}
		}
	})
}
