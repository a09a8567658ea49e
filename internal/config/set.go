package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// setter puts YAML into settings. It does what the library's decoder does for the few types that settings have, because
// the library's messages name Go types and no keys, it takes 2.7 for the whole number 2, and it stops at the first
// unknown key.
type setter struct {
	// variable is set where the value came from an environment variable, which has no lines.
	variable bool
	// everywhere lists all settings, for a key in the wrong place.
	everywhere []string
	errs       []error
}

func (s *setter) fail(n *yaml.Node, path []string, format string, args ...any) {
	where := strings.Join(path, ".")
	if where != "" {
		where += ": "
	}
	if !s.variable {
		where = fmt.Sprintf("line %d: %s", n.Line, where)
	}
	s.errs = append(s.errs, fmt.Errorf("%s%s", where, fmt.Sprintf(format, args...)))
}

// set puts n into v, the setting or group at path.
func (s *setter) set(n *yaml.Node, v reflect.Value, path []string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case v.Kind() == reflect.Struct:
		s.group(n, v, path)
	case null(n):
		s.fail(n, path, "there is no value: give %s, or delete the line", wanted(v, last(path)))
	case v.Kind() == reflect.Slice:
		s.list(n, v, path)
	case n.Kind != yaml.ScalarNode || !scalar(n, v, last(path)):
		s.fail(n, path, "%s is not understood: want %s", shown(n), wanted(v, last(path)))
	}
}

func (s *setter) group(n *yaml.Node, v reflect.Value, path []string) {
	if null(n) {
		return // a group whose lines are all comments
	}
	if n.Kind != yaml.MappingNode {
		s.fail(n, path, "%s is not understood: want settings, each on its own line as name: value", shown(n))
		return
	}
	known := fields(v)
	first := make(map[string]int)
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		sub := append(path[:len(path):len(path)], key.Value)
		if line, again := first[key.Value]; again {
			s.fail(key, sub, "set before, in line %d: keep one", line)
			continue
		}
		first[key.Value] = key.Line
		at := -1
		for i, f := range known {
			if f.name == key.Value {
				at = i
			}
		}
		if at < 0 {
			s.fail(key, sub, "there is no such setting%s", s.suggest(key.Value, known))
			continue
		}
		s.set(value, known[at].value, sub)
	}
}

// list replaces what a list had. An empty one is nil, as in the defaults.
func (s *setter) list(n *yaml.Node, v reflect.Value, path []string) {
	if n.Kind != yaml.SequenceNode {
		s.fail(n, path, "%s is not understood: want %s", shown(n), wanted(v, ""))
		return
	}
	if len(n.Content) == 0 {
		v.SetZero()
		return
	}
	to := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	parent, name := path[:len(path)-1:len(path)-1], last(path)
	for i, item := range n.Content {
		s.set(item, to.Index(i), append(parent, fmt.Sprintf("%s[%d]", name, i)))
	}
	v.Set(to)
}

// scalar puts the text of n into v and says whether it could.
func scalar(n *yaml.Node, v reflect.Value, name string) bool {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(n.Value)) == nil
	}
	switch v.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(n.Value)
		if err != nil || n.ShortTag() == "!!int" && d != 0 {
			return false
		}
		v.SetInt(int64(d))
		return true
	case string:
		v.SetString(n.Value)
		return n.ShortTag() != "!!binary"
	case bool:
		var b bool
		ok := n.Decode(&b) == nil
		v.SetBool(b)
		return ok
	case int, int64:
		if sized(name) {
			if size, ok := parseBytes(n.Value); ok {
				v.SetInt(size)
				return true
			}
		}
		var i int64
		ok := n.ShortTag() == "!!int" && n.Decode(&i) == nil && !v.OverflowInt(i)
		if ok {
			v.SetInt(i)
		}
		return ok
	}
	panic(fmt.Sprintf("config: %s has type %s, which set.go cannot read", name, v.Type()))
}

// sized tells by its name, that of the setting or of its variable, whether a number is one of bytes.
func sized(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "_bytes") || strings.HasSuffix(name, "bytes_per_second")
}

// parseBytes reads a size with a binary unit, such as 64MiB.
func parseBytes(text string) (size int64, ok bool) {
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		number, found := strings.CutSuffix(text, unit)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		shift := 10 * (i + 1)
		if err != nil || n < 0 || n > math.MaxInt64>>shift {
			return 0, false
		}
		return n << shift, true
	}
	return 0, false
}

// wanted describes the values that v takes.
func wanted(v reflect.Value, name string) string {
	if v.Kind() == reflect.Slice {
		if v.Type().Elem().Kind() == reflect.Struct {
			return "a list of groups, such as [{path: /logs}]"
		}
		return "a list, such as [a, b]"
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return "debug, info, warn or error" // log.level is the only one
	}
	switch v.Interface().(type) {
	case time.Duration:
		return "a duration with its unit, such as 500ms, 10s, 5m or 1h30m"
	case bool:
		return "true or false"
	case int, int64:
		if sized(name) {
			return "a number of bytes, such as 1048576 or 64MiB"
		}
		return "a whole number"
	}
	return "a text"
}

// shown is a value as a message shows it.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a group of settings"
	}
	if text := []rune(n.Value); len(text) > 60 {
		return strconv.Quote(string(text[:60])) + "…"
	}
	return strconv.Quote(n.Value)
}

// suggest names the setting that was probably meant, or says where all are listed.
func (s *setter) suggest(name string, known []field) string {
	best, least := "", len(name)/3+1
	for _, f := range known {
		if d := distance(name, f.name); d <= least {
			best, least = f.name, d-1
		}
	}
	if best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	for _, path := range s.everywhere {
		if strings.HasSuffix(path, "."+name) {
			return ": did you mean " + path + "?"
		}
	}
	return ": 'twinspan config' lists all"
}

// distance is the number of letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1], before = min(row[j+1]+1, row[j]+1, before+cost), row[j+1]
		}
	}
	return row[len(b)]
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func last(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}
