package storetest

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/store"
)

// memoryVariant is a store on the least KV that the contract allows.
func memoryVariant(cut int) Variant {
	return Variant{Name: "memory", Cut: cut, New: func(string) *Instance {
		kv := &Memory{RetentionDays: RetentionDays}
		return &Instance{
			Open: func() (*store.Store, error) { return store.Open(ctx, kv) },
			Fault: func(after int) {
				kv.Fault = func(row int) error {
					if after >= 0 && row >= after {
						return errors.New("fault")
					}
					return nil
				}
			},
		}
	}}
}

func TestMetamorphic(t *testing.T) {
	Metamorphic(t, []Variant{memoryVariant(3)}, 1, 2, 60)
}

// TestMetamorphicFinds breaks a store in a way that single answers do not show, and looks at what the suite says.
func TestMetamorphicFinds(t *testing.T) {
	v := memoryVariant(3)
	whole := v.New
	v.New = func(dir string) *Instance {
		in := whole(dir)
		open := in.Open
		opened := 0
		in.Open = func() (*store.Store, error) {
			if opened++; opened == 2 { // the first restart loses everything
				v2 := memoryVariant(3)
				in2 := v2.New(dir)
				open = in2.Open
			}
			return open()
		}
		return in
	}
	script := randomScript(5, 60)
	if err := v.run("", script); err == nil {
		t.Fatal("a store that loses everything passes")
	}
	short := shrink(script, 150, func(s []step) bool { return v.run("", s) != nil })
	text := formatScript(short)
	if len(short) > 4 || !strings.Contains(text, opRestart) {
		t.Errorf("the script was not made short:\n%s", text)
	}
	again, err := parseScript("# a note\n\n" + text)
	if err != nil || !reflect.DeepEqual(again, short) {
		t.Errorf("%v, %v from\n%s", again, err, text)
	}
}

func TestParseScript(t *testing.T) {
	if _, err := parseScript("write p=1\n"); err == nil {
		t.Error("half a line was taken")
	}
	if err := (&Variant{Cut: 1, New: memoryVariant(1).New}).run("", []step{{op: "none"}}); err == nil {
		t.Error("an unknown operation was taken")
	}
}
