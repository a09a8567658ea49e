package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one Twinspan under load, on ports of its own.
type server struct {
	binary, data string
	web, otlp    string
	environ      []string
	cmd          *exec.Cmd
	exited       chan error
	log          bytes.Buffer
	client       *http.Client
}

func newServer(binary, data string, environ []string) (*server, error) {
	s := &server{binary: binary, data: data, client: &http.Client{Timeout: time.Minute}}
	s.environ = append(os.Environ(), environ...)
	for _, port := range []struct {
		setting string
		to      *string
	}{
		{"HTTP_ADDRESS", &s.web}, {"RECEIVERS_OTLP_HTTP_ADDRESS", &s.otlp}, {"RECEIVERS_OTLP_GRPC_ADDRESS", nil},
		{"RECEIVERS_ZIPKIN_ADDRESS", nil}, {"RECEIVERS_AGENT_ADDRESS", nil}, {"RECEIVERS_JAEGER_GRPC_ADDRESS", nil},
		{"RECEIVERS_JAEGER_HTTP_ADDRESS", nil}, {"RECEIVERS_SKYWALKING_GRPC_ADDRESS", nil}, {"RECEIVERS_SKYWALKING_HTTP_ADDRESS", nil},
	} {
		address := ""
		if port.to != nil {
			var err error
			if address, err = freeAddress(); err != nil {
				return nil, err
			}
			*port.to = "http://" + address
		}
		s.environ = append(s.environ, "TWINSPAN_"+port.setting+"="+address)
	}
	return s, nil
}

// freeAddress gives an address that nobody listens on, with a port below those that systems give to clients: between two
// starts of the server one of its own clients could get such a one.
func freeAddress() (string, error) {
	var err error
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

// startPatience bounds how long a start may take.
const startPatience = 5 * time.Minute

// start runs the server until it is ready.
func (s *server) start(more ...string) error {
	s.cmd = exec.CommandContext(context.Background(), s.binary, "collector", "-data", s.data)
	s.cmd.Env = append(append([]string{}, s.environ...), more...)
	s.cmd.Stderr, s.cmd.Stdout = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-s.exited:
			return fmt.Errorf("the server does not start: %w\n%s", err, s.log.String())
		default:
		}
		if resp, err := s.fetch("/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("the server is not ready after %v\n%s", startPatience, s.log.String())
}

// end stops the server by a signal and waits for it.
func (s *server) end(signal syscall.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := <-s.exited
	if signal == syscall.SIGKILL {
		return nil
	}
	return err
}

// cpuNow is the CPU time of the running process.
func (s *server) cpuNow() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100)
}

// proc reads a number from a file of the process in /proc.
func (s *server) proc(file, key string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(text), key)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n
}

// weigh adds up the files below the data directory.
func (s *server) weigh() (size int64) {
	_ = filepath.WalkDir(s.data, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() { // else it went away meanwhile
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

func (s *server) fetch(path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.web+path, nil)
	if err != nil {
		return nil, err
	}
	return s.client.Do(req)
}

// get asks for JSON.
func (s *server) get(path string, into any) (status int, err error) {
	resp, err := s.fetch(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// halves counts the halves of a trace, and those that are there more than once.
func (s *server) halves(trace string) (n, twice int, err error) {
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID string `json:"spanID"`
			} `json:"spans"`
		} `json:"data"`
	}
	if _, err := s.get("/jaeger/api/traces/"+trace, &answer); err != nil || len(answer.Data) == 0 {
		return 0, 0, err
	}
	seen := make(map[string]bool)
	for _, span := range answer.Data[0].Spans {
		if seen[span.SpanID] {
			twice++
		}
		seen[span.SpanID] = true
	}
	return len(seen), twice, nil
}
