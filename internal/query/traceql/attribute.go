package traceql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Scope is where an attribute is looked for.
type Scope uint8

// The scopes. ScopeNone looks at the span, then at its resource; for service.name at the resource only.
const (
	ScopeNone Scope = iota
	ScopeSpan
	ScopeResource
	ScopeEvent
	ScopeLink
	ScopeInstrumentation
)

var scopeNames = [...]string{"", "span", "resource", "event", "link", "instrumentation"}

func (s Scope) String() string { return scopeNames[s] }

// ParseScope reads what String gives.
func ParseScope(text string) (Scope, error) {
	if i := slices.Index(scopeNames[:], text); i >= 0 {
		return Scope(i), nil
	}
	return ScopeNone, fmt.Errorf("scope %.100q is unknown: use one of %s", text, strings.Join(scopeNames[1:], ", "))
}

// Intrinsic is a property of a span, of its call or of its trace that is no attribute.
type Intrinsic uint8

// The intrinsics.
const (
	NoIntrinsic Intrinsic = iota
	Name
	DurationOf
	StatusOf
	StatusMessage
	KindOf
	SpanID
	SpanParentID
	ChildCount
	NestedSetLeft
	NestedSetRight
	NestedSetParent
	Parent
	TraceID
	TraceDuration
	RootName
	RootService
	EventName
	EventTimeSinceStart
	LinkTraceID
	LinkSpanID
	InstrumentationName
	InstrumentationVersion
	CallCaller
	CallCallee
	CallOperation
	CallType
	CallGap
	CallLoadTest
	CallResultCode
	CallCallerAddress
	CallCalleeAddress
)

// intrinsics gives for each its names, the one that is printed first, and the type that it has where there is one.
var intrinsics = [...]struct {
	names []string
	of    Type
}{
	Name:                   {[]string{"name", "span:name"}, TypeText},
	DurationOf:             {[]string{"duration", "span:duration"}, TypeDuration},
	StatusOf:               {[]string{"status", "span:status"}, TypeStatus},
	StatusMessage:          {[]string{"statusMessage", "span:statusMessage"}, TypeText},
	KindOf:                 {[]string{"kind", "span:kind"}, TypeKind},
	SpanID:                 {[]string{"span:id"}, TypeText},
	SpanParentID:           {[]string{"span:parentID"}, TypeText},
	ChildCount:             {[]string{"span:childCount", "childCount"}, TypeInt},
	NestedSetLeft:          {[]string{"nestedSetLeft"}, TypeInt},
	NestedSetRight:         {[]string{"nestedSetRight"}, TypeInt},
	NestedSetParent:        {[]string{"nestedSetParent"}, TypeInt},
	Parent:                 {[]string{"parent"}, TypeText},
	TraceID:                {[]string{"trace:id"}, TypeText},
	TraceDuration:          {[]string{"traceDuration", "trace:duration"}, TypeDuration},
	RootName:               {[]string{"rootName", "trace:rootName"}, TypeText},
	RootService:            {[]string{"rootServiceName", "trace:rootService"}, TypeText},
	EventName:              {[]string{"event:name"}, TypeText},
	EventTimeSinceStart:    {[]string{"event:timeSinceStart"}, TypeDuration},
	LinkTraceID:            {[]string{"link:traceID"}, TypeText},
	LinkSpanID:             {[]string{"link:spanID"}, TypeText},
	InstrumentationName:    {[]string{"instrumentation:name"}, TypeText},
	InstrumentationVersion: {[]string{"instrumentation:version"}, TypeText},
	CallCaller:             {[]string{"call:caller"}, TypeText},
	CallCallee:             {[]string{"call:callee"}, TypeText},
	CallOperation:          {[]string{"call:operation"}, TypeText},
	CallType:               {[]string{"call:type"}, TypeText},
	CallGap:                {[]string{"call:gap"}, TypeDuration},
	CallLoadTest:           {[]string{"call:loadTest"}, TypeBool},
	CallResultCode:         {[]string{"call:resultCode"}, TypeText},
	CallCallerAddress:      {[]string{"call:callerAddress"}, TypeText},
	CallCalleeAddress:      {[]string{"call:calleeAddress"}, TypeText},
}

// String is the name that is printed.
func (i Intrinsic) String() string {
	if i == NoIntrinsic {
		return ""
	}
	return intrinsics[i].names[0]
}

// Intrinsics gives the names of all intrinsics, sorted.
func Intrinsics() (names []string) {
	for i := range intrinsics {
		if i > 0 {
			names = append(names, intrinsics[i].names[0])
		}
	}
	slices.Sort(names)
	return names
}

func scopedIntrinsics() (names []string) {
	for i := range intrinsics {
		for _, n := range intrinsics[i].names {
			if strings.Contains(n, ":") {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func intrinsicOf(name string) (Intrinsic, bool) {
	for i := range intrinsics {
		if slices.Contains(intrinsics[i].names, name) {
			return Intrinsic(i), true
		}
	}
	return NoIntrinsic, false
}

// Attribute is an intrinsic or a named attribute of a span.
type Attribute struct {
	Intrinsic Intrinsic
	Scope     Scope
	// Parent says that the parent span's attribute is meant.
	Parent bool
	Name   string
}

// ParseAttribute reads an attribute as a query has it, such as "resource.service.name" or "name".
func ParseAttribute(text string) (Attribute, error) {
	p := &parser{lexer: lexer{text: text}}
	a, err := p.attributeAlone()
	if err != nil {
		return a, locate(text, err)
	}
	return a, nil
}

// String writes the attribute as a query has it.
func (a Attribute) String() string {
	if a.Intrinsic != NoIntrinsic {
		return a.Intrinsic.String()
	}
	s := ""
	if a.Parent {
		s = "parent"
		if a.Scope != ScopeNone {
			s += "."
		}
	}
	name := a.Name
	if strings.ContainsAny(name, " \t\r\n\"\\{}()=~!<>&|^,") || !isPlain(name) ||
		a.Parent && (strings.HasPrefix(name, "span.") || strings.HasPrefix(name, "resource.")) || startsDigit(name) {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return s + a.Scope.String() + "." + name
}

// startsDigit says that behind a dot the name would be read as a number.
func startsDigit(name string) bool { return name[0] >= '0' && name[0] <= '9' }

func isPlain(name string) bool {
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r > 0x7f {
			return false
		}
	}
	return true
}

func joinAttributes(list []Attribute) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = a.String()
	}
	return strings.Join(parts, ", ")
}

// Enumerated gives all values that an attribute can have, nil where there are too many to name.
func (a Attribute) Enumerated() (list []Value) {
	switch a.Intrinsic {
	case StatusOf:
		for s := span.StatusUnset; s <= span.StatusError; s++ {
			list = append(list, Status(s))
		}
	case KindOf:
		for k := span.KindUnspecified; k <= span.KindConsumer; k++ {
			list = append(list, Kind(k))
		}
	case CallType:
		for t := span.TypeInternal; t <= span.TypeMQ; t++ {
			list = append(list, Text(t.String()))
		}
	case CallLoadTest:
		list = []Value{Bool(false), Bool(true)}
	}
	return list
}
