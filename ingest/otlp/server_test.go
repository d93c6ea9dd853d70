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
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // for clients
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
				if resp.StatusCode != http.StatusOK || len(got) != 0 {
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

// sentAs is what a client sends by a compression whose name the server knows, or not.
type sentAs struct {
	name string
	make func([]byte) []byte
}

func (s sentAs) Type() string { return s.name }

func (s sentAs) Do(w io.Writer, p []byte) error {
	_, err := w.Write(s.make(p))
	return err
}

// exportAs sends body over gRPC through a real client that compresses with c.
func (r *rig) exportAs(tb testing.TB, c sentAs, body []byte) *status.Status {
	tb.Helper()
	if c.name == encoding.Identity {
		_, err := r.export(tb.Context(), traces, body)
		return status.Convert(err)
	}
	conn, err := grpc.NewClient(r.GRPCAddr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithCompressor(c)) //nolint:staticcheck // the only way to send what no registered compressor makes
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			tb.Error(err)
		}
	}()
	var out []byte
	return status.Convert(conn.Invoke(tb.Context(), "/"+grpcServices[traces]+"/Export", &body, &out,
		grpc.ForceCodec(rawClientCodec{})))
}

// TestDamagedCompression: bytes that are not what their encoding says must not come back, and
// both transports say so.
func TestDamagedCompression(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	body := spans(t, 50)
	for _, enc := range []string{"gzip", "zstd", "deflate"} {
		whole := compress(t, enc, body)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 0xff
		for name, sent := range map[string][]byte{
			"cut off": whole[:len(whole)-6], "one byte changed": flipped, "not compressed": body,
			"cut in the header": whole[:3],
		} {
			st := r.exportAs(t, sentAs{enc, func([]byte) []byte { return sent }}, body)
			if st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), "damaged") {
				t.Errorf("gRPC, %s %s: %v", enc, name, st)
			}
			resp, _ := r.post(t, traces, sent, map[string]string{
				"Content-Type": "application/x-protobuf", "Content-Encoding": enc,
			})
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("HTTP, %s %s: %d", enc, name, resp.StatusCode)
			}
		}
		if st := r.exportAs(t, sentAs{enc, func(b []byte) []byte { return compress(t, enc, b) }}, body); st.Code() != codes.OK {
			t.Errorf("gRPC, %s, whole: %v", enc, st)
		}
	}
	st := r.exportAs(t, sentAs{"lzma", bytes.Clone}, body)
	if st.Code() != codes.Unimplemented || !strings.Contains(st.Message(), "gzip, zstd") {
		t.Errorf("gRPC, an encoding we do not know: %v", st)
	}
	if got := testutil.ToFloat64(r.meters.refusals.WithLabelValues("traces", "undecodable")); got != 24 {
		t.Errorf("%v requests were counted as undecodable, want 24", got)
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
	for _, enc := range []string{"identity", "gzip", "zstd", "deflate"} {
		for _, size := range []int{64 * limit, limit + 1} {
			st := r.exportAs(t, sentAs{enc, func(b []byte) []byte { return compress(t, enc, b) }}, bomb[:size])
			if st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), "1048576") {
				t.Errorf("gRPC %s, %d bytes: %v", enc, size, st)
			}
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
		resp, err := http.Post("http://"+r.HTTPAddr().String()+"/v1/traces",
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
