package logfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteParts(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1500} { // more than one call takes
		path := filepath.Join(t.TempDir(), "x.log")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		var parts [][]byte
		var want []byte
		for i := range n {
			p := fmt.Appendf(nil, "line %d\n", i)
			parts, want = append(parts, p), append(want, p...)
		}
		written, err := writeParts(file, parts)
		if closed := file.Close(); err != nil || closed != nil || written != len(want) {
			t.Errorf("%d parts: %d bytes of %d, %v, %v", n, written, len(want), err, closed)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d parts: %q, %v", n, got, err)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return // no Linux
	}
	defer full.Close()
	if n, err := writeParts(full, [][]byte{[]byte("a\n"), []byte("b\n")}); err == nil || n != 0 {
		t.Errorf("a full disk took %d bytes", n)
	}
}

// BenchmarkWrite has 1 MiB of lines in parts, as the shards give them, written at once and one by one.
func BenchmarkWrite(b *testing.B) {
	var parts [][]byte
	for range 33 {
		parts = append(parts, bytes.Repeat([]byte("0123456789abcde\n"), 31<<10/16))
	}
	for _, at := range []int{1, len(parts)} {
		b.Run(fmt.Sprintf("%d at once", at), func(b *testing.B) {
			file, err := os.Create(filepath.Join(b.TempDir(), "x.log"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			b.SetBytes(int64(len(parts) * len(parts[0])))
			for n := 0; b.Loop(); n++ {
				if n%256 == 0 { // not to fill the disk
					if err := file.Truncate(0); err != nil {
						b.Fatal(err)
					}
					if _, err := file.Seek(0, 0); err != nil {
						b.Fatal(err)
					}
				}
				for i := 0; i < len(parts); i += at {
					if _, err := writeParts(file, parts[i:i+at]); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
