package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/proto"
)

// handler is everything behind the port, outermost first: request id, log and recovery; origin;
// then gRPC, or compression and the paths of HTTP.
func (s *Server) handler(gateway http.Handler, d Deps) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(proto.OpenAPI)
	})
	if d.Gatherer != nil {
		// Its labels name every project.
		mux.Handle("GET /metrics", s.needAll(auth.ScopeRead, promhttp.HandlerFor(d.Gatherer, promhttp.HandlerOpts{
			DisableCompression: true, // done for all paths below
		})))
	}
	mux.Handle(auth.SessionPath, s.guard.SessionHandler(s.refuse))
	mux.Handle("/v1/", s.bounded(gateway))
	if d.Web != nil {
		mux.Handle("/", d.Web)
	}
	compressed := compress(mux)
	routed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isGRPC(r):
			s.grpc.ServeHTTP(w, r)
		case r.URL.Path == tailPath && r.Method == http.MethodGet: // no deadline, and nothing held back to compress it
			s.serveTail(w, r)
		default:
			compressed.ServeHTTP(w, r)
		}
	})
	return s.observed(s.guard.Protect(routed, s.refuse))
}

// minCompressBytes is the size from which compression saves more than it costs: one network packet.
const minCompressBytes = 1400

func compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(minCompressBytes),
		gzhttp.ContentTypes([]string{
			"application/json", "application/javascript", "text/javascript", "text/css", "text/html", "text/plain", "image/svg+xml",
		}),
	)
	if err != nil {
		panic(fmt.Sprintf("configure compression: %v", err)) // a programmer's error, at start
	}
	return wrap(next)
}

// needAll lets pass who holds the scope for all projects.
func (s *Server) needAll(scope auth.Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.guard.AuthorizeAll(r.Header.Get, scope); err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded limits the body and the time that reading it and writing the answer may take.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		rc := http.NewResponseController(w)
		// Above the time of the call itself: a deadline that passes while it runs would look like a client that left.
		_ = rc.SetReadDeadline(now.Add(2 * s.limits.RequestTime)) // not every writer has deadlines
		_ = rc.SetWriteDeadline(now.Add(2 * s.limits.RequestTime))
		r.Body = http.MaxBytesReader(w, r.Body, s.limits.RequestBytes)
		next.ServeHTTP(w, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Flush is what gRPC and streams ask a writer for.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush() // the client is gone when this fails
}

// Unwrap lets http.ResponseController reach deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observed gives every request its id, logs it and survives its panic.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx := withRequestID(r.Context(), r.Header.Get(requestIDHeader))
		id := requestID(ctx)
		r = r.WithContext(ctx)
		r.Header.Set(requestIDHeader, id) // so that the call behind the gateway has the same
		if !isGRPC(r) {
			w.Header().Set(requestIDHeader, id)
			w.Header().Set("X-Content-Type-Options", "nosniff")
		}
		// The request before on this connection may have left a deadline behind (bounded).
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel that net/http compares so as well
					panic(v)
				}
				s.metrics.panics.Inc()
				err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
				if rec.status == 0 {
					s.refuse(rec, r, err)
				} else {
					s.log.ErrorContext(ctx, "request failed", "request_id", id, "error", err)
				}
			}
			s.log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", rec.status), slog.Duration("took", time.Since(began)),
				slog.String("remote", hostOf(r.RemoteAddr)), slog.String("request_id", id))
		}()
		next.ServeHTTP(rec, r)
	})
}

// hostOf is the address without the port, which says nothing.
func hostOf(remote string) string {
	if i := strings.LastIndexByte(remote, ':'); i > 0 {
		return remote[:i]
	}
	return remote
}
