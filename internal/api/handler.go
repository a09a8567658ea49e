package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/tenant"
)

func (a *API) apps(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	apps, err := a.query.Apps(ctx, r)
	if err != nil {
		return nil, err
	}
	return value{struct {
		Apps []query.App `json:"apps"`
	}{list(apps)}}, nil
}

func (a *API) operations(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	operations, partial, err := a.query.Operations(ctx, r, in.search.Query.App)
	if err != nil {
		return nil, err
	}
	reason := ""
	if partial {
		reason = "there are more operations than are listed: those with the fewest calls are missing"
	}
	return value{struct {
		Operations []query.Operation `json:"operations"`
		Partial    bool              `json:"partial"`
		Reason     string            `json:"partialReason"`
	}{list(operations), partial, reason}}, nil
}

func (a *API) trace(ctx context.Context, r *http.Request, _ *input) (answer, error) {
	const longest = 512
	text := r.PathValue("id")
	if len(text) > longest {
		return nil, badRequest("the trace id is longer than %d bytes", longest)
	}
	t, err := a.query.Trace(ctx, text)
	if err != nil {
		return nil, err
	}
	return traceAnswer{t}, nil
}

// boundSearch takes the time range into the search. Whoever names a trace wants its calls, however old.
func (in *input) boundSearch() error {
	if in.search.TraceID != "" && in.from == nil && in.to == nil {
		return nil
	}
	r, err := in.timeRange()
	in.search.Query.From, in.search.Query.To = r.From, r.To
	return err
}

func (a *API) calls(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	if in.traceQL != "" {
		page, err := a.searchTraceQL(ctx, in)
		if err != nil {
			return nil, err
		}
		return pageAnswer{&query.Page{Calls: page.Calls(), Next: page.Next, Partial: page.Partial, Reason: page.Reason, SearchedFrom: page.SearchedFrom}}, nil
	}
	if in.spans != 0 {
		return nil, badRequest("parameter \"spans\" belongs to \"query\": leave it out, or write the filters as TraceQL")
	}
	if err := in.boundSearch(); err != nil {
		return nil, err
	}
	page, err := a.query.Search(ctx, in.search)
	if err != nil {
		return nil, err
	}
	return pageAnswer{page}, nil
}

func (a *API) scatter(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	if in.traceQL != "" {
		return a.scatterTraceQL(ctx, in)
	}
	if err := in.boundSearch(); err != nil {
		return nil, err
	}
	s, err := a.query.Scatter(ctx, query.ScatterRequest{Query: in.search.Query, TraceID: in.search.TraceID, Points: in.points})
	if err != nil {
		return nil, err
	}
	return scatterAnswer{s}, nil
}

func (a *API) topology(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	q := &in.search.Query
	t, err := a.query.Topology(ctx, r, query.TopologyFilter{App: q.App, Operation: q.Operation, LoadTest: q.LoadTest})
	if err != nil {
		return nil, err
	}
	return value{struct {
		Nodes       []query.App  `json:"nodes"`
		Edges       []query.Edge `json:"edges"`
		From        string       `json:"from"`
		To          string       `json:"to"`
		DataSeconds float64      `json:"dataSeconds"`
	}{list(t.Nodes), list(t.Edges), formatTime(t.Range.From), formatTime(t.Range.To), seconds(t.Data)}}, nil
}

type pointJSON struct {
	TimeUnixNano string `json:"timeUnixNano"`
	Calls        int64  `json:"calls"`
	Errors       int64  `json:"errors"`
	P50Nano      int64  `json:"p50Nano"`
	P99Nano      int64  `json:"p99Nano"`
}

func (a *API) series(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	q := &in.search.Query
	points, err := a.query.Series(ctx, r, query.SeriesFilter{App: q.App, Operation: q.Operation, Caller: q.Caller})
	if err != nil {
		return nil, err
	}
	out := make([]pointJSON, len(points))
	for i, p := range points {
		out[i] = pointJSON{strconv.FormatInt(p.Time, 10), p.Calls, p.Errors, p.P50Nano, p.P99Nano}
	}
	return value{struct {
		StepSeconds int         `json:"stepSeconds"`
		Points      []pointJSON `json:"points"`
	}{60, out}}, nil
}

func (a *API) appSeries(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	s, err := a.query.AppSeries(ctx, r)
	if err != nil {
		return nil, err
	}
	return value{struct {
		StepSeconds   int64             `json:"stepSeconds"`
		StartUnixNano int64             `json:"startUnixNano,string"`
		DataSeconds   float64           `json:"dataSeconds"`
		Apps          []query.AppCounts `json:"apps"`
	}{s.StepSeconds, s.Start, seconds(s.Data), list(s.Apps)}}, nil
}

func seconds(r query.Range) float64 { return float64(r.To-r.From) / 1e9 }

// Status is what /status tells of the server. Times are in nanoseconds of the Unix epoch.
type Status struct {
	Version         string      `json:"version"`
	Role            string      `json:"role"`
	StartedUnixNano int64       `json:"startedUnixNano,string"`
	HalvesReceived  int64       `json:"halvesReceived"`
	CallsStored     int64       `json:"callsStored"`
	BytesOnDisk     int64       `json:"bytesOnDisk"`
	RetentionDays   int         `json:"retentionDays"`
	Days            []StatusDay `json:"days"`
	// OpenCalls are those that are found but not yet in the store.
	OpenCalls int64 `json:"openCalls"`
}

// StatusDay is one day of receipt, as 2006-01-02.
type StatusDay struct {
	Day   string `json:"day"`
	Calls int64  `json:"calls"`
	Bytes int64  `json:"bytes"`
}

func (a *API) serverStatus(context.Context, *http.Request, *input) (answer, error) {
	s := a.server.Status()
	s.Days = list(s.Days)
	return value{s}, nil
}

// Tenants is what TenantsPath answers.
type Tenants struct {
	// Tenants are those that the sender may name; only the default one where there is no choice.
	Tenants []string `json:"tenants"`
	// Unnamed is the tenant of requests that name none; "" where they are refused.
	Unnamed string `json:"unnamed"`
	// Header names the header by which one is named; "" where there is no choice.
	Header string `json:"header"`
}

// TenantsOf gives the answer for a request's context.
func TenantsOf(ctx context.Context) Tenants {
	c := tenant.ChoiceOf(ctx)
	if len(c.Others) == 0 {
		return Tenants{Tenants: []string{c.Name}, Unnamed: c.Name}
	}
	return Tenants{Tenants: c.Others, Unnamed: c.Unnamed, Header: c.Header}
}

func (a *API) tenants(ctx context.Context, _ *http.Request, _ *input) (answer, error) {
	return value{TenantsOf(ctx)}, nil
}

// list makes an empty list of none, so that JSON says [] and not null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
