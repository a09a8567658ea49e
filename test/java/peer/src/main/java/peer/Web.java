package peer;

import com.alipay.common.tracer.core.context.span.SofaTracerSpanContext;
import com.alipay.common.tracer.core.holder.SofaTraceContextHolder;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

@RestController
public class Web {
    private final Map<String, Clients.Client> clients;

    public Web(Map<String, Clients.Client> clients) {
        this.clients = clients;
    }

    /** Passes the request on by a client library. */
    @GetMapping("/call")
    public String call(@RequestParam String client, @RequestParam String url) throws Exception {
        return clients.get(client).get(url);
    }

    /** Tells what SOFATracer made of the request's headers. */
    @GetMapping("/context")
    public Map<String, Object> context() {
        SofaTracerSpanContext c = SofaTraceContextHolder.getSofaTraceContext().getCurrentSpan().getSofaTracerSpanContext();
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("traceId", c.getTraceId());
        m.put("spanId", c.getSpanId());
        m.put("sampled", c.isSampled());
        m.put("business", c.getBizBaggage());
        m.put("system", c.getSysBaggage());
        return m;
    }
}
