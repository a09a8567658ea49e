package twinspan

import (
	"errors"
	"strings"
	"testing"
)

func TestResourceIsChecked(t *testing.T) {
	for _, tt := range []struct {
		resource []ResourceAttribute
		want     string
	}{
		{[]ResourceAttribute{"deployment.environment.name=prod", "note=a%2Cb=c%25", "empty="}, ""},
		{[]ResourceAttribute{"prod"}, "a list of key=value"},
		{[]ResourceAttribute{"=prod"}, "a list of key=value"},
		{[]ResourceAttribute{"share=100%"}, "%25 for a percent sign"},
		{[]ResourceAttribute{"service.name=pay"}, "it has to be the setting app"},
		{[]ResourceAttribute{"service.instance.id=1"}, "it has to be the setting instance"},
		{[]ResourceAttribute{"a=1", "a=2"}, "a twice"},
		{[]ResourceAttribute{ResourceAttribute("a=" + strings.Repeat("x", 4096))}, "because every line has them"},
	} {
		c := DefaultConfig("pay")
		c.Resource = tt.resource
		err := c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: %v, want %q", tt.resource, err, tt.want)
		}
	}
}
