package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twinspan/twinspan/internal/reload"
)

// Client are the TLS settings of connections to a server.
type Client struct {
	// CAFile has the certificates, in PEM, of which one must have signed the server's; "" is those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are shown to a server that asks for a certificate.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is the name that the server's certificate must have; "" is the host of the address.
	ServerName string `yaml:"server_name"`
	// InsecureSkipVerify trusts any server.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// Validate reports settings that do not fit together. It opens no file.
func (c *Client) Validate() error {
	var errs []error
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("cert_file and key_file: set both or none"))
	}
	if c.InsecureSkipVerify && (c.CAFile != "" || c.ServerName != "") {
		errs = append(errs, errors.New("insecure_skip_verify checks nothing: leave it out, or leave out ca_file and server_name"))
	}
	return errors.Join(errs...)
}

// Dialer opens TLS connections. It is safe for concurrent use.
type Dialer struct {
	current func() *tls.Config
	plain   net.Dialer
}

// dialTimeout bounds how long a connection and its handshake take, each.
const dialTimeout = 5 * time.Second

// Dialer reads the files, which are read again when they change. setting names them in messages.
func (c Client) Dialer(setting string, log *slog.Logger) (*Dialer, error) {
	var paths []string
	for _, path := range []string{c.CAFile, c.CertFile, c.KeyFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	current, err := reload.New(setting, paths, c.Load, log)
	if err != nil {
		return nil, err
	}
	return &Dialer{current: current.Get, plain: net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}}, nil
}

// Load reads the files once.
func (c Client) Load() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		roots, err := pool("ca_file", c.CAFile)
		if err != nil {
			return nil, err
		}
		t.RootCAs = roots
	}
	if c.CertFile != "" {
		pair, err := keyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// DialTLS opens a connection, as http.Transport.DialTLSContext wants it. It speaks HTTP/1.1 only.
func (d *Dialer) DialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := d.plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := d.current().Clone()
	if c.ServerName == "" {
		if c.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, plain.Close())
		}
	}
	secure := tls.Client(plain, c)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS with %s: %w", address, err), plain.Close())
	}
	return secure, nil
}
