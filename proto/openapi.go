// Package proto is the API contract: the .proto files below tiltmeter/, and under gen/ what is
// made of them (Go messages, gRPC, the REST gateway, OpenAPI).
//
// gen/ is never edited: `make generate` writes it, and a test fails when it is stale.
// It knows no server and no store.
package proto

import _ "embed"

// OpenAPI is the REST API as an OpenAPI 3.1 document in JSON.
//
//go:embed gen/openapi.json
var OpenAPI []byte
