package main

import (
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
	"runtime"
	"time"
)

// demo runs the system and what watches it.
type demo struct {
	twinspan, console, data string
	stat                    time.Duration
	children                []*child // in the order of their start
	peers                   map[string]string
	queue                   string
}

func runDemo(ctx context.Context, args []string) (err error) {
	runtime.LockOSThread() // see parentDeath
	d := &demo{peers: make(map[string]string)}
	t := &traffic{}
	flags := flag.NewFlagSet("payment demo", flag.ContinueOnError)
	flags.StringVar(&d.twinspan, "twinspan", "", "the twinspan `program`; without it only the payment system runs and writes its logs")
	flags.StringVar(&d.data, "data", ".demo", "`directory` for all data: logs, databases, Twinspan's store")
	flags.StringVar(&d.console, "http", "127.0.0.1:8680", "`address` of Twinspan's console")
	flags.DurationVar(&d.stat, "stat-interval", 5*time.Second, "time between two stat lines of the services")
	flags.Float64Var(&t.rate, "rate", 20, "requests a `second`; 0 is as many as -workers get done")
	flags.IntVar(&t.workers, "workers", 64, "requests at a time at most")
	flags.IntVar(&t.requests, "requests", 0, "end after so many requests; 0 goes on until Ctrl-C")
	flags.DurationVar(&t.duration, "duration", 0, "end after this time; 0 goes on until Ctrl-C")
	flags.Float64Var(&t.loadTest, "load-test", 0.1, "share of requests marked as load test")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q is not understood", flags.Arg(0))
	}
	if d.data, err = filepath.Abs(d.data); err != nil {
		return err
	}
	// Ctrl-C is told from ctx by the caller; stopping below is not bound to it.
	defer func() { d.stop() }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = nil // the user stopped the demo while it was starting
		}
		return err
	}
	record, err := os.Create(filepath.Join(d.data, "requests.jsonl"))
	if err != nil {
		return err
	}
	defer record.Close()
	t.gateway, t.record = d.peers["gateway"], record
	d.greet(t)

	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- t.run(inner) }()
	crashed := make(chan *child, 1)
	go func() { crashed <- firstToEnd(inner, d.children) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		fmt.Println("\nStopping …")
		err = <-ended
	case c := <-crashed:
		if c != nil {
			cancel()
			return errors.Join(fmt.Errorf("%s ended by itself (%w); it printed:\n%s", c.name, orOK(c.err), c.tail()), <-ended)
		}
		err = <-ended
	}
	if err == nil {
		err = d.drain()
	}
	fmt.Printf("%d requests sent, %d answered, %d of them with an error\n", t.sent.Load(), t.answered.Load(), t.failed.Load())
	return err
}

var errOK = errors.New("exit status 0")

func orOK(err error) error {
	if err == nil {
		return errOK
	}
	return err
}

// start starts Twinspan and then the services, each of which says where it listens; then all learn where the others are.
func (d *demo) start(ctx context.Context) error {
	if d.twinspan != "" {
		if err := d.startTwinspan(ctx); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var services []*child
	for _, s := range system() {
		c, err := start(d.data, s.name, self, []string{"service", s.name, "-data", d.data, "-stat-interval", d.stat.String()}, nil)
		if err != nil {
			return err
		}
		d.children = append(d.children, c)
		services = append(services, c)
		d.peers[s.name] = c.hello.Listen
	}
	for _, c := range services {
		if err := json.NewEncoder(c.input).Encode(d.peers); err != nil {
			return fmt.Errorf("tell %s where the others are: %w\n%s", c.name, err, c.tail())
		}
	}
	d.queue = "http://" + d.peers["queue"]
	for _, c := range services {
		// The control port answers when the service is made.
		if err := await(ctx, c, "http://"+c.hello.Control+"/counts"); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) startTwinspan(ctx context.Context) error {
	program, err := filepath.Abs(d.twinspan)
	if err != nil {
		return err
	}
	// Else another Twinspan that runs here would answer for the one that could not start.
	free, err := net.Listen("tcp", d.console)
	if err != nil {
		return fmt.Errorf("the console's address is not free; stop what uses it, or set another with -http: %w", err)
	}
	if err := free.Close(); err != nil {
		return err
	}
	c, err := start(d.data, "twinspan", program, []string{"all", "-data", filepath.Join(d.data, "twinspan")}, []string{
		"TWINSPAN_HTTP_ADDRESS=" + d.console,
		"TWINSPAN_AGENT_PATHS=[" + jsonText(filepath.Join(d.data, "logs", "*")) + "]",
	})
	if err != nil {
		return err
	}
	d.children = append(d.children, c)
	return await(ctx, c, "http://"+d.console+"/readyz")
}

func jsonText(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// await waits until a child answers. That ends when the child does, or by ctx.
func await(ctx context.Context, c *child, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				select {
				case <-c.done: // somebody else answered
				default:
					return nil
				}
			}
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s does not start (%w); it printed:\n%s", c.name, orOK(c.err), c.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: %w; it printed:\n%s", c.name, url, ctx.Err(), c.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *demo) greet(t *traffic) {
	load := "as fast as it goes"
	if t.rate > 0 {
		load = fmt.Sprintf("%g requests a second", t.rate)
	}
	fmt.Printf("The payment system runs: %d services, %s.\n\n", len(system()), load)
	if d.twinspan != "" {
		fmt.Printf("  Console       http://%s\n", d.console)
	}
	fmt.Printf("  Gateway       http://%s  (curl -H 'Authorization: Bearer me' …/api/balance/u1001)\n", d.peers["gateway"])
	fmt.Printf("  Services' logs  %s\n", filepath.Join(d.data, "logs"))
	if d.twinspan != "" {
		fmt.Printf("  Twinspan's data %s\n", filepath.Join(d.data, "twinspan"))
	}
	fmt.Printf("  What they print %s\n\nCtrl-C stops all.\n", filepath.Join(d.data, "out"))
}

// drain waits until the consumers are done with the queue.
func (d *demo) drain() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		answer, err := http.Get(d.queue + "/depth")
		if err != nil {
			return fmt.Errorf("ask the queue for its depth: %w", err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return fmt.Errorf("ask the queue for its depth: %w", err)
		}
		var n int
		if err := json.Unmarshal(text, &n); err != nil {
			return fmt.Errorf("ask the queue for its depth: %w", err)
		}
		switch {
		case n == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d messages are still in the queue", n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends all, those first that call others, Twinspan last.
func (d *demo) stop() {
	for i := len(d.children) - 1; i >= 0; i-- {
		d.children[i].stop()
	}
}
