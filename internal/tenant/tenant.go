// Package tenant names those who share one Twinspan without seeing each other, and carries the one that a request is for
// through its context. Who may be which tenant is not decided here.
package tenant

import (
	"context"
	"fmt"
)

// Default is the tenant of requests that name none. Where no tenants are configured it is the only one.
const Default = "default"

// maxName is the greatest length of a name in bytes.
const maxName = 63

// Check says what is wrong with a name. Names are directories and labels of metrics: 1 to 63 of a-z, 0-9, "_" and "-", the
// first one a letter or digit.
func Check(name string) error {
	ok := name != "" && len(name) <= maxName && name[0] != '_' && name[0] != '-'
	for i := range len(name) {
		c := name[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return fmt.Errorf("%.80q is no name of a tenant: want 1 to %d of a-z, 0-9, _ and -, beginning with a letter or digit", name, maxName)
	}
	return nil
}

type key struct{}

// Choice is the tenant of a request, and those that its sender could have named instead.
type Choice struct {
	Name string
	// Others lists all tenants that the sender may be, with Name, where there are several. It must not be changed.
	Others []string
	// Header is the name of the header by which one is chosen; "" where there is no choice.
	Header string
	// Unnamed is the tenant of the sender's requests that name none; "" where they are refused.
	Unnamed string
}

// With gives a context of requests for a tenant.
func With(ctx context.Context, name string) context.Context {
	return WithChoice(ctx, &Choice{Name: name})
}

// WithChoice is With for a sender who had a choice. c must not be changed any more.
func WithChoice(ctx context.Context, c *Choice) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// Of gives the tenant that a request is for, Default where none was set.
func Of(ctx context.Context) string { return ChoiceOf(ctx).Name }

// ChoiceOf gives what With or WithChoice set.
func ChoiceOf(ctx context.Context) Choice {
	if c, ok := ctx.Value(key{}).(*Choice); ok {
		return *c
	}
	return Choice{Name: Default}
}
