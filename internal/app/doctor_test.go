package app

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/twinspan/twinspan/sdk"
)

// TestDoctor lets the command look at a service whose logs a whole process takes: agent, collector and API.
func TestDoctor(t *testing.T) {
	c := sdk.DefaultConfig("pay")
	c.LogDir = t.TempDir()
	tracer, err := sdk.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.StartFrom(r.Context(), sdk.HeaderCarrier(r.Header), sdk.Server, sdk.HTTPServer, "GET /pay")
		_, inner := tracer.Start(ctx, sdk.Internal, sdk.Biz, "charge")
		inner.End()
		span.End()
		tracer.Flush()
	}))
	defer service.Close()
	_, span := tracer.Start(context.Background(), sdk.Server, sdk.HTTPServer, "GET /pay")
	span.End()
	tracer.Flush()
	p := start(t, "all", t.TempDir(), "TWINSPAN_AGENT_PATHS=["+c.LogDir+"]")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // the agent looks when the process is ready
		if _, answer := ask(t, "GET", p.url+"/metrics", ""); !strings.Contains(answer, "twinspan_agent_files 0\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent finds no file:\n%s", p.log)
		}
	}

	said := transcript("twinspan doctor -app pay -log-dir " + c.LogDir + " -agent " + p.url + " -collector " + p.url + " -url " + service.URL + " -wait 60s")
	for _, want := range []string{
		"log_dir = " + c.LogDir, "can be written", "agent: it follows ", "collector: it answers: twinspan ", "W3C: the trace goes on in pay",
		"SOFATracer's HTTP: the trace goes on in pay", "B3: the trace goes on in pay",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}

	// The service's lines have to be in the collector by now or soon: the command looks for them there, and nowhere else.
	elsewhere := t.TempDir()
	said = transcript("twinspan doctor -app pay -log-dir " + elsewhere + " -collector " + p.url + " -url " + service.URL + " -wait 60s")
	for _, want := range []string{"W3C: the trace goes on in pay (in the collector)", " calls of pay in the last ", "[exit 1]"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}

	agent := filepath.Join(elsewhere, "twinspan.yml")
	if err := os.WriteFile(agent, []byte("agent:\n  paths: ["+c.LogDir+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	exit := Main([]string{"doctor", "-log-dir", elsewhere, "-agent-config", agent}, nil, &out, &errs)
	said = out.String() + errs.String()
	if exit != 1 {
		t.Errorf("exit status %d", exit)
	}
	if want := "its configuration does not follow " + elsewhere + "; it follows " + c.LogDir; !strings.Contains(said, want) {
		t.Errorf("%q is missing in\n%s", want, said)
	}
}
