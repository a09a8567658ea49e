package peer;

import com.alipay.sofa.tracer.plugins.httpclient.SofaTracerHttpClientBuilder;
import com.alipay.sofa.tracer.plugins.okhttp.SofaTracerOkHttpBuilder;
import com.sofa.alipay.tracer.plugins.rest.SofaTracerRestTemplateBuilder;
import java.io.IOException;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.apache.http.HttpResponse;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;
import org.apache.http.impl.nio.client.CloseableHttpAsyncClient;
import org.apache.http.impl.nio.client.HttpAsyncClientBuilder;
import org.apache.http.util.EntityUtils;
import org.springframework.cloud.openfeign.FeignClient;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.client.AsyncRestTemplate;
import org.springframework.web.client.RestTemplate;

/** Every HTTP client library that SOFATracer instruments, as a bean named as the tests name it. */
@Configuration
@SuppressWarnings("deprecation")
public class Clients {
    /** One client library: gives the body of a GET. */
    public interface Client {
        String get(String url) throws Exception;
    }

    @FeignClient(name = "any", url = "http://127.0.0.1")
    public interface Any {
        @GetMapping
        String get(URI uri);
    }

    /** The starter puts its interceptor in. */
    @Bean
    public RestTemplate restTemplate() {
        return new RestTemplate();
    }

    /** Without this bean OpenFeign has a client of its own, which SOFATracer does not see. */
    @Bean
    public feign.Client feignClient() {
        return new feign.Client.Default(null, null);
    }

    @Bean
    public Client rest(RestTemplate rest) {
        return url -> rest.getForObject(URI.create(url), String.class);
    }

    @Bean("rest-async")
    public Client restAsync() {
        AsyncRestTemplate rest = SofaTracerRestTemplateBuilder.buildAsyncRestTemplate();
        return url -> rest.getForEntity(URI.create(url), String.class).get(10, TimeUnit.SECONDS).getBody();
    }

    @Bean
    public Client feign(Any any) {
        return url -> any.get(URI.create(url));
    }

    @Bean
    public Client httpclient() {
        CloseableHttpClient http = SofaTracerHttpClientBuilder.clientBuilder(HttpClientBuilder.create()).build();
        return url -> {
            try (CloseableHttpResponse r = http.execute(new HttpGet(url))) {
                return EntityUtils.toString(r.getEntity(), "UTF-8");
            }
        };
    }

    @Bean("httpclient-async")
    public Client httpclientAsync() {
        CloseableHttpAsyncClient http = SofaTracerHttpClientBuilder.asyncClientBuilder(HttpAsyncClientBuilder.create()).build();
        http.start();
        return url -> {
            HttpResponse r = http.execute(new HttpGet(url), null).get(10, TimeUnit.SECONDS);
            return EntityUtils.toString(r.getEntity(), "UTF-8");
        };
    }

    @Bean
    public Client okhttp(OkHttpClient http) {
        return url -> {
            try (Response r = http.newCall(new Request.Builder().url(url).build()).execute()) {
                return r.body().string();
            }
        };
    }

    @Bean("okhttp-async")
    public Client okhttpAsync(OkHttpClient http) {
        return url -> {
            CompletableFuture<String> body = new CompletableFuture<>();
            http.newCall(new Request.Builder().url(url).build()).enqueue(new Callback() {
                public void onFailure(Call c, IOException e) {
                    body.completeExceptionally(e);
                }

                public void onResponse(Call c, Response r) throws IOException {
                    try (Response x = r) {
                        body.complete(x.body().string());
                    }
                }
            });
            return body.get(10, TimeUnit.SECONDS);
        };
    }

    @Bean
    public OkHttpClient okHttpClient() {
        return SofaTracerOkHttpBuilder.clientBuilder(new OkHttpClient.Builder()).build();
    }
}
