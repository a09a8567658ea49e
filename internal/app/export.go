package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/export"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/tenant"
)

const aboutExport = `
Usage: twinspan export -collector URL [flags] -o FILE     of a running collector
       twinspan export -data DIR [flags] -o FILE          of a stopped one, or of a backup in a directory

Writes calls, newest first, one row each with what both halves say, as Parquet or JSON lines. FILE may be - for standard
output. Filters are those of /api/v1/calls: -filter callee=payment -filter error=true -filter tag=http.route=/pay.
`

// exportPath is where a collector gives an export.
const exportPath = "/api/v1/export"

// filterFlag gathers filters, name=value, as the parameters of a URL.
type filterFlag struct{ url.Values }

func (f filterFlag) String() string { return f.Encode() }

func (f filterFlag) Set(text string) error {
	for i := range len(text) {
		if text[i] == '=' && i > 0 {
			f.Add(text[:i], text[i+1:])
			return nil
		}
	}
	return errors.New("want name=value")
}

func runExport(t *toolRun) error {
	r := t.remoteFlags()
	data := t.flags.String("data", "", "data `DIR` of a collector that does not run, or of a backup")
	t.flags.StringVar(&r.tenant, "tenant", "", "`NAME` of the tenant, if not the default one")
	format := t.flags.String("format", "parquet", "`FORMAT`: parquet or jsonl")
	to := t.flags.String("o", "", "the new `FILE`, - for standard output")
	filter := filterFlag{make(url.Values)}
	for _, name := range []string{"from", "to"} {
		t.flags.Func(name, "`TIME`, such as 2026-03-01T00:00:00Z or -24h", func(text string) error { filter.Values.Set(name, text); return nil })
	}
	t.flags.Var(filter, "filter", "a filter, `NAME=VALUE`; may be given several times")
	if err := t.parse(); err != nil {
		return err
	}
	switch {
	case t.flags.NArg() > 0:
		return usage1("argument %q is not understood", t.flags.Arg(0))
	case *to == "":
		return usage1("-o is missing: say where the export goes")
	case (*data == "") == (r.url == ""):
		return usage1("give one of -collector, for a running collector, and -data, for a stopped one")
	}
	if _, err := export.New(*format, io.Discard); err != nil {
		return usage1("-format: %w", err)
	}
	req, err := api.ParseFilter(filter.Encode(), time.Now())
	if err != nil {
		return usage1("%w", err)
	}
	if *to == "-" {
		_, err := t.export(r, *data, *format, filter.Values, req, t.stdout)
		return err
	}
	if _, err := os.Lstat(*to); err == nil {
		return fmt.Errorf("%s is there already: give another name", *to)
	}
	unfinished := *to + ".partial"
	out, err := os.Create(unfinished)
	if err != nil {
		return err
	}
	n, err := t.export(r, *data, *format, filter.Values, req, out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(unfinished, *to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	st, err := os.Stat(*to)
	if err != nil {
		return err
	}
	if n >= 0 {
		_, err = fmt.Fprintf(t.stdout, "%s: %d calls, %d bytes\n", *to, n, st.Size())
	} else {
		_, err = fmt.Fprintf(t.stdout, "%s: %d bytes\n", *to, st.Size())
	}
	return err
}

// export writes the calls to w, and gives their number, or -1 where a collector wrote them.
func (t *toolRun) export(r *remote, data, format string, filter url.Values, req query.SearchRequest, w io.Writer) (int64, error) {
	if r.url != "" {
		filter.Set("format", format)
		body, err := r.get(t.ctx, exportPath, filter)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(w, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return 0, fmt.Errorf("the export was broken off: %w", err)
		}
		return -1, nil
	}
	name := r.tenant
	if name == "" {
		name = tenant.Default
	}
	s, err := openStopped(t.ctx, data, name, quiet())
	if err != nil {
		return 0, err
	}
	out, err := export.New(format, w)
	if err != nil {
		return 0, errors.Join(err, s.close())
	}
	q := query.New([]store.Reader{s.store}, query.DefaultConfig(), quiet())
	n, err := exportCalls(t.ctx, q, req, out)
	return n, errors.Join(err, s.close())
}

// exportCalls writes all calls that a search finds, page by page, so that no directory of the store is held for long.
func exportCalls(ctx context.Context, q *query.Service, req query.SearchRequest, out export.Writer) (n int64, err error) {
	req.Limit = query.MaxLimit
	for {
		page, err := q.Search(ctx, req)
		if err != nil {
			return n, err
		}
		for i := range page.Calls {
			if err := out.Write(&page.Calls[i]); err != nil {
				return n, err
			}
			n++
		}
		if page.Next == "" {
			return n, out.Close()
		}
		req.Cursor = page.Next
	}
}

// maxExports bounds the exports that are made for a tenant at a time.
const maxExports = 2

// exportHandler gives an export of the tenant's calls.
func (t *pipeline) exportHandler(places chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		filter := r.URL.Query()
		format := filter.Get("format")
		if format == "" {
			format = "parquet"
		}
		filter.Del("format")
		req, err := api.ParseFilter(filter.Encode(), time.Now())
		out, formatErr := export.New(format, w)
		if q := &req.Query; err == nil && q.To != 0 && q.From >= q.To {
			err = errors.New("from is not before to")
		}
		if err := errors.Join(err, formatErr); err != nil {
			answerError(w, http.StatusBadRequest, "bad_request", err.Error())
			return
		}
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			answerError(w, http.StatusTooManyRequests, "busy", fmt.Sprintf("%d exports are being made: wait for one to end", maxExports))
			return
		}
		w.Header().Set("Content-Type", export.ContentType(format))
		w.Header().Set("Content-Disposition", `attachment; filename="calls.`+format+`"`)
		begin := time.Now()
		n, err := exportCalls(r.Context(), t.query, req, out)
		if err != nil {
			t.log.Warn("an export was broken off", "calls", n, "error", err)
			panic(http.ErrAbortHandler) // so that who reads it sees that it is not complete
		}
		t.log.Info("made an export", "calls", n, "format", format, "took", time.Since(begin))
	}
}
