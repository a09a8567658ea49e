package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// maxPartitions bounds the partitions chosen by default.
const maxPartitions = 16

// partitions gives the number of partitions of a data directory: what was written there at its first use, else want, or
// where that is 0 one for each processor. It may not change while the log holds data, because a partition's place in the
// log is remembered by its number.
func partitions(dir string, want int) (int, error) {
	path := filepath.Join(dir, "partitions")
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || n < 1 {
			return 0, fmt.Errorf("%s holds %q, want the number of partitions: restore the file from a backup", path, text)
		}
		if want != 0 && want != n {
			return 0, fmt.Errorf("partitions is %d, but the data in %s has %d: set partitions to %d or 0, or use another directory", want, dir, n, n)
		}
		return n, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("read the number of partitions: %w", err)
	}
	if want == 0 {
		want = min(runtime.GOMAXPROCS(0), maxPartitions)
	}
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(want)+"\n"), 0o644); err != nil {
		return 0, fmt.Errorf("write the number of partitions: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return 0, fmt.Errorf("write the number of partitions: %w", err)
	}
	return want, nil
}
