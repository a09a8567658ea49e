package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// losses prints what is acknowledged and what is found after the server was killed under load, again and again, and after
// its log was full.
func losses(s *server, l *load, rounds int) error {
	describe(l.templates)
	fmt.Println("| what happens | requests sent | told to come later | connections lost | spans acknowledged | traces checked | lost | twice |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	if err := s.start(); err != nil {
		return err
	}
	if err := s.round(l, fmt.Sprintf("kill -9, %d times", rounds), func() error {
		for range rounds {
			time.Sleep(time.Second)
			if err := s.end(syscall.SIGKILL); err != nil {
				return err
			}
			if err := s.start(); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := s.end(syscall.SIGTERM); err != nil {
		return err
	}
	// A log that may not grow and a store that cannot be written: a full disk, for whoever has no disk to fill.
	free, err := freeBytes(s.data)
	if err != nil {
		return err
	}
	full := []string{
		"TWINSPAN_WAL_SEGMENT_BYTES=4MiB", "TWINSPAN_WAL_MAX_BYTES=16MiB", "TWINSPAN_INGEST_MAX_REQUEST_BYTES=2MiB",
		fmt.Sprintf("TWINSPAN_STORE_RESERVE_BYTES=%d", free+free/2),
	}
	if err := s.start(full...); err != nil {
		return err
	}
	if err := s.round(l, "full disk, kill -9, room again", func() error {
		for deadline := time.Now().Add(5 * time.Minute); l.busy.Load() == 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				return fmt.Errorf("the log is not full after five minutes")
			}
		}
		if err := s.end(syscall.SIGKILL); err != nil {
			return err
		}
		return s.start()
	}); err != nil {
		return err
	}
	return s.end(syscall.SIGTERM)
}

// round loads the server while something happens to it and a second longer, and then reads everything back.
func (s *server) round(l *load, name string, happen func() error) error {
	before := len(l.done)
	l.attempts.Store(0)
	l.busy.Store(0)
	l.failed.Store(0)
	acknowledged := l.acknowledged.Load()
	l.spans, l.stop = 1<<62, make(chan struct{})
	ended := make(chan struct{})
	go func() {
		l.run()
		close(ended)
	}()
	err := happen()
	if err == nil {
		time.Sleep(time.Second)
	}
	close(l.stop)
	<-ended
	if err != nil {
		return err
	}
	checked, lost, twice := 0, 0, 0
	for _, r := range l.done[before:] {
		t := l.templates[r.template]
		which := int(r.nonce) % len(t.traces)
		n, again, err := s.halves(t.trace(which, r.nonce))
		if err != nil {
			return err
		}
		checked++
		if n < t.sizes[which] {
			lost++
		}
		twice += min(again, 1)
	}
	fmt.Printf("| %s | %d | %d | %d | %d | %d | %d | %d |\n", name, l.attempts.Load(), l.busy.Load(), l.failed.Load(),
		l.acknowledged.Load()-acknowledged, checked, lost, twice)
	if lost > 0 || twice > 0 || checked == 0 {
		return fmt.Errorf("%s: of %d traces %d are lost and %d there twice", name, checked, lost, twice)
	}
	return nil
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
