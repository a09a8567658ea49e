package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix begins the names of environment variables that are settings.
const EnvPrefix = "TWINSPAN_"

// Load reads the defaults, then the file (none where path is ""), then the environment ("NAME=value" each), and checks
// the result. unknown lists variables that begin with EnvPrefix but name no setting: they are not an error, because
// container platforms add such variables, but worth a warning.
func Load(path string, environ []string) (c Config, unknown []string, err error) {
	c = Default()
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return c, nil, fmt.Errorf("read the configuration: %w", err)
		}
		if err := c.decode(text); err != nil {
			return c, nil, fmt.Errorf("configuration %s: %w", path, err)
		}
	}
	unknown, err = c.fromEnviron(environ)
	if err != nil {
		return c, unknown, err
	}
	return c, unknown, nil
}

// decode reads YAML over what is set. Unknown and repeated keys are errors with their line.
func (c *Config) decode(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return explain(err)
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one YAML document in the file: keep one")
	}
	return nil
}

var unknownField = regexp.MustCompile(`line (\d+): field (\S+) not found in type \S+`)

// explain puts the library's messages into words that do not name Go types.
func explain(err error) error {
	var t *yaml.TypeError
	if !errors.As(err, &t) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	list := make([]string, len(t.Errors))
	for i, e := range t.Errors {
		list[i] = unknownField.ReplaceAllString(e, `line $1: unknown key "$2" (see 'twinspan config' for all keys)`)
	}
	return errors.New(strings.Join(list, "; "))
}

// fromEnviron sets every setting whose variable is there. A variable's name is the setting's path in the YAML in upper
// case, joined by "_"; its value is read as YAML, so that lists are written [a, b].
func (c *Config) fromEnviron(environ []string) (unknown []string, err error) {
	settings := make(map[string]reflect.Value)
	leaves(reflect.ValueOf(c).Elem(), nil, func(path []string, v reflect.Value) {
		settings[envName(path)] = v
	})
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		v, ok := settings[name]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		if v.Kind() == reflect.String {
			v.SetString(value)
			continue
		}
		if err := yaml.Unmarshal([]byte(value), v.Addr().Interface()); err != nil {
			return unknown, fmt.Errorf("environment variable %s=%q: %w", name, value, explain(err))
		}
	}
	sort.Strings(unknown)
	return unknown, nil
}

func envName(path []string) string { return EnvPrefix + strings.ToUpper(strings.Join(path, "_")) }

// leaves calls fn with every setting that is not a group of settings.
func leaves(v reflect.Value, path []string, fn func(path []string, v reflect.Value)) {
	t := v.Type()
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" || !t.Field(i).IsExported() {
			continue
		}
		if options == "inline" {
			leaves(v.Field(i), path, fn)
			continue
		}
		if name == "" {
			name = strings.ToLower(t.Field(i).Name)
		}
		sub := append(path[:len(path):len(path)], name)
		if v.Field(i).Kind() == reflect.Struct {
			leaves(v.Field(i), sub, fn)
		} else {
			fn(sub, v.Field(i))
		}
	}
}

// Print writes the configuration as YAML, each setting with the name of its environment variable.
func (c *Config) Print(w io.Writer) error {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	comment(&root, nil)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return e.Close()
}

func comment(n *yaml.Node, path []string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		sub := append(path[:len(path):len(path)], key.Value)
		if value.Kind == yaml.MappingNode {
			comment(value, sub)
			continue
		}
		if value.Kind == yaml.SequenceNode {
			value.Style = yaml.FlowStyle
		}
		value.LineComment = envName(sub)
	}
}
