package twinfiber

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// carrier reads trace context from a request's headers. fasthttp's keys are canonical, its values are copied.
type carrier struct{ *fasthttp.RequestHeader }

// Get is twinspan.Carrier's.
func (c carrier) Get(key string) (string, bool) {
	if v := c.Peek(key); len(v) > 0 {
		return string(v), true
	}
	return "", false
}

// All is twinspan.Carrier's.
func (c carrier) All(key string) []string {
	var all []string
	for _, v := range c.PeekAll(key) {
		all = append(all, string(v))
	}
	return all
}

// Set is twinspan.Carrier's.
func (c carrier) Set(key, value string) { c.RequestHeader.Set(key, value) }

// WithPrefix is twinspan.Carrier's; HTTP does not keep the case of keys.
func (c carrier) WithPrefix(prefix string, yield func(rest, value string)) {
	c.VisitAll(func(key, value []byte) {
		if len(key) >= len(prefix) && strings.EqualFold(string(key[:len(prefix)]), prefix) {
			yield(strings.ToLower(string(key[len(prefix):])), string(value))
		}
	})
}
