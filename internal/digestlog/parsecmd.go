package digestlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const parseUsage = `usage: twinspan parse [flags] FILE…

Prints what the agent makes of SOFATracer and Twinspan digest and stat logs: one JSON object a line on standard output,
then on standard error lines read, parsed and rejected. Exit status 1 if a line was rejected, 2 if a file could not be
read. The file's name decides what is read (spring-mvc-digest.log, okhttp-stat.log.2026-11-23, …); "-" is standard input,
whose name -name gives. Files in a directory named shadow are load-test traffic.

`

// RunParse is the command `twinspan parse`: args are what follows its name.
func RunParse(args []string, stdout, stderr io.Writer) (exit int) {
	return runParse(args, os.Stdin, stdout, stderr)
}

// say writes a message; where standard error is closed there is nobody to tell.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// parseTotals counts what a run of parse has read.
type parseTotals struct {
	lines, records, parsed, other int
	rejected                      map[Reason]int
	repaired                      map[string]int
}

func runParse(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("parse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		say(stderr, "%s", parseUsage)
		flags.PrintDefaults()
	}
	zone := flags.String("zone", "", "time `zone` of the logs, such as Asia/Shanghai (default the host's)")
	charsetName := flags.String("charset", "utf-8", "charset of the logs, such as gb18030")
	formatName := flags.String("format", "auto", "format of the logs: auto, json or text")
	name := flags.String("name", "spring-mvc-digest.log", "the file name that standard input stands for")
	quiet := flags.Bool("q", false, "do not name each rejected line")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	src := Source{Charset: *charsetName, Zone: time.Local}
	var err error
	if *zone != "" {
		if src.Zone, err = time.LoadLocation(*zone); err != nil {
			say(stderr, "twinspan parse: -zone: %v\n", err)
			return 2
		}
	}
	if src.Format, err = ParseFormat(*formatName); err != nil {
		say(stderr, "twinspan parse: -format: %v\n", err)
		return 2
	}
	out := bufio.NewWriterSize(stdout, 1<<16)
	all := parseTotals{rejected: map[Reason]int{}, repaired: map[string]int{}}
	failed := false
	for _, path := range flags.Args() {
		if err := parseFile(path, *name, src, stdin, out, stderr, *quiet, &all); err != nil {
			say(stderr, "twinspan parse: %v\n", err)
			failed = true
		}
	}
	if err := out.Flush(); err != nil {
		say(stderr, "twinspan parse: writing the records: %v\n", err)
		return 2
	}
	all.print(stderr)
	switch {
	case failed:
		return 2
	case len(all.rejected) > 0:
		return 1
	}
	return 0
}

func parseFile(path, stdinName string, src Source, stdin io.Reader, out *bufio.Writer, stderr io.Writer, quiet bool, all *parseTotals) error {
	in := stdin
	src.Name = stdinName
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
		src.Name = filepath.Base(path)
		if dir, err := filepath.Abs(filepath.Dir(path)); err == nil {
			src.Shadow = filepath.Base(dir) == "shadow"
		}
	}
	r, err := NewReader(src, 0)
	if err != nil {
		return err
	}
	if f := r.file; f.Kind == KindOther {
		say(stderr, "%s: %s: neither spans nor counts, its lines are only counted\n", path, f.About)
	}
	line := 1
	return readAll(in, r, func(rec Record) error {
		all.lines += rec.Lines
		first := line
		line += rec.Lines
		for _, n := range rec.Repairs.names() {
			all.repaired[n]++
		}
		switch {
		case rec.Other:
			all.other++
			return nil
		case rec.Err != nil:
			all.rejected[rec.Err.Reason] += rec.Lines
			if !quiet {
				say(stderr, "%s: line %d: rejected: %s: %s: %q\n", path, first, rec.Err.Reason, rec.Err.Detail, rec.Err.Sample)
			}
			return nil
		}
		all.records++
		all.parsed += rec.Lines
		var b []byte
		var err error
		if rec.Half != nil {
			b, err = json.Marshal(rec.Half)
		} else {
			b, err = json.Marshal(rec.Stat)
		}
		if err != nil {
			return fmt.Errorf("writing line %d of %s: %w", first, path, err)
		}
		_, err = out.Write(append(b, '\n'))
		return err
	})
}

// readAll feeds a reader all bytes of a file and calls yield with each record.
func readAll(in io.Reader, r *Reader, yield func(Record) error) error {
	drain := func() error {
		for rec, ok := r.Next(); ok; rec, ok = r.Next() {
			if err := yield(rec); err != nil {
				return err
			}
		}
		return nil
	}
	chunk := make([]byte, 1<<16)
	for {
		n, err := in.Read(chunk)
		r.Feed(chunk[:n])
		if err := drain(); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", r.src.Name, err)
		}
	}
	r.Flush()
	return drain()
}

func (t *parseTotals) print(w io.Writer) {
	rejected := 0
	for _, n := range t.rejected {
		rejected += n
	}
	say(w, "lines read %d, parsed %d (%d records), other %d, rejected %d\n", t.lines, t.parsed, t.records, t.other, rejected)
	for _, reason := range slices.Sorted(maps.Keys(t.rejected)) {
		say(w, "  rejected, %s: %d\n", reason, t.rejected[reason])
	}
	for _, name := range slices.Sorted(maps.Keys(t.repaired)) {
		say(w, "  repaired, %s: %d records\n", name, t.repaired[name])
	}
}
