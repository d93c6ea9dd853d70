package otlp

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of everything that is not OTLP
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	// grpcFrameFactor is how many times Limits.RequestBytes a gRPC message may be before gRPC
	// itself refuses to read it, with a bare ResourceExhausted. Up to there we say InvalidArgument
	// and name the limit.
	grpcFrameFactor = 4
	// readReserveBytes is what a gRPC request holds of the gate before its size is known.
	readReserveBytes = 64 << 10
	// maxStreams is how many requests one connection may have under way. SDKs use one or two.
	maxStreams = 256
	// minPing is how often a client may ping. SDKs' default is five minutes; some are set to
	// ten seconds.
	minPing = 10 * time.Second
	// serverPing finds clients that went away without a word.
	serverPing = 2 * time.Minute
	// pingTimeout is how long a ping may stay unanswered.
	pingTimeout = 20 * time.Second
)

// grpcServices are the OTLP's services: each has one method, Export.
var grpcServices = [...]string{
	traces:  "opentelemetry.proto.collector.trace.v1.TraceService",
	logs:    "opentelemetry.proto.collector.logs.v1.LogsService",
	metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}

func (s *Server) newGRPC() *grpc.Server {
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2("proto")}),
		grpc.MaxRecvMsgSize(grpcFrameFactor * s.config.Limits.RequestBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: minPing, PermitWithoutStream: true,
		}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: serverPing, Timeout: pingTimeout}),
		grpc.WaitForHandlers(true),
	}
	if s.config.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(s.config.TLS)))
	}
	server := grpc.NewServer(opts...)
	for sig, name := range grpcServices {
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: name,
			HandlerType: (*any)(nil),
			// On the wire a unary call is a stream of one message. As a stream we decide before
			// the message is read whether to read it.
			Streams: []grpc.StreamDesc{{
				StreamName: "Export",
				Handler: func(_ any, stream grpc.ServerStream) error {
					return s.serveGRPC(signal(sig), stream)
				},
			}},
		}, s)
	}
	return server
}

// serveGRPC answers one Export call.
func (s *Server) serveGRPC(sig signal, stream grpc.ServerStream) error {
	start := s.deps.Now()
	ctx := stream.Context()
	out, err := s.guarded(ctx, func() (outcome, error) { return s.exportGRPC(ctx, sig, stream) })
	if err == nil {
		err = stream.SendMsg(&frame{body: encodeResponse(out)})
	}
	err = s.grpcError(ctx, sig, err)
	s.meters.answered(sig, "grpc", "protobuf", status.Code(err).String(), s.since(start))
	return err
}

func (s *Server) exportGRPC(ctx context.Context, sig signal, stream grpc.ServerStream) (outcome, error) {
	project, err := s.admit(ctx, metadataHeader(ctx))
	if err != nil {
		return outcome{}, err
	}
	share := budget{gate: &s.gate}
	defer share.release()
	if !share.grow(readReserveBytes) {
		return outcome{}, s.refuseGate()
	}
	var f frame
	defer f.free()
	if err := stream.RecvMsg(&f); err != nil {
		return outcome{}, err
	}
	if f.damaged {
		return outcome{}, refuse(undecodable, "the compressed message is damaged")
	}
	if !share.grow(int64(len(f.body))) {
		return outcome{}, s.refuseGate()
	}
	return s.receive(ctx, sig, project, f.body)
}

// metadataHeader looks up gRPC metadata.
func metadataHeader(ctx context.Context) header {
	md, _ := metadata.FromIncomingContext(ctx)
	return func(name string) string {
		if v := md.Get(name); len(v) > 0 {
			return v[0]
		}
		return ""
	}
}

// grpcError turns a refusal into its status. Errors that gRPC itself made stay as they are.
func (s *Server) grpcError(ctx context.Context, sig signal, err error) error {
	if err == nil {
		return nil
	}
	if r, ok := asRefusal(err); ok {
		s.logRefusal(ctx, sig, r)
		return r.status().Err()
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unavailable, "the request could not be read, try again")
}

// frame is one gRPC message as bytes: a request in buf, or an answer in body alone.
type frame struct {
	buf     mem.Buffer
	body    []byte
	damaged bool
}

// free gives the buffer back to gRPC.
func (f *frame) free() {
	if f.buf != nil {
		f.buf.Free()
		f.buf, f.body = nil, nil
	}
}

// rawCodec hands messages over as bytes instead of decoding them.
type rawCodec struct{ other encoding.CodecV2 }

func (c rawCodec) Name() string { return "proto" }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f.body)}, nil
	}
	return c.other.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return c.other.Unmarshal(data, v)
	}
	if f.buf != nil {
		return fmt.Errorf("read gRPC message: a second one in a unary call")
	}
	f.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	f.body = f.buf.ReadOnlyData()
	f.damaged = bytes.HasSuffix(f.body, damageMark)
	return nil
}
