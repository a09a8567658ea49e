package opentelemetry

import (
	"context"
	"sync"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// TracerProvider gives OpenTelemetry tracers that start spans of a twinspan.Tracer. It is safe for concurrent use.
type TracerProvider struct {
	embedded.TracerProvider
	native *twinspan.Tracer

	mu      sync.RWMutex
	tracers map[scope]*tracer
}

// scope tells instrumentation scopes apart.
type scope struct {
	name, version, schemaURL string
	attributes               attribute.Distinct
}

// maxTracers bounds the tracers that are kept. A program has some tens; further ones are made each time.
const maxTracers = 1000

type companionKey struct{}

// NewTracerProvider gives the TracerProvider of a Tracer, the same one each time. A nil tracer traces nothing.
func NewTracerProvider(native *twinspan.Tracer) *TracerProvider {
	twinspan.UseContextFace(&face)
	if native == nil {
		return &TracerProvider{}
	}
	return native.Companion(companionKey{}, func() any { return &TracerProvider{native: native} }).(*TracerProvider)
}

// Twinspan gives the Tracer below.
func (p *TracerProvider) Twinspan() *twinspan.Tracer { return p.native }

// Tracer is trace.TracerProvider's. Tracers of one scope are one tracer.
func (p *TracerProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	config := trace.NewTracerConfig(options...)
	set := config.InstrumentationAttributes()
	key := scope{name, config.InstrumentationVersion(), config.SchemaURL(), set.Equivalent()}
	p.mu.RLock()
	t := p.tracers[key]
	p.mu.RUnlock()
	if t != nil {
		return t
	}
	t = &tracer{provider: p}
	if name != "" {
		t.scope = twinspan.NewScope(name, key.version, key.schemaURL, tags(set.ToSlice())...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.tracers[key]; before != nil {
		return before
	}
	if p.tracers == nil {
		p.tracers = make(map[scope]*tracer)
	}
	if len(p.tracers) < maxTracers {
		p.tracers[key] = t
	}
	return t
}

type tracer struct {
	embedded.Tracer
	provider *TracerProvider
	scope    *twinspan.Scope
}

// Start is trace.Tracer's.
func (t *tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if t.provider.native == nil {
		return ctx, trace.SpanFromContext(context.Background())
	}
	config, attributes := startConfig(options)
	o := twinspan.StartOptions{
		Kind:      kindOf(config.SpanKind()),
		Component: twinspan.Inferred,
		Operation: name,
		Time:      config.Timestamp(),
		NewRoot:   config.NewRoot(),
		Scope:     t.scope,
		Unset:     true,
	}
	if o.NewRoot { // else the native span finds it
		o.Baggage = itemsOf(baggage.FromContext(ctx))
	}
	ctx, native := t.provider.native.StartSpanFunc(ctx, &o, len(attributes), filler(attributes))
	for _, l := range config.Links() {
		native.AddLink(contextOf(l.SpanContext), tags(l.Attributes)...)
	}
	return ctx, (*span)(native)
}

// Enabled says that spans are recorded: always, because stat lines count them all.
func (t *tracer) Enabled(context.Context) bool { return t.provider.native != nil }

func kindOf(k trace.SpanKind) twinspan.Kind {
	switch k {
	case trace.SpanKindClient:
		return twinspan.Client
	case trace.SpanKindServer:
		return twinspan.Server
	case trace.SpanKindProducer:
		return twinspan.Producer
	case trace.SpanKindConsumer:
		return twinspan.Consumer
	}
	return twinspan.Internal
}
