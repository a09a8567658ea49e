package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"

	sdk "github.com/twinspan/twinspan/sdk"
)

// fileVariable names the tracer's file of settings, as in sdk.ConfigFromEnvironment.
const fileVariable = "SOFA_TRACER_CONFIG_FILE"

// settings reads the tracer's configuration as the service does, and keeps what the other checks need of it.
func (x *examination) settings() {
	const check = "settings"
	c := sdk.DefaultConfig(x.App)
	file, from := x.ConfigFile, "-config"
	if file == "" {
		file, from = variable(x.Environ, fileVariable), fileVariable
	}
	bad := false
	problem := func(err error, do string) {
		bad = true
		x.add(check, Problem, do, "%v", err)
	}
	if file != "" {
		if err := c.ReadFile(file); err != nil {
			problem(err, "mend the line: with it the service does not start its tracer (docs/sdk-configuration.md lists all names)")
		} else {
			x.add(check, OK, "", "%s is read (%s)", file, from)
		}
	}
	if err := c.ReadEnv(x.Environ); err != nil {
		problem(err, "mend or unset the variable: with it the service does not start its tracer")
	}
	if x.App != "" && c.App != x.App {
		x.add(check, Note, "leave it out of one of the two", "the service's name is %q by the settings and %q by -app", c.App, x.App)
	}
	if c.App == "" {
		x.add(check, Note, "name it with -app", "no setting names the service: it has to be given in code")
		c.App = "(given in code)"
	} else {
		x.App = c.App
	}
	if x.LogDir != "" {
		c.LogDir = x.LogDir
	}
	if err := c.Validate(); err != nil {
		where := whereSet(file, err)
		problem(fmt.Errorf("%s%w", where, err), "mend it: with it the service does not start its tracer")
	}
	x.Settings = list(reflect.ValueOf(c), "", nil)
	x.LogDir = c.LogDir
	for _, p := range c.Extract {
		x.extract = append(x.extract, string(p))
	}
	switch {
	case bad:
	case c.SamplePercentage < 1 && (len(c.SampleRules) > 0 || c.KeepErrors || c.KeepSlowerThan > 0):
		x.add(check, Note, "", "sample_percentage is %v: what is logged is what sample_rules, keep_errors and keep_slower_than let through", c.SamplePercentage)
	case c.SamplePercentage == 0:
		x.add(check, Problem, "raise sample_percentage (OTEL_TRACES_SAMPLER, if it is always_off); stat lines go on either way",
			"sample_percentage is 0: no trace that begins here is logged")
	case c.SamplePercentage < 1:
		x.add(check, Note, "", "sample_percentage is %v: of the traces that begin here less than one of a hundred is logged", c.SamplePercentage)
	}
	if len(c.Extract) == 0 || len(c.Inject) == 0 {
		x.add(check, Problem, "name formats: inject = w3c, sofa-http and extract = w3c, sofa-http, b3 are the defaults (OTEL_PROPAGATORS=none empties both)",
			"no trace crosses the service's border: inject is %q, extract is %q", c.Inject, c.Extract)
	}
	if !bad {
		x.add(check, OK, "", "the tracer starts with these settings")
	}
}

// variable gives an environment variable's value.
func variable(environ []string, name string) string {
	value := ""
	for _, pair := range environ {
		if k, v, _ := strings.Cut(pair, "="); k == name {
			value = v
		}
	}
	return value
}

// whereSet finds the line of the file that sets what an error of Validate complains about.
func whereSet(file string, err error) string {
	text, readErr := os.ReadFile(file)
	if file == "" || readErr != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		name, _, ok := strings.Cut(lines.Text(), "=")
		if name = strings.TrimSpace(name); ok && name != "" && strings.Contains(err.Error(), ": "+name+" is ") {
			return fmt.Sprintf("%s:%d: ", file, n)
		}
	}
	return ""
}

// list gives the settings of a configuration by their names in files.
func list(v reflect.Value, prefix string, to []Setting) []Setting {
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
		switch {
		case name == "" || name == "-":
		case f.Kind() == reflect.Struct:
			to = list(f, prefix+name+".", to)
		case f.Kind() == reflect.Slice:
			items := make([]string, f.Len())
			for k := range items {
				items[k] = fmt.Sprint(f.Index(k).Interface())
			}
			to = append(to, Setting{prefix + name, strings.Join(items, ", ")})
		default:
			to = append(to, Setting{prefix + name, fmt.Sprint(f.Interface())})
		}
	}
	return to
}
