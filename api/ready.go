package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

// Part is one thing that must work before the server is ready. Check MUST return within its context.
type Part struct {
	Name  string
	Check func(context.Context) error // nil: ready
}

const (
	readyTime  = 2 * time.Second // for all parts together: probes give up after a few seconds
	readyAge   = time.Second     // how long an answer is good for
	watchEvery = 5 * time.Second // between two checks for a client that watches health
)

// partState is one line of /readyz.
type partState struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"`
}

// readiness asks the parts, for everyone who wants to know: probes need no key, so that asking often
// must not cost the log and the engine anything.
type readiness struct {
	parts []Part
	now   func() time.Time

	mu     sync.Mutex // held while the parts are asked; guards everything below
	asked  time.Time
	states []partState
	ok     bool
}

func newReadiness(parts []Part) *readiness { return &readiness{parts: parts, now: time.Now} }

// check returns the state of every part, no older than readyAge. The caller must not change it.
func (r *readiness) check(ctx context.Context) (states []partState, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked.IsZero() || r.now().Sub(r.asked) >= readyAge {
		// The answer is also for others than this caller, who may be gone before it is there.
		r.states, r.ok = checkParts(context.WithoutCancel(ctx), r.parts)
		r.asked = r.now()
	}
	return r.states, r.ok
}

// checkParts asks every part at the same time.
func checkParts(ctx context.Context, parts []Part) (states []partState, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	states, ok = make([]partState, len(parts)), true
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() {
			states[i] = partState{Name: p.Name, OK: true}
			if err := p.Check(ctx); err != nil {
				states[i].OK, states[i].Message = false, err.Error()
			}
		})
	}
	wg.Wait()
	for _, s := range states {
		ok = ok && s.OK
	}
	return states, ok
}

// serveReady is /readyz: {"ok", "parts": [{"name", "ok", "message"}]}, 503 when a part is not ready.
// Messages may name paths and hosts of ours: they are for those who may read.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	answerReady(w, r, s.guard, s.ready)
}

func answerReady(w http.ResponseWriter, r *http.Request, guard *auth.Guard, ready *readiness) {
	states, ok := ready.check(r.Context())
	if _, err := guard.Authorize(r.Header.Get, auth.ScopeRead); err != nil {
		states = slices.Clone(states)
		for i := range states {
			states[i].Message = ""
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct { // the client is gone when this fails
		OK    bool        `json:"ok"`
		Parts []partState `json:"parts"`
	}{ok, states})
}

// Probes serves /healthz, /readyz and /metrics alone, for a process that has no API to serve.
func Probes(guard *auth.Guard, parts []Part, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	ready := newReadiness(parts)
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answerReady(w, r, guard, ready) })
	exposed := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})
	refuse := func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusForbidden)
	}
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if _, err := guard.AuthorizeAll(r.Header.Get, auth.ScopeRead); err != nil {
			code := http.StatusUnauthorized
			if errors.Is(err, auth.ErrForbidden) {
				code = http.StatusForbidden
			}
			http.Error(w, "/metrics needs an admin key, or a read key of all projects", code)
			return
		}
		exposed.ServeHTTP(w, r)
	})
	return guard.Protect(mux, refuse)
}

func serveHealth(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }

// healthService is grpc.health.v1 over the same parts; the service "" is the whole server.
type healthService struct {
	grpc_health_v1.UnimplementedHealthServer
	ready *readiness
}

func (h *healthService) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if r.GetService() != "" {
		return nil, status.Error(codes.NotFound, "only the whole server, named \"\", has a health")
	}
	st := grpc_health_v1.HealthCheckResponse_SERVING
	if _, ok := h.ready.check(ctx); !ok {
		st = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	return &grpc_health_v1.HealthCheckResponse{Status: st}, nil
}

func (h *healthService) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	last := grpc_health_v1.HealthCheckResponse_UNKNOWN
	for {
		now, err := h.Check(stream.Context(), r)
		if err != nil {
			return err
		}
		if now.GetStatus() != last {
			last = now.GetStatus()
			if err := stream.Send(now); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-ticker.C:
		}
	}
}
