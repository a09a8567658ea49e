package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
)

// openAPI is as much of an OpenAPI document as the tests need.
type openAPI struct {
	OpenAPI string `yaml:"openapi"`
	Paths   map[string]map[string]struct {
		Parameters []parameter
		Responses  map[string]struct {
			Ref     string `yaml:"$ref"`
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct {
		Parameters map[string]parameter
		Schemas    map[string]schema
		Responses  map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
}

type parameter struct {
	Ref      string `yaml:"$ref"`
	Name, In string
	Schema   schema
}

type schema struct {
	Ref        string `yaml:"$ref"`
	Type       any
	Required   []string
	Properties map[string]schema
	Items      *schema
	Enum       []string
	AllOf      []schema `yaml:"allOf"`
	OneOf      []schema `yaml:"oneOf"`
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	w := get(newAPI(t), "/api/v1/openapi.yaml")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/yaml" {
		t.Fatal(w.Code, w.Header())
	}
	var d openAPI
	if err := yaml.Unmarshal(w.Body.Bytes(), &d); err != nil || d.OpenAPI != "3.1.0" {
		t.Fatal(d.OpenAPI, err)
	}
	return &d
}

func TestEveryRouteAndParameterIsDocumented(t *testing.T) {
	d := readOpenAPI(t)
	inCode := make(map[string]bool)
	for _, r := range newAPI(t).routes() {
		path := "/" + strings.TrimPrefix(r.path, Prefix)
		inCode[path] = true
		var code, doc []string
		for _, p := range r.params {
			code = append(code, p.name)
		}
		for _, p := range d.Paths[path]["get"].Parameters {
			if p.Ref != "" {
				p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
			}
			if p.In == "query" {
				doc = append(doc, p.Name)
			} else if !strings.Contains(path, "{"+p.Name+"}") {
				t.Errorf("%s: parameter %q in %q", path, p.Name, p.In)
			}
		}
		slices.Sort(code)
		slices.Sort(doc)
		if !slices.Equal(code, doc) {
			t.Errorf("%s: the code reads %v, the document has %v", path, code, doc)
		}
	}
	for path, methods := range d.Paths {
		if !inCode[path] || len(methods) != 1 {
			t.Errorf("%s is documented with %d methods; served: %v", path, len(methods), inCode[path])
		}
	}
}

// Every answer has exactly the fields that the document names, of the types that it names.
func TestAnswersAreAsDocumented(t *testing.T) {
	d := readOpenAPI(t)
	a := newAPI(t)
	for path, real := range map[string]string{
		"/apps": "/apps", "/operations": "/operations", "/traces/{id}": "/traces/" + querytest.TraceText, "/calls": "/calls",
		"/topology": "/topology", "/series": "/series", "/status": "/status", "/tenants": "/tenants",
		"/apps/series": "/apps/series", "/calls/scatter": "/calls/scatter",
		"/traces": "/traces?query=" + url.QueryEscape(`{ .user = "42" } >> { } | by(kind) | count() > 0`), "/traceql": "/traceql?query=%7B%7D",
		"/tags": "/tags", "/tags/values": "/tags/values?tag=.user",
	} {
		var v any
		if err := json.Unmarshal(get(a, "/api/v1"+real).Body.Bytes(), &v); err != nil {
			t.Fatal(path, err)
		}
		for _, problem := range d.check(d.Paths[path]["get"].Responses["200"].Content["application/json"].Schema, v, path) {
			t.Error(problem)
		}
	}
	refused := d.Components.Responses["Error"].Content["application/json"].Schema
	var failed any
	if err := json.Unmarshal(get(a, "/api/v1/traces/none").Body.Bytes(), &failed); err != nil {
		t.Fatal(err)
	}
	for _, problem := range d.check(refused, failed, "error") {
		t.Error(problem)
	}
	if err := json.Unmarshal(get(a, "/api/v1/traceql?query=%7B").Body.Bytes(), &failed); err != nil {
		t.Fatal(err)
	}
	for _, problem := range d.check(refused, failed, "error with a place") {
		t.Error(problem)
	}
	notes := d.flat(d.Components.Schemas["TraceCall"]).Properties["notes"].Items.Enum
	if all := query.Notes(1<<16 - 1).Names(); !slices.Equal(notes, all) {
		t.Errorf("notes %v, want %v", notes, all)
	}
	if types := d.Components.Schemas["Type"].Enum; !slices.Equal(types, typeNames()) {
		t.Errorf("types %v, want %v", types, typeNames())
	}
}

func typeNames() (names []string) {
	for t := span.TypeInternal; t <= span.TypeMQ; t++ {
		names = append(names, t.String())
	}
	return names
}

// flat resolves references and joins allOf.
func (d *openAPI) flat(s schema) schema {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	out := s
	if len(s.AllOf) > 0 {
		out.Type, out.Properties = "object", make(map[string]schema)
		for _, part := range s.AllOf {
			part = d.flat(part)
			maps.Copy(out.Properties, part.Properties)
			out.Required = append(out.Required, part.Required...)
		}
	}
	return out
}

func (d *openAPI) check(s schema, v any, where string) (problems []string) {
	s = d.flat(s)
	if len(s.OneOf) > 0 {
		if v == nil {
			return nil
		}
		s = d.flat(s.OneOf[0])
	}
	if !slices.Contains(strings.Fields(strings.Trim(fmt.Sprint(s.Type), "[]")), jsonType(v)) {
		return []string{fmt.Sprintf("%s: %v is no %v", where, v, s.Type)}
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			problems = append(problems, d.check(*s.Items, e, fmt.Sprintf("%s[%d]", where, i))...)
		}
	case string:
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			problems = append(problems, fmt.Sprintf("%s: %q is not one of %v", where, v, s.Enum))
		}
	case map[string]any:
		if s.Properties == nil {
			return nil // attributes: anything
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				problems = append(problems, fmt.Sprintf("%s has no %q", where, name))
			}
		}
		for name, e := range v {
			p, ok := s.Properties[name]
			if !ok {
				problems = append(problems, fmt.Sprintf("%s.%s is not documented", where, name))
				continue
			}
			problems = append(problems, d.check(p, e, where+"."+name)...)
		}
	}
	return problems
}

func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
