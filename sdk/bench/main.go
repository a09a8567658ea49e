// Bench measures what a request costs with Twinspan's tracer and with others, all in one run. The unit: read the trace
// context from HTTP headers, a server span with 5 attributes, a client span with 5, write the context into HTTP headers, end
// both.
//
//	go run . -what cost      # CPU and allocations of a unit on one CPU, by turns, the median of the rounds
//	go run . -what scale     # throughput on one CPU and on two
//	go run . -what latency   # what is added to a request at 20,000 requests a second
//
// Every measurement is a process of its own. CPU is that of the whole process, user and system, with the log writer or the
// exporter's goroutines, until everything is out.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	what := flag.String("what", "cost", "cost, scale or latency")
	rounds := flag.Int("rounds", 5, "how often each tracer is measured")
	units := flag.Int("units", 200000, "units of a measurement")
	dir := flag.String("dir", "", "where logs are written (default: a temporary directory)")
	only := flag.String("only", "", "tracers to measure, separated by commas (default: all)")
	one := flag.String("one", "", "measure this tracer in this process (used internally)")
	procs := flag.Int("procs", 1, "goroutines and CPUs of -one")
	profile := flag.String("cpuprofile", "", "file for the CPU profile of -one")
	flag.Parse()
	if err := run(*what, *rounds, *units, *dir, *only, *one, *procs, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(what string, rounds, units int, dir, only, one string, procs int, profile string) error {
	if one != "" {
		runtime.GOMAXPROCS(procs)
		t, err := find(one)
		if err != nil {
			return err
		}
		var result any
		if what == "latency" {
			result, err = latency(t, dir, units)
		} else {
			result, err = cost(t, dir, units, procs, profile)
		}
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	tracers := all()
	if only != "" {
		tracers = slices.DeleteFunc(tracers, func(t contender) bool { return !slices.Contains(strings.Split(only, ","), t.name) })
	}
	switch what {
	case "cost":
		return costs(tracers, rounds, units, dir)
	case "scale":
		return scales(tracers, rounds, units, dir)
	case "latency":
		return latencies(tracers, units, dir)
	}
	return fmt.Errorf("-what %s: it has to be cost, scale or latency", what)
}

// child measures one tracer in a process of its own.
func child(name, what string, units int, dir string, procs int, result any) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	own, err := os.MkdirTemp(dir, "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(own) }()
	cmd := exec.CommandContext(background, self, "-what", what, "-one", name, "-units", strconv.Itoa(units), "-dir", own, "-procs", strconv.Itoa(procs))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure %s: %w", name, err)
	}
	return json.Unmarshal(out, result)
}

func median[T float64 | int64](list []T) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}

func costs(tracers []contender, rounds, units int, dir string) error {
	results := make(map[string][]costResult)
	for range rounds {
		for _, t := range tracers {
			var r costResult
			if err := child(t.name, "cost", units, dir, 1, &r); err != nil {
				return err
			}
			results[t.name] = append(results[t.name], r)
		}
	}
	base := 0.0
	fmt.Println("| one CPU, a unit | CPU ns | of OTel + OTLP | allocations | bytes | lost |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	for _, t := range tracers {
		var ns, allocations, bytes []float64
		lost := 0.0
		for _, r := range results[t.name] {
			ns, allocations, bytes = append(ns, r.CPU), append(allocations, r.Allocations), append(bytes, r.Bytes)
			lost = max(lost, r.Lost)
		}
		if t.name == baseline {
			base = median(ns)
		}
		share := "–"
		if base > 0 {
			share = fmt.Sprintf("%.3f", median(ns)/base)
		}
		fmt.Printf("| %s | %.0f | %s | %.1f | %.0f | %.0f%% |\n", t.title, median(ns), share, median(allocations), median(bytes), 100*lost)
	}
	return nil
}

// scaleUnits makes the measurements of throughput longer than those of cost: a tenth of a second is soon lost to something else.
const scaleUnits = 3

func scales(tracers []contender, rounds, units int, dir string) error {
	fmt.Println("| tracer | CPU ns on 1 | on 2 | units/s on 1, best | on 2, best | ratio |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	for _, t := range tracers {
		var cpu [3][]float64
		var rate [3]float64
		for range rounds {
			for procs := 1; procs <= 2; procs++ {
				var r costResult
				if err := child(t.name, "cost", scaleUnits*units, dir, procs, &r); err != nil {
					return err
				}
				cpu[procs] = append(cpu[procs], r.CPU)
				rate[procs] = max(rate[procs], r.Rate)
			}
		}
		fmt.Printf("| %s | %.0f | %.0f | %.0f | %.0f | %.2f |\n", t.title, median(cpu[1]), median(cpu[2]), rate[1], rate[2], rate[2]/rate[1])
	}
	return nil
}

func latencies(tracers []contender, units int, dir string) error {
	fmt.Println("| at 20,000 units/s | p50 µs | p99 µs | p99.9 µs | max µs | nothing traced: p99.9 µs |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	for _, t := range tracers {
		var r latencyResult
		if err := child(t.name, "latency", units, dir, 2, &r); err != nil {
			return err
		}
		fmt.Printf("| %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", t.title, r.P50, r.P99, r.P999, r.Max, r.Nothing999)
	}
	return nil
}
