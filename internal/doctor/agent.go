package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// samples are the values of a metrics page, by name with labels.
type samples map[string]float64

// sum adds up a name's samples over its labels.
func (s samples) sum(name string) (total float64, found bool) {
	for key, v := range s {
		if key == name || strings.HasPrefix(key, name+"{") {
			total, found = total+v, true
		}
	}
	return total, found
}

// reasons lists a counter's labels with what they count, "3 bad-time, 1 malformed".
func (s samples) reasons(name string) string {
	var list []string
	for key, v := range s {
		if rest, ok := strings.CutPrefix(key, name+`{reason="`); ok && v > 0 {
			list = append(list, fmt.Sprintf("%.0f %s", v, strings.TrimSuffix(rest, `"}`)))
		}
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

// maxMetrics bounds a metrics page.
const maxMetrics = 16 << 20

// errNotLetIn says that a token is missing or not enough.
var errNotLetIn = errors.New("it wants a token of the role operate")

// metrics reads a page in Prometheus' text format, version 0.0.4.
func (x *examination) metrics(ctx context.Context, base string) (samples, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	if err := authorize(req, nil, x.AgentTokenFile); err != nil {
		return nil, err
	}
	client := x.client
	if secure, err := tlsOf(&x.AgentTLS); err != nil {
		return nil, err
	} else if secure != nil {
		client = &http.Client{Timeout: askTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: true}}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return nil, fmt.Errorf("%s answers %s: %w", req.URL, resp.Status, errNotLetIn)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	out := make(samples)
	lines := bufio.NewScanner(io.LimitReader(resp.Body, maxMetrics))
	for lines.Scan() {
		line := lines.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			out[line[:i]] = v
		}
	}
	return out, lines.Err()
}

// farBehind is a number of bytes that an agent which keeps up has not waiting.
const farBehind = 64 << 20

// agent looks at the configuration of the agent, and at a running one until it gets on.
func (x *examination) agent(ctx context.Context) {
	const check = "agent"
	if x.Follows != nil {
		if x.Follows(x.LogDir) {
			x.add(check, OK, "", "its configuration follows %s", x.LogDir)
		} else {
			x.add(check, Problem, fmt.Sprintf("add %s to agent.paths (TWINSPAN_AGENT_PATHS)", x.LogDir), "its configuration does not follow %s; it follows %s", x.LogDir, some(x.AgentPaths))
		}
	}
	if x.AgentURL == "" {
		return
	}
	first, err := x.metrics(ctx, x.AgentURL)
	if err != nil {
		do := "start 'twinspan agent' on this host, or name its HTTP port (http.address) with -agent"
		switch text := err.Error(); {
		case errors.Is(err, errNotLetIn):
			do = "give one with -agent-token-file (docs/security.md)"
		case strings.Contains(text, "x509") || strings.Contains(text, "certificate"):
			do = "give the authority's certificate with -agent-ca-file, and -agent-cert-file and -agent-key-file where it wants one of its clients"
		case strings.Contains(text, "read the token"):
			do = "name a file that this user may read with -agent-token-file"
		}
		x.add(check, Problem, do, "it cannot be asked: %s", plain(err))
		return
	}
	files, found := first.sum("twinspan_agent_files")
	switch {
	case !found:
		x.add(check, Problem, "ask the one of role agent or all", "the process at %s runs no agent", x.AgentURL)
		return
	case files == 0:
		x.add(check, Problem, "name the log directory in agent.paths, and let the agent's user read it", "it follows no file")
	default:
		x.add(check, OK, "", "it follows %.0f files", files)
	}
	x.agentFaults(check, first)
	lag, _ := first.sum("twinspan_agent_lag_bytes")
	if lag == 0 {
		x.add(check, OK, "", "all that is in its files has been acknowledged")
		return
	}
	before, _ := first.sum("twinspan_agent_bytes_total")
	after, now := before, lag
	second := first
	for end := x.now().Add(x.Wait); now > 0 && after == before && x.now().Before(end); {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(x.Wait, lookEvery)):
		}
		if second, err = x.metrics(ctx, x.AgentURL); err != nil {
			x.add(check, Problem, "look at its log", "it went away: %s", plain(err))
			return
		}
		after, _ = second.sum("twinspan_agent_bytes_total")
		now, _ = second.sum("twinspan_agent_lag_bytes")
	}
	switch {
	case now > 0 && after == before:
		x.add(check, Problem, "see that the collector runs and that agent.collector is its agent port (4390); the agent's log says what is wrong",
			"it does not get on: %s wait, none was acknowledged in %s (failed requests: %s)", size(int64(now)), age(x.Wait),
			orNone(second.reasons("twinspan_agent_forward_errors_total")))
	case now > farBehind:
		x.add(check, Note, "ask again: if the number grows, the collector is slower than the services write (docs/operations.md)", "it gets on, but %s wait", size(int64(now)))
	default:
		x.add(check, OK, "", "it gets on: %s wait", size(int64(now)))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// agentFaults tells of what was lost or could not be read since the agent started.
func (x *examination) agentFaults(check string, m samples) {
	if n, _ := m.sum("twinspan_agent_rejected_records_total"); n > 0 {
		x.add(check, Problem, "its log has one of each reason; docs/formats/sofatracer-logs.md explains them", "since its start %.0f records could not be read: %s", n,
			m.reasons("twinspan_agent_rejected_records_total"))
	}
	if n, _ := m.sum("twinspan_agent_lost_bytes_total"); n > 0 {
		x.add(check, Problem, "keep rolled files longer (retention, roll_keep); its log names the files", "since its start %s went away before they were read", size(int64(n)))
	}
	if n, _ := m.sum("twinspan_agent_file_errors_total"); n > 0 {
		x.add(check, Problem, "let the agent's user read the directories and files; its log names them", "since its start %.0f times a directory or file could not be read", n)
	}
}
