package peer;

import com.alipay.common.tracer.core.context.span.SofaTracerSpanContext;
import com.alipay.common.tracer.core.holder.SofaTraceContextHolder;
import com.alipay.sofa.rpc.config.ApplicationConfig;
import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;

/** Offers the service on a port of this machine. */
class Server implements Ledger {
    static void start(String app, int port) {
        ServerConfig server = new ServerConfig().setProtocol("bolt").setHost("127.0.0.1").setBoundHost("127.0.0.1").setPort(port)
            .setCoreThreads(2).setMaxThreads(8);
        new ProviderConfig<Ledger>().setApplication(new ApplicationConfig().setAppName(app)).setInterfaceId(Ledger.class.getName())
            .setRef(new Server()).setServer(server).setRegister(false).export();
        System.out.println("serving");
    }

    public String book(String account) {
        SofaTracerSpanContext c = SofaTraceContextHolder.getSofaTraceContext().getCurrentSpan().getSofaTracerSpanContext();
        return c.getTraceId() + " " + c.getSpanId() + " " + c.isSampled() + " " + c.getBizBaggage() + " " + c.getSysBaggage();
    }

    public String refuse(String account) throws NoFunds {
        throw new NoFunds("no funds on \"" + account + "\"");
    }

    public String fail(String account) {
        throw new IllegalStateException("broken: " + account);
    }

    public String slow(String account) {
        try {
            Thread.sleep(1300);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return account;
    }
}
