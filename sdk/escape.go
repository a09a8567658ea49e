package twinspan

import (
	"strings"
)

// escapePair is the escape of SOFATracer's "k=v&" texts: '%', '&' and '=' only.
func escapePair(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '&') < 0 && strings.IndexByte(s, '=') < 0 {
		return s
	}
	return string(appendPair(make([]byte, 0, len(s)+8), s))
}

func appendPair(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '%':
			b = append(b, "%25"...)
		case '&':
			b = append(b, "%26"...)
		case '=':
			b = append(b, "%3D"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// unescapePair undoes escapePair, and takes other '%' as they are.
func unescapePair(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			switch {
			case s[i+1] == '2' && s[i+2] == '5':
				b, i = append(b, '%'), i+2
				continue
			case s[i+1] == '2' && s[i+2] == '6':
				b, i = append(b, '&'), i+2
				continue
			case s[i+1] == '3' && (s[i+2] == 'D' || s[i+2] == 'd'):
				b, i = append(b, '='), i+2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escapeBaggage is SOFATracer's double escape of baggage values in HTTP headers. A blank value is sent empty.
func escapeBaggage(s string) string { return escapeURL(escapeText(s)) }

// escapeText is its single escape in message headers.
func escapeText(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return escapePair(s)
}

const upperHex = "0123456789ABCDEF"

// escapeURL is java.net.URLEncoder with UTF-8.
func escapeURL(s string) string {
	i := 0
	for i < len(s) && plainInURL(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+16), s[:i]...)
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case plainInURL(c):
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func plainInURL(c byte) bool { return urlPlain[c] }

// urlPlain is read only.
var urlPlain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '*' || c == '_'
	}
	return t
}()

// unescapeURL undoes escapeURL. A '%' that is none of an escape stays as it is: Java SOFATracer fails the request then.
func unescapeURL(s string) string { return unescapePercent(s, true) }

func unescapePercent(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && plus:
			b = append(b, ' ')
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// unhex gives the value of a hex digit, 16 and more for anything else.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
