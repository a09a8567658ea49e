package traceql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenSymbol
	tokenWord
	tokenAttribute
	tokenValue
)

// token is one word of a query, at [at, end) of its text.
type token struct {
	kind    tokenKind
	text    string
	attr    Attribute
	value   Value
	at, end int
}

func (t *token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the query"
	case tokenAttribute:
		return fmt.Sprintf("the attribute %s", t.attr)
	case tokenValue:
		return fmt.Sprintf("the value %s", t.value)
	}
	return strconv.Quote(t.text)
}

func (t *token) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

// symbols, the longest first where one begins with another.
var symbols = [...]string{
	"&>>", "&<<", "!>>", "!<<", "&&", "||", "=~", "!~", "!=", ">=", "<=", ">>", "<<", "&>", "&<", "&~", "!>", "!<",
	"{", "}", "(", ")", ",", "=", ">", "<", "!", "+", "-", "*", "/", "%", "^", "|", "~",
}

// scopes are the beginnings of attributes.
var scopes = map[string]Scope{
	"span": ScopeSpan, "resource": ScopeResource, "event": ScopeEvent, "link": ScopeLink, "instrumentation": ScopeInstrumentation,
}

type lexer struct {
	text string
	at   int
}

func failAt(at, end int, format string, args ...any) *ParseError {
	return &ParseError{Offset: at, End: end, Message: fmt.Sprintf(format, args...)}
}

func (l *lexer) next() (token, *ParseError) {
	for l.at < len(l.text) {
		r, n := utf8.DecodeRuneInString(l.text[l.at:])
		if !unicode.IsSpace(r) {
			break
		}
		l.at += n
	}
	t := token{at: l.at, end: l.at}
	if l.at == len(l.text) {
		return t, nil
	}
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case c == '"' || c == '`' || c == '\'':
		return l.quoted(c)
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		return l.number()
	case c == '.':
		l.at++
		return l.attribute(t.at, Attribute{})
	case wordByte(c):
		return l.word()
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			return token{kind: tokenSymbol, text: s, at: t.at, end: l.at}, nil
		}
	}
	r, n := utf8.DecodeRuneInString(rest)
	return t, failAt(l.at, l.at+n, "the character %q means nothing here", r)
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9'
}

func (l *lexer) quoted(quote byte) (token, *ParseError) {
	at := l.at
	for i := at + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && quote != '`':
			i++
		case c == quote:
			l.at = i + 1
			s, err := unquote(l.text[at:l.at])
			if err != nil {
				return token{}, failAt(at, l.at, "the text %s has an escape that is not known: write \\\\ for a backslash, or put the text in backquotes", l.text[at:l.at])
			}
			return token{kind: tokenValue, value: Text(s), at: at, end: l.at}, nil
		}
	}
	return token{}, failAt(at, len(l.text), "the text that begins here has no closing %c", quote)
}

// unquote reads a text in double, single or back quotes; single quotes are like double ones.
func unquote(s string) (string, error) {
	if s[0] != '\'' {
		return strconv.Unquote(s)
	}
	body := strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`)
	var b strings.Builder
	for body != "" {
		r, multi, rest, err := strconv.UnquoteChar(body, 0)
		if err != nil {
			return "", err
		}
		if r < utf8.RuneSelf || multi {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		body = rest
	}
	return b.String(), nil
}

// units are those of durations, in nanoseconds.
var units = map[string]float64{
	"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9, "w": 7 * 86400e9, "y": 365 * 86400e9,
}

// number reads an integer, a float, or a duration, which may have several parts (1m30s).
func (l *lexer) number() (token, *ParseError) {
	at := l.at
	total, plain := 0.0, ""
	for l.at < len(l.text) {
		from := l.at
		for l.at < len(l.text) && (l.text[l.at] >= '0' && l.text[l.at] <= '9' || l.text[l.at] == '.') {
			l.at++
		}
		digits := l.text[from:l.at]
		if digits == "" {
			break
		}
		unitAt := l.at
		for l.at < len(l.text) {
			r, n := utf8.DecodeRuneInString(l.text[l.at:])
			if !unicode.IsLetter(r) && r != '_' {
				break
			}
			l.at += n
		}
		unit := l.text[unitAt:l.at]
		if unit == "" && from == at {
			plain = digits
			break
		}
		size, known := units[unit]
		n, err := strconv.ParseFloat(digits, 64)
		if !known || err != nil {
			return token{}, failAt(at, l.at, "%q is neither a number nor a duration: durations are such as 100ms, 1.5s, 1m30s", l.text[at:l.at])
		}
		total += n * size
	}
	t := token{kind: tokenValue, at: at, end: l.at}
	switch {
	case plain == "":
		if total > float64(math.MaxInt64) {
			return t, failAt(at, l.at, "the duration %s is too long", l.text[at:l.at])
		}
		t.value = Duration(time.Duration(math.Round(total)))
	case strings.Contains(plain, "."):
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil {
			return t, failAt(at, l.at, "%q is no number", plain)
		}
		t.value = Float(f)
	default:
		n, err := strconv.ParseInt(plain, 10, 64)
		if err != nil {
			return t, failAt(at, l.at, "the number %s is too great", plain)
		}
		t.value = Int(n)
	}
	return t, nil
}

// word reads a keyword, a value that is a word, an intrinsic, or the scope of an attribute.
func (l *lexer) word() (token, *ParseError) {
	at := l.at
	for l.at < len(l.text) && wordByte(l.text[l.at]) {
		l.at++
	}
	text := l.text[at:l.at]
	next := byte(0)
	if l.at < len(l.text) {
		next = l.text[l.at]
	}
	switch {
	case next == '.' && text == "parent":
		l.at++
		return l.parentAttribute(at)
	case next == '.':
		scope, ok := scopes[text]
		if !ok {
			return token{}, failAt(at, l.at, "%q is no scope of attributes: use span, resource, event, link, instrumentation or parent, or begin with a dot", text)
		}
		l.at++
		return l.attribute(at, Attribute{Scope: scope})
	case next == ':':
		l.at++
		for l.at < len(l.text) && wordByte(l.text[l.at]) {
			l.at++
		}
		text = l.text[at:l.at]
		i, ok := intrinsicOf(text)
		if !ok {
			return token{}, failAt(at, l.at, "%q is no intrinsic: use one of %s", text, strings.Join(scopedIntrinsics(), ", "))
		}
		return token{kind: tokenAttribute, text: text, attr: Attribute{Intrinsic: i}, at: at, end: l.at}, nil
	}
	t := token{kind: tokenWord, text: text, at: at, end: l.at}
	if v, ok := wordValue(text); ok {
		t.kind, t.value = tokenValue, v
	} else if i, ok := intrinsicOf(text); ok {
		t.kind, t.attr = tokenAttribute, Attribute{Intrinsic: i}
	}
	return t, nil
}

func (l *lexer) parentAttribute(at int) (token, *ParseError) {
	a := Attribute{Parent: true}
	for name, scope := range scopes {
		if strings.HasPrefix(l.text[l.at:], name+".") && (scope == ScopeSpan || scope == ScopeResource) {
			a.Scope = scope
			l.at += len(name) + 1
			break
		}
	}
	return l.attribute(at, a)
}

// attribute reads an attribute's name: everything but spaces and operators, and anything within quotes.
func (l *lexer) attribute(at int, a Attribute) (token, *ParseError) {
	var name strings.Builder
	for l.at < len(l.text) {
		r, n := utf8.DecodeRuneInString(l.text[l.at:])
		if r == '"' {
			if err := l.quotedPart(&name); err != nil {
				return token{}, err
			}
			continue
		}
		if unicode.IsSpace(r) || strings.ContainsRune("{}()=~!<>&|^,", r) {
			break
		}
		name.WriteRune(r)
		l.at += n
	}
	if name.Len() == 0 {
		return token{}, failAt(at, max(l.at, at+1), "an attribute's name is missing behind the dot")
	}
	a.Name = name.String()
	return token{kind: tokenAttribute, text: l.text[at:l.at], attr: a, at: at, end: l.at}, nil
}

func (l *lexer) quotedPart(name *strings.Builder) *ParseError {
	at := l.at
	for i := at + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && i+1 < len(l.text):
			i++
			name.WriteByte(l.text[i])
		case c == '"':
			l.at = i + 1
			return nil
		default:
			name.WriteByte(c)
		}
	}
	return failAt(at, len(l.text), "the name that begins here has no closing quote")
}
