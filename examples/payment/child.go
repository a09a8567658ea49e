package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// child is a process that the demo started.
type child struct {
	name string
	cmd  *exec.Cmd
	// input is held open: a service ends when it is closed, also by the kernel when the demo dies.
	input  io.WriteCloser
	output string // the file with what it prints
	hello  hello
	done   chan struct{}
	err    error // how it ended; read it after done
}

// start starts a process, its output in <data>/out/<name>.log. It must be called from one locked thread: see parentDeath.
func start(data, name, program string, args, env []string) (*child, error) {
	out := filepath.Join(data, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	c := &child{name: name, output: filepath.Join(out, name+".log"), done: make(chan struct{})}
	file, err := os.Create(c.output)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c.cmd = exec.Command(program, args...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = file
	c.cmd.SysProcAttr = parentDeath()
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	said := make(chan string, 1)
	go func() {
		in := bufio.NewReader(stdout)
		line, _ := in.ReadString('\n')
		said <- line
		_, _ = io.Copy(io.Discard, in)
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	if len(args) == 0 || args[0] != "service" {
		return c, nil
	}
	line := <-said
	if err := json.Unmarshal([]byte(line), &c.hello); err != nil {
		<-c.done
		return nil, fmt.Errorf("%s does not start: %w\n%s", name, c.err, c.tail())
	}
	return c, nil
}

// stop ends a process: politely, and after a while by force.
func (c *child) stop() {
	_ = c.input.Close()
	if c.hello.Listen == "" {
		_ = c.cmd.Process.Signal(stopSignal)
	}
	select {
	case <-c.done:
	case <-time.After(15 * time.Second):
		fmt.Fprintf(os.Stderr, "payment: %s does not end, it is killed\n", c.name)
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// tail gives the last lines that the process printed.
func (c *child) tail() string {
	text, _ := os.ReadFile(c.output)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-8):], "\n  ")
}

// firstToEnd waits until one of the processes ends, or ctx.
func firstToEnd(ctx context.Context, children []*child) *child {
	ended := make(chan *child, len(children))
	for _, c := range children {
		go func() {
			select {
			case <-c.done:
				ended <- c
			case <-ctx.Done():
			}
		}()
	}
	select {
	case c := <-ended:
		return c
	case <-ctx.Done():
		return nil
	}
}
