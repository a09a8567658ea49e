package peer;

import com.alipay.common.tracer.core.SofaTracer;
import com.alipay.common.tracer.core.context.trace.SofaTraceContext;
import com.alipay.common.tracer.core.holder.SofaTraceContextHolder;
import com.alipay.common.tracer.core.span.SofaTracerSpan;
import com.alipay.sofa.rpc.config.ApplicationConfig;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.config.MethodConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.invoke.SofaResponseCallback;
import com.alipay.sofa.rpc.core.request.RequestBase;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Takes lines of "TYPE URL METHOD [KEY=VALUE ...]", calls, and prints what came of each. With baggage the call is made inside a span that has
 * it, whose trace is printed first; without, it is a trace's first span. A key that begins with an exclamation mark is system baggage's.
 */
class Client {
    private final ApplicationConfig application;
    private final Map<String, Ledger> ledgers = new HashMap<>();
    private final SofaTracer tracer = new SofaTracer.Builder("shop").build();
    private CompletableFuture<Object> answer;

    Client(String app) {
        application = new ApplicationConfig().setAppName(app);
    }

    void run() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null;) {
            String[] words = line.split(" ");
            SofaTraceContext context = SofaTraceContextHolder.getSofaTraceContext();
            String trace = "-";
            if (words.length > 3) {
                SofaTracerSpan span = (SofaTracerSpan) tracer.buildSpan("pay").start();
                for (int i = 3; i < words.length; i++) {
                    String[] item = words[i].split("=", 2);
                    if (item[0].startsWith("!")) {
                        span.getSofaTracerSpanContext().setSysBaggageItem(item[0].substring(1), item[1]);
                    } else {
                        span.setBaggageItem(item[0], item[1]);
                    }
                }
                context.push(span);
                trace = span.getSofaTracerSpanContext().getTraceId();
            }
            String result;
            try {
                result = "ok " + call(words[0], words[1], words[2]);
            } catch (SofaRpcException e) {
                result = "rpc " + e.getErrorType();
            } catch (Exception e) {
                result = "exception " + e;
            }
            context.clear();
            System.out.println("> " + trace + " " + result);
        }
    }

    private Object call(String type, String url, String method) throws Exception {
        Ledger ledger = ledgers.computeIfAbsent(type + url, key -> refer(type, url));
        answer = new CompletableFuture<>();
        Object result;
        try {
            result = Ledger.class.getMethod(method, String.class).invoke(ledger, "acc-1");
        } catch (InvocationTargetException e) {
            throw (Exception) e.getCause();
        }
        switch (type) {
            case "future":
                return RpcInvokeContext.getContext().getFuture().get(60, TimeUnit.SECONDS);
            case "callback":
                Object o = answer.get(60, TimeUnit.SECONDS);
                if (o instanceof Exception) {
                    throw (Exception) o;
                }
                return o;
            default:
                return result;
        }
    }

    private Ledger refer(String type, String url) {
        return new ConsumerConfig<Ledger>().setApplication(application).setInterfaceId(Ledger.class.getName()).setRegister(false)
            .setDirectUrl(url).setRepeatedReferLimit(-1).setInvokeType(type).setTimeout(60000).setConnectTimeout(10000)
            .setMethods(Collections.singletonList(new MethodConfig().setName("slow").setTimeout(800)))
            .setOnReturn(new SofaResponseCallback<Object>() {
                public void onAppResponse(Object response, String method, RequestBase request) {
                    answer.complete(response);
                }

                public void onAppException(Throwable e, String method, RequestBase request) {
                    answer.complete(e);
                }

                public void onSofaException(SofaRpcException e, String method, RequestBase request) {
                    answer.complete(e);
                }
            }).refer();
    }
}
