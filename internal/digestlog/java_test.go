package digestlog

import (
	"bytes"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// TestEveryJavaLine reads every line of every file that Java SOFATracer wrote. testdata/java-counts.tsv says what became
// of them; the number of lines comes from the capture's own manifest.
func TestEveryJavaLine(t *testing.T) {
	files := archive(t, "java-logs")
	manifest := make(map[string]int)
	for _, row := range rows(string(files["manifest.tsv"])) {
		manifest[row[0]], _ = strconv.Atoi(row[1])
	}
	var table strings.Builder
	table.WriteString("file\tlines\trecords\tother\trejected\trepaired\n")
	for _, name := range sortedNames(files) {
		if strings.HasSuffix(name, ".tsv") {
			continue
		}
		if _, ok := Known(path.Base(name)); !ok {
			fmt.Fprintf(&table, "%s\t%d\tnot a log by its name\n", name, manifest[name])
			continue
		}
		records := readRecords(t, sourceOf(name), files[name])
		lines, good, other := 0, 0, 0
		rejected, repaired := map[string]int{}, map[string]int{}
		for _, rec := range records {
			lines += rec.Lines
			switch {
			case rec.Err != nil:
				rejected[string(rec.Err.Reason)]++
			case rec.Other:
				other++
			default:
				good++
			}
			for _, n := range rec.Repairs.names() {
				repaired[n]++
			}
			if rec.Half != nil && !rec.Half.Payload.Valid() {
				t.Errorf("%s at %d: payload is not valid", name, rec.From)
			}
		}
		blank := bytes.Count(files[name], []byte("\n\n")) + bytes.Count(files[name], []byte("\n\r\n"))
		if want := manifest[name]; lines != want && lines+blank != want {
			t.Errorf("%s: %d lines in records, the manifest has %d", name, lines, want)
		}
		fmt.Fprintf(&table, "%s\t%d\t%d\t%d\t%s\t%s\n", name, lines, good, other, counts(rejected), counts(repaired))
	}
	golden(t, "java-counts.tsv", table.String())
}

func counts(m map[string]int) string {
	var parts []string
	for name, n := range m {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(parts)
	if parts == nil {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// rows cuts a table with a heading into its rows and fields.
func rows(tsv string) (out [][]string) {
	for _, line := range strings.Split(strings.TrimRight(tsv, "\n"), "\n")[1:] {
		out = append(out, strings.Split(line, "\t"))
	}
	return out
}

// request is a row of requests.tsv with what was read from the digest lines that it names.
type request struct {
	label, service, method, target, status string
	// halves are by file, in the file's order.
	halves map[string][]*span.Half
}

// requestsOf joins a case's requests with the halves that they wrote, and checks that records begin and end where the
// lines of a request do.
func requestsOf(t *testing.T, files map[string][]byte, caseName string) (out []request) {
	t.Helper()
	type placed struct {
		first, last int
		half        *span.Half
	}
	read := make(map[string][]placed)
	load := func(file string) []placed {
		if p, ok := read[file]; ok {
			return p
		}
		var all []placed
		line := 1
		for _, rec := range readRecords(t, sourceOf(caseName+"/"+file), files[caseName+"/"+file]) {
			all = append(all, placed{line, line + rec.Lines - 1, rec.Half})
			line += rec.Lines
		}
		read[file] = all
		return all
	}
	for _, row := range rows(string(files[caseName+"/requests.tsv"])) {
		req := request{label: row[1], service: row[2], method: row[3], target: row[4], status: row[5], halves: map[string][]*span.Half{}}
		for _, place := range strings.Fields(row[7]) {
			file, lines, _ := strings.Cut(place, ":")
			if f, ok := Known(path.Base(file)); !ok || f.Kind != KindDigest {
				continue
			}
			from, to, _ := strings.Cut(lines, "-")
			first, _ := strconv.Atoi(from)
			last, _ := strconv.Atoi(to)
			at := first
			for _, p := range load(file) {
				if p.first < first || p.first > last {
					continue
				}
				if p.first != at || p.last > last || p.half == nil {
					t.Errorf("%s, request %s (%s): a record lies on lines %d to %d of %s, expected one from %d in %d to %d",
						caseName, row[0], req.label, p.first, p.last, file, at, first, last)
				}
				at = p.last + 1
				req.halves[file] = append(req.halves[file], p.half)
			}
			if at != last+1 {
				t.Errorf("%s, request %s (%s): %s is read up to line %d of %d", caseName, row[0], req.label, file, at-1, last)
			}
		}
		out = append(out, req)
	}
	return out
}

func casesOf(files map[string][]byte) (cases []string) {
	for _, name := range sortedNames(files) {
		if c, ok := strings.CutSuffix(name, "/requests.tsv"); ok {
			cases = append(cases, c)
		}
	}
	return cases
}

// TestJavaRequests compares the halves with what the client of each request saw.
func TestJavaRequests(t *testing.T) {
	files := archive(t, "java-logs")
	compared := 0
	for _, c := range casesOf(files) {
		for _, req := range requestsOf(t, files, c) {
			for _, dir := range []string{"/", "/shadow/"} {
				servers := req.halves[req.service+dir+"spring-mvc-digest.log"]
				if len(servers) != 1 {
					continue
				}
				h := servers[0]
				_, target := span.SplitURL("http://x" + req.target)
				_, path := span.SplitURL(text(h, "request.url"))
				if strings.HasPrefix(c, "failures") && path != target {
					continue // a client span was finished in the server span's place
				}
				compared++
				if h.LoadTest != (dir == "/shadow/") {
					t.Errorf("%s, %s: load test %v", c, req.label, h.LoadTest)
				}
				// The message plugin's direct channel ends the server span with its own code.
				direct := strings.HasPrefix(c, "message") && strings.HasPrefix(req.label, "direct: ")
				if h.ResultCode != req.status && path == target && !strings.Contains(req.label, "async") && !direct {
					t.Errorf("%s, %s: result %s, the client saw %s", c, req.label, h.ResultCode, req.status)
				}
				if text(h, "method") != req.method {
					t.Errorf("%s, %s: method %q of %s", c, req.label, text(h, "method"), req.method)
				}
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d requests were compared", compared)
	}
}

// TestCharsets looks for what GB18030 and US-ASCII made of the same Chinese baggage.
func TestCharsets(t *testing.T) {
	files := archive(t, "java-logs")
	for c, want := range map[string]string{"utc-json": "张", "gb18030-text": "张", "ascii-json": "?"} {
		found := 0
		for _, req := range requestsOf(t, files, c) {
			for _, list := range req.halves {
				for _, h := range list {
					h.Payload.Attrs(func(key string, v span.Value) bool {
						if strings.HasPrefix(key, "baggage.") && strings.Contains(v.Text(), want) {
							found++
						}
						return true
					})
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no baggage with %s", c, want)
		}
	}
	src := sourceOf("gb18030-text/b/spring-mvc-digest.log")
	src.Charset = "UTF-8"
	repaired := 0
	for _, rec := range readRecords(t, src, files["gb18030-text/b/spring-mvc-digest.log"]) {
		if rec.Repairs&RepairCharset != 0 {
			repaired++
		}
	}
	if repaired == 0 {
		t.Error("GB18030 read as UTF-8 has to be seen")
	}
}

func text(h *span.Half, key string) string {
	v, _ := h.Payload.Attr(key)
	return v.Text()
}

// TestOddValues compares every odd value that was put into messages, tags, baggage and paths with what was read.
func TestOddValues(t *testing.T) {
	files := archive(t, "java-logs")
	const boom = "Request processing failed; nested exception is java.lang.IllegalStateException: "
	for _, c := range []string{"edge-json", "edge-text"} {
		seen := map[string]int{}
		for _, req := range requestsOf(t, files, c) {
			what, value, quoted := labelValue(t, req.label)
			fail := func(got string) {
				t.Helper()
				t.Errorf("%s, %s: read %q", c, req.label, got)
			}
			switch {
			case what == "exception message":
				h := only(t, req, "b/spring-mvc-digest.log")
				if got := h.Payload.StatusMessage(); got != boom+value {
					fail(got)
				}
			case what == "flexible tag":
				h := only(t, req, "a/biz-digest.log")
				v, ok := h.Payload.Attr("note")
				if blank := strings.TrimSpace(value) == ""; ok == blank || v.Text() != value && !blank {
					fail(v.Text())
				}
				if text(h, "count") != "3" || text(h, "paid") != "true" || text(h, "json") != `{"a":1}` || text(h, "list") != "[1,2]" {
					fail(string(h.Payload))
				}
			case what == "flexible throw":
				h := only(t, req, "a/biz-digest.log")
				want := value
				if strings.TrimSpace(value) == "" {
					want = ""
				}
				if got := h.Payload.StatusMessage(); got != want || (h.Status == span.StatusError) != (want != "") {
					fail(got)
				}
			case quoted && strings.HasPrefix(what, "business baggage") && !strings.Contains(what, "key"):
				for _, name := range []string{"b/spring-mvc-digest.log", "a/resttemplate-digest.log", "a/httpclient-digest.log"} {
					for _, h := range req.halves[name] {
						if v, ok := h.Payload.Attr("baggage.k"); !ok || v.Text() != value && strings.TrimSpace(value) != "" {
							fail(v.Text())
						}
					}
				}
			case quoted && strings.HasPrefix(what, "system baggage"):
				for _, h := range req.halves["b/spring-mvc-digest.log"] {
					if v, ok := h.Payload.Attr("baggage.k"); ok && v.Text() != value && strings.TrimSpace(value) != "" {
						fail(v.Text())
					}
				}
			default:
				continue
			}
			seen[what]++
		}
		for _, what := range []string{"exception message", "flexible tag", "flexible throw"} {
			if seen[what] != 23 {
				t.Errorf("%s: %d values of %s", c, seen[what], what)
			}
		}
		t.Log(c, seen)
	}
}

// labelValue takes the quoted value out of a label such as: exception message 'a,b'.
func labelValue(t *testing.T, label string) (what, value string, ok bool) {
	t.Helper()
	what, rest, ok := strings.Cut(label, " '")
	if !ok {
		return label, "", false
	}
	end := strings.LastIndexByte(rest, '\'')
	value, err := strconv.Unquote(`"` + strings.NewReplacer(`"`, `\"`, `\'`, `'`).Replace(rest[:max(end, 0)]) + `"`)
	if err != nil {
		t.Fatalf("label %s: %v", label, err)
	}
	return what, value, true
}

func only(t *testing.T, req request, file string) *span.Half {
	t.Helper()
	if len(req.halves[file]) != 1 {
		t.Fatalf("%s: %d halves in %s", req.label, len(req.halves[file]), file)
	}
	return req.halves[file][0]
}
