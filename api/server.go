// Package api is the outside of the server for people and programs: gRPC, the REST gateway over
// it, live tail, the page's files, health and metrics, all on one port.
//
// It promises that every request is authenticated before anything is read, that every error is
// one of the classes of errors.go with the request's id and, where a field is wrong, its path, and
// that every answer, list and wait has a bound. Errors of our own stay in the log.
//
// It translates and decides nothing: it knows the store and ingest through the interfaces Store and Ingest.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
	"github.com/tiltmeter/tiltmeter/api/auth"
)

// Config is what a user may set.
type Config struct {
	Addr        string       // host:port of the one port
	Listener    net.Listener // instead of opening Addr; Start takes it over
	TLSCertFile string       // PEM; with TLSKeyFile, or both empty for plain text
	TLSKeyFile  string
	Limits      Limits
}

// Deps is what the server is wired to. Guard, Store, Ingest and Advisor are needed, the rest may be nil.
type Deps struct {
	Store      Store
	Ingest     Ingest
	Reader     Reader // nil: GetSpanReading fails
	Advisor    Advisor
	Analyzers  []analyzers.Description                       // what the catalog of signals lists
	Measured   func(project, signal string) *stats.Confusion // how a detector errs on a project's labels; nil, or nil of a signal: not known
	Scoring    bool                                          // this process runs them
	Guard      *auth.Guard
	Web        http.Handler // everything that no other path takes
	Ready      []Part       // what /readyz asks, in this order
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer // what /metrics shows; nil: nothing
}

const (
	readHeaderTime   = 10 * time.Second // a client that is slower is no client
	idleTime         = 2 * time.Minute  // above what proxies keep a connection for
	maxHeaderBytes   = 64 << 10
	innerBufferBytes = 1 << 20 // between gateway and gRPC, in memory
	maxStreams       = 1000    // of one HTTP/2 connection
)

// Server is the one port. Build it with New.
type Server struct {
	config Config
	limits Limits
	guard  *auth.Guard
	log    *slog.Logger
	ready  *readiness

	grpc    *grpc.Server
	inner   *bufconn.Listener // the way of the gateway to grpc
	conn    *grpc.ClientConn
	tail    *tailHub
	metrics *metrics
	http    *http.Server

	// stopping ends what would never end by itself: live tails.
	stopping context.Context
	stop     context.CancelFunc

	ending sync.Once
	ended  error // what shutdown returned; written within ending

	mu       sync.Mutex // guards everything below
	listener net.Listener
	serving  sync.WaitGroup
	failed   chan error
}

// New builds the server. It opens no port; Start does.
func New(c Config, d Deps) (*Server, error) {
	if d.Guard == nil || d.Store == nil || d.Ingest == nil || d.Advisor == nil {
		return nil, errors.New("build API: Guard, Store, Ingest and Advisor are needed")
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		return nil, errors.New("build API: TLS needs both a certificate and a key file")
	}
	log := d.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: c, limits: c.Limits.withDefaults(), guard: d.Guard, log: log, ready: newReadiness(d.Ready),
		metrics: newMetrics(d.Registerer), inner: bufconn.Listen(innerBufferBytes), failed: make(chan error, 1),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.tail = newTailHub(d.Store, s.limits, log, d.Registerer)
	s.grpc = s.newGRPC(d)
	gateway, conn, err := s.newGateway()
	if err != nil {
		s.stop()
		return nil, err
	}
	s.conn = conn
	tlsConfig, err := LoadTLS(c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		s.stop()
		return nil, errors.Join(err, conn.Close())
	}
	s.http = &http.Server{
		Handler: s.handler(gateway, d), TLSConfig: tlsConfig,
		ReadHeaderTimeout: readHeaderTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug), // handshakes that scanners break off
		Protocols: new(http.Protocols),
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true)
	s.http.Protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	return s, nil
}

// Start opens the port and serves until Shutdown. It returns when the port is open.
func (s *Server) Start(ctx context.Context) error {
	l := s.config.Listener
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.config.Addr); err != nil {
			return fmt.Errorf("listen on %s: %w", s.config.Addr, err)
		}
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	if s.http.TLSConfig != nil {
		l = tls.NewListener(l, s.http.TLSConfig)
	}
	s.serving.Go(func() { s.report(s.grpc.Serve(s.inner)) })
	s.serving.Go(func() { s.report(s.http.Serve(l)) })
	return nil
}

func (s *Server) report(err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return
	}
	select {
	case s.failed <- fmt.Errorf("serve API: %w", err):
	default:
	}
}

// Failed delivers an error when the server stops by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Addr is the address that is listened on, "" before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Shutdown stops listening, ends live tails, and lets running requests finish until the context
// ends. It may be called without Start, and again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.ending.Do(func() { s.ended = s.shutdown(ctx) })
	return s.ended
}

func (s *Server) shutdown(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("shut down API: %w", err), s.http.Close())
	}
	err = errors.Join(err, s.conn.Close())
	s.grpc.Stop()
	s.serving.Wait()
	return err
}

// isGRPC reports whether the request is a gRPC call rather than REST.
func isGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}
