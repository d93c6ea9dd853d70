// Package otlp receives OTLP: traces, logs and metrics, over gRPC and HTTP, in protobuf and JSON.
//
// A request is answered with OK when its bytes are in the log, on disk, and never before. A bad
// span costs that span; the answer says how many and names the first. What a sender is told in
// every other case is one table, in status.go, made so that what is our fault is sent again and
// what can never work is not. Everything is bounded: sizes, bytes in flight, rates, waiting.
//
// It knows the shape of a request and no attribute's meaning; metrics are counted, not kept.
package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// DefaultProject is the project of requests when no Authorizer is set.
const DefaultProject = "default"

const (
	// DefaultInFlightBytes bounds what requests may hold in memory before the log has them: 16
	// of the largest, or some thousands of usual ones.
	DefaultInFlightBytes = 256 << 20
	// DefaultAppendTimeout is how long the log may take: the exporters' own default is 10 s, and
	// an answer should come before they give up.
	DefaultAppendTimeout = 8 * time.Second
	// DefaultDrainBytes bounds what is read, and thrown away, of a request over HTTP that is refused:
	// four of the largest, which is more than exporters batch by mistake.
	DefaultDrainBytes = 64 << 20
	// maxRequestBytes is how large Limits.RequestBytes may be set: positions in a request are 32
	// bits in places, and the log takes no more than 64 MiB.
	maxRequestBytes = 1 << 30
)

// Config is what a user sets. Zero fields mean the default.
type Config struct {
	// GRPCAddr and HTTPAddr are where to listen, as host:port; an empty one is not opened.
	GRPCAddr, HTTPAddr string
	// GRPCListener and HTTPListener are used instead of opening the addresses, if set. Shutdown closes
	// them when Start has been called.
	GRPCListener, HTTPListener net.Listener
	// TLS is used on both ports if set.
	TLS *tls.Config
	// Limits is what one request may hold.
	Limits wire.Limits
	// InFlightBytes bounds the bytes of all requests under way; past it senders are asked to
	// come back.
	InFlightBytes int64
	// DrainBytes bounds what is read of the body of a refused request over HTTP, so that clients which
	// write first and read then see the answer. A request that announces more is cut off at once.
	DrainBytes int64
	// AppendTimeout is how long one request may wait for the log.
	AppendTimeout time.Duration
	// SpansPerSecond is the rate of spans and log records for each project, 0 for none.
	SpansPerSecond int
	// SpansBurst is how many a project may send at once; it is at least SpansPerSecond.
	SpansBurst int
	// AllowedOrigins are the web origins whose pages may post here, "*" for all.
	AllowedOrigins []string
}

// Appender is the log, as far as this package needs it. See spanlog.Log for what Append promises.
type Appender interface {
	Append(ctx context.Context, r spanlog.Record) (seq uint64, duplicate bool, err error)
}

// Authorizer says which project a request belongs to. header looks up a header, or a piece of
// gRPC metadata, by its name in lower case. Errors are ErrUnauthenticated and ErrForbidden,
// wrapped or not; any other one means that the question could not be answered now.
type Authorizer func(ctx context.Context, header func(name string) string) (project string, err error)

// Deps is what a Server needs from others. Log and Registerer must be set.
type Deps struct {
	Log        Appender
	Registerer prometheus.Registerer
	// Logger may be nil: nothing is logged then.
	Logger *slog.Logger
	// Authorize may be nil: everything belongs to DefaultProject then.
	Authorize Authorizer
	// Protect wraps the HTTP handler so that what a web page of another origin makes a browser send
	// is given to refuse and not to next. It may be nil: nothing is refused then.
	Protect func(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler
	// Now may be nil: time.Now then.
	Now func() time.Time
}

// Server is the OTLP receiver.
type Server struct {
	config   Config
	deps     Deps
	gate     gate
	throttle *throttle
	meters   *meters
	failed   chan error

	grpcServer, httpServer *http.Server
	// grpcListener and httpListener are set by Start.
	grpcListener, httpListener net.Listener
}

// New checks the configuration and builds a server that does not listen yet.
func New(c Config, d Deps) (*Server, error) {
	if err := errors.Join(c.check()...); err != nil {
		return nil, fmt.Errorf("check OTLP settings: %w", err)
	}
	if d.Log == nil || d.Registerer == nil {
		return nil, errors.New("build OTLP receiver: Deps.Log and Deps.Registerer must be set")
	}
	c.Limits = c.Limits.WithDefaults()
	if c.InFlightBytes == 0 {
		c.InFlightBytes = DefaultInFlightBytes
	}
	if c.DrainBytes == 0 {
		c.DrainBytes = DefaultDrainBytes
	}
	if c.AppendTimeout == 0 {
		c.AppendTimeout = DefaultAppendTimeout
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &Server{config: c, deps: d, failed: make(chan error, 2)}
	s.gate.limit = c.InFlightBytes
	s.throttle = newThrottle(c.SpansPerSecond, c.SpansBurst, d.Now)
	var err error
	if s.meters, err = newMeters(d.Registerer, &s.gate); err != nil {
		return nil, fmt.Errorf("register OTLP metrics: %w", err)
	}
	s.grpcServer, s.httpServer = s.newGRPC(), s.newHTTP()
	return s, nil
}

func (c *Config) check() []error {
	var errs []error
	notNegative := func(field string, v int64) {
		if v < 0 {
			errs = append(errs, fmt.Errorf("%s is %d: it must not be negative", field, v))
		}
	}
	notNegative("in_flight_bytes", c.InFlightBytes)
	notNegative("drain_bytes", c.DrainBytes)
	notNegative("append_timeout", int64(c.AppendTimeout))
	notNegative("spans_per_second", int64(c.SpansPerSecond))
	notNegative("spans_burst", int64(c.SpansBurst))
	notNegative("limits.request_bytes", int64(c.Limits.RequestBytes))
	if c.Limits.RequestBytes > maxRequestBytes {
		errs = append(errs, fmt.Errorf("limits.request_bytes is %d: it must be at most %d", c.Limits.RequestBytes, maxRequestBytes))
	}
	if c.GRPCAddr == "" && c.HTTPAddr == "" && c.GRPCListener == nil && c.HTTPListener == nil {
		errs = append(errs, errors.New("grpc_addr and http_addr are both empty: nothing could be received"))
	}
	return errs
}

// Start listens and serves. It returns as soon as both ports are open; ctx bounds that alone.
func (s *Server) Start(ctx context.Context) error {
	var listen net.ListenConfig
	s.grpcListener, s.httpListener = s.config.GRPCListener, s.config.HTTPListener
	if s.config.GRPCAddr != "" && s.grpcListener == nil {
		l, err := listen.Listen(ctx, "tcp", s.config.GRPCAddr)
		if err != nil {
			return fmt.Errorf("listen for OTLP/gRPC: %w", err)
		}
		s.grpcListener = l
	}
	if s.config.HTTPAddr != "" && s.httpListener == nil {
		l, err := listen.Listen(ctx, "tcp", s.config.HTTPAddr)
		if err != nil {
			if s.grpcListener != nil {
				err = errors.Join(err, s.grpcListener.Close())
				s.grpcListener = nil
			}
			return fmt.Errorf("listen for OTLP/HTTP: %w", err)
		}
		s.httpListener = l
	}
	if s.grpcListener != nil {
		go s.run("OTLP/gRPC", func() error { return s.serve(s.grpcServer, s.grpcListener) })
	}
	if s.httpListener != nil {
		go s.run("OTLP/HTTP", func() error { return s.serve(s.httpServer, s.httpListener) })
	}
	return nil
}

func (s *Server) serve(server *http.Server, l net.Listener) error {
	var err error
	if s.config.TLS != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// run serves until Shutdown and reports an earlier end.
func (s *Server) run(what string, serve func() error) {
	if err := serve(); err != nil {
		s.failed <- fmt.Errorf("serve %s: %w", what, err)
	}
}

// Failed receives an error when a port stops being served before Shutdown.
func (s *Server) Failed() <-chan error { return s.failed }

// GRPCAddr returns where OTLP/gRPC is served, nil if it is not.
func (s *Server) GRPCAddr() net.Addr { return addr(s.grpcListener) }

// HTTPAddr returns where OTLP/HTTP is served, nil if it is not.
func (s *Server) HTTPAddr() net.Addr { return addr(s.httpListener) }

func addr(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Shutdown stops accepting requests, last port opened first, and waits for those under way to be
// in the log. When ctx ends first they are cut off; their senders will send them again.
func (s *Server) Shutdown(ctx context.Context) error {
	var errs []error
	for _, server := range []*http.Server{s.httpServer, s.grpcServer} {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, err, server.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop OTLP receiver: %w", err)
	}
	return nil
}

// refuseGate is the answer when too many bytes are under way.
func (s *Server) refuseGate() *refusal {
	return refuse(busy, "%d bytes are already being received, the most this server holds at once: "+
		"send again", s.config.InFlightBytes)
}

func asRefusal(err error) (*refusal, bool) {
	var r *refusal
	ok := errors.As(err, &r)
	return r, ok
}

// refused counts an error that a request is answered with, and writes down what is our fault.
func (s *Server) refused(ctx context.Context, sig signal, err error) *refusal {
	r, ok := asRefusal(err)
	if !ok {
		r = &refusal{situation: failing, message: "the request could not be handled, try again", cause: err}
	}
	s.meters.refusals.WithLabelValues(sig.String(), r.situation.String()).Inc()
	if r.cause != nil && r.answer().retry {
		s.deps.Logger.WarnContext(ctx, "an OTLP request was turned away",
			"signal", sig.String(), "answer", r.message, "error", r.cause.Error())
	}
	return r
}

// quietLog sends what net/http has to say about connections to the debug level.
func quietLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
