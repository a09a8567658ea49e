// Package doctor checks how a service is set up for tracing: the settings of its tracer, its log directory, the agent and the
// collector behind it, and whether it continues the traces of its callers. Each finding says what to do about it. The package
// changes nothing but a file of no content that it makes and removes again to see whether a directory can be written, and it
// sends nothing but what a service's user asks for by name, and requests without spans to where the service's settings send its spans.
//
// It reads the collector through its API only, as everybody may; it knows no store.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/certificate"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"      // as it should be
	Note    Level = "note"    // worth knowing; may be meant
	Problem Level = "problem" // something is wrong
)

// Finding is one thing that was looked at.
type Finding struct {
	// Check is what was checked: settings, logs, agent, export, collector, propagation.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// What was found.
	What string `json:"what"`
	// Do is what to do about it, "" where there is nothing to do.
	Do string `json:"do,omitempty"`
}

// Ask sends a GET to the collector and gives the answer with whatever status it has; the caller closes the body.
type Ask func(ctx context.Context, path string, query url.Values) (*http.Response, error)

// Options say what to check. What is empty is left out.
type Options struct {
	// App is the service's name where it is given in code.
	App string
	// ConfigFile is the tracer's properties file; without it the environment may name one.
	ConfigFile string
	// Environ is the environment of the service.
	Environ []string
	// LogDir takes the place of the directory of the settings.
	LogDir string
	// Zone of times in logs that name none.
	Zone *time.Location
	// AgentURL is the HTTP port of the agent of this host. AgentPaths are the patterns of directories in its configuration, and
	// Follows says whether one is among them; nil: the configuration is not given.
	AgentURL   string
	AgentPaths []string
	Follows    func(dir string) bool
	// AgentTokenFile has the token for AgentURL, which needs the role operate; AgentTLS is for one of https.
	AgentTokenFile string
	AgentTLS       certificate.Client
	// Collector asks the collector, or is nil.
	Collector Ask
	// Ports are where spans are sent, beside those that Environ and ConfigFile name. They have to take requests.
	Ports []Port
	// URL is the page of the service to send requests to, to see whether their traces go on.
	URL string
	// Wait is how long the trace of such a request is looked for, and how long the agent is watched.
	Wait time.Duration
	// Back is how far to look back in the collector.
	Back time.Duration
}

// Report is what was found.
type Report struct {
	// Settings are those in force, by name, in the order of the tracer's configuration.
	Settings []Setting `json:"settings"`
	Findings []Finding `json:"findings"`
	// Problems is the number of findings that are problems.
	Problems int `json:"problems"`
}

// Setting is a setting of the tracer as text.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// examination is one run.
type examination struct {
	Options
	Report
	now     func() time.Time
	client  *http.Client
	extract []string // formats that the settings read
	noLogs  bool     // the directory cannot be read
}

// Run checks all that the options name.
func Run(ctx context.Context, o Options) *Report {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	x := &examination{Options: o, now: time.Now, client: &http.Client{Transport: transport, Timeout: askTimeout}}
	x.settings()
	x.logs()
	x.agent(ctx)
	x.exporters()
	x.ports(ctx)
	x.collector(ctx)
	x.propagation(ctx)
	for _, f := range x.Findings {
		if f.Level == Problem {
			x.Problems++
		}
	}
	return &x.Report
}

// askTimeout bounds each request.
const askTimeout = 10 * time.Second

func (x *examination) add(check string, level Level, do, format string, args ...any) {
	x.Findings = append(x.Findings, Finding{Check: check, Level: level, What: fmt.Sprintf(format, args...), Do: do})
}

// WriteText writes the report for people: the settings, then the findings.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString("settings in force:\n")
	for _, s := range r.Settings {
		fmt.Fprintf(&b, "  %s = %s\n", s.Name, s.Value)
	}
	b.WriteByte('\n')
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %s: %s\n", f.Level, f.Check, f.What)
		if f.Do != "" {
			fmt.Fprintf(&b, "         → %s\n", f.Do)
		}
	}
	switch r.Problems {
	case 0:
		b.WriteString("\nno problems\n")
	case 1:
		b.WriteString("\n1 problem\n")
	default:
		fmt.Fprintf(&b, "\n%d problems\n", r.Problems)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the report as one object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// age is a duration in the unit that people would choose.
func age(d time.Duration) string {
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return d.Round(time.Minute).String()
	case d >= time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, i := float64(n)/(1<<10), 0
	for v >= 1<<10 && i < len(units)-1 {
		v, i = v/(1<<10), i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
