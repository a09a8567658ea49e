// Package access says who may do what: bearer tokens with their roles and tenants, and the tenant that a request is for. It
// stands before the handlers of every listener, over HTTP and gRPC, and reads no bodies. Certificates are package
// certificate's.
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/reload"
	"github.com/twinspan/twinspan/internal/tenant"
)

// Config says whether tokens are asked for.
type Config struct {
	// TokensFile has the tokens; "" lets everyone do everything.
	TokensFile string `yaml:"tokens_file"`
}

// Tenancy says how a request names its tenant.
type Tenancy struct {
	// Header is the HTTP header, or gRPC metadata, that names the tenant.
	Header string `yaml:"header"`
	// Required refuses requests that name no tenant and have no token that does; otherwise they are the default tenant's.
	Required bool `yaml:"required"`
}

// DefaultTenancy takes the header that Grafana's Tempo, Mimir and Loki take.
func DefaultTenancy() Tenancy { return Tenancy{Header: "X-Scope-OrgID"} }

// Validate says which setting is wrong.
func (t *Tenancy) Validate() error {
	for i := range len(t.Header) {
		if c := t.Header[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fmt.Errorf("header is %q, want the name of an HTTP header: letters, digits and -", t.Header)
		}
	}
	if t.Header == "" {
		return errors.New("header is empty: want the name of an HTTP header")
	}
	return nil
}

// Guard decides on requests. It is safe for concurrent use.
type Guard struct {
	tokens  *reload.Value[tokens] // nil: everyone may do everything
	tenancy Tenancy
	// known are the tenants; nil: there is only the default one.
	known []string
	// elsewhere: tenants are known to who is asked on, not here.
	elsewhere bool
	log       *slog.Logger
	pace      ingest.Pace
	refused   *prometheus.CounterVec
}

// New makes a Guard for tenants that are configured, sorted, the default one among them; nil where there is only that.
func New(cfg Config, tenancy Tenancy, known []string, log *slog.Logger) (*Guard, error) {
	g := &Guard{tenancy: tenancy, known: known, log: log, refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "twinspan_access_refused_total", Help: "Requests refused before they were read, by reason.",
	}, []string{"reason"})}
	if cfg.TokensFile == "" {
		return g, nil
	}
	var err error
	g.tokens, err = reload.New("auth.tokens_file", []string{cfg.TokensFile}, func() (tokens, error) { return readTokens(cfg.TokensFile) }, log)
	return g, err
}

// Elsewhere lets requests name tenants that are not known here, because who is asked on knows them.
func (g *Guard) Elsewhere() { g.elsewhere = true }

// Register registers the metrics.
func (g *Guard) Register(r prometheus.Registerer) { r.MustRegister(g.refused) }

// On says whether tokens are asked for.
func (g *Guard) On() bool { return g.tokens != nil }

// Refusal is why a request is not let in, as HTTP and gRPC say it.
type Refusal struct {
	Status int
	Code   codes.Code
	// Word is the reason in one word: "unauthenticated", "forbidden" or "bad_request".
	Word string
	// Message says what to do.
	Message string
	reason  string // of the metrics
}

// The reasons of refusals.
const (
	reasonNoToken  = "no_token"
	reasonBadToken = "bad_token"
	reasonRole     = "role"
	reasonTenant   = "tenant"
	reasonUnknown  = "unknown_tenant"
)

func unauthenticated(reason, message string) *Refusal {
	return &Refusal{http.StatusUnauthorized, codes.Unauthenticated, "unauthenticated", message, reason}
}

func forbidden(reason, format string, args ...any) *Refusal {
	return &Refusal{http.StatusForbidden, codes.PermissionDenied, "forbidden", fmt.Sprintf(format, args...), reason}
}

func badTenant(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, codes.InvalidArgument, "bad_request", fmt.Sprintf(format, args...), reasonUnknown}
}

// know gives who sends a request with some Authorization headers, if the role is theirs.
func (g *Guard) know(role Role, authorization []string) (*identity, *Refusal) {
	if g.tokens == nil {
		return anyone, nil
	}
	token, ok := bearer(authorization)
	if !ok {
		return nil, unauthenticated(reasonNoToken, "a token is needed: send the header Authorization: Bearer TOKEN")
	}
	who := g.tokens.Get().find(token)
	if who == nil {
		return nil, unauthenticated(reasonBadToken, "the token is not known here")
	}
	if !slices.Contains(who.roles, role) {
		return nil, forbidden(reasonRole, "the token of %q has not the role %s", who.name, role)
	}
	return who, nil
}

// decide gives the tenant of a request with some Authorization headers and headers that name a tenant.
func (g *Guard) decide(role Role, authorization, names []string) (*tenant.Choice, *Refusal) {
	who, refusal := g.know(role, authorization)
	if refusal != nil {
		return nil, refusal
	}
	if role == Operate {
		return &tenant.Choice{Name: tenant.Default}, nil // it sees all
	}
	return g.choose(who, names)
}

// bearer gives the token of a request; several are as good as none.
func bearer(authorization []string) (string, bool) {
	if len(authorization) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

func (g *Guard) choose(who *identity, names []string) (*tenant.Choice, *Refusal) {
	if len(g.known) == 0 && !g.elsewhere {
		if !who.may(tenant.Default) {
			return nil, forbidden(reasonTenant, "the token of %q is for tenants %v, and there is only %q here", who.name, who.tenants, tenant.Default)
		}
		return &tenant.Choice{Name: tenant.Default, Unnamed: tenant.Default}, nil
	}
	c := g.choices(who)
	switch {
	case len(names) > 1 || len(names) == 1 && strings.ContainsAny(names[0], "|,"):
		return nil, badTenant("%s names several tenants: a request is for one", g.tenancy.Header)
	case len(names) == 1 && names[0] != "":
		c.Name = names[0]
	case c.Unnamed == "":
		return nil, badTenant("no tenant is named: send the header %s", g.tenancy.Header)
	default:
		c.Name = c.Unnamed
	}
	if err := tenant.Check(c.Name); err != nil {
		return nil, badTenant("%s: %v", g.tenancy.Header, err)
	}
	if !who.may(c.Name) {
		return nil, forbidden(reasonTenant, "the token of %q is not for the tenant %q", who.name, c.Name)
	}
	if !g.elsewhere && !slices.Contains(g.known, c.Name) {
		return nil, badTenant("there is no tenant %q here: see the setting tenants", c.Name)
	}
	return c, nil
}

// choices gives whom a sender may be, before one is chosen.
func (g *Guard) choices(who *identity) *tenant.Choice {
	c := &tenant.Choice{Header: g.tenancy.Header, Others: who.tenants}
	switch {
	case who.tenants != nil:
		c.Unnamed = who.tenants[0]
	case g.tenancy.Required:
		c.Others = g.known
	default:
		c.Others, c.Unnamed = g.known, tenant.Default
	}
	return c
}

// samplePace is how often a refusal is described in the log.
const samplePace = 10 * time.Second

func (g *Guard) note(ctx context.Context, r *Refusal, from, what string) {
	g.refused.WithLabelValues(r.reason).Inc()
	if g.pace.Allow(time.Now(), samplePace) {
		g.log.WarnContext(ctx, "a request is refused", "from", from, "request", what, "reason", r.Message)
	}
}

// Fail writes the answer to a request that is refused.
type Fail func(http.ResponseWriter, *http.Request, *Refusal)

// HTTP lets requests through to next whose sender has a role, with their tenant in the context. fail answers others; nil
// does it with text.
func (g *Guard) HTTP(role Role, next http.Handler, fail Fail) http.Handler {
	return g.http(next, fail, func(r *http.Request) (*tenant.Choice, *Refusal) {
		return g.decide(role, r.Header.Values("Authorization"), r.Header.Values(g.tenancy.Header))
	})
}

// Choices is HTTP for what tells a sender whom it may name, whatever the request names. The tenant in the context is the
// default one, whether it may be that or not: next must not answer from its data.
func (g *Guard) Choices(role Role, next http.Handler, fail Fail) http.Handler {
	return g.http(next, fail, func(r *http.Request) (*tenant.Choice, *Refusal) {
		who, refusal := g.know(role, r.Header.Values("Authorization"))
		if refusal != nil {
			return nil, refusal
		}
		if len(g.known) == 0 && !g.elsewhere {
			return &tenant.Choice{Name: tenant.Default, Unnamed: tenant.Default}, nil
		}
		c := g.choices(who)
		c.Name = tenant.Default
		return c, nil
	})
}

func (g *Guard) http(next http.Handler, fail Fail, decide func(*http.Request) (*tenant.Choice, *Refusal)) http.Handler {
	if fail == nil {
		fail = func(w http.ResponseWriter, _ *http.Request, r *Refusal) { http.Error(w, r.Message, r.Status) }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, refusal := decide(r)
		if refusal != nil {
			g.note(r.Context(), refusal, r.RemoteAddr, r.Method+" "+r.URL.Path)
			if refusal.Status == http.StatusUnauthorized {
				challenge := `Bearer realm="twinspan"`
				if refusal.reason == reasonBadToken {
					challenge += `, error="invalid_token"` // RFC 6750, section 3.1
				}
				w.Header().Set("WWW-Authenticate", challenge)
			}
			fail(w, r, refusal)
			return
		}
		next.ServeHTTP(w, r.WithContext(tenant.WithChoice(r.Context(), c)))
	})
}

// GRPC is for grpc.InTapHandle: it refuses calls before a message of theirs is read.
func (g *Guard) GRPC(role Role) tap.ServerInHandle {
	header := strings.ToLower(g.tenancy.Header)
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		authorization := info.Header.Get("authorization")
		if alone := info.Header.Get("authentication"); len(authorization) == 0 && len(alone) == 1 {
			authorization = []string{"Bearer " + alone[0]} // SkyWalking's agents have this place for a token
		}
		c, refusal := g.decide(role, authorization, info.Header.Get(header))
		if refusal != nil {
			from := ""
			if p, ok := peer.FromContext(ctx); ok {
				from = p.Addr.String()
			}
			g.note(ctx, refusal, from, info.FullMethodName)
			return ctx, status.Error(refusal.Code, refusal.Message)
		}
		return tenant.WithChoice(ctx, c), nil
	}
}
