package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/tenant"
	"github.com/twinspan/twinspan/internal/wire"
	"github.com/twinspan/twinspan/sdk/id"
)

const aboutInspect = `
Usage: twinspan inspect -data DIR [WHAT]

Shows what a collector that does not run, or a backup in a directory, holds, and changes nothing. WHAT is one of
  days             days of receipt: ranges, calls, bytes (default)
  sizes            rows and bytes of each kind, by directory; reads everything
  ranges           the ranges of the log that are stored
  blocks [RANGE]   blocks, and what their columns take, of one range or summed over all
  trace ID         the stored calls of a trace
  wal              the log: segments, and how much of it is not stored yet
  records          the log, record by record
  verify           check all checksums and cross references; exit status 1 where something is damaged
`

// inspector writes what it finds as tables, or as JSON, a line each.
type inspector struct {
	*toolRun
	json bool
	at   *stopped
	data string
}

func runInspect(t *toolRun) (err error) {
	x := &inspector{toolRun: t}
	t.flags.StringVar(&x.data, "data", "", "`DIR` of the data, or of a backup")
	name := t.flags.String("tenant", tenant.Default, "`NAME` of the tenant")
	t.flags.BoolVar(&x.json, "json", false, "write JSON, an object a line")
	if err := t.parse(); err != nil {
		return err
	}
	what, args := "days", t.flags.Args()
	if len(args) > 0 {
		what, args = args[0], args[1:]
	}
	run, ok := map[string]func([]string) error{"days": x.days, "sizes": x.sizes, "ranges": x.ranges, "blocks": x.blocks, "trace": x.trace,
		"wal": x.wal, "records": x.records, "verify": x.verify}[what]
	if !ok {
		return usage1("%q cannot be shown", what)
	}
	if x.data == "" {
		return usage1("-data is missing")
	}
	if x.at, err = openStopped(t.ctx, x.data, *name, quiet()); err != nil {
		return err
	}
	return errors.Join(run(args), x.at.close())
}

func (x *inspector) noMore(args []string) error {
	if len(args) > 0 {
		return usage1("argument %q is not understood", args[0])
	}
	return nil
}

// table writes rows, of which the first one is the head, or the objects that they stand for.
func table[T any](x *inspector, head string, objects []T, row func(*T) []any) error {
	if x.json {
		e := json.NewEncoder(x.stdout)
		for i := range objects {
			if err := e.Encode(&objects[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(x.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, ",", "\t"))
	for i := range objects {
		for k, cell := range row(&objects[i]) {
			if k > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func clock(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z")
}

type dayJSON struct {
	Day      string `json:"day"`
	Ranges   int    `json:"ranges"`
	Calls    int64  `json:"calls"`
	Bytes    int64  `json:"bytes"`
	Least    int64  `json:"leastUnixNano"`
	Greatest int64  `json:"greatestUnixNano"`
}

func (x *inspector) days(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	st := x.at.store.Stats()
	var days []dayJSON
	for _, d := range st.Days {
		days = append(days, dayJSON{d.Day.String(), d.Ranges, d.Calls, d.Bytes, d.Least, d.Greatest})
	}
	return table(x, "DAY,RANGES,CALLS,BYTES,FIRST CALL,LAST CALL", days, func(d *dayJSON) []any {
		return []any{d.Day, d.Ranges, d.Calls, d.Bytes, clock(d.Least), clock(d.Greatest)}
	})
}

func (x *inspector) sizes(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	sizes, err := x.at.store.Sizes(x.ctx)
	if err != nil {
		return err
	}
	return table(x, "DIRECTORY,WHAT,ROWS,BYTES", sizes, func(s *store.TableSize) []any {
		return []any{s.Directory, s.What, s.Rows, s.Bytes}
	})
}

func (x *inspector) ranges(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	ranges, err := x.at.store.Ranges()
	if err != nil {
		return err
	}
	return table(x, "DIRECTORY,RANGE,TO,RECEIVED,CALLS,TRACES,BLOCKS,ROLL-UP CHUNKS,NOT INDEXED", ranges, func(r *store.RangeInfo) []any {
		return []any{r.Directory, r.Name, r.To, clock(r.Received), r.Calls, r.Traces, r.Blocks, r.RollupChunks, strings.Join(r.Unindexed, " ")}
	})
}

// columnSum is what a column takes in all blocks looked at.
type columnSum struct {
	Column   string `json:"column"`
	Encoding string `json:"encoding"`
	Blocks   int    `json:"blocks"`
	Bytes    int64  `json:"bytes"`
}

type blockJSON struct {
	Range string `json:"range"`
	store.BlockInfo
}

func (x *inspector) blocks(args []string) error {
	ranges, err := x.at.store.Ranges()
	if err != nil {
		return err
	}
	one := len(args) > 0
	if one {
		if err := x.noMore(args[1:]); err != nil {
			return err
		}
		for len(ranges) > 0 && ranges[0].Name != args[0] {
			ranges = ranges[1:]
		}
		if len(ranges) == 0 {
			return fmt.Errorf("there is no range %s: see 'twinspan inspect -data %s ranges'", args[0], x.data)
		}
		ranges = ranges[:1]
	}
	var blocks []blockJSON
	var sums []columnSum
	at := make(map[[2]string]int)
	for _, r := range ranges {
		err := x.at.store.Blocks(x.ctx, r.ID, func(b store.BlockInfo) bool {
			for _, c := range b.Columns {
				key := [2]string{c.Name, c.Encoding}
				n, ok := at[key]
				if !ok {
					n = len(sums)
					at[key] = n
					sums = append(sums, columnSum{Column: c.Name, Encoding: c.Encoding})
				}
				sums[n].Blocks++
				sums[n].Bytes += int64(c.Bytes)
			}
			if one {
				blocks = append(blocks, blockJSON{r.Name, b})
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	if one {
		err := table(x, "BLOCK,CALLS,FILTER BYTES,PAYLOAD BYTES,FIRST CALL,LAST CALL,SHORTEST,LONGEST,ERRORS", blocks, func(b *blockJSON) []any {
			return []any{b.Number, b.Calls, b.FilterBytes, b.PayloadBytes, clock(b.Least), clock(b.Greatest),
				time.Duration(b.Shortest), time.Duration(b.Longest), b.Failed}
		})
		if err != nil || x.json {
			return err
		}
		fmt.Fprintln(x.stdout)
	}
	return table(x, "COLUMN,ENCODING,BLOCKS,BYTES", sums, func(c *columnSum) []any { return []any{c.Column, c.Encoding, c.Blocks, c.Bytes} })
}

type callLine struct {
	Start     string `json:"start"`
	Duration  int64  `json:"durationNano"`
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Operation string `json:"operation"`
	Sides     string `json:"sides"`
	Span      string `json:"spanId"`
	Failed    bool   `json:"error"`
}

func (x *inspector) trace(args []string) error {
	if len(args) != 1 {
		return usage1("give one trace id")
	}
	t, _ := id.ParseTrace(args[0])
	calls, _, err := x.at.store.Trace(x.ctx, t, 0)
	if err != nil {
		return err
	}
	if len(calls) == 0 {
		return fmt.Errorf("trace %s is not stored", args[0])
	}
	var lines []callLine
	for i := range calls {
		c := &calls[i]
		lines = append(lines, callLine{clock(c.Start()), c.Duration(), c.Caller, c.Callee, c.Operation(), c.Sides(), c.Lead().Span.String(), c.Failed()})
	}
	return table(x, "START,DURATION,CALLER,CALLEE,OPERATION,SIDES,SPAN,ERROR", lines, func(l *callLine) []any {
		return []any{l.Start, time.Duration(l.Duration), l.Caller, l.Callee, l.Operation, l.Sides, l.Span, l.Failed}
	})
}

func (x *inspector) walDir() string { return filepath.Join(x.at.dir, "wal") }

func (x *inspector) wal(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	last, err := x.at.store.LastDone(x.ctx)
	if err != nil {
		return err
	}
	segments, err := wal.Inspect(x.walDir(), func(wal.Entry) error { return nil })
	if err != nil {
		return err
	}
	err = table(x, "SEGMENT,FIRST,NEXT,BYTES,TORN,DAMAGE", segments, func(s *wal.SegmentInfo) []any {
		return []any{filepath.Base(s.Path), s.First, s.Next, s.Bytes, s.Torn, s.Damage}
	})
	if err != nil || x.json {
		return err
	}
	for p := range uint16(len(last)) {
		if to, ok := last[p]; ok {
			fmt.Fprintf(x.stdout, "partition %d is in the store up to offset %d\n", p, to)
		}
	}
	return nil
}

type recordLine struct {
	Offset   int64  `json:"offset"`
	Received int64  `json:"receivedUnixNano"`
	Bytes    int    `json:"bytes"`
	Halves   int    `json:"halves"`
	Stats    int    `json:"stats"`
	Files    int    `json:"files"`
	Request  string `json:"request"`
}

func (x *inspector) records(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	var w *tabwriter.Writer
	if !x.json {
		w = tabwriter.NewWriter(x.stdout, 12, 8, 2, ' ', 0)
		fmt.Fprintln(w, "OFFSET\tRECEIVED\tBYTES\tHALVES\tSTATS\tFILES\tREQUEST")
	}
	lines := json.NewEncoder(x.stdout)
	_, err := wal.Inspect(x.walDir(), func(e wal.Entry) error {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		r, err := wire.UnpackRecord(e.Data)
		if err != nil {
			return fmt.Errorf("record at offset %d: %w", e.Offset, err)
		}
		l := recordLine{e.Offset, e.Received, len(e.Data), len(r.Batch.Halves), len(r.Batch.Stats), len(r.Progress), strconv.FormatUint(r.RequestHash, 16)}
		if x.json {
			return lines.Encode(&l)
		}
		_, err = fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\t%d\t%s\n", l.Offset, clock(l.Received), l.Bytes, l.Halves, l.Stats, l.Files, l.Request)
		return err
	})
	if err == nil && w != nil {
		err = w.Flush()
	}
	return err
}

// maxProblems bounds the problems that verify writes.
const maxProblems = 100

type problemLine struct {
	Directory string `json:"directory"`
	Problem   string `json:"problem"`
}

func (x *inspector) verify(args []string) error {
	if err := x.noMore(args); err != nil {
		return err
	}
	problems := 0
	say := func(directory, problem string) {
		if problems++; problems > maxProblems {
			return
		}
		if x.json {
			_ = json.NewEncoder(x.stdout).Encode(problemLine{directory, problem})
			return
		}
		fmt.Fprintf(x.stdout, "%s: %s\n", directory, problem)
	}
	checked, err := x.at.store.Verify(x.ctx, func(directory string, problem error) { say(filepath.Join("store", directory), problem.Error()) })
	if err != nil {
		return err
	}
	records := int64(0)
	segments, err := wal.Inspect(x.walDir(), func(e wal.Entry) error {
		records++
		if _, err := wire.UnpackRecord(e.Data); err != nil {
			say("wal", fmt.Sprintf("record at offset %d: %v", e.Offset, err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range segments {
		if s := &segments[i]; s.Damage != "" {
			say(filepath.Join("wal", filepath.Base(s.Path)), s.Damage)
		}
	}
	if x.json {
		if err := json.NewEncoder(x.stdout).Encode(checked); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(x.stdout, "%d directories, %d ranges, %d blocks, %d calls, %d rows; %d segments of the log, %d records\n", checked.Directories,
			checked.Ranges, checked.Blocks, checked.Calls, checked.Rows, len(segments), records)
	}
	if problems > 0 {
		return fmt.Errorf("%d problems were found\n%s", problems, damageHelp)
	}
	return nil
}
