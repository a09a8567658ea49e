package twinspan

import (
	"os"
	ossignal "os/signal"
	"sync"
	"syscall"
)

// FlushOnSignal writes and sends everything that has ended, with the running stat interval, when one of the signals comes,
// and then lets the signal do what it does by itself: end the process, as if nobody had asked for it. Without any given the
// signals are SIGTERM and os.Interrupt. It is for programs that do not handle these signals; those that do call Close when
// they are done. A second signal ends the process at once. Calling stop gives the signals back.
func (t *Tracer) FlushOnSignal(signals ...os.Signal) (stop func()) {
	if t == nil {
		return func() {}
	}
	if len(signals) == 0 {
		signals = []os.Signal{syscall.SIGTERM, os.Interrupt}
	}
	c, stopped := make(chan os.Signal, 1), make(chan struct{})
	ossignal.Notify(c, signals...)
	go func() {
		select {
		case got := <-c:
			ossignal.Stop(c)
			t.FlushStats()
			raise(got)
		case <-stopped:
			ossignal.Stop(c)
		}
	}()
	return sync.OnceFunc(func() { close(stopped) })
}

// raise sends the process a signal that it no longer catches.
func raise(s os.Signal) {
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		return
	}
	code := 1 // where there are no signals to send
	if number, ok := s.(syscall.Signal); ok {
		code = 128 + int(number)
	}
	os.Exit(code)
}
