package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix begins the names of environment variables that are settings.
const EnvPrefix = "TWINSPAN_"

// Load reads the defaults, then the file (none where path is ""), then the environment ("NAME=value" each). It does not
// Validate, because the command line may still change the result. unknown lists variables that begin with EnvPrefix but
// name no setting: they are not an error, because container platforms add such variables, but worth a warning.
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
	return c, unknown, err
}

// decode reads YAML over what is set and reports everything that is wrong in it.
func (c *Config) decode(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // nothing but comments
	case err != nil:
		return syntax(err)
	}
	if err := d.Decode(&more); err == nil {
		return fmt.Errorf("line %d: a second YAML document begins: keep one in a file", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return syntax(err)
	}
	var s setter
	leaves(reflect.ValueOf(c).Elem(), nil, func(path []string, _ reflect.Value) {
		s.everywhere = append(s.everywhere, strings.Join(path, "."))
	})
	if root := doc.Content[0]; !null(root) {
		s.set(root, reflect.ValueOf(c).Elem(), nil)
	}
	return errors.Join(s.errs...)
}

// syntax words an error of the library about text that is no YAML.
func syntax(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "yaml: ")) }

// fromEnviron sets every setting whose variable is there. A variable's name is the setting's path in the YAML in upper
// case, joined by "_". The value of a text is taken as it stands; others are read as YAML, so that lists are written
// [a, b].
func (c *Config) fromEnviron(environ []string) (unknown []string, err error) {
	settings := make(map[string]reflect.Value)
	leaves(reflect.ValueOf(c).Elem(), nil, func(path []string, v reflect.Value) {
		settings[envName(path)] = v
	})
	var errs []error
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
		if err := setText(v, name, value); err != nil {
			errs = append(errs, fmt.Errorf("environment variable %w", err))
		}
	}
	sort.Strings(unknown)
	return unknown, errors.Join(errs...)
}

// setText sets one setting from a variable.
func setText(v reflect.Value, name, value string) error {
	if v.Kind() == reflect.String {
		v.SetString(value)
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
		return fmt.Errorf("%s=%q: %w", name, value, syntax(err))
	}
	if doc.Kind == 0 || null(doc.Content[0]) {
		return fmt.Errorf("%s is empty: unset it or give %s", name, wanted(v, name))
	}
	s := setter{variable: true}
	s.set(doc.Content[0], v, []string{name})
	return errors.Join(s.errs...)
}

func envName(path []string) string { return EnvPrefix + strings.ToUpper(strings.Join(path, "_")) }

// leaves calls fn with every setting that is not a group of settings, in the order of the struct.
func leaves(group reflect.Value, path []string, fn func(path []string, v reflect.Value)) {
	for _, f := range fields(group) {
		sub := append(path[:len(path):len(path)], f.name)
		if f.value.Kind() == reflect.Struct {
			leaves(f.value, sub, fn)
		} else {
			fn(sub, f.value)
		}
	}
}

// field is a member of a group by its name in the YAML.
type field struct {
	name  string
	value reflect.Value
}

// fields lists the members of a group; those of inlined groups are the group's own.
func fields(group reflect.Value) []field {
	var list []field
	t := group.Type()
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !t.Field(i).IsExported():
		case options == "inline":
			list = append(list, fields(group.Field(i))...)
		case name == "":
			list = append(list, field{strings.ToLower(t.Field(i).Name), group.Field(i)})
		default:
			list = append(list, field{name, group.Field(i)})
		}
	}
	return list
}
