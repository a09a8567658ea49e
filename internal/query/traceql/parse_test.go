package traceql_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query/traceql"
)

var update = flag.Bool("update", false, "write the golden files")

// Every line of testdata/good.txt is a query; behind " ⇒ " stands what it prints as, which reads back as itself.
func TestParse(t *testing.T) {
	golden(t, "testdata/good.txt", func(query string) string {
		q, err := traceql.Parse(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			return err.Error()
		}
		again, err := traceql.Parse(q.String())
		if err != nil || again.String() != q.String() {
			t.Errorf("%s prints as %s, which reads as %v, %v", query, q, again, err)
		}
		return q.String()
	})
}

// Every line of testdata/bad.txt is a query that is refused, with the reason behind " ⇒ ".
func TestParseErrors(t *testing.T) {
	golden(t, "testdata/bad.txt", func(query string) string {
		_, err := traceql.Parse(strings.ReplaceAll(query, `\n`, "\n"))
		var p *traceql.ParseError
		if !errors.As(err, &p) {
			t.Errorf("%s: %v", query, err)
			return "no error"
		}
		return fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message)
	})
}

func golden(t *testing.T, file string, answer func(string) string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		query, want, _ := strings.Cut(line, " ⇒ ")
		got := answer(query)
		if got != want && !*update {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
		fmt.Fprintf(&out, "%s ⇒ %s\n", query, got)
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/good.txt", "testdata/bad.txt"} {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			query, _, _ := strings.Cut(line, " ⇒ ")
			f.Add(query)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := traceql.Parse(text)
		if err != nil {
			var p *traceql.ParseError
			if !errors.As(err, &p) || p.Line < 1 || p.Column < 1 || p.Offset > len(text) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		again, err := traceql.Parse(q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("%q prints as %q, which reads as %v, %v", text, q, again, err)
		}
		q.Candidates()
		q.Eval(sample(t))
	})
}
