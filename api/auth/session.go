package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// SessionPath is where the page trades a key for a session: POST {"key": "tm_read_…"} sets the
// cookie, DELETE removes it, GET says {"required": bool, "authenticated": bool, "scope", "project"}.
const SessionPath = "/v1/session"

const (
	cookieName = "tiltmeter_session"
	// sessionTime is how long a session holds: a working week, so that people type keys on Mondays.
	sessionTime = 5 * 24 * time.Hour
	// maxLoginBytes bounds the body of a login; a key has fewer than 64 characters.
	maxLoginBytes = 4 << 10
)

// sessions signs cookies with a secret of this process: nothing is stored, revoking the key ends
// the session, and so does a restart.
type sessions struct {
	secret [32]byte
	now    func() time.Time
}

func newSessions() *sessions {
	s := &sessions{now: time.Now}
	_, _ = rand.Read(s.secret[:]) // never fails: it ends the process instead
	return s
}

// issue returns the value of a cookie for the key: id.expiry.signature.
func (s *sessions) issue(keyID string) string {
	body := keyID + "." + strconv.FormatInt(s.now().Add(sessionTime).Unix(), 10)
	return body + "." + s.sign(body)
}

func (s *sessions) sign(body string) string {
	m := hmac.New(sha256.New, s.secret[:])
	m.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// verify finds a valid session in a Cookie header and returns the id of its key.
func (s *sessions) verify(header string) (keyID string, ok bool) {
	if header == "" {
		return "", false
	}
	cookies, err := http.ParseCookie(header)
	if err != nil {
		return "", false
	}
	for _, c := range cookies {
		if c.Name != cookieName {
			continue
		}
		i := strings.LastIndexByte(c.Value, '.')
		if i < 0 || !hmac.Equal([]byte(s.sign(c.Value[:i])), []byte(c.Value[i+1:])) {
			continue
		}
		id, expiry, _ := strings.Cut(c.Value[:i], ".")
		if at, err := strconv.ParseInt(expiry, 10, 64); err == nil && s.now().Unix() < at {
			return id, true
		}
	}
	return "", false
}

// sessionState is the answer of SessionPath.
type sessionState struct {
	Required      bool   `json:"required"`
	Authenticated bool   `json:"authenticated"`
	Scope         Scope  `json:"scope,omitempty"`
	Project       string `json:"project,omitempty"`
}

// SessionHandler serves SessionPath. refuse writes an error the way the rest of the API does.
func (g *Guard) SessionHandler(refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+SessionPath, func(w http.ResponseWriter, r *http.Request) {
		state := sessionState{Required: g.required}
		p, err := g.Authenticate(r.Header.Get)
		switch {
		case err == nil:
			state.Authenticated, state.Scope, state.Project = true, p.Scope, p.Project
		case !errors.Is(err, ErrUnauthenticated):
			refuse(w, r, err)
			return
		}
		writeState(w, state)
	})
	mux.HandleFunc("POST "+SessionPath, func(w http.ResponseWriter, r *http.Request) {
		var login struct {
			Key string `json:"key"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLoginBytes)).Decode(&login); err != nil {
			refuse(w, r, g.refuse("malformed", "the body must be {\"key\": \"tm_read_…\"}"))
			return
		}
		p, err := g.Authorize(bearer(login.Key), ScopeRead)
		if err != nil {
			refuse(w, r, err)
			return
		}
		if p.KeyID != "" {
			http.SetCookie(w, g.cookie(r, g.sessions.issue(p.KeyID), int(sessionTime.Seconds())))
		}
		writeState(w, sessionState{Required: g.required, Authenticated: true, Scope: p.Scope, Project: p.Project})
	})
	mux.HandleFunc("DELETE "+SessionPath, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, g.cookie(r, "", -1))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func bearer(key string) func(string) string {
	return func(name string) string {
		if name == "authorization" {
			return "Bearer " + strings.TrimSpace(key)
		}
		return ""
	}
}

func (g *Guard) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // over plain HTTP a browser would not send a secure cookie back
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

func writeState(w http.ResponseWriter, s sessionState) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s) // the client is gone when this fails
}
