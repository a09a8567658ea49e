package pebble

import (
	"fmt"
	"log/slog"
)

// logger hands Pebble's messages to the program's log: its reports of every step only when debugging.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	l.log.Debug("store database", "message", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store database", "message", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble cannot go on when its own bookkeeping could not be written. Nothing that was acknowledged
// is lost: the log still has it, and the next start reads the database as it was before.
func (l logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.log.Error("store database cannot go on", "message", msg)
	panic("store: the database cannot go on: " + msg)
}
