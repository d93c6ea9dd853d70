package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnauthenticated is the class of a request without a valid key, ErrForbidden of one whose key
// does not allow what it wants. Any other error means that the keys could not be read.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
)

// Principal is who asks.
type Principal struct {
	KeyID   string // empty when no key was needed and none was shown
	Scope   Scope
	Project string // or AllProjects
}

// anyone is who asks where no key is needed.
var anyone = Principal{Scope: ScopeAdmin, Project: AllProjects}

// For returns the project that a request means which names this one: an empty name means the
// key's own project, or DefaultProject for a key of all projects.
func (p Principal) For(project string) (string, error) {
	if project == "" {
		if p.Project == AllProjects || p.Project == "" {
			return DefaultProject, nil
		}
		return p.Project, nil
	}
	if err := CheckProject(project); err != nil {
		return "", err
	}
	if p.Project != AllProjects && p.Project != project {
		return "", fmt.Errorf("%w: the key belongs to another project than %q", ErrForbidden, project)
	}
	return project, nil
}

// May reports whether the principal may do what needs the scope.
func (p Principal) May(needed Scope) bool { return p.Scope.Allows(needed) }

type principalKey struct{}

// WithPrincipal returns a context that carries the principal.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the principal of a request. Without one nothing is allowed.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Options is what a Guard needs.
type Options struct {
	Keys *Keys
	// Required is what Check said. Without it requests need no key, and their host is checked instead.
	Required bool
	// AllowedHosts are names of this server besides localhost, without port, by which it may be
	// reached while keys are not required.
	AllowedHosts []string
	Logger       *slog.Logger
	Registerer   prometheus.Registerer
}

// Guard authenticates requests of every port. It is safe for concurrent use.
type Guard struct {
	keys     *Keys
	required bool
	hosts    map[string]bool
	sessions *sessions
	log      *slog.Logger
	refused  *prometheus.CounterVec
}

// NewGuard makes a guard. Logger and Registerer may be nil.
func NewGuard(o Options) *Guard {
	g := &Guard{
		keys: o.Keys, required: o.Required, hosts: map[string]bool{}, sessions: newSessions(),
		log: o.Logger,
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiltmeter_auth_refused_total",
			Help: "Requests that were refused before anything was done, by reason.",
		}, []string{"reason"}),
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(g.refused)
	}
	for _, h := range o.AllowedHosts {
		g.hosts[strings.ToLower(h)] = true
	}
	return g
}

// Required reports whether requests need a key.
func (g *Guard) Required() bool { return g.required }

// Authenticate finds out who asks. header returns the first value of a header or of gRPC metadata.
// Keys are taken from "Authorization: Bearer <key>", from "Authorization: Basic" with the key as
// password (or as user name), from "x-api-key", and from the session cookie of the page.
func (g *Guard) Authenticate(header func(name string) string) (Principal, error) {
	secret := credential(header)
	if secret == "" {
		if id, ok := g.sessions.verify(header("cookie")); ok {
			return g.session(id)
		}
	}
	if !g.required && !looksLikeKey(secret) {
		return anyone, nil // an exporter may carry the credentials of whatever it sent to before
	}
	if secret == "" {
		return Principal{}, g.refuse("missing", "no key was sent: send one as \"authorization: Bearer <key>\"")
	}
	if !wellFormed(secret) {
		return Principal{}, g.refuse("malformed", "the key is not whole: was it cut while copying?")
	}
	key, ok, err := g.keys.lookup(secret)
	if err != nil {
		g.log.Error("keys cannot be read", "error", err)
		return Principal{}, err
	}
	if !ok {
		return Principal{}, g.refuse("unknown", "the key is not known here, or was revoked")
	}
	return Principal{KeyID: key.ID, Scope: key.Scope, Project: key.Project}, nil
}

// Authorize is Authenticate, and refuses who lacks the scope.
func (g *Guard) Authorize(header func(name string) string, needed Scope) (Principal, error) {
	p, err := g.Authenticate(header)
	if err != nil {
		return Principal{}, err
	}
	if !p.May(needed) {
		g.refused.WithLabelValues("scope").Inc()
		return Principal{}, fmt.Errorf("%w: this needs a key with the scope %s, and the key has %s", ErrForbidden, needed, p.Scope)
	}
	return p, nil
}

// AuthorizeAll is Authorize, and refuses a key of one project: what is asked for is about all of them.
func (g *Guard) AuthorizeAll(header func(name string) string, needed Scope) (Principal, error) {
	p, err := g.Authorize(header, needed)
	if err == nil && p.Project != AllProjects {
		g.refused.WithLabelValues("project").Inc()
		return Principal{}, fmt.Errorf("%w: this is about all projects, and needs a key of all: an admin key, or a read key of the project *", ErrForbidden)
	}
	return p, err
}

// Ingest is what a receiver asks: may this request be taken, and whose is it?
func (g *Guard) Ingest(_ context.Context, header func(name string) string) (project string, err error) {
	p, err := g.Authorize(header, ScopeIngest)
	if err != nil {
		return "", err
	}
	return p.For("")
}

func (g *Guard) session(keyID string) (Principal, error) {
	key, ok, err := g.keys.byID(keyID)
	if err != nil {
		g.log.Error("keys cannot be read", "error", err)
		return Principal{}, err
	}
	if !ok {
		return Principal{}, g.refuse("unknown", "the key of this session was revoked")
	}
	return Principal{KeyID: key.ID, Scope: key.Scope, Project: key.Project}, nil
}

func (g *Guard) refuse(reason, text string) error {
	g.refused.WithLabelValues(reason).Inc()
	return fmt.Errorf("%w: %s", ErrUnauthenticated, text)
}

// credential returns what the request shows as its key, or "".
func credential(header func(string) string) string {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header("authorization")), " ")
	value = strings.TrimSpace(value)
	switch strings.ToLower(scheme) {
	case "bearer":
		return value
	case "basic":
		return basicKey(value)
	}
	if looksLikeKey(scheme) && value == "" {
		return scheme // the bare key, which several exporters make of a header setting
	}
	return strings.TrimSpace(header("x-api-key"))
}

// basicKey takes the key out of Basic credentials: exporters that know a public and a secret key
// send them as user and password (RFC 7617).
func basicKey(encoded string) string {
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	user, password, _ := strings.Cut(string(b), ":")
	if !looksLikeKey(password) && looksLikeKey(user) {
		return user
	}
	return password
}
