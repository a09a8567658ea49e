package otlp

import (
	"testing"

	"github.com/twinspan/twinspan/sdk/id"
)

func TestDotted(t *testing.T) {
	client, server := id.SpanOf("0.1"), id.ServerSpanOf("0.1")
	tests := []struct {
		name, state string
		span        id.Span
		want        string
	}{
		{"none", "a=1", client, ""},
		{"a client's", "twinspan=0.1:" + client.String(), client, "0.1"},
		{"a server's, which shares it", "a=1, twinspan=0.1:" + server.String() + ",b=2", server, "0.1"},
		{"another span's", "twinspan=0.1:" + client.String(), server, ""},
		{"an id that is not the text's", "twinspan=0.2:" + client.String(), client, ""},
		{"no id", "twinspan=0.1", client, ""},
		{"another vendor's", "xtwinspan=0.1:" + client.String(), client, ""},
	}
	for _, tt := range tests {
		if got := dotted([]byte(tt.state), tt.span); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
