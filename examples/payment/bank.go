package main

import (
	"net/http"
	"time"
)

// newBank is somebody else's system: calls to it have a client half only.
func newBank(*service) (parts, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /transfers", func(w http.ResponseWriter, r *http.Request) {
		pause(r.Context(), 5*time.Millisecond, 30*time.Millisecond)
		switch {
		case chance(0.05):
			pause(r.Context(), 200*time.Millisecond, 300*time.Millisecond) // longer than the caller waits
		case chance(0.05):
			http.Error(w, "outside of business hours", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return parts{web: mux}, nil
}
