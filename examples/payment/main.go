// Command payment is a small payment system, traced with Twinspan's SDK: ten services and two processes that are not
// traced, each a process of its own, with HTTP, gRPC, SQL, a cache and a queue between them. It is an example to learn
// from, what `make demo` shows, and what the end-to-end test counts. It moves no money.
//
// system.go has the table of services. Each service is one file with its business; what it needs to serve and to call,
// traced and counted, is in one file for each kind: http.go, rpc.go, sql.go, cache.go, queue.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `A small payment system traced with Twinspan.

Usage:
  payment demo [flags]           run Twinspan, all services and steady traffic until Ctrl-C
  payment service NAME [flags]   run one service
  payment list                   list the services

'payment demo -h' and 'payment service NAME -h' list the flags.
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "demo":
		err = runDemo(ctx, args)
	case "service":
		err = runService(ctx, args)
	case "list":
		for _, s := range system() {
			fmt.Printf("%-11s %s\n", s.name, s.about)
		}
	case "help", "-h", "-help", "--help":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "payment: command %q is unknown\n\n%s", command, usage)
		os.Exit(2)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "payment: %v\n", err)
		os.Exit(1)
	}
}
