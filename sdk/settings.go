package twinspan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// envPrefix begins the names of the tracer's own variables: SOFA_TRACER_SAMPLE_PERCENTAGE sets "sample_percentage".
const envPrefix = "SOFA_TRACER_"

// envFile is the variable that names a file of settings.
const envFile = envPrefix + "CONFIG_FILE"

// ConfigFromEnvironment gives DefaultConfig(app) with what the environment says: the file that SOFA_TRACER_CONFIG_FILE names,
// over it OpenTelemetry's variables of the same meaning (see Config.ReadEnv), over those SOFA_TRACER_ and a setting's name in
// upper case. An error names the variable, or the file and the line. Validate is left to New.
func ConfigFromEnvironment(app string) (Config, error) {
	c := DefaultConfig(app)
	if file := os.Getenv(envFile); file != "" {
		if err := c.ReadFile(file); err != nil {
			return c, err
		}
	}
	return c, c.ReadEnv(os.Environ())
}

// Set sets one setting from text, by its name in files: "sample_percentage", "limits.tags". Durations have a unit ("5s"), lists
// are separated by commas. It does not check ranges; Validate does.
func (c *Config) Set(name, value string) error {
	field, ok := findSetting(reflect.ValueOf(c).Elem(), name)
	if !ok {
		return fmt.Errorf("%w: there is no setting %q; there are %s", ErrConfig, name, strings.Join(SettingNames(), ", "))
	}
	if err := setText(field, strings.TrimSpace(value)); err != nil {
		return fmt.Errorf("%w: %s is %q; it has to be %w", ErrConfig, name, value, err)
	}
	return nil
}

// SettingNames gives the names that Set takes, in the order of Config.
func SettingNames() []string {
	var names []string
	eachSetting(reflect.TypeFor[Config](), "", func(name string) { names = append(names, name) })
	return names
}

func eachSetting(t reflect.Type, prefix string, yield func(name string)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		switch {
		case name == "" || name == "-":
		case f.Type.Kind() == reflect.Struct:
			eachSetting(f.Type, prefix+name+".", yield)
		default:
			yield(prefix + name)
		}
	}
}

func findSetting(v reflect.Value, name string) (reflect.Value, bool) {
	first, rest, nested := strings.Cut(name, ".")
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") != first || first == "-" {
			continue
		}
		f := v.Field(i)
		if (f.Kind() == reflect.Struct) != nested {
			return reflect.Value{}, false
		}
		if nested {
			return findSetting(f, rest)
		}
		return f, true
	}
	return reflect.Value{}, false
}

// setText sets a field from text; its error says what the text has to be.
func setText(f reflect.Value, text string) error {
	switch f.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration with a unit, such as 5s")
		}
		f.SetInt(int64(d))
		return nil
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false")
		}
		f.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, f.Type().Bits())
		if err != nil {
			return errors.New("a whole number")
		}
		f.SetInt(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("a number")
		}
		f.SetFloat(n)
	case reflect.Slice: // of texts
		list := reflect.MakeSlice(f.Type(), 0, 4)
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = reflect.Append(list, reflect.ValueOf(item).Convert(f.Type().Elem()))
			}
		}
		f.Set(list)
	default:
		return fmt.Errorf("set in code: a %s has no text", f.Type())
	}
	return nil
}

// maxSettingsFile bounds a file of settings.
const maxSettingsFile = 1 << 20

// ReadFile reads settings from a properties file, one "name = value" a line; lines that begin with '#' or '!' are comments.
// Names are Set's, or those of Java SOFATracer's sofa.tracer.properties and Spring properties (see docs/sdk-configuration.md).
// An unknown name or a value that cannot be read is an error with its line.
func (c *Config) ReadFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: read the settings: %w", ErrConfig, err)
	}
	defer f.Close()
	seen := make(map[string]int)
	lines := bufio.NewScanner(io.LimitReader(f, maxSettingsFile))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i < 0 {
			return fmt.Errorf("%w: %s:%d: %q is no \"name = value\"", ErrConfig, path, n, line)
		}
		name, value := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
		if before, twice := seen[name]; twice {
			return fmt.Errorf("%w: %s:%d: %s is set in line %d already", ErrConfig, path, n, name, before)
		}
		seen[name] = n
		if err := c.setProperty(name, value); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: read the settings in %s: %w", ErrConfig, path, err)
	}
	return nil
}

// ReadEnv takes settings from variables ("NAME=value", as os.Environ gives them). SOFA_TRACER_ and a setting's name in upper case,
// dots as underscores, sets it; an unknown variable of that form is an error. Of OpenTelemetry's variables it takes those that
// mean the same here: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG,
// OTEL_PROPAGATORS, OTEL_BSP_MAX_QUEUE_SIZE and the OTEL_*_LIMIT of spans; others are not its business.
func (c *Config) ReadEnv(environ []string) error {
	own := make(map[string]string) // variable → setting
	for _, name := range SettingNames() {
		own[envPrefix+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = name
	}
	env := make(map[string]string, len(environ))
	var mine []string
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
		if strings.HasPrefix(name, envPrefix) && name != envFile {
			mine = append(mine, name)
		}
	}
	if err := c.readOTel(env); err != nil {
		return err
	}
	slices.Sort(mine)
	for _, variable := range mine {
		name, ok := own[variable]
		if !ok {
			return fmt.Errorf("%w: the variable %s is of no setting; there are %s", ErrConfig, variable, strings.Join(SettingNames(), ", "))
		}
		if err := c.Set(name, env[variable]); err != nil {
			return fmt.Errorf("variable %s: %w", variable, err)
		}
	}
	return nil
}
