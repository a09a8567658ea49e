package storetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/twinspan/twinspan/internal/store"
)

// Variant is one way to keep a store. All variants have to give the same answers to the same script, those of a naive
// model that keeps every range as it was written.
type Variant struct {
	Name string
	// Cut is the number of records that go into one range at most: the same log, cut differently.
	Cut int
	// MaxBytes is the size beyond which Expire drops, 0 for none.
	MaxBytes int64
	// New makes an empty store in a new directory.
	New func(dir string) *Instance
}

// Instance is the store of one run of a script.
type Instance struct {
	// Open opens it again each time, after it was closed.
	Open func() (*store.Store, error)
	// Fault lets writes fail after some steps until the next call; below 0 they succeed.
	Fault func(after int)
}

// RetentionDays is what variants have to be set to.
const RetentionDays = 3

// Metamorphic runs scripts against all variants: those of testdata/metamorphic in the test's directory, and so many random ones.
// A script that fails is made shorter and printed; as a file of testdata/metamorphic it is run again from then on.
func Metamorphic(t *testing.T, variants []Variant, seed uint64, runs, steps int) {
	scripts := make(map[string][]step)
	files, err := filepath.Glob(filepath.Join("testdata", "metamorphic", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if scripts[filepath.Base(file)], err = parseScript(string(text)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for i := range uint64(runs) {
		scripts[fmt.Sprintf("seed=%d", seed+i)] = randomScript(seed+i, steps)
	}
	for name, script := range scripts {
		for _, v := range variants {
			t.Run(name+"/"+v.Name, func(t *testing.T) { v.check(t, script) })
		}
	}
}

func (v *Variant) check(t *testing.T, script []step) {
	dir, n := t.TempDir(), 0
	run := func(script []step) error {
		n++
		at := filepath.Join(dir, fmt.Sprint(n))
		err := v.run(at, script)
		if removed := os.RemoveAll(at); removed != nil {
			t.Error(removed)
		}
		return err
	}
	err := run(script)
	if err == nil {
		return
	}
	short := shrink(script, 150, func(s []step) bool { return run(s) != nil })
	t.Errorf("%v\n\nThe shortest script found, which gives %v:\n%s", err, run(short), formatScript(short))
}

// run runs a script and gives the first difference to the model.
func (v *Variant) run(dir string, script []step) (err error) {
	m := &model{variant: v, instance: v.New(dir), now: Day, next: make(map[uint16]int64), done: make(map[uint16][]store.Interval)}
	if m.store, err = m.instance.Open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.store.Close()) }()
	for i, s := range script {
		if err := m.step(s); err != nil {
			return fmt.Errorf("step %d, %v: %w", i+1, s, err)
		}
	}
	return nil
}
