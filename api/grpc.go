package api

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/tiltmeter/tiltmeter/api/auth"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

// scopes names the methods that need another scope than read; "" needs no key at all.
var scopes = map[string]auth.Scope{
	pb.IngestService_ListDeadLetters_FullMethodName:   auth.ScopeAdmin,
	pb.IngestService_ReplayDeadLetters_FullMethodName: auth.ScopeAdmin,
	grpc_health_v1.Health_Check_FullMethodName:        "",
	grpc_health_v1.Health_List_FullMethodName:         "",
	grpc_health_v1.Health_Watch_FullMethodName:        "",
}

func scopeOf(method string) auth.Scope {
	if s, ok := scopes[method]; ok {
		return s
	}
	return auth.ScopeRead
}

func (s *Server) newGRPC(d Deps) *grpc.Server {
	g := grpc.NewServer(
		grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(int(s.limits.RequestBytes)), grpc.MaxSendMsgSize(s.limits.ResponseBytes),
	)
	pb.RegisterTraceServiceServer(g, &traceService{store: d.Store, tail: s.tail, reader: d.Reader, limits: s.limits, now: time.Now})
	pb.RegisterIngestServiceServer(g, &ingestService{ingest: d.Ingest, limits: s.limits})
	pb.RegisterProjectServiceServer(g, &projectService{store: d.Store})
	pb.RegisterStorageServiceServer(g, &storageService{store: d.Store})
	pb.RegisterInstrumentationServiceServer(g, &instrumentationService{store: d.Store, advisor: d.Advisor, now: time.Now})
	pb.RegisterSignalServiceServer(g, &signalService{store: d.Store, analyzers: d.Analyzers, measured: d.Measured, scoring: d.Scoring, limits: s.limits, now: time.Now})
	grpc_health_v1.RegisterHealthServer(g, &healthService{ready: s.ready})
	reflection.Register(g)
	return g
}

// fromMetadata looks up gRPC metadata the way http.Header.Get looks up headers.
func fromMetadata(ctx context.Context) func(string) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return func(name string) string {
		if v := md.Get(name); len(v) > 0 {
			return v[0]
		}
		return ""
	}
}

// admit gives the request its id and finds out who asks.
func (s *Server) admit(ctx context.Context, method string) (context.Context, error) {
	header := fromMetadata(ctx)
	ctx = withRequestID(ctx, header(requestIDHeader))
	needed := scopeOf(method)
	if needed == "" {
		return ctx, nil
	}
	p, err := s.guard.Authorize(header, needed)
	if err != nil {
		return ctx, err
	}
	return auth.WithPrincipal(ctx, p), nil
}

// finish makes the answer of an error, and keeps the books.
func (s *Server) finish(ctx context.Context, method string, began time.Time, err error) error {
	err = toStatus(ctx, s.log, err)
	code := status.Code(err)
	took := time.Since(began)
	s.metrics.requests.WithLabelValues(method, code.String()).Inc()
	if code == codes.OK {
		s.metrics.seconds.WithLabelValues(method).Observe(took.Seconds())
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "call", slog.String("method", method), slog.String("code", code.String()),
		slog.Duration("took", took), slog.String("request_id", requestID(ctx)))
	return err
}

// recovered turns a panic of a handler into an error of ours, so that one request costs one request.
func (s *Server) recovered(err *error) {
	if v := recover(); v != nil {
		s.metrics.panics.Inc()
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	began := time.Now()
	ctx, err = s.admit(ctx, info.FullMethod)
	_ = grpc.SetHeader(ctx, metadata.Pairs(requestIDHeader, requestID(ctx))) // fails only after the header was sent
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, s.limits.RequestTime)
		defer cancel()
		func() {
			defer s.recovered(&err)
			resp, err = next(ctx, req)
		}()
	}
	if err = s.finish(ctx, info.FullMethod, began, err); err != nil {
		return nil, err
	}
	return resp, nil
}

// admittedStream carries the context of admit.
type admittedStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream's context is what grpc asks it for
}

func (a *admittedStream) Context() context.Context { return a.ctx }

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	began := time.Now()
	ctx, err := s.admit(ss.Context(), info.FullMethod)
	_ = ss.SetHeader(metadata.Pairs(requestIDHeader, requestID(ctx))) // fails only after the header was sent
	if err == nil {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		func() {
			defer s.recovered(&err)
			err = next(srv, &admittedStream{ss, ctx})
		}()
		if s.stopping.Err() != nil {
			err = &failure{class: classUnavailable, text: "the server is shutting down"}
		}
	}
	return s.finish(ctx, info.FullMethod, began, err)
}
