package app

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sort"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/config"
)

// notReady says why the process does not take data, "" while it does. A log that refuses what it should take counts: whoever
// sends should be sent elsewhere until there is room again.
func (p *process) notReady() string {
	if !p.ready.Load() {
		return "starting or stopping"
	}
	names := make([]string, 0, len(p.pipelines))
	for name := range p.pipelines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		err := p.pipelines[name].wal.Trouble()
		switch {
		case err == nil:
		case len(names) > 1 && p.cfg.WAL.MaxBytes > 0 && errors.Is(err, wal.ErrFull):
			// One tenant's log is as full as it may be. The others are not to suffer from it.
		case p.guard.On():
			return "a log takes nothing: see this process's own" // who asks needs no token
		default:
			return fmt.Sprintf("the log of tenant %s takes nothing: %v", name, err)
		}
	}
	return ""
}

func (p *process) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := p.notReady(); why != "" {
		http.Error(w, "not ready: "+why, http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// profiles lets those through that may ask for profiles: these show names of functions and files, and take CPU time.
func (p *process) profiles(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch p.cfg.HTTP.Profiles {
		case config.ProfilesAll:
		case config.ProfilesLoopback:
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
				http.Error(w, "profiles are for this host only: set http.profiles to all", http.StatusForbidden)
				return
			}
		default:
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}
}
