package digestlog

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shanghai is the zone of most of the Java logs; it has had no other offset since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// archive unpacks testdata/<name>.tar.gz. java-logs holds the logs that Java SOFATracer 3.1.0, 3.1.9 and 4.0.1 wrote,
// by case/service/file; requests.tsv of each case tells which request wrote which digest lines, manifest.tsv has the
// line count of every file. twinspan-logs holds what this project's tracer wrote.
func archive(t testing.TB, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

// sourceOf gives the settings that a file of the archive needs.
func sourceOf(name string) Source {
	src := Source{Name: path.Base(name), Zone: shanghai, Shadow: path.Base(path.Dir(name)) == "shadow", Host: "agent-host"}
	switch strings.SplitN(name, "/", 2)[0] {
	case "utc-json", "v310-json":
		src.Zone = time.UTC
	case "gb18030-text":
		src.Charset = "GB18030"
	case "ascii-json":
		src.Charset = "US-ASCII"
	}
	return src
}

// readRecords reads a file whole and checks that the records cover it.
func readRecords(t testing.TB, src Source, data []byte) []Record {
	t.Helper()
	r, err := NewReader(src, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Feed(data)
	r.Flush()
	var records []Record
	for rec, ok := r.Next(); ok; rec, ok = r.Next() {
		records = append(records, rec)
	}
	checkCover(t, data, records)
	if r.Offset() != int64(len(data)) {
		t.Errorf("offset %d after %d bytes", r.Offset(), len(data))
	}
	return records
}

// checkCover checks that records cover data but for blank lines, and that each is exactly one thing.
func checkCover(t testing.TB, data []byte, records []Record) {
	t.Helper()
	at := int64(0)
	for _, rec := range records {
		if rec.From < at || rec.To <= rec.From || rec.To > int64(len(data)) {
			t.Fatalf("record [%d, %d) after %d of %d bytes", rec.From, rec.To, at, len(data))
		}
		if gap := bytes.Trim(data[at:rec.From], "\r\n"); len(gap) > 0 {
			t.Fatalf("bytes [%d, %d) belong to no record: %q", at, rec.From, gap)
		}
		set := 0
		for _, is := range []bool{rec.Half != nil, rec.Stat != nil, rec.Err != nil, rec.Other} {
			if is {
				set++
			}
		}
		if set != 1 {
			t.Fatalf("record [%d, %d) is %d things: %+v", rec.From, rec.To, set, rec)
		}
		at = rec.To
	}
	if gap := bytes.Trim(data[at:], "\r\n"); len(gap) > 0 {
		t.Fatalf("bytes from %d on belong to no record: %q", at, gap)
	}
}

// golden compares got with testdata/<name>, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	shown := 0
	for i := range max(len(wantLines), len(gotLines)) {
		var w, g string
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if w != g {
			t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, g, w)
			if shown++; shown == 5 {
				t.Fatal("and more; if the change is right, run go test with -update")
			}
		}
	}
}

func sortedNames(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
