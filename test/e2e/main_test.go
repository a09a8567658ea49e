package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// twinspan and payment are the programs under test.
var twinspan, payment string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds both programs, as `make build` does, so that what is tested is what the checkout holds.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "twinspan-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	root, err := filepath.Abs("../..")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, b := range []struct {
		path          *string
		name, at, pkg string
	}{
		{&twinspan, "twinspan", root, "./cmd/twinspan"},
		{&payment, "payment", filepath.Join(root, "examples", "payment"), "."},
	} {
		*b.path = filepath.Join(dir, b.name)
		build := exec.Command("go", "build", "-trimpath", "-o", *b.path, b.pkg)
		build.Dir, build.Stdout, build.Stderr = b.at, os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n", b.name, err)
			return 1
		}
	}
	return m.Run()
}
