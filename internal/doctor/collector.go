package doctor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// plain is what an error of a connection means, without the layers.
func plain(err error) string {
	var of *url.Error
	where := ""
	if errors.As(err, &of) {
		where, err = of.URL+": ", of.Err
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var dns *net.DNSError
	switch {
	case refused(err):
		return where + "nothing listens there (connection refused)"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return where + "no answer in time"
	case errors.As(err, &unknown):
		return where + "its certificate is of an authority that is not trusted here"
	case errors.As(err, &name):
		return where + "its certificate is for another name: " + name.Error()
	case errors.As(err, &dns):
		return where + "the name " + dns.Name + " is not known"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return where + "it does not speak TLS: use http://"
	}
	return where + err.Error()
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// maxAnswer bounds an answer of the collector.
const maxAnswer = 32 << 20

// ask reads an answer of the collector into v. The status is 0 where there was no answer.
func (x *examination) ask(ctx context.Context, path string, query url.Values, v any) (status int, date time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := x.Collector(ctx, path, query)
	if err != nil {
		return 0, date, err
	}
	defer resp.Body.Close()
	date, _ = http.ParseTime(resp.Header.Get("Date"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, date, err
	}
	if resp.StatusCode != http.StatusOK {
		var said struct{ Error struct{ Message string } }
		if json.Unmarshal(body, &said) == nil && said.Error.Message != "" {
			return resp.StatusCode, date, fmt.Errorf("it answers %s: %s", resp.Status, said.Error.Message)
		}
		return resp.StatusCode, date, fmt.Errorf("it answers %s", resp.Status)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return resp.StatusCode, date, fmt.Errorf("it gives no answer of Twinspan's API: %w", err)
	}
	return resp.StatusCode, date, nil
}

// collector looks whether the collector can be reached, and what it has of the service.
func (x *examination) collector(ctx context.Context) {
	const check = "collector"
	if x.Collector == nil {
		return
	}
	var status struct{ Version, Role string }
	before := x.now()
	code, date, err := x.ask(ctx, "/api/v1/status", nil, &status)
	if err != nil {
		x.add(check, Problem, cure(code, err), "%s", plain(err))
		x.Collector = nil // there is nothing more to ask
		return
	}
	x.add(check, OK, "", "it answers: twinspan %s, role %s", status.Version, status.Role)
	x.skew(check, before, date)
	x.arrived(ctx, check)
}

// cure says what to do about a collector that does not answer as it should.
func cure(status int, err error) string {
	switch status {
	case 0:
		if text := err.Error(); strings.Contains(text, "x509") || strings.Contains(text, "tls") || strings.Contains(text, "certificate") {
			return "give the authority's certificate with -ca-file, and -cert-file and -key-file where the collector wants a certificate of its clients"
		}
		return "start it, or name its HTTP port (http.address, 8680) with -collector; a collector listens on 127.0.0.1 only unless told otherwise"
	case http.StatusUnauthorized:
		return "give a token of its with -token-file"
	case http.StatusForbidden:
		return "give a token that may read (docs/security.md), and -tenant where there are several"
	case http.StatusBadRequest:
		return "name the tenant with -tenant"
	case http.StatusServiceUnavailable:
		return "wait until it is started; its log says what it is waiting for"
	case http.StatusNotFound, http.StatusOK:
		return "see that the URL is that of Twinspan's HTTP port, not of another server or of a proxy that does not pass /api/v1 on"
	}
	return "look at its log"
}

// skew compares the clocks. Date has whole seconds.
func (x *examination) skew(check string, before, date time.Time) {
	if date.IsZero() {
		return
	}
	after := x.now()
	var off time.Duration
	switch {
	case date.After(after):
		off = date.Sub(after)
	case date.Add(time.Second).Before(before):
		off = date.Add(time.Second).Sub(before)
	}
	level, do := OK, ""
	switch {
	case off.Abs() > 30*time.Second:
		level, do = Problem, "set the clocks of both hosts (NTP): minutes of counts, time ranges of searches and the choice between repeated calls go by them"
	case off.Abs() > 2*time.Second:
		level, do = Note, "the console corrects it for display; NTP would keep it small"
	}
	if off == 0 {
		x.add(check, level, do, "its clock and this host's agree within a second")
		return
	}
	where := "ahead of"
	if off < 0 {
		where = "behind"
	}
	x.add(check, level, do, "its clock is %s %s this host's", age(off), where)
}

// call is what is needed of a call in the API's answers.
type call struct {
	TraceID, SpanID, Caller, Callee, Type, Sides string
}

// maxEdges is the number of edges that are told of; each may ask for a trace.
const maxEdges = 30

// pageLimit is the number of calls that are looked at.
const pageLimit = 1000

// arrived looks at the last calls of the service, and at the share of those that have one side only.
func (x *examination) arrived(ctx context.Context, check string) {
	if x.App == "" {
		x.add(check, Note, "give -app", "what came of the service is not looked at: its name is not known")
		return
	}
	var found struct{ Calls []call }
	_, _, err := x.ask(ctx, "/api/v1/calls", url.Values{"app": {x.App}, "from": {"-" + x.Back.String()}, "limit": {fmt.Sprint(pageLimit)}}, &found)
	if err != nil {
		x.add(check, Problem, "", "calls of %s cannot be searched: %s", x.App, plain(err))
		return
	}
	known := x.apps(ctx)
	own := 0
	for _, c := range found.Calls {
		if c.Callee == x.App && c.Sides != "client" || c.Caller == x.App && c.Sides != "server" {
			own++
		}
	}
	if own == 0 {
		do := "send the service a request; if its logs grow (see above), look at the agent; if it exports by OTLP or Zipkin, at its exporter's address"
		for name := range known {
			if name != x.App && strings.EqualFold(strings.TrimSpace(name), x.App) {
				do = fmt.Sprintf("it is there as %q: spell the name alike", name)
			}
		}
		x.add(check, Problem, do, "nothing that %s wrote came in the last %s", x.App, age(x.Back))
		return
	}
	x.add(check, OK, "", "%d calls of %s in the last %s%s", len(found.Calls), x.App, age(x.Back), atMost(len(found.Calls)))
	x.joined(ctx, check, found.Calls, known)
}

func atMost(n int) string {
	if n == pageLimit {
		return " (no more are looked at)"
	}
	return ""
}

// apps gives the applications that received calls of late.
func (x *examination) apps(ctx context.Context) map[string]bool {
	var list struct {
		Apps []struct{ Name string }
	}
	known := make(map[string]bool)
	if _, _, err := x.ask(ctx, "/api/v1/apps", url.Values{"from": {"-" + x.Back.String()}}, &list); err == nil {
		for _, a := range list.Apps {
			known[a.Name] = true
		}
	}
	return known
}

// edge is who calls whom, by what.
type edge struct{ caller, callee, kind string }

func (e edge) String() string {
	return named(e.caller) + " → " + named(e.callee) + " (" + e.kind + ")"
}

func named(app string) string {
	if app == "" {
		return "?"
	}
	return app
}

// joined looks at each edge on which calls have two halves.
func (x *examination) joined(ctx context.Context, check string, calls []call, known map[string]bool) {
	type count struct {
		both, client, server int
		sample               call // a one-sided one
	}
	edges := make(map[edge]*count)
	alone := 0 // server halves of the service that nobody is known to have called
	for _, c := range calls {
		if c.Sides == "internal" || c.Type == "db" || c.Type == "cache" || c.Type == "internal" {
			continue
		}
		e := edge{c.Caller, c.Callee, c.Type}
		if edges[e] == nil {
			edges[e] = new(count)
		}
		n := edges[e]
		switch c.Sides {
		case "both":
			n.both++
		case "client":
			n.client++
			n.sample = c
		case "server":
			n.server++
			n.sample = c
			if c.Caller == "" {
				alone++
			}
		}
	}
	order := slices.SortedFunc(maps.Keys(edges), func(a, b edge) int { return strings.Compare(a.String(), b.String()) })
	for i, e := range order {
		if i == maxEdges {
			x.add(check, Note, "", "%d more edges are not looked at", len(order)-i)
			break
		}
		n := edges[e]
		all, one := n.both+n.client+n.server, n.client+n.server
		switch {
		case one == 0:
			x.add(check, OK, "", "%s: all %d calls have both sides", e, all)
		case e.caller == "" && n.both == 0:
			x.add(check, Note, "as it should be for calls from browsers and other untraced clients; if the caller is traced, its header formats (inject) are not among those read here (extract)",
				"%s: %d calls from outside", e, all)
		default:
			level := Note
			if one*10 > all {
				level = Problem
			}
			x.add(check, level, x.reason(ctx, e, n.sample, known, alone), "%s: %d of %d calls have one side only", e, one, all)
		}
	}
}

// reason finds the likely reason why a call has one side only, from its trace.
func (x *examination) reason(ctx context.Context, e edge, c call, known map[string]bool, alone int) string {
	var trace struct{ Calls []call }
	_, _, err := x.ask(ctx, "/api/v1/traces/"+url.PathEscape(c.TraceID), nil, &trace)
	if err == nil {
		for _, other := range trace.Calls {
			if other.SpanID == c.SpanID && other.Sides == c.Sides {
				continue
			}
			met := c.Sides == "client" && other.Sides == "server" && (e.callee == "" || other.Callee == e.callee) ||
				c.Sides == "server" && other.Sides == "client" && (e.caller == "" || other.Caller == e.caller)
			if met {
				return fmt.Sprintf("both sides are in trace %s, but their ids do not meet: see server_span_id of %s (docs/pairing.md), and whether one of them reports on a route that tells the ids in another form", c.TraceID, named(e.callee))
			}
		}
	}
	silent := e.callee
	if c.Sides == "server" {
		silent = e.caller
	}
	switch {
	case silent == "":
		return "the other side is not traced: instrument it, or take it for what it is, a service of somebody else"
	case c.Sides == "client" && (alone > 0 || known[silent]):
		return fmt.Sprintf("%s reports, but not in this trace: its extract does not read what %s injects, a proxy drops the headers, or its framework's instrumentation is missing ('twinspan doctor -url' at %s shows which)", silent, named(e.caller), silent)
	}
	return fmt.Sprintf("nothing comes from %s: it is not instrumented, its agent is behind, or it samples by itself", silent)
}
