// Package certificate has the TLS of listeners and of connections to them: which files, which are read again when they
// change, and what is refused. It opens nothing on the network, and makes no certificates.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/twinspan/twinspan/internal/reload"
)

// None as the name of a file switches off what a shared setting has on.
const None = "none"

// Server are the TLS settings of a listener, or those that listeners share.
type Server struct {
	// CertFile and KeyFile are the certificate with its chain and its private key, in PEM. Without them there is no TLS.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ClientCAFile has the certificates, in PEM, of which one must have signed the certificate of each client. "": clients
	// need none.
	ClientCAFile string `yaml:"client_ca_file"`
	// MinVersion is 1.2 or 1.3; "" is 1.2.
	MinVersion string `yaml:"min_version"`
}

// Or gives the settings in force where shared ones stand behind: what is not set is shared's, what is None is off.
func (s Server) Or(shared Server) Server {
	if s.CertFile == "" && s.KeyFile == "" {
		s.CertFile, s.KeyFile = shared.CertFile, shared.KeyFile
	}
	if s.ClientCAFile == "" {
		s.ClientCAFile = shared.ClientCAFile
	}
	if s.MinVersion == "" {
		s.MinVersion = shared.MinVersion
	}
	if s.CertFile == None {
		return Server{}
	}
	if s.ClientCAFile == None {
		s.ClientCAFile = ""
	}
	return s
}

// On says whether the listener speaks TLS.
func (s *Server) On() bool { return s.CertFile != "" }

// Validate reports settings that do not fit together. It is for settings in force, those that Or gives. It opens no file.
func (s *Server) Validate() error {
	var errs []error
	switch {
	case s.CertFile != "" && s.KeyFile == "":
		errs = append(errs, errors.New("cert_file is set but key_file is not: give the certificate's private key"))
	case s.CertFile == "" && s.KeyFile != "":
		errs = append(errs, errors.New("key_file is set but cert_file is not: give the certificate"))
	case s.CertFile == "" && s.ClientCAFile != "":
		errs = append(errs, errors.New("client_ca_file is set but cert_file is not: clients can only be asked for certificates over TLS"))
	}
	if _, ok := versions[s.MinVersion]; !ok {
		errs = append(errs, fmt.Errorf("min_version is %q, want 1.2 or 1.3", s.MinVersion))
	}
	return errors.Join(errs...)
}

var versions = map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// Config reads the files and gives what a listener of protocols (in ALPN's names) needs. setting names it in messages. The
// files are read again when they change; connections that are open stay as they are.
func (s Server) Config(setting string, protocols []string, log *slog.Logger) (*tls.Config, error) {
	paths := []string{s.CertFile, s.KeyFile}
	if s.ClientCAFile != "" {
		paths = append(paths, s.ClientCAFile)
	}
	current, err := reload.New(setting, paths, func() (*tls.Config, error) { return s.load(protocols) }, log)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: versions[s.MinVersion], NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Get(), nil },
	}, nil
}

func (s Server) load(protocols []string) (*tls.Config, error) {
	pair, err := keyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: versions[s.MinVersion], NextProtos: protocols, Certificates: []tls.Certificate{pair}}
	if s.ClientCAFile == "" {
		return c, nil
	}
	if c.ClientCAs, err = pool("client_ca_file", s.ClientCAFile); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	// A session that is taken up again is not verified again: who loses trust by a change of the file would keep it.
	c.SessionTicketsDisabled = true
	return c, nil
}

// keyPair reads a certificate and its key, and says which of the two is at fault.
func keyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert_file: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert_file %s and key_file %s cannot be used together: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// pool reads certificates that are trusted.
func pool(setting, path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM", setting, path)
	}
	return p, nil
}
