// Package app is where all parts meet: commands, roles as a table, and the start and stop of a process in order. It is the
// only package that knows the concrete parts together; it holds no logic of theirs.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/digestlog"
)

// version is set by the linker; a plain `go build` leaves it empty.
var version string

// Version names the build.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}

const usage = `Twinspan: distributed tracing that joins both halves of every call.

Usage:
  twinspan [ROLE] [-config FILE] [-data DIR]   run; ROLE is one of
%s
  twinspan config [-config FILE]               print the effective configuration
  twinspan doctor [flags]                      check how a service is set up for tracing
  twinspan parse [flags] FILE...               show what the agent makes of log files
  twinspan backup [flags] -to PLACE            copy the data of a running or stopped collector
  twinspan restore -from PLACE -data DIR       put a backup back
  twinspan inspect [flags] [WHAT]              show what a stopped collector or a backup holds, and verify it
  twinspan export [flags] -o FILE              write calls as Parquet or JSON lines
  twinspan version                             print the version
  twinspan help                                print this

Every setting is also an environment variable: see 'twinspan config'.
`

// Main runs a command line and gives the exit status: 0, 1 for a failure, 2 for wrong usage.
func Main(args, environ []string, stdout, stderr io.Writer) int {
	command, rest := "all", args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, rest = args[0], args[1:]
	}
	switch command {
	case "help":
		fmt.Fprintf(stdout, usage, rolesHelp())
		return 0
	case "version":
		fmt.Fprintf(stdout, "twinspan %s %s %s/%s\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	case "parse":
		return digestlog.RunParse(rest, stdout, stderr)
	}
	if run, ok := tools[command]; ok {
		return runTool(command, run, rest, environ, stdout, stderr)
	}
	flags := flag.NewFlagSet("twinspan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprintf(stderr, usage, rolesHelp()) }
	file := flags.String("config", "", "configuration file (YAML)")
	data := flags.String("data", "", "data directory, in place of the setting data_dir")
	if err := flags.Parse(rest); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "twinspan: argument %q is not understood: flags come after the role, see 'twinspan help'\n", flags.Arg(0))
		return 2
	}
	cfg, unknown, err := config.Load(*file, environ)
	if err != nil {
		fmt.Fprintf(stderr, "twinspan: %v\n", err)
		return 2
	}
	if *data != "" {
		cfg.DataDir = *data
	}
	if err := cfg.Validate(); err != nil {
		fmt.Fprintf(stderr, "twinspan: configuration: %v\n", err)
		return 2
	}
	if command == "config" {
		for _, name := range unknown {
			fmt.Fprintf(stderr, "twinspan: environment variable %s names no setting and is ignored\n", name)
		}
		if err := cfg.Print(stdout); err != nil {
			fmt.Fprintf(stderr, "twinspan: %v\n", err)
			return 1
		}
		return 0
	}
	role, err := parseRole(command)
	if err != nil {
		fmt.Fprintf(stderr, "twinspan: %v\n(commands: config, parse, version, help)\n", err)
		return 2
	}
	log := slog.New(handler(cfg.Log, stderr))
	for _, name := range unknown {
		log.Warn("environment variable names no setting and is ignored", "name", name)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, role, cfg, log); err != nil {
		fmt.Fprintf(stderr, "twinspan: %v\n", err)
		return 1
	}
	return 0
}

func handler(c config.Log, w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}
