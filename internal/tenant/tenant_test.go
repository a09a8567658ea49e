package tenant

import (
	"context"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, ok := range map[string]bool{
		"default": true, "a": true, "team-7_b": true, "7": true, strings.Repeat("a", 63): true,
		"": false, "A": false, "a b": false, "a/b": false, "..": false, "-a": false, "_a": false, "a|b": false, "é": false,
		strings.Repeat("a", 64): false, "a\x00": false,
	} {
		if err := Check(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestContext(t *testing.T) {
	ctx := context.Background()
	if got := Of(ctx); got != Default {
		t.Errorf("no tenant is %q", got)
	}
	if got := Of(With(With(ctx, "a"), "b")); got != "b" {
		t.Errorf("the last one set is not taken but %q", got)
	}
}
