package twinspan

import (
	"strconv"
	"strings"
)

// The keys of SOFARPC and MOSN, from SOFARPC's RemotingConstants and TracerCompatibleConstants and MOSN's trace/sofa.
const (
	keyNewRPC    = "new_rpc_trace_context"
	keyRPCTrace  = "rpc_trace_context.sofaTraceId"
	keyRPCSpan   = "rpc_trace_context.sofaRpcId"
	keyRPCApp    = "rpc_trace_context.sofaCallerApp"
	keyBoltApp   = "app" // the caller's, in every request that SOFARPC sends
	keyRPCBiz    = "rpc_trace_context.sofaPenAttrs"
	keyRPCSys    = "rpc_trace_context.sysPenAttrs"
	keyRPCSample = "rpc_trace_context.samp"
	sampleKey    = "samp" // older SOFARPC has the decision in system baggage
	keyMOSNTrace = "SOFA-TraceId"
	keyMOSNSpan  = "SOFA-RpcId"
)

// injectSOFARPC writes both generations: SOFARPC since 5.1 reads the text, older ones and MOSN the single keys.
func (o *outgoing) injectSOFARPC(c Carrier) {
	set(c, keyNewRPC, o.text())
	set(c, keyRPCTrace, o.traceID)
	set(c, keyRPCSpan, o.id())
	if app, _ := c.Get(keyBoltApp); app == "" {
		set(c, keyBoltApp, o.tracer.config.App)
	}
	o.injectPenetrating(c)
}

// injectMOSN writes what MOSN's HTTP listeners read.
func (o *outgoing) injectMOSN(c Carrier) {
	set(c, keyMOSNTrace, o.traceID)
	set(c, keyMOSNSpan, o.id())
	o.injectPenetrating(c)
}

// injectPenetrating writes what goes beside the ids: the caller's app, the decision, and the baggage that there is.
func (o *outgoing) injectPenetrating(c Carrier) {
	set(c, keyRPCApp, o.tracer.config.App)
	c.Set(keyRPCSample, strconv.FormatBool(o.sampled))
	if len(o.biz) > 0 {
		set(c, keyRPCBiz, pairsText(o.biz))
	}
	if len(o.sys) > 0 {
		set(c, keyRPCSys, pairsText(o.sys))
	}
}

func extractSOFARPC(c Carrier, r *SpanContext) {
	if text, _ := c.Get(keyNewRPC); strings.TrimSpace(text) != "" {
		r.text(text)
		extractCaller(c, r, keyRPCApp)
	} else {
		extractPenetrating(c, r, keyRPCTrace, keyRPCSpan)
	}
	extractCaller(c, r, keyBoltApp)
}

func extractMOSN(c Carrier, r *SpanContext) { extractPenetrating(c, r, keyMOSNTrace, keyMOSNSpan) }

func extractPenetrating(c Carrier, r *SpanContext, traceKey, spanKey string) {
	sampled, _ := c.Get(keyRPCSample)
	if text, _ := c.Get(keyRPCSys); len(text) <= maxTracerText {
		eachItem(text, func(key, value string) {
			if key == sampleKey && sampled == "" {
				sampled = value
			}
			r.addSystem(key, value)
		})
	}
	if text, _ := c.Get(keyRPCBiz); len(text) <= maxTracerText {
		eachItem(text, r.addBusiness)
	}
	if !r.valid() {
		traceID, _ := c.Get(traceKey)
		spanID, _ := c.Get(spanKey)
		r.sofa(strings.TrimSpace(traceID), strings.TrimSpace(spanID), isTrueOrUnset(sampled))
	}
	extractCaller(c, r, keyRPCApp)
}

func extractCaller(c Carrier, r *SpanContext, key string) {
	if app, _ := c.Get(key); app != "" && r.app == "" {
		r.app = app
	}
}
