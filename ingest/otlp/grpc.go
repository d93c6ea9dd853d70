package otlp

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// OTLP/gRPC is served by net/http and not by the gRPC library. A unary call is one POST over
// HTTP/2 whose body is five bytes and the message. The library takes a whole message into memory,
// and unfolds it, before anybody may ask what it weighs, and answers on its own, so that exporters
// drop what they should split; here one way to read a body serves both ports.

const (
	// maxStreams is how many requests one connection may have under way. SDKs use one or two.
	maxStreams = 256
	// serverPing finds clients that went away without a word.
	serverPing = 2 * time.Minute
	// pingTimeout is how long a ping may stay unanswered.
	pingTimeout = 20 * time.Second
	// grpcIdleTimeout closes connections nobody uses. It is longer than over HTTP, since gRPC
	// clients keep one connection and some export once in many minutes.
	grpcIdleTimeout = time.Hour
	// grpcPrefixBytes come before each message: a flag and the length.
	grpcPrefixBytes = 5
)

// grpcServices are the OTLP's services: each has one method, Export.
var grpcServices = [...]string{
	traces:  "opentelemetry.proto.collector.trace.v1.TraceService",
	logs:    "opentelemetry.proto.collector.logs.v1.LogsService",
	metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}

var grpcPaths = func() map[string]signal {
	paths := make(map[string]signal, len(grpcServices))
	for sig, name := range grpcServices {
		paths["/"+name+"/Export"] = signal(sig)
	}
	return paths
}()

func (s *Server) newGRPC() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(true) // to tell who mixed up the ports
	return &http.Server{
		Handler:   http.HandlerFunc(s.routeGRPC),
		TLSConfig: s.config.TLS,
		Protocols: &protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, SendPingTimeout: serverPing, PingTimeout: pingTimeout,
		},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       grpcIdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quietLog(s.deps.Logger),
	}
}

// routeGRPC finds the signal of a call. A web page cannot make one: browsers speak HTTP/2 over TLS
// only, and ask before they send this content type to another origin, which nothing here allows.
func (s *Server) routeGRPC(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	sig, ok := grpcPaths[r.URL.Path]
	switch {
	case r.ProtoMajor < 2 || r.Method != http.MethodPost || kind != "application/grpc" && kind != "application/grpc+proto":
		http.Error(w, "this port takes OTLP over gRPC (content type application/grpc): "+
			"OTLP over HTTP has a port of its own, 4318 by default", http.StatusUnsupportedMediaType)
	case !ok:
		answerGRPC(w, status.Newf(codes.Unimplemented, "there is no method %q: this port takes OTLP traces, logs and metrics", r.URL.Path), nil)
	default:
		s.serveGRPC(sig, w, r)
	}
}

// serveGRPC answers one Export call.
func (s *Server) serveGRPC(sig signal, w http.ResponseWriter, r *http.Request) {
	start := s.deps.Now()
	ctx := r.Context()
	if left, ok := grpcTimeout(r.Header.Get("Grpc-Timeout")); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	out, err := s.guarded(ctx, func() (outcome, error) { return s.exportGRPC(ctx, sig, r) })
	if err == nil {
		answerGRPC(w, nil, encodeResponse(out))
		s.meters.answered(sig, "grpc", "protobuf", codes.OK.String(), s.since(start))
		return
	}
	st := s.refused(ctx, sig, err).status()
	answerGRPC(w, st, nil)
	s.meters.answered(sig, "grpc", "protobuf", st.Code().String(), s.since(start))
}

func (s *Server) exportGRPC(ctx context.Context, sig signal, r *http.Request) (outcome, error) {
	project, err := s.admit(ctx, r.Header.Get)
	if err != nil {
		return outcome{}, err
	}
	in := s.newIntake()
	defer in.release()
	if err := in.readGRPC(ctx, r); err != nil {
		return outcome{}, err
	}
	return s.receive(ctx, sig, project, in.body, in.sent)
}

// readGRPC reads the one message of a unary call.
func (in *intake) readGRPC(ctx context.Context, r *http.Request) error {
	body := &networkReader{r: r.Body}
	var prefix [grpcPrefixBytes]byte
	if _, err := io.ReadFull(body, prefix[:]); err != nil {
		return body.refusal("the call has no message")
	}
	length := int64(binary.BigEndian.Uint32(prefix[1:]))
	encoding := ""
	switch prefix[0] {
	case 0:
	case 1:
		if encoding = contentEncoding(r.Header.Get("Grpc-Encoding")); encoding == "" {
			return refuse(undecodable, "the message is marked as compressed and grpc-encoding names no compression")
		}
	default:
		return refuse(undecodable, "the message begins with the flag %d: it must be 0 or 1", prefix[0])
	}
	if err := in.read(ctx, &io.LimitedReader{R: body, N: length}, body, encoding, length); err != nil {
		return err
	}
	var more [1]byte
	if n, err := io.ReadFull(body, more[:]); n > 0 {
		return refuse(undecodable, "the call has a second message: Export takes one")
	} else if !errors.Is(err, io.EOF) {
		return body.refusal("the call does not end")
	}
	return nil
}

// answerGRPC writes a message and the status OK, or a status alone.
func answerGRPC(w http.ResponseWriter, st *status.Status, message []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Accept-Encoding", "identity,gzip,zstd,deflate")
	if st != nil {
		h.Set("Grpc-Status", strconv.Itoa(int(st.Code())))
		h.Set("Grpc-Message", percentEncode(st.Message()))
		if p := st.Proto(); len(p.GetDetails()) > 0 {
			if b, err := proto.Marshal(p); err == nil {
				h.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(b))
			}
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	h.Set(http.TrailerPrefix+"Grpc-Status", "0")
	frame := make([]byte, grpcPrefixBytes, grpcPrefixBytes+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	_, _ = w.Write(append(frame, message...)) // a client that went away sends again
}

// percentEncode writes a status message as the gRPC protocol has it in a header.
func percentEncode(s string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

var grpcTimeUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// grpcTimeout reads how long the client is going to wait: at most eight digits and a unit.
func grpcTimeout(text string) (time.Duration, bool) {
	if len(text) < 2 || len(text) > 9 {
		return 0, false
	}
	unit, ok := grpcTimeUnits[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if !ok || err != nil || n > uint64(1<<63-1)/uint64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
