package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/sdk/id"
)

// probe is a request with the headers of one format.
type probe struct {
	format string
	reads  []string // settings of extract that read it
	header http.Header
	trace  id.Trace
	seen   string // where the trace goes on, "" as long as it is not seen
}

// probes makes a request for each format, each with a trace of its own that says that it is sampled.
func probes() []*probe {
	random := func(n int) string {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		b[0] |= 1           // an id of zeros is none
		return hex.EncodeToString(b)
	}
	var list []*probe
	add := func(format, trace string, reads []string, header ...string) {
		p := &probe{format: format, reads: reads, header: make(http.Header)}
		p.trace, _ = id.ParseTrace(trace)
		for i := 0; i < len(header); i += 2 {
			p.header.Set(header[i], header[i+1])
		}
		list = append(list, p)
	}
	w3c := random(16)
	add("W3C", w3c, []string{"w3c"}, "traceparent", "00-"+w3c+"-"+random(8)+"-01")
	// SOFATracer's form: address, milliseconds, a sequence from 1000 to 9000, a process id.
	sofa := fmt.Sprintf("7f000001%013d%04d%d", time.Now().UnixMilli(), 1000+mathrand.IntN(8001), 1000000+mathrand.IntN(9000000))
	add("SOFATracer's HTTP", sofa, []string{"sofa-http", "sofa-text"}, "X-B3-TraceId", sofa, "X-B3-SpanId", "0.1", "X-B3-ParentSpanId", "0", "X-B3-Sampled", "true")
	b3 := random(16)
	add("B3", b3, []string{"b3", "b3-single"}, "X-B3-TraceId", b3, "X-B3-SpanId", random(8), "X-B3-Sampled", "1")
	return list
}

// lookEvery is the time between two looks for a trace.
const lookEvery = 250 * time.Millisecond

// propagation sends the service a request in each format and looks where their traces go on.
func (x *examination) propagation(ctx context.Context) {
	const check = "propagation"
	if x.URL == "" {
		return
	}
	if x.noLogs && x.Collector == nil {
		x.add(check, Problem, "name a readable log directory (-log-dir) or a collector", "there is no place to look for the traces")
		return
	}
	begin := x.ends()
	sent := probes()
	for _, p := range sent {
		if err := x.send(ctx, p); err != nil {
			x.add(check, Problem, "start the service, or name a page of it with -url", "the request cannot be sent: %s", plain(err))
			return
		}
	}
	for end := x.now().Add(x.Wait); ; {
		x.lookInLogs(begin, sent)
		x.lookInCollector(ctx, sent)
		if !slices.ContainsFunc(sent, func(p *probe) bool { return p.seen == "" }) || x.now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
	if !slices.ContainsFunc(sent, func(p *probe) bool { return p.seen != "" }) {
		x.add(check, Problem, "see that an instrumentation handles this page (sdk/README.md), that the service logs where this command looks, and that it has written its lines",
			"none of the requests' traces goes on in the service")
		return
	}
	for _, p := range sent {
		reads := slices.ContainsFunc(p.reads, func(f string) bool { return slices.Contains(x.extract, f) })
		switch {
		case p.seen != "":
			x.add(check, OK, "", "%s: the trace goes on in %s", p.format, p.seen)
		case reads:
			x.add(check, Problem, "see that the service runs with the settings above, and that no proxy before it drops or replaces the headers",
				"%s: the service begins a trace of its own, although extract has the format", p.format)
		default:
			x.add(check, Note, fmt.Sprintf("add %s to extract if callers send it", p.reads[0]), "%s: the service begins a trace of its own; extract does not have the format", p.format)
		}
	}
}

// send sends one request; whatever the service answers will do.
func (x *examination) send(ctx context.Context, p *probe) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.URL, nil)
	if err != nil {
		return err
	}
	req.Header = p.header
	req.Header.Set("User-Agent", "twinspan-doctor")
	resp, err := x.client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// ends gives the sizes of the log files, by name.
func (x *examination) ends() map[string]int64 {
	sizes := make(map[string]int64)
	if files, err := liveFiles(x.LogDir); err == nil {
		for _, f := range files {
			sizes[f.name] = f.bytes
		}
	}
	return sizes
}

// lookInLogs reads what came to the digest logs since begin.
func (x *examination) lookInLogs(begin map[string]int64, sent []*probe) {
	files, err := liveFiles(x.LogDir)
	if err != nil {
		return
	}
	for _, f := range files {
		from := begin[f.name]
		if f.file.Kind != digestlog.KindDigest || f.bytes == from {
			continue
		}
		if f.bytes < from { // rolled meanwhile
			from = 0
		}
		// A file that goes away between two looks is looked for again.
		_ = x.records(f, from, func(r *digestlog.Record) {
			for _, p := range sent {
				if p.seen == "" && r.Half != nil && r.Half.Trace == p.trace {
					p.seen = fmt.Sprintf("%s (%s)", r.Half.App, f.name)
				}
			}
		})
	}
}

// lookInCollector asks for the traces that are not seen yet.
func (x *examination) lookInCollector(ctx context.Context, sent []*probe) {
	if x.Collector == nil {
		return
	}
	for _, p := range sent {
		if p.seen != "" {
			continue
		}
		var trace struct{ Calls []call }
		if _, _, err := x.ask(ctx, "/api/v1/traces/"+url.PathEscape(p.trace.String()), nil, &trace); err == nil && len(trace.Calls) > 0 {
			p.seen = strings.TrimSpace(trace.Calls[0].Callee + " (in the collector)")
		}
	}
}
