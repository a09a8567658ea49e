package opentelemetry

import (
	"reflect"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// attributeOption is the type of trace.WithAttributes' option, a list of attributes under a name that the API does not export; nil
// if it is something else in a later version.
var attributeOption = func() reflect.Type {
	t := reflect.TypeOf(trace.WithAttributes())
	if t.Kind() != reflect.Slice || t.Elem() != reflect.TypeFor[attribute.KeyValue]() {
		return nil
	}
	return t
}()

// usualOptions is the number of a span's options beside its attributes that cost no allocation.
const usualOptions = 6

// startConfig reads the options of a span, and gives the attributes of one trace.WithAttributes as they are. With
// trace.NewSpanStartConfig alone they would be copied twice, which is a quarter of what it costs to start a span with five.
func startConfig(options []trace.SpanStartOption) (trace.SpanConfig, []attribute.KeyValue) {
	var room [usualOptions]trace.SpanStartOption
	others := room[:0]
	var attributes []attribute.KeyValue
	found := false
	for _, o := range options {
		if reflect.TypeOf(o) != attributeOption || attributeOption == nil {
			others = append(others, o)
			continue
		}
		if found { // more than one: in their order
			config := trace.NewSpanStartConfig(options...)
			return config, config.Attributes()
		}
		list := reflect.ValueOf(o)
		attributes, found = unsafe.Slice((*attribute.KeyValue)(list.UnsafePointer()), list.Len()), true
	}
	config := trace.NewSpanStartConfig(others...)
	if !found {
		attributes = config.Attributes() // of options of other types
	}
	return config, attributes
}
