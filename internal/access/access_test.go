package access

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/twinspan/twinspan/internal/tenant"
)

const (
	sender = "sender-token-0123456789"
	reader = "reader-token-0123456789"
	admin  = "admin-token-0123456789"
	one    = "one-tenant-0123456789"
)

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

var file = `
tokens:
  - {name: senders, token: ` + sender + `, roles: [write], tenants: [b, a]}
  - {name: grafana, sha256: ` + hash(reader) + `, roles: [read], tenants: ["*"]}
  - {name: admins, token: ` + admin + `, roles: [read, write, operate], tenants: ["*"]}
  - {name: one, token: ` + one + `, roles: [read]}
`

func guard(t *testing.T, path string, tenancy Tenancy, known ...string) *Guard {
	t.Helper()
	g, err := New(Config{TokensFile: path}, tenancy, known, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestDecide holds HTTP and gRPC to the same decisions.
func TestDecide(t *testing.T) {
	path := fileOf(t, file)
	strict := DefaultTenancy()
	strict.Required = true
	tenants := []string{"a", "b", "default"}
	open, locked := guard(t, "", DefaultTenancy(), tenants...), guard(t, path, DefaultTenancy(), tenants...)
	alone, lockedAlone := guard(t, "", DefaultTenancy()), guard(t, path, DefaultTenancy())
	elsewhere := guard(t, path, DefaultTenancy())
	elsewhere.Elsewhere()
	for _, c := range []struct {
		about  string
		g      *Guard
		role   Role
		tokens []string
		names  []string
		tenant string // of a request that is let in
		status int
		code   codes.Code
	}{
		{"no tokens, no tenants", alone, Read, nil, nil, "default", 200, 0},
		{"no tenants: what is named does not matter", alone, Write, nil, []string{"a"}, "default", 200, 0},
		{"no tokens", open, Read, nil, nil, "default", 200, 0},
		{"no tokens, a tenant", open, Read, nil, []string{"a"}, "a", 200, 0},
		{"no tokens, one shown", open, Read, []string{"Bearer x"}, []string{"a"}, "a", 200, 0},
		{"unknown tenant", open, Read, nil, []string{"c"}, "", 400, codes.InvalidArgument},
		{"a path for a name", open, Read, nil, []string{"../a"}, "", 400, codes.InvalidArgument},
		{"two tenants", open, Read, nil, []string{"a|b"}, "", 400, codes.InvalidArgument},
		{"two headers", open, Read, nil, []string{"a", "b"}, "", 400, codes.InvalidArgument},
		{"empty header", open, Read, nil, []string{""}, "default", 200, 0},
		{"a tenant is required", guard(t, "", strict, tenants...), Read, nil, nil, "", 400, codes.InvalidArgument},
		{"required, and the token has some", guard(t, path, strict, tenants...), Write, []string{"Bearer " + sender}, nil, "b", 200, 0},
		{"required, and the token has all", guard(t, path, strict, tenants...), Write, []string{"Bearer " + admin}, nil, "", 400, codes.InvalidArgument},

		{"no token", locked, Read, nil, nil, "", 401, codes.Unauthenticated},
		{"another scheme", locked, Read, []string{"Basic " + reader}, nil, "", 401, codes.Unauthenticated},
		{"empty token", locked, Read, []string{"Bearer "}, nil, "", 401, codes.Unauthenticated},
		{"wrong token", locked, Read, []string{"Bearer " + reader + "x"}, nil, "", 401, codes.Unauthenticated},
		{"two tokens", locked, Read, []string{"Bearer " + reader, "Bearer " + admin}, nil, "", 401, codes.Unauthenticated},
		{"the digest is no token", locked, Read, []string{"Bearer " + hash(reader)}, nil, "", 401, codes.Unauthenticated},
		{"the scheme in small letters", locked, Read, []string{"bearer " + reader}, nil, "default", 200, 0},
		{"reader sends", locked, Write, []string{"Bearer " + reader}, nil, "", 403, codes.PermissionDenied},
		{"sender reads", locked, Read, []string{"Bearer " + sender}, nil, "", 403, codes.PermissionDenied},
		{"reader operates", locked, Operate, []string{"Bearer " + reader}, nil, "", 403, codes.PermissionDenied},
		{"admin operates", locked, Operate, []string{"Bearer " + admin}, []string{"nobody"}, "default", 200, 0},
		{"the token's first tenant", locked, Write, []string{"Bearer " + sender}, nil, "b", 200, 0},
		{"the token's other tenant", locked, Write, []string{"Bearer " + sender}, []string{"a"}, "a", 200, 0},
		{"not the token's tenant", locked, Write, []string{"Bearer " + sender}, []string{"default"}, "", 403, codes.PermissionDenied},
		{"not the token's, and not there either", locked, Write, []string{"Bearer " + sender}, []string{"c"}, "", 403, codes.PermissionDenied},
		{"a token without tenants", locked, Read, []string{"Bearer " + one}, nil, "default", 200, 0},
		{"a token without tenants is for one", locked, Read, []string{"Bearer " + one}, []string{"a"}, "", 403, codes.PermissionDenied},
		{"a token for all, unknown tenant", locked, Read, []string{"Bearer " + reader}, []string{"c"}, "", 400, codes.InvalidArgument},
		{"no tenants, a token of others", lockedAlone, Write, []string{"Bearer " + sender}, nil, "", 403, codes.PermissionDenied},
		{"no tenants, a token for all", lockedAlone, Read, []string{"Bearer " + reader}, []string{"a"}, "default", 200, 0},
		{"elsewhere, any name", elsewhere, Read, []string{"Bearer " + reader}, []string{"c"}, "c", 200, 0},
		{"elsewhere, not the token's", elsewhere, Read, []string{"Bearer " + one}, []string{"c"}, "", 403, codes.PermissionDenied},
	} {
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		for _, v := range c.tokens {
			r.Header.Add("Authorization", v)
		}
		for _, v := range c.names {
			r.Header.Add("X-Scope-OrgID", v)
		}
		got, w := "", httptest.NewRecorder()
		c.g.HTTP(c.role, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = tenant.Of(r.Context()) }), nil).ServeHTTP(w, r)
		if w.Code != c.status || got != c.tenant {
			t.Errorf("%s: HTTP gives %d and tenant %q, want %d and %q: %s", c.about, w.Code, got, c.status, c.tenant, w.Body)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", c.about, challenge)
		}
		md := metadata.MD{"authorization": c.tokens, "x-scope-orgid": c.names}
		ctx, err := c.g.GRPC(c.role)(t.Context(), &tap.Info{FullMethodName: "/s/m", Header: md})
		if status.Code(err) != c.code || err == nil && tenant.Of(ctx) != c.tenant {
			t.Errorf("%s: gRPC gives %v and tenant %q, want %v and %q", c.about, err, tenant.Of(ctx), c.code, c.tenant)
		}
		for _, token := range []string{sender, reader, admin, one} {
			if strings.Contains(w.Body.String(), token) {
				t.Errorf("%s: the answer has the token: %s", c.about, w.Body)
			}
		}
	}
}

// TestSkyWalking: the agents of SkyWalking have a header of their own for the token.
func TestSkyWalking(t *testing.T) {
	g := guard(t, fileOf(t, file), DefaultTenancy())
	for token, code := range map[string]codes.Code{admin: codes.OK, reader: codes.PermissionDenied, "x": codes.Unauthenticated} {
		_, err := g.GRPC(Write)(t.Context(), &tap.Info{Header: metadata.MD{"authentication": {token}}})
		if status.Code(err) != code {
			t.Errorf("%q: %v, want %v", token, err, code)
		}
	}
}

// TestOthers: a sender is told of the tenants that it may be, and of no others.
func TestOthers(t *testing.T) {
	g := guard(t, fileOf(t, file), DefaultTenancy(), "a", "b", "c", "default")
	for token, want := range map[string][]string{admin: {"a", "b", "c", "default"}, sender: {"b", "a"}} {
		choice, refusal := g.decide(Write, []string{"Bearer " + token}, nil)
		if refusal != nil || !slices.Equal(choice.Others, want) || choice.Header != "X-Scope-OrgID" {
			t.Errorf("%s: %+v, %+v, want %v", token, choice, refusal, want)
		}
	}
}

func TestTokensFile(t *testing.T) {
	for _, c := range []struct{ about, text, want string }{
		{"empty", "", "has 0 tokens"},
		{"no YAML", "tokens: [{name: a", "is not understood"},
		{"unknown key", "tokens: [{name: a, secret: 0123456789abcdef0}]", "is not understood"},
		{"no name", "tokens: [{token: 0123456789abcdef0, roles: [read]}]", "it has no name"},
		{"no token", "tokens: [{name: a, roles: [read]}]", `tokens[0] ("a"): give either token or sha256`},
		{"both", "tokens: [{name: a, token: 0123456789abcdef0, sha256: 00, roles: [read]}]", "give either"},
		{"short", "tokens: [{name: a, token: geheim, roles: [read]}]", "shorter than 16 bytes"},
		{"no digest", "tokens: [{name: a, sha256: 0123456789abcdef0, roles: [read]}]", "64 hex digits"},
		{"no role", "tokens: [{name: a, token: 0123456789abcdef0}]", "it has no roles"},
		{"unknown role", "tokens: [{name: a, token: 0123456789abcdef0, roles: [root]}]", `the role "root" is unknown`},
		{"bad tenant", "tokens: [{name: a, token: 0123456789abcdef0, roles: [read], tenants: [A]}]", `"A" is no name of a tenant`},
		{"twice", "tokens: [{name: a, token: 0123456789abcdef0, roles: [read]}, {name: b, token: 0123456789abcdef0, roles: [write]}]", `the token of "a", too`},
	} {
		path := fileOf(t, c.text)
		_, err := New(Config{TokensFile: path}, DefaultTenancy(), nil, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "auth.tokens_file: ") {
			t.Errorf("%s: got %v, want %q", c.about, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "0123456789abcdef0") || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("%s: the message has the token: %v", c.about, err)
		}
	}
	if _, err := New(Config{TokensFile: "/nowhere/tokens.yml"}, DefaultTenancy(), nil, slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), "auth.tokens_file: stat /nowhere/tokens.yml") {
		t.Errorf("a file that is missing gives %v", err)
	}
}

func TestTenancy(t *testing.T) {
	for header, ok := range map[string]bool{"X-Scope-OrgID": true, "Tenant": true, "": false, "X Scope": false, "X:Y": false} {
		c := Tenancy{Header: header}
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", header, err)
		}
	}
}
