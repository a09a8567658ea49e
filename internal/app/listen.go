package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/twinspan/twinspan/internal/config"
)

// port is an open listener; tls is nil where it speaks in the clear.
type port struct {
	net.Listener
	tls *tls.Config
}

// The application protocols of listeners, in the names of TLS (ALPN).
var (
	httpProtocols = []string{"h2", "http/1.1"}
	grpcProtocols = []string{"h2"}
)

// listen opens a port with its certificates, and says what is to be known about who reaches it.
func (p *process) listen(ctx context.Context, l config.Listener, protocols []string) (*port, error) {
	own := l.Own.Or(p.cfg.TLS)
	opened := &port{}
	if own.On() {
		var err error
		if opened.tls, err = own.Config(l.Setting+".tls", protocols, p.log); err != nil {
			return nil, err
		}
	}
	var err error
	if opened.Listener, err = listen(ctx, l.AddressSetting, l.Address); err != nil {
		return nil, err
	}
	if l.AddressSetting != webSetting {
		opened.Listener = netutil.LimitListener(opened.Listener, p.cfg.Receivers.MaxConnections)
	}
	p.bound[l.AddressSetting] = opened.Addr().String()
	p.closers = append(p.closers, func() { _ = opened.Close() })
	if loopback(opened.Addr()) {
		return opened, nil
	}
	switch {
	case !p.guard.On() && own.ClientCAFile == "":
		p.log.Warn("whoever reaches this address may use it: set auth.tokens_file or tls.client_ca_file, or listen on 127.0.0.1",
			"setting", l.AddressSetting, "address", opened.Addr().String())
	case p.guard.On() && !own.On():
		p.log.Warn("tokens come to this address in the clear: set tls.cert_file and tls.key_file, or let a proxy before it speak TLS",
			"setting", l.AddressSetting, "address", opened.Addr().String())
	}
	return opened, nil
}

// loopback says whether only this host reaches an address.
func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// listen opens an address; setting names it in the message when that fails.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: the address %s is taken by another process: stop it or set another %s", setting, address, setting)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: no permission to listen on %s: use a port above 1023", setting, address)
	}
	return nil, fmt.Errorf("%s: listen on %q: %w", setting, address, err)
}

// server makes an HTTP server that bounds how long clients may take to send a request, so that slow ones cannot hold all
// places.
func server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
}

// serve runs a server until ctx is done and then lets requests that are under way end, for a while.
func serve(ctx context.Context, s *http.Server, l *port) error {
	failed := make(chan error, 1)
	go func() {
		if l.tls == nil {
			failed <- s.Serve(l.Listener)
			return
		}
		s.TLSConfig = l.tls
		failed <- s.ServeTLS(l.Listener, "", "")
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		_ = s.Close() // requests that do not end are cut off: what was not acknowledged is sent again
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
