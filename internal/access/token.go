package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/twinspan/twinspan/internal/tenant"
)

// Role is what a token may be used for.
type Role string

// The roles.
const (
	// Read asks: every API, and so the console.
	Read Role = "read"
	// Write sends spans.
	Write Role = "write"
	// Operate looks at the process: metrics and profiles.
	Operate Role = "operate"
)

var allRoles = []Role{Read, Write, Operate}

// anyTenant in a token's list stands for all.
const anyTenant = "*"

// identity is who shows a token.
type identity struct {
	name  string
	roles []Role
	// tenants are those it may be, the first one unless it names another; nil is all.
	tenants []string
}

func (i *identity) may(name string) bool { return i.tenants == nil || slices.Contains(i.tenants, name) }

// anyone is who needs no token.
var anyone = &identity{name: "anyone", roles: allRoles}

// digest is what is kept of a token: who reads memory or the file of a configuration that has digests cannot use it.
type digest [sha256.Size]byte

// tokens are those of a file, by digest.
type tokens map[digest]*identity

// find gives who has the token, nil for nobody. The time it takes tells nothing about the tokens there are: what is looked
// up is a digest, and who sends a token cannot choose a part of its digest.
func (t tokens) find(token string) *identity { return t[sha256.Sum256([]byte(token))] }

// tokenFile is the file's form.
type tokenFile struct {
	Tokens []struct {
		Name    string   `yaml:"name"`
		Token   string   `yaml:"token"`
		SHA256  string   `yaml:"sha256"`
		Roles   []Role   `yaml:"roles"`
		Tenants []string `yaml:"tenants"`
	} `yaml:"tokens"`
}

const (
	// minToken is the least length of a token in bytes: shorter ones can be guessed.
	minToken = 16
	// maxTokens bounds a file.
	maxTokens = 10_000
)

// readTokens reads a file and reports everything that is wrong in it. No message has a token in it.
func readTokens(path string) (tokens, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var f tokenFile
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		// The library's message may have a line of the file in it.
		return nil, fmt.Errorf("%s is not understood: want a list \"tokens\" of groups with name, token or sha256, roles, tenants", path)
	}
	if len(f.Tokens) == 0 || len(f.Tokens) > maxTokens {
		return nil, fmt.Errorf("%s has %d tokens, want 1 to %d", path, len(f.Tokens), maxTokens)
	}
	all := make(tokens)
	var errs []error
	for i := range f.Tokens {
		one := &f.Tokens[i]
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s: tokens[%d] (%q): %s", path, i, one.Name, fmt.Sprintf(format, args...)))
		}
		who := &identity{name: one.Name, roles: one.Roles, tenants: one.Tenants}
		if one.Name == "" {
			fail("it has no name: the log tells by it whose token was refused")
		}
		var sum digest
		switch raw, err := hex.DecodeString(one.SHA256); {
		case (one.Token == "") == (one.SHA256 == ""):
			fail("give either token or sha256")
		case one.Token != "" && len(one.Token) < minToken:
			fail("the token is shorter than %d bytes: it can be guessed", minToken)
		case one.Token != "":
			sum = sha256.Sum256([]byte(one.Token))
		case err != nil || len(raw) != len(sum):
			fail("sha256 is not the 64 hex digits of a SHA-256")
		default:
			copy(sum[:], raw)
		}
		if other := all[sum]; other != nil {
			fail("it is the token of %q, too", other.name)
		}
		if len(one.Roles) == 0 {
			fail("it has no roles: give some of %v", allRoles)
		}
		for _, r := range one.Roles {
			if !slices.Contains(allRoles, r) {
				fail("the role %q is unknown: give some of %v", r, allRoles)
			}
		}
		switch {
		case len(one.Tenants) == 0:
			who.tenants = []string{tenant.Default}
		case slices.Contains(one.Tenants, anyTenant):
			who.tenants = nil
		default:
			for _, name := range one.Tenants {
				if err := tenant.Check(name); err != nil {
					fail("tenants: %v", err)
				}
			}
		}
		all[sum] = who
	}
	return all, errors.Join(errs...)
}
