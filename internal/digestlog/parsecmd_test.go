package digestlog

import (
	"os"
	"testing"
)

func TestX(t *testing.T) {
	if os.Getenv("DLARGS") == "" {
		t.Skip()
	}
	RunParse(splitArgs(os.Getenv("DLARGS")), os.Stdout, os.Stderr)
}
func splitArgs(s string) (out []string) {
	cur := ""
	for _, c := range s + " " {
		if c == ' ' || c == '\n' {
			if cur != "" {
				out = append(out, cur)
			}
			cur = ""
		} else {
			cur += string(c)
		}
	}
	return
}
