package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"

	sdk "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// javaJar builds a module of ../java and gives its jar. It needs a JDK and Maven, which CI installs.
func javaJar(t *testing.T, module string) string {
	t.Helper()
	if _, err := exec.LookPath("mvn"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no mvn on the path: test/install.sh installs it")
		}
		t.Skip("no mvn on the path: install a JDK and Maven to run the tests with Java SOFATracer")
	}
	dir, err := filepath.Abs(filepath.Join("../java", module))
	if err != nil {
		t.Fatal(err)
	}
	again, err := filepath.Abs("../again.sh") // what it needs is downloaded
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command(again, "mvn", "-q", "-B", "package", "-DskipTests")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	return filepath.Join(dir, "target", module+".jar")
}

// javaProcess is a running Java service, which ends with the test.
type javaProcess struct {
	t      *testing.T
	in     io.WriteCloser
	output *syncBuffer
	ended  chan error
}

// startJava starts a jar whose SOFATracer logs into dir/tracelog. The options are the virtual machine's, the arguments the program's.
func startJava(t *testing.T, jar, app, dir string, options []string, args ...string) *javaProcess {
	t.Helper()
	all := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Duser.timezone=UTC",
		"-Duser.home=" + dir, "-Dlogging.path=" + dir, "-Dspring.application.name=" + app}, options...)
	java := exec.Command("java", append(append(all, "-jar", jar), args...)...)
	p := &javaProcess{t: t, output: new(syncBuffer), ended: make(chan error, 1)}
	java.Stdout, java.Stderr = p.output, p.output
	var err error
	if p.in, err = java.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err = java.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- java.Wait() }()
	t.Cleanup(func() {
		_ = java.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("output of %s:\n%s", app, tail(p.output.String(), 60))
		}
	})
	return p
}

// until waits until try gives nil, and fails when the process ends before.
func (p *javaProcess) until(what string, try func() error) {
	p.t.Helper()
	eventually(p.t, what, func() error {
		select {
		case err := <-p.ended:
			p.ended <- err
			p.t.Fatalf("%s: the process ended: %v", what, err)
		default:
		}
		return try()
	})
}

// javaPeer builds and starts the service with Java SOFATracer in ../java/peer and gives its address.
func javaPeer(t *testing.T, app, dir string) string {
	t.Helper()
	address := freePort(t)
	_, port, _ := net.SplitHostPort(address)
	startJava(t, javaJar(t, "peer"), app, dir, []string{"-Dserver.port=" + port}).until("the Java peer answers", func() error {
		_, err := body("http://" + address + "/context")
		return err
	})
	return "http://" + address
}

func body(target string) (string, error) {
	r, err := http.Get(target)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", target, r.Status, b)
	}
	return string(b), err
}

// goService is a service with our SDK that passes requests on: it calls what next says of the request.
func goService(t *testing.T, app, dir string, next func(r *http.Request) string, exporters ...sdk.Exporter) string {
	t.Helper()
	config := sdk.DefaultConfig(app)
	config.LogDir, config.Exporters = dir, exporters
	tracer, err := sdk.New(config)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: nethttp.NewTransport(tracer, nil)}
	handler := nethttp.NewHandler(tracer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := sdk.SpanFromContext(r.Context())
		w.Header().Set("Trace-Id", span.TraceID())
		if app == "front" {
			span.SetBaggage("user", "张三 & co")
			span.SetSystemBaggage("zone", "z=1")
		}
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, next(r), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := client.Do(request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	l, err := net.Listen("tcp", freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = tracer.Close()
	})
	return "http://" + l.Addr().String()
}

// TestJava sends requests from Go to Java SOFATracer, from there by each of its client libraries to Go, and back to Java.
// Each trace is one: every hop is a call with both sides, and what Java understood of our context is what we sent.
//
// With an address in E2E_SHOW the console stays there, with these traces, until Ctrl-C.
func TestJava(t *testing.T) {
	dir := t.TempDir()
	show := os.Getenv("E2E_SHOW")
	logs := func(app string) string { return filepath.Join(dir, app, "tracelog") }
	s := newServer(t, "all", filepath.Join(dir, "twinspan"), map[string]string{
		"TWINSPAN_AGENT_PATHS": fmt.Sprintf("[%s, %s, %s]", logs("front"), logs("ledger"), logs("back")),
		"TWINSPAN_AGENT_ZONE":  "UTC",
	})
	if show != "" {
		s.http, s.env["TWINSPAN_HTTP_ADDRESS"] = show, show
	}
	s.start()
	s.ready()
	java := javaPeer(t, "ledger", filepath.Join(dir, "ledger"))
	back := goService(t, "back", logs("back"), func(*http.Request) string { return java + "/context" })
	front := goService(t, "front", logs("front"), func(r *http.Request) string {
		return java + "/call?" + url.Values{"client": {r.URL.Query().Get("client")}, "url": {back + "/book"}}.Encode()
	})
	for _, client := range []string{"rest", "rest-async", "feign", "httpclient", "httpclient-async", "okhttp"} {
		t.Run(client, func(t *testing.T) { checkJava(t, s, front, client, false) })
	}
	// OkHttp's enqueue begins a new trace on its own thread: a fault of SOFATracer that is to be withstood. Both traces are whole.
	t.Run("okhttp-async", func(t *testing.T) { checkJava(t, s, front, "okhttp-async", true) })
	if show != "" {
		// Once more, because Java's first calls are slow.
		fmt.Printf("Go → Java → Go → Java: http://%s/trace/%s\nCtrl-C ends it.\n", show, checkJava(t, s, front, "rest", false))
		interrupt := make(chan os.Signal, 1)
		signal.Notify(interrupt, os.Interrupt)
		<-interrupt
	}
}

// checkJava sends a request that Java passes on by this client, checks what comes of it and gives the trace's id.
func checkJava(t *testing.T, s *server, front, client string, splits bool) string {
	t.Helper()
	r, err := http.Get(front + "/pay?client=" + client)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var last struct {
		TraceID  string            `json:"traceId"`
		SpanID   string            `json:"spanId"`
		Sampled  bool              `json:"sampled"`
		Business map[string]string `json:"business"`
		System   map[string]string `json:"system"`
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s %v: %s", r.Status, err, text)
	}
	if err := json.Unmarshal(text, &last); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	traceID := r.Header.Get("Trace-Id")
	if splits == (last.TraceID == traceID) || !last.Sampled {
		t.Errorf("the last service has trace %s, the first %s", last.TraceID, traceID)
	}
	if splits {
		findHops(t, s, traceID, "front→ledger 0.1 0.1.1")
		findHops(t, s, last.TraceID, "ledger→back 0 0", "back→ledger 0.1 0.1.1")
		return traceID
	}
	if last.SpanID != "0.1.1.1.1.1" {
		t.Errorf("span id %s", last.SpanID)
	}
	// System baggage comes as business baggage too when it comes from Java: its own fault. The value is the same.
	if last.Business["user"] != "张三 & co" || last.System["zone"] != "z=1" || len(last.System) != 1 {
		t.Errorf("baggage %v, system baggage %v", last.Business, last.System)
	}
	findHops(t, s, traceID, "front→ledger 0.1 0.1.1", "ledger→back 0.1.1.1 0.1.1.1", "back→ledger 0.1.1.1.1 0.1.1.1.1.1")
	return traceID
}

// findHops waits until a trace has exactly these calls with both sides: caller, callee, the dotted ids of the client half and the
// server half.
func findHops(t *testing.T, s *server, traceID string, want ...string) {
	t.Helper()
	eventually(t, "the trace is whole", func() error {
		tr, err := s.trace(traceID)
		if err != nil {
			return err
		}
		have := make(map[string]bool)
		for _, c := range tr.Calls {
			if c.Error {
				return fmt.Errorf("an error in %+v", c)
			}
			if c.Sides == "both" {
				have[fmt.Sprintf("%s→%s %s %s", c.Caller, c.Callee, c.Client.SofaSpanID, c.Server.SofaSpanID)] = true
			}
		}
		for _, hop := range want {
			if !have[hop] {
				return fmt.Errorf("%s is missing in %v", hop, have)
			}
		}
		if len(have) != len(want) {
			return fmt.Errorf("%v, want %v", have, want)
		}
		return nil
	})
}
