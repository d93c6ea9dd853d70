package embed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

const key = "sk-secret-1234567890"

// question is what an endpoint is asked.
type question struct {
	Model      string
	Input      []string
	Format     string `json:"encoding_format"`
	Dimensions *int
}

// api answers a text with its length and 1, in reverse order, and keeps the questions.
type api struct {
	t         *testing.T
	mu        sync.Mutex
	questions []question
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	a.questions = append(a.questions, q)
	a.mu.Unlock()
	type item struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float64 `json:"embedding"`
	}
	var data []item
	for i, text := range slices.Backward(q.Input) {
		data = append(data, item{"embedding", i, []float64{float64(len(text)), 1}})
	}
	json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": data, "model": q.Model, "usage": map[string]int{"prompt_tokens": 1}})
}

// endpoint makes an endpoint that asks h.
func endpoint(t *testing.T, h http.Handler, change func(*embed.EndpointOptions)) (*embed.Endpoint, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	o := embed.EndpointOptions{URL: server.URL + "/v1", Model: "m", Dimensions: 2, Key: key, RequestsPerSecond: 1e6}
	if change != nil {
		change(&o)
	}
	e, err := embed.NewEndpoint(o)
	if err != nil {
		t.Fatal(err)
	}
	return e, server
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	a := &api{t: t}
	registry := prometheus.NewRegistry()
	e, _ := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/embeddings" || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+key || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("asked %s %s with %v", r.Method, r.URL, r.Header)
		}
		a.ServeHTTP(w, r)
	}), func(o *embed.EndpointOptions) { o.MaxTextBytes, o.Registerer = 8, registry })
	if e.Kind() != "openai:m/2" || e.Dimensions() != 2 {
		t.Errorf("kind %q, %d dimensions", e.Kind(), e.Dimensions())
	}
	// A text twice, a long one, one that is cut within a character, one of invalid bytes, and two of nothing.
	texts := []string{"gear", "", "gear", "123456789", "1234567é", " \n", "\xffa"}
	want := [][]float32{{4, 1}, {0, 0}, {4, 1}, {8, 1}, {7, 1}, {0, 0}, {4, 1}}
	for range 2 {
		got, err := e.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]question{{"m", []string{"gear", "12345678", "1234567", "\uFFFDa"}, "float", nil}}, a.questions); diff != "" {
		t.Errorf("each text is asked for once, and then known (-want +got):\n%s", diff)
	}
	counted := `# HELP tiltmeter_embedding_requests_total Attempts to embed texts at the endpoint, and requests that the open breaker refused.
# TYPE tiltmeter_embedding_requests_total counter
tiltmeter_embedding_requests_total{outcome="ok"} 1
# HELP tiltmeter_embedding_texts_cut_total Texts longer than what is sent, cut.
# TYPE tiltmeter_embedding_texts_cut_total counter
tiltmeter_embedding_texts_cut_total 4
# HELP tiltmeter_embedding_texts_total Texts embedded by the endpoint or found in the cache.
# TYPE tiltmeter_embedding_texts_total counter
tiltmeter_embedding_texts_total{source="cache"} 5
tiltmeter_embedding_texts_total{source="endpoint"} 4
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(counted)); err != nil {
		t.Error(err)
	}
	if got, err := e.Embed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

// TestEndpointBatches: no request holds too many texts or bytes, and the cache no more than it may.
func TestEndpointBatches(t *testing.T) {
	t.Parallel()
	a := &api{t: t}
	e, _ := endpoint(t, a, func(o *embed.EndpointOptions) {
		o.MaxTextBytes, o.CacheBytes, o.AskDimensions = embed.BatchBytes/4, 10*8, true
	})
	var texts []string
	for i := range embed.BatchTexts + 1 {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	for i := range 5 {
		texts = append(texts, strings.Repeat("x", embed.BatchBytes/4-i))
	}
	got, err := e.Embed(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v[0] != float32(len(texts[i])) {
			t.Errorf("text %d has the vector %v", i, v)
		}
	}
	var sizes []int
	for _, q := range a.questions {
		sizes = append(sizes, len(q.Input))
		bytes := len(strings.Join(q.Input, ""))
		if bytes > embed.BatchBytes || *q.Dimensions != 2 {
			t.Errorf("a request of %d bytes for %d dimensions", bytes, *q.Dimensions)
		}
	}
	if diff := cmp.Diff([]int{64, 4, 2}, sizes); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if e.CacheLen() != 10 {
		t.Errorf("the cache holds %d vectors, want 10", e.CacheLen())
	}
}

// TestEndpointRetries: what may pass is tried again, after what the endpoint asks for; what will not pass is not.
func TestEndpointRetries(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		name     string
		answer   func(w http.ResponseWriter)
		attempts int
		first    func(time.Duration) bool // of the waits
		want     string                   // in the error; "": it goes well
	}{
		{"busy, seconds", refuse(429, "Retry-After", "7"), 2, func(d time.Duration) bool { return d == 7*time.Second }, ""},
		{"busy, a date", refuse(503, "Retry-After", soon), 2, func(d time.Duration) bool { return d > 0 && d <= 21*time.Second }, ""},
		{"busy, nothing said", refuse(429, "", ""), 2, func(d time.Duration) bool { return d >= embed.FirstWait/2 && d < embed.FirstWait }, ""},
		{"busy, nonsense said", refuse(429, "Retry-After", "soon"), 2, func(d time.Duration) bool { return d < embed.FirstWait }, ""},
		{"busy for an hour", refuse(429, "Retry-After", "3600"), 1, nil, "status 429"},
		{"broken", refuse(500, "", ""), 2, func(d time.Duration) bool { return d < embed.FirstWait }, ""},
		{"hung up", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2, func(d time.Duration) bool { return d < embed.FirstWait }, ""},
		{"wrong key", refuse(401, "", ""), 1, nil, "status 401"},
		{"bad text", refuse(400, "", ""), 1, nil, "texts refused with status 400"},
		{"redirect", refuse(307, "Location", "/elsewhere"), 1, nil, "set the URL that it redirects to"},
		{"no JSON", func(w http.ResponseWriter) { io.WriteString(w, "<html>") }, 1, nil, "read answer"},
		{"huge", func(w http.ResponseWriter) { w.Write(make([]byte, 1<<20)) }, 1, nil, "answer of more than"},
		{"other dimensions", func(w http.ResponseWriter) { io.WriteString(w, `{"data":[{"index":0,"embedding":[1,2,3]}]}`) }, 1, nil, "3 dimensions, want 2"},
		{"no vector", func(w http.ResponseWriter) { io.WriteString(w, `{"data":[]}`) }, 1, nil, "0 vectors for 1 texts"},
		{"no number", func(w http.ResponseWriter) { io.WriteString(w, `{"data":[{"index":0,"embedding":[1e99,0]}]}`) }, 1, nil, "read answer"},
	} {
		asked := 0
		e, _ := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				c.answer(w)
				return
			}
			(&api{t: t}).ServeHTTP(w, r)
		}), nil)
		waits := e.RecordWaits()
		got, err := e.Embed(t.Context(), []string{"gear"})
		if asked != c.attempts || len(*waits) != c.attempts-1 {
			t.Errorf("%s: asked %d times, waited %v", c.name, asked, *waits)
		}
		if len(*waits) > 0 && !c.first((*waits)[0]) {
			t.Errorf("%s: waited %v", c.name, *waits)
		}
		if c.want == "" && (err != nil || got[0][0] != 4) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v, want %q", c.name, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error holds the key: %v", c.name, err)
		}
	}
}

// refuse answers with a status and a header, and repeats the key as a careless endpoint may.
func refuse(status int, name, value string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if name != "" {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, "your key "+key+" "+strings.Repeat("x", 1000))
	}
}

// TestEndpointDoesNotCarryTheKey to where it is redirected.
func TestEndpointDoesNotCarryTheKey(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s with %v", r.URL, r.Header) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		e, _ := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }), nil)
		if _, err := e.Embed(t.Context(), []string{"gear"}); err == nil {
			t.Errorf("%d was followed", status)
		}
	}
}

// TestEndpointGivesUp: an endpoint that fails again and again is left alone; a caller who leaves, or a text it refuses, is no failure.
func TestEndpointGivesUp(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var status atomic.Int64
	e, _ := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	}), func(o *embed.EndpointOptions) { o.Attempts = 2 })
	e.RecordWaits()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	status.Store(400)
	for range 2 * embed.BreakAfter {
		if _, err := e.Embed(gone, []string{"gear"}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := e.Embed(t.Context(), []string{"gear"}); err == nil || strings.Contains(err.Error(), "left alone") {
			t.Fatal(err)
		}
	}
	status.Store(500)
	asked.Store(0)
	for range embed.BreakAfter {
		if _, err := e.Embed(t.Context(), []string{"gear"}); err == nil || !strings.Contains(err.Error(), "attempt 2 of 2") {
			t.Fatal(err)
		}
	}
	if _, err := e.Embed(t.Context(), []string{"gear"}); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("after %d failures: %v", embed.BreakAfter, err)
	}
	if n := asked.Load(); n != 2*embed.BreakAfter {
		t.Errorf("asked %d times", n)
	}
}

// TestEndpointHangs: an attempt ends after its time, whatever the endpoint does, and the next is made.
func TestEndpointHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var asked atomic.Int64
	e, server := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			(&api{t: t}).ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release
	}), func(o *embed.EndpointOptions) { o.Timeout = 250 * time.Millisecond })
	e.RecordWaits()
	got, err := e.Embed(t.Context(), []string{"gear"})
	close(release)
	if err != nil || got[0][0] != 4 {
		t.Errorf("%v, %v after %d attempts", got, err, asked.Load())
	}
	server.Close()
	if _, err := e.Embed(t.Context(), []string{"another"}); err == nil || strings.Contains(err.Error(), "/v1") {
		t.Errorf("a closed door: %v", err)
	}
}

// TestEndpointWaits as long as it says, and not for a caller who leaves.
func TestEndpointWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	e, _ := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(429, "Retry-After", "30")(w)
		time.AfterFunc(10*time.Millisecond, cancel)
	}), nil)
	if _, err := e.Embed(ctx, []string{"gear"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	slow, _ := endpoint(t, &api{t: t}, func(o *embed.EndpointOptions) { o.RequestsPerSecond = 1e-6 })
	if _, err := slow.Embed(t.Context(), []string{"gear"}); err != nil {
		t.Fatal(err)
	}
	soon, cancelSoon := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelSoon()
	if _, err := slow.Embed(soon, []string{"another"}); err == nil || !strings.Contains(err.Error(), "rate limit") {
		t.Errorf("the second request of a fortnight: %v", err)
	}
}

func TestEndpointOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, s string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := embed.EndpointOptions{URL: "http://localhost/v1/embeddings?version=1", Model: "m", Dimensions: 2}
	for _, c := range []struct {
		change func(*embed.EndpointOptions)
		want   string
	}{
		{func(*embed.EndpointOptions) {}, ""},
		{func(o *embed.EndpointOptions) { o.KeyFile = write("key", key+"\n") }, ""},
		{func(o *embed.EndpointOptions) { o.URL = "localhost/" + key }, "http://"},
		{func(o *embed.EndpointOptions) { o.URL = "https://me:" + key + "@localhost" }, "give the key as a key"},
		{func(o *embed.EndpointOptions) { o.URL = "http://" }, "name a host"},
		{func(o *embed.EndpointOptions) { o.Model = "" }, "no model"},
		{func(o *embed.EndpointOptions) { o.Dimensions = 0 }, "0 dimensions"},
		{func(o *embed.EndpointOptions) { o.Dimensions = 1 << 20 }, "1048576 dimensions"},
		{func(o *embed.EndpointOptions) { o.Key = key + "\nX: y" }, "characters that no header may"},
		{func(o *embed.EndpointOptions) { o.KeyFile = filepath.Join(dir, "none") }, "read key"},
		{func(o *embed.EndpointOptions) { o.KeyFile = write("empty", "") }, "read key"},
		{func(o *embed.EndpointOptions) { o.KeyFile = write("large", strings.Repeat("x", 20_000)) }, "read key"},
		{func(o *embed.EndpointOptions) { o.Attempts = -1 }, "must be positive"},
		{func(o *embed.EndpointOptions) { o.MaxTextBytes = 3 }, "4 to 262144 bytes"},
		{func(o *embed.EndpointOptions) { o.MaxTextBytes = 1 << 20 }, "4 to 262144 bytes"},
	} {
		o := good
		c.change(&o)
		_, err := embed.NewEndpoint(o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("the error holds the key: %v", err)
		}
	}
}

// TestEndpointHidesTheKey that a transport puts into its error.
func TestEndpointHidesTheKey(t *testing.T) {
	t.Parallel()
	e, _ := endpoint(t, &api{t: t}, func(o *embed.EndpointOptions) {
		o.Attempts = 1
		o.Client = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("dial with " + key)
		}}}
	})
	if _, err := e.Embed(t.Context(), []string{"gear"}); err == nil || strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "[key]") {
		t.Errorf("%v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":1,"embedding":[1,2]},{"index":0,"embedding":[0.5,-1e-3]}]}`))
	f.Add([]byte(`{"data":[{"index":-1,"embedding":[]},{"embedding":null}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		vectors, err := embed.ReadAnswer(b, 2, 2)
		if err != nil {
			return
		}
		for _, v := range vectors {
			if len(vectors) != 2 || len(v) != 2 {
				t.Errorf("%v", vectors)
			}
			if _, err := embed.Dense("m/2", v); err != nil {
				t.Error(err)
			}
		}
	})
}
