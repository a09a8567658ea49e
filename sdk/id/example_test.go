package id_test

import (
	"fmt"

	"github.com/twinspan/twinspan/sdk/id"
)

// A trace id of SOFATracer is padded to 16 bytes for W3C, and comes back from them unchanged.
func ExampleParseTrace() {
	trace, exact := id.ParseTrace("0ad1348f1403169275002100356696")
	fmt.Println(trace.Hex(), trace, exact, trace.IsSOFA())
	// Output: 0ad1348f1403169275002100356696ff 0ad1348f1403169275002100356696 true true
}

// Both halves of a call have the dotted id 0.1; each has 8 bytes of its own.
func ExampleServerSpanOf() {
	fmt.Println(id.SpanOf("0.1") != id.ServerSpanOf("0.1"), id.ParentOf("0.1.0.2"))
	// Output: true 0.1
}
