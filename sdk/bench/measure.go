package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// costResult is one measurement, a unit's share.
type costResult struct {
	CPU         float64 // ns, user and system
	Allocations float64
	Bytes       float64 // allocated
	Lost        float64 // share of the spans that came nowhere
	Rate        float64 // units a second by the wall clock
}

func headers() http.Header {
	h := http.Header{}
	for _, p := range [][2]string{
		{"traceparent", "00-0a0fe8ec1700000000123100112345ff-4e18dd181d0a2066-01"}, {"tracestate", "twinspan=0.1:4e18dd181d0a2066"},
		{"X-B3-TraceId", "0a0fe8ec1700000000123100112345"}, {"X-B3-SpanId", "0.1"}, {"X-B3-ParentSpanId", "0"}, {"X-B3-Sampled", "true"},
		{"User-Agent", "bench"}, {"Accept", "*/*"}, {"Content-Type", "application/json"},
	} {
		h.Set(p[0], p[1])
	}
	return h
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// unitBytes is about what a unit writes to disk.
const unitBytes = 2000

// touch has the file system use and free as much memory as the logs will take: on a virtual machine the first use of memory that the
// host has to find first costs more than a unit does, and which of the measurements meets it is chance.
func touch(dir string, size int64) error {
	f, err := os.CreateTemp(dir, "touch")
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for ; size > 0; size -= int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			break // the logs will say it
		}
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// piece is the number of units that a goroutine takes at once.
const piece = 1000

func cost(t contender, dir string, units, procs int, profile string) (costResult, error) {
	run, err := t.start(dir)
	if err != nil {
		return costResult{}, err
	}
	unit := func(n int) {
		var all sync.WaitGroup
		var taken atomic.Int64 // by pieces, so that a CPU that something else slows down does not hold up the others' end
		for range procs {
			all.Go(func() {
				in, out := t.headers(), http.Header{}
				for taken.Add(piece) <= int64(n) {
					for range piece {
						run.unit(in, out)
					}
				}
			})
		}
		all.Wait()
	}
	units = units / piece * piece
	if err := touch(dir, int64(units)*unitBytes); err != nil {
		return costResult{}, err
	}
	unit(units / 10) // warm
	run.flush()
	runtime.GC()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return costResult{}, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return costResult{}, err
		}
		defer pprof.StopCPUProfile()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, wall := cpu(), time.Now()
	unit(units)
	run.flush()
	elapsed, used := time.Since(wall), cpu()-start
	runtime.ReadMemStats(&after)
	lost := run.close()
	n := float64(units)
	return costResult{
		CPU: float64(used) / n, Allocations: float64(after.Mallocs-before.Mallocs) / n,
		Bytes: float64(after.TotalAlloc-before.TotalAlloc) / n, Lost: lost, Rate: n / elapsed.Seconds(),
	}, nil
}

// latencyResult is in microseconds. Nothing999 is measured in the same loop, around no call: what the machine itself does to
// a request.
type latencyResult struct {
	P50, P99, P999, Max float64
	Nothing999          float64
}

const rate = 20000

func latency(t contender, dir string, units int) (latencyResult, error) {
	run, err := t.start(dir)
	if err != nil {
		return latencyResult{}, err
	}
	debug.SetGCPercent(100)
	in, out := t.headers(), http.Header{}
	for range 2000 {
		run.unit(in, out)
	}
	took, nothing := make([]time.Duration, 0, units), make([]time.Duration, 0, units)
	next := time.Now()
	for range units {
		for time.Now().Before(next) { // spin: a sleep is longer than the distance of two requests
		}
		a := time.Now()
		run.unit(in, out)
		b := time.Now()
		// As long a piece of time again, without a tracer.
		c := b
		for c.Sub(b) < 5*time.Microsecond {
			c = time.Now()
		}
		took, nothing = append(took, b.Sub(a)), append(nothing, c.Sub(b)-5*time.Microsecond)
		next = next.Add(time.Second / rate)
		if late := time.Now(); late.Sub(next) > time.Millisecond {
			next = late // the machine was away: no burst after it
		}
	}
	if lost := run.close(); lost > 0 {
		return latencyResult{}, fmt.Errorf("%s lost %.1f%% of the spans", t.name, 100*lost)
	}
	slices.Sort(took)
	slices.Sort(nothing)
	at := func(list []time.Duration, q float64) float64 { return float64(list[int(q*float64(len(list)-1))]) / 1e3 }
	return latencyResult{at(took, 0.5), at(took, 0.99), at(took, 0.999), at(took, 1), at(nothing, 0.999)}, nil
}
