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

// startConfig reads the options of a span, and gives the attributes of one trace.WithAttributes as they are. With
// trace.NewSpanStartConfig alone they would be copied twice, which is a quarter of what it costs to start a span with five.
func startConfig(options []trace.SpanStartOption) (trace.SpanConfig, []attribute.KeyValue) {
	// The attributes are the last option as a rule, or the first.
	for _, at := range [...]int{len(options) - 1, 0} {
		if at >= len(options) || at < 0 || reflect.TypeOf(options[at]) != attributeOption {
			continue
		}
		others := options[:at]
		if at == 0 {
			others = options[1:]
		}
		if config := trace.NewSpanStartConfig(others...); len(config.Attributes()) == 0 {
			list := reflect.ValueOf(options[at])
			return config, unsafe.Slice((*attribute.KeyValue)(list.UnsafePointer()), list.Len())
		}
		break // there are more, which stay in their order
	}
	config := trace.NewSpanStartConfig(options...)
	return config, config.Attributes()
}
