package query

import (
	"strconv"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The messages of Tempo's API, by the numbers, names and types of their fields in pkg/tempopb of Tempo 2.8: one a line,
// "name=number type", lists with "*". Tempo's own module is not to be had at a version that has them.
const tempoMessages = `
TraceByIDResponse: trace=1 bytes, metrics=2 TraceByIDMetrics, status=3 enum, message=4 string
TraceByIDMetrics: inspectedBytes=1 uint64
SearchResponse: traces=1 *TraceSearchMetadata, metrics=2 SearchMetrics
TraceSearchMetadata: traceID=1 string, rootServiceName=2 string, rootTraceName=3 string, startTimeUnixNano=4 uint64, durationMs=5 uint32, spanSet=6 SpanSet, spanSets=7 *SpanSet, serviceStats=8 map
ServiceStats: spanCount=1 uint32, errorCount=2 uint32
SpanSet: spans=1 *Span, matched=2 uint32, attributes=3 *KeyValue
Span: spanID=1 string, name=2 string, startTimeUnixNano=3 uint64, durationNanos=4 uint64, attributes=5 *KeyValue
SearchMetrics: inspectedTraces=1 uint32, inspectedBytes=2 uint64, totalBlocks=3 uint32, completedJobs=4 uint32, totalJobs=5 uint32, totalBlockBytes=6 uint64, inspectedSpans=7 uint64
MetadataMetrics: inspectedBytes=1 uint64, totalJobs=2 uint32, completedJobs=3 uint32, totalBlocks=4 uint32, totalBlockBytes=5 uint64
SearchTagsResponse: tagNames=1 *string, metrics=2 MetadataMetrics
SearchTagsV2Response: scopes=1 *SearchTagsV2Scope, metrics=2 MetadataMetrics
SearchTagsV2Scope: name=1 string, tags=2 *string
SearchTagValuesResponse: tagValues=1 *string, metrics=2 MetadataMetrics
TagValue: type=1 string, value=2 string
SearchTagValuesV2Response: tagValues=1 *TagValue, metrics=2 MetadataMetrics
QueryInstantResponse: series=1 *InstantSeries, metrics=2 SearchMetrics, status=3 enum, message=4 string
InstantSeries: labels=1 *KeyValue, value=2 double
QueryRangeResponse: series=1 *TimeSeries, metrics=2 SearchMetrics, status=3 enum, message=4 string
TimeSeries: labels=1 *KeyValue, samples=2 *Sample, exemplars=4 *Exemplar
Sample: timestamp_ms=2 int64, value=1 double
Exemplar: labels=1 *KeyValue, value=2 double, timestamp_ms=3 int64
`

// tempoMessage makes an empty message of Tempo's API.
func tempoMessage(t *testing.T, name string) *dynamicpb.Message {
	t.Helper()
	f := &descriptorpb.FileDescriptorProto{
		Name: proto.String("tempo.proto"), Package: proto.String("tempopb"), Syntax: proto.String("proto3"),
		Dependency: []string{commonpb.File_opentelemetry_proto_common_v1_common_proto.Path()},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("PartialStatus"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("COMPLETE"), Number: proto.Int32(0)}, {Name: proto.String("PARTIAL"), Number: proto.Int32(1)}}}},
	}
	for _, line := range strings.Split(strings.TrimSpace(tempoMessages), "\n") {
		title, fields, _ := strings.Cut(line, ": ")
		m := &descriptorpb.DescriptorProto{Name: proto.String(title)}
		for _, text := range strings.Split(fields, ", ") {
			m.Field = append(m.Field, tempoField(t, m, text))
		}
		f.MessageType = append(f.MessageType, m)
	}
	file, err := protodesc.NewFile(f, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	d := file.Messages().ByName(protoreflect.Name(name))
	if d == nil {
		t.Fatalf("no message %s", name)
	}
	return dynamicpb.NewMessage(d)
}

func tempoField(t *testing.T, m *descriptorpb.DescriptorProto, text string) *descriptorpb.FieldDescriptorProto {
	t.Helper()
	name, rest, _ := strings.Cut(text, "=")
	number, kind, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(text, err)
	}
	f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: proto.Int32(int32(n)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	if list, ok := strings.CutPrefix(kind, "*"); ok {
		kind, f.Label = list, descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	switch kind {
	case "string", "bytes", "uint32", "uint64", "int64", "double":
		f.Type = descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(kind)]).Enum()
	case "enum":
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), proto.String(".tempopb.PartialStatus")
	case "map":
		m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{
			Name: proto.String("ServiceStatsEntry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			Field: []*descriptorpb.FieldDescriptorProto{tempoField(t, m, "key=1 string"), tempoField(t, m, "value=2 ServiceStats")},
		})
		f.Label, f.Type = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(), descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		f.TypeName = proto.String(".tempopb." + m.GetName() + ".ServiceStatsEntry")
	case "KeyValue":
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".opentelemetry.proto.common.v1.KeyValue")
	default:
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".tempopb."+kind)
	}
	return f
}
