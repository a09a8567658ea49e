package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// faulty is a network and a collector that fail in every way, by a seed.
type faulty struct {
	col  *collector
	rand *rand.Rand
	off  bool
	seen map[string]int // which faults happened
}

var errFault = errors.New("injected fault")

func answer(status int, body string, header ...string) *http.Response {
	res := &http.Response{
		StatusCode: status, Status: strconv.Itoa(status) + " injected", Header: make(http.Header),
		Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

// faults are what can happen to a request.
var faults = []struct {
	name string
	do   func(f *faulty, r *http.Request) (*http.Response, error)
}{
	{"lost request", func(*faulty, *http.Request) (*http.Response, error) { return nil, errFault }},
	{"lost answer", func(f *faulty, r *http.Request) (*http.Response, error) {
		_, _ = f.col.RoundTrip(r)
		return nil, errFault
	}},
	{"cut answer", func(f *faulty, r *http.Request) (*http.Response, error) {
		res, err := f.col.RoundTrip(r)
		if err == nil {
			res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, 5), errReader{}))
		}
		return res, err
	}},
	{"shortened answer", func(f *faulty, r *http.Request) (*http.Response, error) {
		res, err := f.col.RoundTrip(r)
		if err == nil {
			res.Body = io.NopCloser(io.LimitReader(res.Body, f.rand.Int64N(40)))
		}
		return res, err
	}},
	{"sent twice by the network", func(f *faulty, r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if _, err = f.col.RoundTrip(again); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return f.col.RoundTrip(r)
	}},
	{"cut request", func(f *faulty, r *http.Request) (*http.Response, error) {
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, f.rand.Int64N(300)), errReader{}))
		r.ContentLength = -1
		_, _ = f.col.RoundTrip(r)
		return nil, errFault
	}},
	{"busy", func(*faulty, *http.Request) (*http.Response, error) {
		return answer(503, "busy", "Retry-After", "1"), nil
	}},
	{"too many", func(*faulty, *http.Request) (*http.Response, error) { return answer(429, "later"), nil }},
	{"gateway", func(*faulty, *http.Request) (*http.Response, error) { return answer(502, "bad gateway"), nil }},
	{"gateway after the collector", func(f *faulty, r *http.Request) (*http.Response, error) {
		_, _ = f.col.RoundTrip(r)
		return answer(504, "gateway timeout"), nil
	}},
	{"something else listens", func(*faulty, *http.Request) (*http.Response, error) {
		return answer(400, "what is this?"), nil
	}},
	{"something else answers", func(*faulty, *http.Request) (*http.Response, error) {
		return answer(200, "<html>welcome</html>"), nil
	}},
	{"too large", func(f *faulty, r *http.Request) (*http.Response, error) {
		if r.ContentLength < 1000 { // as a collector, it takes one record
			return f.col.RoundTrip(r)
		}
		return answer(413, "too large"), nil
	}},
	{"collector is killed before", func(f *faulty, r *http.Request) (*http.Response, error) {
		f.col.restart()
		return nil, errFault
	}},
	{"collector is killed after", func(f *faulty, r *http.Request) (*http.Response, error) {
		_, _ = f.col.RoundTrip(r)
		f.col.restart()
		return nil, errFault
	}},
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.off || f.rand.IntN(3) == 0 {
		return f.col.RoundTrip(r)
	}
	fault := faults[f.rand.IntN(len(faults))]
	f.seen[fault.name]++
	return fault.do(f, r)
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errFault }

// TestFaults lets everything fail and change at any moment; afterwards every line has come exactly once.
func TestFaults(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 5
	}
	seen := make(map[string]int)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			col := newCollector(t, 1<<20)
			net := &faulty{col: col, rand: rand.New(rand.NewPCG(uint64(seed), 1)), seen: seen}
			r := newRig(t, net)
			for _, d := range []string{"app", "app/shadow"} {
				if err := os.MkdirAll(r.path(d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 60 {
				chaos(r, net, i)
			}
			net.off = true
			r.pass(time.Hour)
			r.pass(time.Hour)
			col.wantOnce(0, r.lines)
			for origin, n := range col.stats {
				if n != 1 {
					t.Errorf("stat line with origin %x came %d times", origin, n)
				}
			}
			if n := len(col.stats); n != net.seen["stat "+t.Name()] {
				t.Errorf("got %d stat lines, want %d", n, net.seen["stat "+t.Name()])
			}
			if lost := value(t, r.agent.metrics.Lost); lost != 0 {
				t.Errorf("%v bytes are lost\n%s", lost, r.out.String())
			}
		})
	}
	if !testing.Short() {
		for _, f := range faults {
			if seen[f.name] == 0 {
				t.Errorf("fault %q never happened", f.name)
			}
		}
	}
}

// chaos is one step in the life of a host. What it does to files loses nothing, as long as the agent does its part.
func chaos(r *rig, net *faulty, i int) {
	names := []string{live, "app/" + live, "app/shadow/dubbo-client-digest.log"}
	name := names[net.rand.IntN(len(names))]
	r.agent.cfg.BatchBytes = int64(1) << (10 + net.rand.IntN(9))
	switch net.rand.IntN(9) {
	case 0:
		r.rename2(name, fmt.Sprintf("%s.2026-11-23_%02d-%02d", name, i/60, i%60))
	case 1:
		r.now = r.now.Add(time.Duration(net.rand.IntN(10)) * time.Second)
	case 2:
		r.restart()
	case 3:
		r.agent.save(r.now, true)
		r.restart()
	case 4:
		// Everything is read before, since copytruncate loses what comes between copy and truncate.
		if _, err := os.Stat(r.path(name)); err == nil {
			r.copy(name, fmt.Sprintf("%s.%d", name, i+1))
			if net.rand.IntN(2) == 0 {
				r.agent.scan(r.now)
			}
			r.truncate(name)
		}
	case 5:
		stat := `{"time":"2026-11-23 16:36:46.%03d","stat.key":{"method":"GET","local.app":"pay-a",` +
			`"request.url":"/hello"},"count":1,"total.cost.milliseconds":74,"success":"Y","load.test":"F"}` + "\r\n"
		r.raw("spring-mvc-stat.log", fmt.Sprintf(stat, i))
		net.seen["stat "+r.t.Name()]++
	default:
		r.write(name, 1+net.rand.IntN(40))
	}
	if net.rand.IntN(2) == 0 {
		r.now = r.now.Add(500 * time.Millisecond)
		r.step()
	}
}

func (r *rig) rename2(from, to string) {
	if _, err := os.Stat(r.path(from)); err == nil {
		r.rename(from, to)
	}
}

// TestRefusedRecord shows that one record that the collector does not take is left out, and only that.
func TestRefusedRecord(t *testing.T) {
	cases := map[string]*http.Response{
		"malformed": answer(http.StatusBadRequest, "half 3 is malformed", reasonHeader, malformed),
		"too large": answer(http.StatusRequestEntityTooLarge, "too large"),
	}
	for name, res := range cases {
		t.Run(name, func(t *testing.T) {
			col := newCollector(t, 1<<20)
			r := newRig(t, nil)
			poison := []byte("poison")
			r.agent.cfg.Compress, r.agent.encoder.zstd = false, nil // so that the body can be searched
			r.agent.client.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(req.Body)
				if err != nil || bytes.Contains(body, poison) {
					return answer(res.StatusCode, "no", reasonHeader, res.Header.Get(reasonHeader)), err
				}
				req.Body = io.NopCloser(bytes.NewReader(body))
				return col.RoundTrip(req)
			})
			r.write(live, 20)
			r.raw(live, strings.Replace(line(77), "/hello", "/poison", 1))
			r.write(live, 7)
			r.raw("httpclient-digest.log", strings.Replace(line(78), "/hello", "/poison", 1))
			r.write("httpclient-digest.log", 7)
			r.pass(time.Minute)
			col.wantOnce(0, r.lines)
			if n := value(t, r.agent.metrics.Rejected.WithLabelValues(string(reasonRefused))); n != 2 {
				t.Errorf("%v records were refused, want 2", n)
			}
			r.wantLog("the collector does not take a log record")
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCollectorAway shows that the agent keeps its place and one request while there is no collector.
func TestCollectorAway(t *testing.T) {
	col := newCollector(t, 1<<20)
	net := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errFault })
	r := newRig(t, net)
	r.agent.cfg.BatchBytes = 4 << 10
	r.write(live, 300)
	for range 20 {
		r.pass(time.Second)
		r.write(live, 10)
	}
	if n := len(r.agent.queue); n != 1 {
		t.Errorf("%d requests are in memory, want 1", n)
	}
	if lag := value(t, r.agent.metrics.Lag); lag < 490*300 {
		t.Errorf("lag is %v bytes", lag)
	}
	if n := strings.Count(r.out.String(), "logs cannot be sent"); n == 0 || n > 3 {
		t.Errorf("the log says %d times in a minute that nothing can be sent", n)
	}
	if d := r.agent.backoff(); d < r.cfg.MaxBackoff/2 || d > r.cfg.MaxBackoff {
		t.Errorf("the agent waits %v after many failures, want %v to %v", d, r.cfg.MaxBackoff/2, r.cfg.MaxBackoff)
	}
	r.agent.client.Transport = col
	r.pass(time.Minute)
	col.wantOnce(0, r.lines)
	r.wantLog("the collector takes logs again")
}

// TestJudge covers what the answers mean.
func TestJudge(t *testing.T) {
	cases := []struct {
		res     *http.Response
		reason  string
		tooMuch bool
		after   time.Duration
	}{
		{res: answer(503, "", "Retry-After", "7"), reason: "busy", after: 7 * time.Second},
		{res: answer(429, "", "Retry-After", "86400"), reason: "busy", after: maxRetryAfter},
		{res: answer(429, "", "Retry-After", "soon"), reason: "busy"},
		{res: answer(413, ""), reason: "too_large", tooMuch: true},
		{res: answer(400, ""), reason: "status"},
		{res: answer(400, "", reasonHeader, malformed), reason: "refused", tooMuch: true},
		{res: answer(404, ""), reason: "status"},
		{res: answer(200, "\xff"), reason: "answer"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.res.StatusCode, c.res.Header), func(t *testing.T) {
			body, err := io.ReadAll(c.res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if c.res.StatusCode == http.StatusOK {
				body = []byte("\xff")
			}
			out := judge(c.res, body)
			if out.err == nil || out.reason != c.reason || out.tooMuch != c.tooMuch || out.after != c.after {
				t.Errorf("got %+v, want reason %q, tooMuch %v, after %v", out, c.reason, c.tooMuch, c.after)
			}
		})
	}
}

// TestRun drives the loop itself: a pause after a failure, ticks, and the end.
func TestRun(t *testing.T) {
	col := newCollector(t, 1<<20)
	fail := make(chan bool, 1)
	r := newRig(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		select {
		case <-fail:
			return nil, errFault
		default:
			return col.RoundTrip(req)
		}
	}))
	r.write(live, 10)
	fail <- true
	paused, ticks := make(chan time.Duration, 1), make(chan time.Time)
	resume := make(chan time.Time)
	r.agent.after = func(d time.Duration) <-chan time.Time {
		paused <- d
		return resume
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.agent.run(ctx, ticks, time.Now) }()
	if d := <-paused; d < 50*time.Millisecond || d > 100*time.Millisecond {
		t.Errorf("the first pause is %v, want 50ms to 100ms", d)
	}
	ticks <- time.Now()
	if n := col.count(); n != 0 {
		t.Errorf("%d halves came during the pause", n)
	}
	resume <- time.Now()
	for col.count() < 10 {
		<-col.come
	}
	r.write(live, 5)
	ticks <- time.Now()
	for col.count() < 15 {
		<-col.come
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	col.wantOnce(0, 15)
	s, err := readState(r.cfg.StateDir + "/" + stateName)
	if err != nil || len(s.Files) != 1 || s.Files[0].Offset < 10*int64(len(line(0))) {
		t.Errorf("state after the end is %+v, %v", s, err)
	}
}

// TestRunEnds shows that the agent ends at once while a request is on its way, and has that again after a restart.
func TestRunEnds(t *testing.T) {
	col := newCollector(t, 1<<20)
	sent := make(chan struct{})
	r := newRig(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		close(sent)
		<-req.Context().Done()
		return nil, req.Context().Err()
	}))
	r.write(live, 10)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.agent.run(ctx, nil, time.Now) }()
	<-sent
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.client = col
	r.start()
	r.step()
	col.wantOnce(0, 10)
}
