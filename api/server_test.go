package api_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// bearer sends a key with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (b bearer) RequireTransportSecurity() bool { return false }

var _ credentials.PerRPCCredentials = bearer("")

// TestEveryPathIsGuarded walks what the port serves, with no key, with each scope, and over gRPC.
func TestEveryPathIsGuarded(t *testing.T) {
	t.Parallel()
	r := start(t, withKeys)
	ingest, read, admin := r.key(t, auth.ScopeIngest, ""), r.key(t, auth.ScopeRead, ""), r.key(t, auth.ScopeAdmin, "")
	bound := r.key(t, auth.ScopeAdmin, "shop")
	for _, c := range []struct {
		method, path string
		want         [5]int // none, ingest, read, admin, admin of one project
	}{
		{"GET", "/", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/healthz", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/readyz", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/openapi.json", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/v1/session", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/metrics", [5]int{401, 403, 403, 200, 403}},
		{"GET", "/v1/traces", [5]int{401, 403, 200, 200, 200}},
		{"GET", "/v1/traces?project=bank", [5]int{401, 403, 403, 200, 403}},
		{"GET", "/v1/traces:facets", [5]int{401, 403, 200, 200, 200}},
		{"GET", "/v1/traces/" + traceID, [5]int{401, 403, 404, 404, 404}},
		{"GET", "/v1/storage", [5]int{401, 403, 200, 200, 200}},
		{"GET", "/v1/projects", [5]int{401, 403, 200, 200, 200}},
		{"GET", "/v1/ingest/status", [5]int{401, 403, 200, 200, 200}},
		{"GET", "/v1/ingest/dead-letters", [5]int{401, 403, 403, 200, 403}},
		{"POST", "/v1/ingest/dead-letters:replay", [5]int{401, 403, 403, 200, 403}},
	} {
		for i, key := range []string{"", ingest, read, admin, bound} {
			var header []string
			if key != "" {
				header = []string{"Authorization", "Bearer " + key}
			}
			code, h, body := r.do(t, c.method, c.path, "{}", header...)
			if code != c.want[i] {
				t.Errorf("%s %s with key %d: got %d %.200s, want %d", c.method, c.path, i, code, body, c.want[i])
			}
			if code == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", c.method, c.path)
			}
		}
	}
	all := r.key(t, auth.ScopeRead, auth.AllProjects)
	if code, _ := r.get(t, "/metrics", "Authorization", "Bearer "+all); code != http.StatusOK {
		t.Errorf("/metrics with a read key of all projects: %d", code)
	}
	r.store.stats = []store.StorageStats{{Table: "a", BytesOnDisk: 4711}}
	for key, want := range map[string]bool{read: false, bound: false, all: true, admin: true} {
		if _, body := r.get(t, "/v1/storage", "Authorization", "Bearer "+key); strings.Contains(body, "4711") != want {
			t.Errorf("/v1/storage: bytes of all projects shown: %t, want %t", !want, want)
		}
	}
	code, _, _ := r.do(t, "GET", "/v1/traces:tail", "", "Accept", "text/event-stream")
	if code != http.StatusUnauthorized {
		t.Errorf("event stream without a key: %d", code)
	}
	client := pb.NewTraceServiceClient(r.dial(t))
	if _, err := client.ListTraces(t.Context(), &pb.ListTracesRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC without a key: %v", err)
	}
	if _, err := client.ListTraces(t.Context(), &pb.ListTracesRequest{}, grpc.PerRPCCredentials(bearer(ingest))); status.Code(err) != codes.PermissionDenied {
		t.Errorf("gRPC with an ingest key: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-api-key", read)
	if _, err := client.ListTraces(ctx, &pb.ListTracesRequest{}); err != nil {
		t.Errorf("gRPC with x-api-key: %v", err)
	}
	stream, err := client.TailTraces(t.Context(), &pb.TailTracesRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC stream without a key: %v", err)
	}
}

func TestSessionOfThePage(t *testing.T) {
	t.Parallel()
	r := start(t, withKeys)
	read := r.key(t, auth.ScopeRead, "")
	code, header, body := r.do(t, "POST", "/v1/session", `{"key":"`+read+`"}`)
	if code != http.StatusOK || !strings.Contains(body, `"authenticated":true`) {
		t.Fatalf("login: %d %s", code, body)
	}
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if code, body := r.get(t, "/v1/traces", "Cookie", cookie); code != http.StatusOK {
		t.Errorf("with the session: %d %s", code, body)
	}
	code, _, body = r.do(t, "POST", "/v1/ingest/dead-letters:replay", "{}", "Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if code != http.StatusForbidden || !strings.Contains(body, "another origin") {
		t.Errorf("with the session from another origin: %d %s", code, body)
	}
	if code, body := r.get(t, "/v1/session"); code != http.StatusOK || !strings.Contains(body, `"required":true,"authenticated":false`) {
		t.Errorf("state without a session: %d %s", code, body)
	}
	code, _, body = r.do(t, "POST", "/v1/session", `{"key":"tm_read_wrong"}`)
	if code != http.StatusUnauthorized || !strings.Contains(body, `"code":16`) {
		t.Errorf("wrong key: %d %s", code, body)
	}
}

func TestReboundName(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, path := range []string{"/", "/v1/traces", "/metrics", "/v1/traces:tail"} {
		if code, body := r.get(t, path, "Host", "evil.example"); code != http.StatusForbidden {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	conn := r.dial(t, grpc.WithAuthority("evil.example"))
	if _, err := pb.NewTraceServiceClient(conn).ListTraces(t.Context(), &pb.ListTracesRequest{}); err == nil {
		t.Error("gRPC under a rebound name passed")
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	r := start(t)
	_, header, _ := r.do(t, "GET", "/openapi.json", "", "Accept-Encoding", "gzip")
	if header.Get("Content-Encoding") != "gzip" {
		t.Errorf("openapi.json: headers %v", header)
	}
	_, header, _ = r.do(t, "GET", "/v1/traces", "", "Accept-Encoding", "gzip")
	if header.Get("Content-Encoding") != "" {
		t.Error("an answer of one packet is compressed")
	}
}

// events reads server-sent events until n have come.
func events(t *testing.T, r *running, n int, header ...string) (kinds, ids []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Addr()+"/v1/traces:tail?filter=service%3Dsupport", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("got %d %s", resp.StatusCode, ct)
	}
	lines := bufio.NewScanner(resp.Body)
	for len(ids) < n && lines.Scan() {
		line := lines.Text()
		if line == ": following" {
			s := exampleSummary()
			s.InsertedAt = time.Now()
			r.store.arrive(s)
		}
		if v, ok := strings.CutPrefix(line, "id: "); ok {
			ids = append(ids, v)
		}
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			kinds = append(kinds, v)
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok && !strings.Contains(v, traceID) {
			t.Errorf("data: %s", v)
		}
	}
	return kinds, ids
}

func TestTailOverEveryTransport(t *testing.T) {
	t.Parallel()
	r := start(t, withLimits(api.Limits{TailEvery: 5 * time.Millisecond}))
	kinds, ids := events(t, r, 1)
	if len(ids) != 1 || kinds[0] != "trace" {
		t.Fatalf("events: %v %v", kinds, ids)
	}
	if _, again := events(t, r, 1, "Last-Event-ID", ids[0]); len(again) != 1 {
		t.Errorf("resumed: %v", again)
	}
	if code, body := r.get(t, "/v1/traces:tail", "Accept", "text/event-stream", "Last-Event-ID", "x"); code != http.StatusBadRequest {
		t.Errorf("wrong Last-Event-ID: %d %s", code, body)
	}
	stream, err := pb.NewTraceServiceClient(r.dial(t)).TailTraces(t.Context(), &pb.TailTracesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil { // comes when the reader is let in
		t.Fatal(err)
	}
	s := exampleSummary()
	s.InsertedAt = time.Now()
	r.store.arrive(s)
	got, err := stream.Recv()
	if err != nil || got.GetTrace().GetTraceId() != traceID {
		t.Errorf("gRPC: %v, %v", got, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Addr()+"/v1/traces:tail", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	s.InsertedAt = time.Now()
	r.store.arrive(s)
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `{"result":`) || !strings.Contains(line, traceID) {
		t.Errorf("newline-delimited JSON: %q, %v", line, err)
	}
}

// TestShutdownEndsTails: a server that is told to stop does not wait for those who only listen.
func TestShutdownEndsTails(t *testing.T) {
	t.Parallel()
	r := start(t)
	stream, err := pb.NewTraceServiceClient(r.dial(t)).TailTraces(t.Context(), &pb.TailTracesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	g := auth.NewGuard(auth.Options{})
	full := api.Deps{Store: &answers{}, Ingest: &intake{}, Advisor: advisor{}, Guard: g}
	for name, c := range map[string]struct {
		config api.Config
		deps   api.Deps
	}{
		"no guard":          {api.Config{}, api.Deps{Store: &answers{}, Ingest: &intake{}, Advisor: advisor{}}},
		"half of TLS":       {api.Config{TLSCertFile: "x"}, full},
		"TLS files missing": {api.Config{TLSCertFile: "/nowhere/a", TLSKeyFile: "/nowhere/b"}, full},
	} {
		if _, err := api.New(c.config, c.deps); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := api.New(api.Config{Addr: "127.0.0.1:0"}, full)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("shut down without a start: %v", err)
	}
}

// writePair makes a certificate for 127.0.0.1 with this serial number.
func writePair(t *testing.T, dir string, serial int64) (pool *x509.CertPool, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+serial, 0) // another time for another serial, however fast the test is
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool, certFile, keyFile
}

func TestTLSIsReloaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool, certFile, keyFile := writePair(t, dir, 1)
	r := start(t, func(c *api.Config, _ *api.Deps, _ *auth.Options) { c.TLSCertFile, c.TLSKeyFile = certFile, keyFile })
	serial := func(pool *x509.CertPool) int64 {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+r.Addr()+"/v1/traces", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Errorf("got %d over %s", resp.StatusCode, resp.Proto)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(pool); got != 1 {
		t.Errorf("serial %d, want 1", got)
	}
	conn, err := grpc.NewClient(r.Addr(), grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := pb.NewTraceServiceClient(conn).ListTraces(t.Context(), &pb.ListTracesRequest{}); err != nil {
		t.Errorf("gRPC over TLS: %v", err)
	}
	newPool, _, _ := writePair(t, dir, 2)
	if got := serial(newPool); got != 2 {
		t.Errorf("after renewal: serial %d, want 2", got)
	}
	if err := os.WriteFile(certFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(newPool); got != 2 {
		t.Errorf("while the file is half written: serial %d, want 2", got)
	}
}

// TestLargeTrace: 100,000 spans pass through gRPC and the gateway.
func TestLargeTrace(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.store.detail = &store.TraceDetail{Spans: make([]store.SpanOutline, store.MaxTraceSpans)}
	for i := range r.store.detail.Spans {
		r.store.detail.Spans[i].Span = plainSpan()
	}
	code, _, body := r.do(t, http.MethodGet, "/v1/traces/"+traceID, "")
	if n := strings.Count(body, `"spanId"`); code != http.StatusOK || n != store.MaxTraceSpans {
		t.Errorf("got %d with %d spans", code, n)
	}
}
