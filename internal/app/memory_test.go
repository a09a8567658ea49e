package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestControlGroupLimit(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"v2": "536870912\n", "max": "max\n", "v1": "9223372036854771712\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		files []string
		want  int64
	}{
		{nil, 0}, {[]string{"none"}, 0}, {[]string{"v2"}, 512 << 20}, {[]string{"none", "v2", "max"}, 512 << 20},
		{[]string{"max", "v2"}, 0}, {[]string{"v1"}, 0},
	} {
		var files []string
		for _, f := range tt.files {
			files = append(files, filepath.Join(dir, f))
		}
		if got := controlGroupLimit(files); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.files, got, tt.want)
		}
	}
}
