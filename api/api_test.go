package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// answers is a store with one prepared answer a method: what is tested here is how questions and
// answers are translated. What the real store answers is tested beside the real engine.
type answers struct {
	mu sync.Mutex // guards everything below

	err      error // of every method, when set
	page     store.TracePage
	asked    []store.TraceQuery
	searched []store.SearchQuery
	search   store.SearchPage
	facets   []store.Facet
	fields   []string
	steps    []time.Duration
	buckets  []store.HistogramBucket
	detail   *store.TraceDetail
	span     *genai.Span
	derived  store.Derived
	contents []genai.Span
	raw      *store.RawSpan
	recent   []store.TraceSummary // by arrival
	looks    int
	projects []store.Project
	counts   store.Counts
	report   store.InstrumentationReport
	reported []store.InstrumentationQuery
	stats    []store.StorageStats
	found    map[genai.TraceID][]store.Detection
	signals  []store.Signal
	counted  []store.SignalCounts
	summed   []store.SignalQuery
	sumBy    []string
	block    bool // until the context ends
	panics   bool
}

func (a *answers) ListTraces(ctx context.Context, q store.TraceQuery) (store.TracePage, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.panics {
		panic("a bug")
	}
	if a.block {
		<-ctx.Done()
		return store.TracePage{}, ctx.Err()
	}
	a.asked = append(a.asked, q)
	return a.page, a.err
}

func (a *answers) Facets(_ context.Context, q store.TraceQuery, fields []string, limit int) ([]store.Facet, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.fields = append(a.asked, q), fields
	return a.facets, a.err
}

func (a *answers) Histogram(_ context.Context, q store.TraceQuery, step time.Duration) ([]store.HistogramBucket, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.steps = append(a.asked, q), append(a.steps, step)
	return a.buckets, a.err
}

func (a *answers) Trace(_ context.Context, _ string, _ genai.TraceID) (*store.TraceDetail, error) {
	if a.err == nil && a.detail == nil {
		return nil, store.ErrNotFound
	}
	return a.detail, a.err
}

func (a *answers) TraceTree(context.Context, string, genai.TraceID) (list []genai.Span, err error) {
	if a.err == nil && a.detail == nil {
		return nil, store.ErrNotFound
	}
	if a.detail != nil {
		for i := range a.detail.Spans {
			list = append(list, a.detail.Spans[i].Span)
		}
	}
	return list, a.err
}

func (a *answers) Span(_ context.Context, _ string, _ genai.TraceID, _ genai.SpanID) (*store.SpanDetail, error) {
	if a.err == nil && a.span == nil {
		return nil, store.ErrNotFound
	}
	if a.err != nil {
		return nil, a.err
	}
	return &store.SpanDetail{Span: *a.span, Derived: a.derived}, nil
}

func (a *answers) SpansWithContent(_ context.Context, _ string, _ genai.TraceID, limit int, _ int64) (store.ContentSpans, error) {
	n := min(limit, len(a.contents))
	return store.ContentSpans{Spans: a.contents[:n], Truncated: n < len(a.contents)}, a.err
}

func (a *answers) RawSpan(_ context.Context, _ string, _ genai.TraceID, _ genai.SpanID) (*store.RawSpan, error) {
	if a.err == nil && a.raw == nil {
		return nil, store.ErrNotFound
	}
	return a.raw, a.err
}

func (a *answers) SearchContents(_ context.Context, q store.SearchQuery) (store.SearchPage, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.searched = append(a.searched, q)
	return a.search, a.err
}

func (a *answers) RecentTraces(_ context.Context, _ string, after store.Arrival, _ int, _ store.Filter) (page store.RecentPage, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	for _, t := range a.recent {
		if t.InsertedAt.After(after.Time) {
			page.Traces = append(page.Traces, t)
		}
	}
	return page, a.err
}

func (a *answers) Projects(context.Context) ([]store.Project, error) { return a.projects, a.err }

func (a *answers) Instrumentations(_ context.Context, q store.InstrumentationQuery) (store.InstrumentationReport, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reported = append(a.reported, q)
	return a.report, a.err
}

func (a *answers) Detections(context.Context, string, []store.TraceSummary) (map[genai.TraceID][]store.Detection, error) {
	return a.found, a.err
}

func (a *answers) Signals(_ context.Context, _ string, _ genai.TraceID, span genai.SpanID) (list []store.Signal, more bool, err error) {
	if a.err == nil && a.signals == nil {
		return nil, false, store.ErrNotFound
	}
	for _, g := range a.signals {
		if span.IsZero() || g.SpanID == span {
			list = append(list, g)
		}
	}
	return list, span.IsZero(), a.err
}

func (a *answers) SignalSeries(_ context.Context, q store.SignalQuery, step time.Duration) ([]store.SignalCounts, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.summed, a.steps = append(a.summed, q), append(a.steps, step)
	return a.counted, true, a.err
}

func (a *answers) SignalBreakdown(_ context.Context, q store.SignalQuery, by string) ([]store.SignalCounts, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.summed, a.sumBy = append(a.summed, q), append(a.sumBy, by)
	return a.counted, true, a.err
}

func (a *answers) Counts(context.Context, string) (store.Counts, error) { return a.counts, a.err }

func (a *answers) StorageStats(context.Context) ([]store.StorageStats, error) { return a.stats, a.err }

func (a *answers) arrive(t ...store.TraceSummary) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.recent = append(a.recent, t...)
}

// intake is what ingest tells, prepared.
type intake struct {
	status   api.IngestStatus
	letters  []api.DeadLetter
	more     bool
	replayed []string
	err      error
}

func (i *intake) Status(context.Context, string) (api.IngestStatus, error) { return i.status, i.err }

func (i *intake) DeadLetters(_ context.Context, _ string, limit int) ([]api.DeadLetter, bool, error) {
	return i.letters[:min(limit, len(i.letters))], i.more, i.err
}

func (i *intake) Replay(_ context.Context, ids []string) (int64, error) {
	i.replayed = ids
	return int64(len(ids)), i.err
}

// advisor explains every code in a sentence.
type advisor struct{}

func (advisor) Advise(code store.FindingCode, dialect, scope string) api.Advice {
	return api.Advice{
		Title: "Title of " + string(code), Meaning: "It means.", Action: "Do it in " + dialect + ".", Settings: []string{scope + "=on"},
		Information: code == store.FindUsageRepeated,
	}
}

// running is a server on a port of its own.
type running struct {
	*api.Server
	store    *answers
	ingest   *intake
	keys     *auth.Keys
	log      *syncBuffer
	gatherer *prometheus.Registry
}

type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type option func(*api.Config, *api.Deps, *auth.Options)

func withKeys(_ *api.Config, _ *api.Deps, o *auth.Options) { o.Required = true }

func withLimits(l api.Limits) option {
	return func(c *api.Config, _ *api.Deps, _ *auth.Options) { c.Limits = l }
}

func withParts(parts ...api.Part) option {
	return func(_ *api.Config, d *api.Deps, _ *auth.Options) { d.Ready = parts }
}

func start(t *testing.T, opts ...option) *running {
	t.Helper()
	keys, err := auth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &running{store: &answers{}, ingest: &intake{}, keys: keys, log: &syncBuffer{}, gatherer: prometheus.NewRegistry()}
	c := api.Config{Addr: "127.0.0.1:0"}
	d := api.Deps{
		Store: r.store, Ingest: r.ingest, Advisor: advisor{}, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: r.gatherer, Gatherer: r.gatherer,
		Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the page") }),
	}
	o := auth.Options{Keys: keys, Registerer: r.gatherer}
	for _, f := range opts {
		f(&c, &d, &o)
	}
	d.Guard = auth.NewGuard(o)
	if r.Server, err = api.New(c, d); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("shut down: %v", err)
		}
	})
	return r
}

func (r *running) key(t *testing.T, scope auth.Scope, project string) string {
	t.Helper()
	secret, _, err := r.keys.Create(scope, project, "test")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// dial returns a gRPC client of the port.
func (r *running) dial(t *testing.T, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.Addr(), append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// do sends a request and returns the status, headers and body.
func (r *running) do(t *testing.T, method, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func (r *running) get(t *testing.T, path string, header ...string) (int, string) {
	t.Helper()
	code, _, body := r.do(t, http.MethodGet, path, "", header...)
	return code, body
}

// golden compares JSON with testdata/<name>.json, both indented: protojson changes its spaces on purpose.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(got), "", "  "); err != nil {
		t.Fatalf("%s is not JSON: %v\n%s", name, err, got)
	}
	b.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: make it with -update", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

var errBroken = errors.New("connection to secret-host refused password hunter2")
