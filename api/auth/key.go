// Package auth decides who may do what: keys with a scope, bound to a project, sessions of the
// web page made from such a key, and the rule when keys are needed at all.
//
// It promises that a key is stored as a hash only, that a revoked key and its sessions end with
// the next request, and that a server which others can reach does not run without keys.
// Without keys a request must name a host of this machine, so that a web page that is somewhere
// else cannot read what is here by rebinding a name.
//
// It does not know traces, nor what a request wants beyond its scope and project.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// Scope says what a key allows.
type Scope string

// The scopes. Admin holds the other two.
const (
	ScopeIngest Scope = "ingest" // send spans and logs
	ScopeRead   Scope = "read"   // read what is stored
	ScopeAdmin  Scope = "admin"  // everything, replaying dead letters included
)

// Scopes lists every scope, for help texts.
func Scopes() []Scope { return []Scope{ScopeIngest, ScopeRead, ScopeAdmin} }

// ParseScope reads the name of a scope.
func ParseScope(s string) (Scope, error) {
	switch sc := Scope(s); sc {
	case ScopeIngest, ScopeRead, ScopeAdmin:
		return sc, nil
	}
	return "", fmt.Errorf("parse scope %q: want ingest, read or admin", s)
}

// Allows reports whether a key of this scope may do what needs the other.
func (s Scope) Allows(needed Scope) bool { return s == needed || s == ScopeAdmin }

// AllProjects in Key.Project stands for every project. A key that ingests names one project.
const AllProjects = "*"

// DefaultProject owns what no key assigns to another project.
const DefaultProject = "default"

// Key is one key as it is stored: without its secret.
type Key struct {
	ID        string    `json:"id"` // the first 12 characters of SHA256; names the key in lists and logs
	Name      string    `json:"name,omitempty"`
	Scope     Scope     `json:"scope"`
	Project   string    `json:"project"` // or AllProjects
	SHA256    string    `json:"sha256"`  // of the whole secret, hexadecimal
	CreatedAt time.Time `json:"created_at"`
}

// A secret reads tm_<scope>_<32 characters of base32><8 of hexadecimal>: 160 random bits and the
// CRC-32 of all before it, so that a scanner finds leaked keys without asking us, and a key that
// was cut while copying is told from one that was revoked.
const (
	secretPrefix  = "tm_"
	randomBytes   = 20
	randomChars   = 32
	checksumChars = 8
	idChars       = 12
)

// SecretPattern is the regular expression of a key, for secret scanners.
const SecretPattern = `tm_(ingest|read|admin)_[a-z2-7]{32}[0-9a-f]{8}` //nolint:gosec // what keys look like, none of them

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret makes the secret of a key.
func newSecret(scope Scope) string {
	var random [randomBytes]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the process instead
	body := secretPrefix + string(scope) + "_" + lowerBase32.EncodeToString(random[:])
	return body + checksum(body)
}

func checksum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// looksLikeKey reports whether someone meant this to be one of our keys, whole or not.
func looksLikeKey(s string) bool { return strings.HasPrefix(s, secretPrefix) }

// wellFormed reports whether the secret has the form of a key and its checksum is right.
func wellFormed(secret string) bool {
	rest, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return false
	}
	scope, random, ok := strings.Cut(rest, "_")
	if !ok || len(random) != randomChars+checksumChars {
		return false
	}
	if _, err := ParseScope(scope); err != nil {
		return false
	}
	body := secret[:len(secret)-checksumChars]
	return checksum(body) == secret[len(body):]
}

func hashSecret(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

func hashHex(h [sha256.Size]byte) string { return hex.EncodeToString(h[:]) }

// maxProjectChars bounds a project's name: it is a column of every row and a label of metrics.
const maxProjectChars = 64

// CheckProject says what is wrong with the name of a project: 1 to 64 letters, digits, '.', '_' or '-'.
func CheckProject(name string) error {
	if name == "" || len(name) > maxProjectChars {
		return fmt.Errorf("check project %q: want 1 to %d characters, got %d", name, maxProjectChars, len(name))
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("check project %q: want letters, digits, '.', '_' and '-' only", name)
		}
	}
	return nil
}
