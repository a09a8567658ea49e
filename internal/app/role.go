package app

import (
	"fmt"
	"strings"
)

// Role is what a process does.
type Role string

// role says which modules a role runs. A role is a row here and nowhere else.
type role struct {
	name Role
	// about stands in the help text.
	about string
	// collect: receivers, durable log, pairing, span store, API. console: the web console. agent: the log agent. remote:
	// the API is another process's.
	collect, console, agent, remote bool
}

var roles = []role{
	{name: "all", about: "everything in one process (default)", collect: true, console: true, agent: true},
	{name: "agent", about: "reads SOFATracer and Twinspan logs of this host and sends them to a collector", agent: true},
	{name: "collector", about: "receives, pairs and stores spans; serves the API", collect: true},
	{name: "query", about: "serves the console and the API of a collector (query.collector)", console: true, remote: true},
}

// parseRole reads a role's name.
func parseRole(name string) (Role, error) {
	var names []string
	for _, r := range roles {
		if string(r.name) == name {
			return r.name, nil
		}
		names = append(names, string(r.name))
	}
	return "", fmt.Errorf("role %q is unknown: use one of %s", name, strings.Join(names, ", "))
}

func (n Role) row() role {
	for _, r := range roles {
		if r.name == n {
			return r
		}
	}
	panic("app: role " + string(n) + " is not in the table")
}

// rolesHelp lists the roles, a line each, for a help text.
func rolesHelp() string {
	var b strings.Builder
	for _, r := range roles {
		fmt.Fprintf(&b, "  %-10s %s\n", r.name, r.about)
	}
	return b.String()
}
