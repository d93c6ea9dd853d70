package otlp

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// testClock is a clock that stands still until it is told.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// TestCapturedRequests sends what real clients sent, over every transport and encoding, and
// finds it in the log, byte for byte where it was protobuf.
func TestCapturedRequests(t *testing.T) {
	t.Parallel()
	for name, body := range captured(t, "*.pb") {
		sig := signalOf(name)
		if sig == metrics {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, Config{}, Deps{}, &recorder{})
			for _, compressor := range []string{encoding.Identity, "gzip", "zstd"} {
				if _, err := r.export(t.Context(), sig, body, grpc.UseCompressor(compressor)); err != nil {
					t.Errorf("gRPC %s: %v", compressor, err)
				}
			}
			for _, enc := range []string{"", "identity", "gzip", "zstd", "deflate"} {
				resp, got := r.post(t, sig, compress(t, enc, body), map[string]string{
					"Content-Type": "application/x-protobuf", "Content-Encoding": enc,
				})
				if resp.StatusCode != 200 || len(got) != 0 {
					t.Errorf("HTTP %q: %d %q", enc, resp.StatusCode, got)
				}
			}
			records := r.log.all()
			if len(records) != 8 {
				t.Errorf("%d records, want 8", len(records))
			}
			for _, rec := range records {
				if rec.Project != DefaultProject || rec.Signal != logSignals[sig] || rec.ReceivedAt.IsZero() {
					t.Errorf("record of %q, %q, %v", rec.Project, rec.Signal, rec.ReceivedAt)
				}
				if !bytes.Equal(rec.Payload, body) {
					t.Error("the payload is not what was sent")
				}
			}
		})
	}
}

func signalOf(name string) signal {
	for _, s := range []signal{logs, metrics} {
		if strings.Contains(name, "."+s.String()+".") {
			return s
		}
	}
	return traces
}

func compress(tb testing.TB, enc string, b []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch enc {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "deflate":
		w = zlib.NewWriter(&buf)
	case "zstd":
		z, err := zstd.NewWriter(&buf)
		if err != nil {
			tb.Fatal(err)
		}
		w = z
	default:
		return b
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// brokenGzip is a compressor whose messages are cut short. It goes by the name of gzip.
type brokenGzip struct{ grpcCompressor }

func (brokenGzip) Compress(w io.Writer) (io.WriteCloser, error) {
	return &cutWriter{to: w}, nil
}

type cutWriter struct {
	bytes.Buffer
	to io.Writer
}

func (c *cutWriter) Close() error {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(c.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := c.to.Write(z.Bytes()[:z.Len()-12])
	return err
}

// TestDamagedCompression: over gRPC too, damaged bytes must not come back.
func TestDamagedCompression(t *testing.T) {
	t.Parallel()
	var sent bytes.Buffer
	w, err := brokenGzip{}.Compress(&sent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(spans(t, 50)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := grpcCompressor{"gzip"}.Decompress(&sent)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(d)
	if err != nil || !bytes.HasSuffix(got, damageMark) {
		t.Errorf("read %d bytes, %v; want them to end with the mark", len(got), err)
	}
	r := start(t, Config{}, Deps{}, &recorder{})
	_, err = r.export(t.Context(), traces, got)
	if st := status.Convert(err); st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), "damaged") {
		t.Errorf("gRPC: %v", st)
	}
}

// TestBombs: a small body that unfolds to a large one is refused at the limit.
func TestBombs(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	r := start(t, Config{Limits: wire.Limits{RequestBytes: limit}}, Deps{}, &recorder{})
	bomb := make([]byte, 64*limit)
	for _, enc := range []string{"gzip", "zstd", "deflate"} {
		resp, _ := r.post(t, traces, compress(t, enc, bomb), map[string]string{
			"Content-Type": "application/x-protobuf", "Content-Encoding": enc,
		})
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("HTTP %s: %d, want 413", enc, resp.StatusCode)
		}
	}
	for _, compressor := range []string{"gzip", "zstd"} {
		// Past grpcFrameFactor times the limit gRPC answers on its own, and does not ask to retry.
		_, err := r.export(t.Context(), traces, bomb, grpc.UseCompressor(compressor))
		if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) != 0 {
			t.Errorf("gRPC %s: %v", compressor, st)
		}
		_, err = r.export(t.Context(), traces, bomb[:2*limit], grpc.UseCompressor(compressor))
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), "1048576") {
			t.Errorf("gRPC %s: %v", compressor, st)
		}
	}
	if used := r.gate.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// TestProjectComesFromTheKey: both transports hand the header to the Authorizer.
func TestProjectComesFromTheKey(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{Authorize: func(_ context.Context, header func(string) string) (string, error) {
		if key, ok := strings.CutPrefix(header("authorization"), "Bearer "); ok {
			return "project-of-" + key, nil
		}
		return "", ErrUnauthenticated
	}}, &recorder{})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer a")
	if _, err := r.export(ctx, traces, spans(t, 1)); err != nil {
		t.Fatal(err)
	}
	r.post(t, traces, spans(t, 1), map[string]string{
		"Content-Type": "application/x-protobuf", "Authorization": "Bearer b",
	})
	var got []string
	for _, rec := range r.log.all() {
		got = append(got, rec.Project)
	}
	if diff := cmp.Diff([]string{"project-of-a", "project-of-b"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestShutdownFinishesAppends: a request under way is answered before Shutdown returns.
func TestShutdownFinishesAppends(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	l := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) {
		entered <- struct{}{}
		<-leave
		return false, nil
	}}
	r := start(t, Config{}, Deps{}, l)
	answers := make(chan error, 2)
	body := spans(t, 1)
	go func() {
		_, err := r.export(context.Background(), traces, body)
		answers <- err
	}()
	go func() {
		resp, err := http.Post("http://"+r.HTTPAddr().String()+"/v1/traces", //nolint:noctx // outlives the test's context
			"application/x-protobuf", bytes.NewReader(body))
		if err == nil {
			err = resp.Body.Close()
		}
		answers <- err
	}()
	<-entered
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned with requests under way: %v", err)
	default:
	}
	close(leave)
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("a request under way was cut off: %v", err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	r := start(t, Config{AllowedOrigins: []string{"https://app.example"}}, Deps{}, &recorder{})
	for origin, allowed := range map[string]bool{"https://app.example": true, "https://other.example": false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions,
			"http://"+r.HTTPAddr().String()+"/v1/traces", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type")
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed {
			t.Errorf("%s: allowed origin is %q", origin, got)
		}
	}
}

func TestNewChecksSettings(t *testing.T) {
	t.Parallel()
	deps := Deps{Log: &recorder{}, Registerer: prometheus.NewRegistry()}
	_, err := New(Config{InFlightBytes: -1, SpansPerSecond: -2}, deps)
	if err == nil {
		t.Fatal("wrong settings were taken")
	}
	for _, want := range []string{"in_flight_bytes", "spans_per_second", "grpc_addr"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	if _, err := New(Config{HTTPAddr: "127.0.0.1:0"}, Deps{}); err == nil {
		t.Error("a server without a log was built")
	}
}

var _ Appender = spanlog.Log(nil)
