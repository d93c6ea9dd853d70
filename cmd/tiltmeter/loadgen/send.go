package loadgen

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registers gzip
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// sender sends one request once. It holds no lock while it waits and is safe for concurrent use.
// It calls gone, if that is not nil, at most once and from any goroutine when the request has been
// written to the connection, and may leave it out when the answer is there before. gone MUST NOT block.
type sender interface {
	send(ctx context.Context, p *payload, gone func()) (answer, error)
	close() error
}

// answer is what an acknowledgement says.
type answer struct {
	rejected int64  // spans that the server refused
	message  string // why
}

// maxAnswerBytes bounds what is read of an answer; an acknowledgement is a few bytes.
const maxAnswerBytes = 64 << 10

// parseAnswer reads ExportTraceServiceResponse{partial_success=1{rejected_spans=1, error_message=2}}.
func parseAnswer(b []byte) (answer, error) {
	var a answer
	err := eachField(b, func(num protowire.Number, _ uint64, inner []byte) error {
		if num != 1 {
			return nil
		}
		return eachField(inner, func(num protowire.Number, v uint64, text []byte) error {
			switch num {
			case 1:
				a.rejected = int64(v) //nolint:gosec // as OTLP defines it
			case 2:
				a.message = string(text)
			default: // of a later version
			}
			return nil
		})
	})
	if err != nil {
		return a, fmt.Errorf("decode answer: %w", err)
	}
	return a, nil
}

func eachField(b []byte, visit func(num protowire.Number, v uint64, bytes []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v uint64
		var inner []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(num, v, inner); err != nil {
			return err
		}
	}
	return nil
}

// rawCodec passes encoded requests through: encoding them again would cost more than the server does.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(outgoing)
	if !ok {
		return nil, fmt.Errorf("marshal request: %T is not a payload", v)
	}
	m.p.retain()
	return mem.BufferSlice{mem.NewBuffer(&m.p.bytes, releaser(m))}, nil
}

// outgoing is a payload on its way, and who wants to know when it has gone.
type outgoing struct {
	p    *payload
	gone func()
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	out, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal answer: %T is not a byte slice", v)
	}
	*out = data.Materialize()
	return nil
}

// releaser gives a payload back when gRPC has done with its bytes: without compression that is when
// they have been framed for the connection, with it a moment before.
type releaser outgoing

func (r releaser) Get(n int) *[]byte { b := make([]byte, n); return &b }

func (r releaser) Put(*[]byte) {
	r.p.release()
	if r.gone != nil {
		r.gone()
	}
}

type grpcSender struct {
	conn *grpc.ClientConn
	key  string
	opts []grpc.CallOption
}

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

func newGRPCSender(o *Options, roots *x509.CertPool) (sender, error) {
	creds := insecure.NewCredentials()
	if o.CA != "" {
		creds = credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	}
	// grpc.NewClient resolves lazily; a wrong address shows with the first request.
	conn, err := grpc.NewClient("passthrough:///"+o.Endpoint, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Endpoint, err)
	}
	s := &grpcSender{conn: conn, key: o.Key, opts: []grpc.CallOption{
		grpc.ForceCodecV2(rawCodec{}),
		grpc.MaxRetryRPCBufferSize(0), // else gRPC keeps the bytes of small requests until they are answered
	}}
	if o.Compression != compressionNone {
		s.opts = append(s.opts, grpc.UseCompressor(o.Compression))
	}
	return s, nil
}

func (s *grpcSender) send(ctx context.Context, p *payload, gone func()) (answer, error) {
	if s.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.key)
	}
	var out []byte
	if err := s.conn.Invoke(ctx, exportMethod, outgoing{p, gone}, &out, s.opts...); err != nil {
		return answer{}, classifyGRPC(err)
	}
	return parseAnswer(out)
}

func (s *grpcSender) close() error { return s.conn.Close() }

type httpSender struct {
	client *http.Client
	url    string
	o      *Options
}

func newHTTPSender(o *Options, roots *x509.CertPool) sender {
	t := &http.Transport{MaxIdleConnsPerHost: o.Concurrency, MaxIdleConns: o.Concurrency}
	scheme := "http"
	if o.CA != "" {
		scheme = "https"
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &httpSender{client: &http.Client{Transport: t}, url: scheme + "://" + o.Endpoint + "/v1/traces", o: o}
}

// body reads a payload and releases it when the transport closes it, which net/http does exactly
// when it no longer reads from it.
type body struct {
	bytes.Reader
	once sync.Once
	p    *payload
}

func (b *body) Close() error {
	b.once.Do(b.p.release)
	return nil
}

func (s *httpSender) send(ctx context.Context, p *payload, gone func()) (answer, error) {
	if gone != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { gone() }})
	}
	p.retain()
	b := &body{p: p}
	b.Reset(p.bytes)
	if s.o.Compression != compressionNone {
		packed, err := compress(s.o.Compression, p.bytes)
		if err != nil {
			p.release()
			return answer{}, err
		}
		b.Reset(packed)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, b)
	if err != nil {
		p.release()
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	req.ContentLength = b.Size()
	req.Header.Set("Content-Type", "application/x-protobuf")
	if s.o.Compression != compressionNone {
		req.Header.Set("Content-Encoding", s.o.Compression)
	}
	if s.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.o.Key)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, classifyTransport(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return answer{}, classifyTransport(err)
	}
	if res.StatusCode != http.StatusOK {
		return answer{}, classifyHTTP(res, statusMessage(text))
	}
	return parseAnswer(text)
}

// statusMessage reads the google.rpc.Status that OTLP/HTTP answers failures with.
func statusMessage(b []byte) string {
	var st spb.Status
	if proto.Unmarshal(b, &st) == nil && st.GetMessage() != "" {
		return st.GetMessage()
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func (s *httpSender) close() error {
	s.client.CloseIdleConnections()
	return nil
}

// The values of Options.Compression.
const (
	compressionNone = "none"
	compressionGzip = "gzip"
	compressionZstd = "zstd"
)

func compress(kind string, b []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case compressionGzip:
		w = gzip.NewWriter(&out)
	case compressionZstd:
		return zstdEncoder().EncodeAll(b, make([]byte, 0, len(b)/2)), nil
	default:
		return nil, fmt.Errorf("compress request: unknown compression %q", kind)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("compress request: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress request: %w", err)
	}
	return out.Bytes(), nil
}

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err) // the options are constant
	}
	return e
})

// gRPC keeps one compressor a name for the whole process. The receiver of the same binary may have
// registered its own: either speaks the same format.
func init() {
	if encoding.GetCompressor(compressionZstd) == nil {
		encoding.RegisterCompressor(zstdCompressor{})
	}
}

type zstdCompressor struct{}

func (zstdCompressor) Name() string { return compressionZstd }

func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
}

func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("decompress answer: %w", err)
	}
	return d.IOReadCloser(), nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authority %s: no PEM certificate in it", path)
	}
	return pool, nil
}
