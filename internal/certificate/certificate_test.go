package certificate

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/certificate/certificatetest"
)

func TestOr(t *testing.T) {
	shared := Server{"c", "k", "ca", "1.3"}
	for _, c := range []struct {
		about        string
		own, in, out Server
	}{
		{"nothing anywhere", Server{}, Server{}, Server{}},
		{"all is shared", Server{}, shared, shared},
		{"an own certificate", Server{CertFile: "c2", KeyFile: "k2"}, shared, Server{"c2", "k2", "ca", "1.3"}},
		{"an own authority and version", Server{ClientCAFile: "ca2", MinVersion: "1.2"}, shared, Server{"c", "k", "ca2", "1.2"}},
		{"clients need no certificate", Server{ClientCAFile: None}, shared, Server{"c", "k", "", "1.3"}},
		{"no TLS here", Server{CertFile: None}, shared, Server{}},
		{"half a pair is not filled up", Server{CertFile: "c2"}, shared, Server{"c2", "", "ca", "1.3"}},
	} {
		if got := c.own.Or(c.in); got != c.out {
			t.Errorf("%s: got %+v, want %+v", c.about, got, c.out)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		s   Server
		err string
	}{
		{Server{}, ""},
		{Server{"c", "k", "ca", "1.2"}, ""},
		{Server{CertFile: "c"}, "key_file is not"},
		{Server{KeyFile: "k"}, "cert_file is not"},
		{Server{ClientCAFile: "ca"}, "only be asked for certificates over TLS"},
		{Server{"c", "k", "", "1.1"}, `min_version is "1.1", want 1.2 or 1.3`},
	} {
		if err := c.s.Validate(); (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: got %v, want %q", c.s, err, c.err)
		}
	}
	for _, c := range []struct {
		c  Client
		ok bool
	}{
		{Client{}, true}, {Client{CAFile: "ca", CertFile: "c", KeyFile: "k", ServerName: "n"}, true},
		{Client{CertFile: "c"}, false}, {Client{KeyFile: "k"}, false},
		{Client{InsecureSkipVerify: true}, true}, {Client{InsecureSkipVerify: true, CAFile: "ca"}, false},
	} {
		if err := c.c.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
}

// TestFiles: what is wrong with the files is said with the setting and the path.
func TestFiles(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	_, other := ca.Sign("other", "127.0.0.1")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    Server
		want []string
	}{
		{Server{CertFile: "/nowhere/c.pem", KeyFile: key}, []string{"http.tls", "/nowhere/c.pem", "no such file"}},
		{Server{CertFile: cert, KeyFile: "/nowhere/k.pem"}, []string{"http.tls", "/nowhere/k.pem", "no such file"}},
		{Server{CertFile: cert, KeyFile: other}, []string{"http.tls: cert_file " + cert, "key_file " + other, "does not match"}},
		{Server{CertFile: text, KeyFile: key}, []string{"cert_file " + text}},
		{Server{CertFile: cert, KeyFile: key, ClientCAFile: text}, []string{"http.tls: client_ca_file: " + text + " has no certificate in PEM"}},
	} {
		_, err := c.s.Config("http.tls", nil, slog.New(slog.DiscardHandler))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: got %v, want %q in it", c.s, err, want)
			}
		}
	}
	for _, c := range []Client{{CAFile: text}, {CAFile: "/nowhere"}, {CertFile: cert, KeyFile: other}} {
		if _, err := c.Dialer("agent.tls", slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "agent.tls: ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// handshake lets a client meet a listener, and gives what each of the two says. That a client's certificate is refused
// reaches it, in TLS 1.3, with the first reading.
func handshake(t *testing.T, s Server, c Client) (server, client error) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	cfg, err := s.Config("http.tls", []string{"http/1.1"}, log)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Dialer("agent.tls", log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			said <- err
			return
		}
		defer conn.Close()
		secure := tls.Server(conn, cfg)
		if err := secure.Handshake(); err != nil {
			said <- err
			return
		}
		_, err = secure.Write([]byte("x"))
		said <- err
	}()
	conn, client := d.DialTLS(t.Context(), "tcp", l.Addr().String())
	if client == nil {
		_, client = conn.Read(make([]byte, 1))
		conn.Close()
	}
	return <-said, client
}

func TestHandshake(t *testing.T) {
	ca, foreign := certificatetest.New(t, "ca"), certificatetest.New(t, "foreign")
	cert, key := ca.Sign("server", "127.0.0.1", "collector")
	mine, mineKey := ca.Sign("client")
	theirs, theirsKey := foreign.Sign("client")
	plain, mutual := Server{CertFile: cert, KeyFile: key}, Server{CertFile: cert, KeyFile: key, ClientCAFile: ca.File, MinVersion: "1.3"}
	for _, c := range []struct {
		about string
		s     Server
		c     Client
		ok    bool
	}{
		{"trusted", plain, Client{CAFile: ca.File}, true},
		{"trusted by another name", plain, Client{CAFile: ca.File, ServerName: "collector"}, true},
		{"a name that is not its own", plain, Client{CAFile: ca.File, ServerName: "payment"}, false},
		{"not trusted", plain, Client{CAFile: foreign.File}, false},
		{"not trusted by the system", plain, Client{}, false},
		{"not looked at", plain, Client{InsecureSkipVerify: true}, true},
		{"both show a certificate", mutual, Client{CAFile: ca.File, CertFile: mine, KeyFile: mineKey}, true},
		{"the client shows none", mutual, Client{CAFile: ca.File}, false},
		{"the client shows one of another authority", mutual, Client{CAFile: ca.File, CertFile: theirs, KeyFile: theirsKey}, false},
	} {
		server, client := handshake(t, c.s, c.c)
		if (server == nil && client == nil) != c.ok || (client == nil) != c.ok {
			t.Errorf("%s: the server says %v, the client %v", c.about, server, client)
		}
	}
}
