// Package api embeds the description of the HTTP API, so that the server can serve it and tests can hold it against the
// handlers. It holds no code.
package api

import _ "embed"

// OpenAPI is openapi.yaml, an OpenAPI 3.1 document.
//
//go:embed openapi.yaml
var OpenAPI []byte
