package otlp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
)

// recorder is a log that keeps what it was given and answers what the test wants.
type recorder struct {
	// answer, if not nil, is called instead of taking the record.
	answer func(ctx context.Context, r spanlog.Record) (duplicate bool, err error)

	// mu guards everything below.
	mu      sync.Mutex
	records []spanlog.Record
}

func (l *recorder) Append(ctx context.Context, r spanlog.Record) (uint64, bool, error) {
	if l.answer != nil {
		duplicate, err := l.answer(ctx, r)
		return 1, duplicate, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Payload = bytes.Clone(r.Payload)
	l.records = append(l.records, r)
	return uint64(len(l.records)), false, nil
}

func (l *recorder) all() []spanlog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]spanlog.Record(nil), l.records...)
}

// failWith returns a log that answers every record with err.
func failWith(err error) *recorder {
	return &recorder{answer: func(context.Context, spanlog.Record) (bool, error) { return false, err }}
}

// zstdCompressor is zstd for gRPC clients, which have none of their own.
type zstdCompressor struct{}

func init() { encoding.RegisterCompressor(zstdCompressor{}) }

func (zstdCompressor) Name() string { return "zstd" }

func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
}

func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }

// rig is a running server and its clients.
type rig struct {
	*Server
	log      *recorder
	registry *prometheus.Registry
	conn     *grpc.ClientConn
	client   *http.Client
}

// start runs a server on ports of its own choice until the test ends.
func start(tb testing.TB, c Config, d Deps, l *recorder) *rig {
	tb.Helper()
	reg := prometheus.NewRegistry()
	c.GRPCAddr, c.HTTPAddr = "127.0.0.1:0", "127.0.0.1:0"
	d.Log, d.Registerer = l, reg
	s, err := New(c, d)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	conn, err := grpc.NewClient(s.GRPCAddr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{Server: s, log: l, registry: reg, conn: conn, client: &http.Client{}}
	tb.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := conn.Close(); err != nil {
			tb.Error(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// rawClientCodec sends and receives gRPC messages as bytes.
type rawClientCodec struct{}

func (rawClientCodec) Name() string { return "proto" }

func (rawClientCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawClientCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(b)
	return nil
}

// export sends body over gRPC as it is.
func (r *rig) export(ctx context.Context, sig signal, body []byte, opts ...grpc.CallOption) ([]byte, error) {
	var out []byte
	opts = append(opts, grpc.ForceCodec(rawClientCodec{}))
	err := r.conn.Invoke(ctx, "/"+grpcServices[sig]+"/Export", &body, &out, opts...)
	return out, err
}

// post sends body over HTTP as it is and returns the response and its body.
func (r *rig) post(tb testing.TB, sig signal, body []byte, header map[string]string) (*http.Response, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost,
		"http://"+r.HTTPAddr().String()+"/v1/"+sig.String(), bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			tb.Error(err)
		}
	}()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp, got
}

var (
	asProto = map[string]string{"Content-Type": "application/x-protobuf"}
	asJSON  = map[string]string{"Content-Type": "application/json"}
)

// captured returns the requests of real clients under testdata.
func captured(tb testing.TB, pattern string) map[string][]byte {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "captured", pattern))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("find captured requests %s: %v", pattern, err)
	}
	out := make(map[string][]byte)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(p)] = b
	}
	return out
}

func capture(tb testing.TB, name string) []byte {
	tb.Helper()
	return captured(tb, name)[name]
}
