package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// receiver is an OTLP server that keeps the requests as bytes. It refuses the first unavailable requests.
type receiver struct {
	mu          sync.Mutex
	unavailable int // mu guards everything below
	reject      bool
	traces      [][]byte
	logs        [][]byte
	arrived     chan struct{} // one for each kept trace request, when set
}

type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	*receiver
}

type logServer struct {
	plogotlp.UnimplementedGRPCServer
	*receiver
}

func (s traceServer) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unavailable > 0 {
		s.unavailable--
		return ptraceotlp.NewExportResponse(), status.Error(codes.Unavailable, "starting")
	}
	b, err := r.MarshalProto()
	s.traces = append(s.traces, b)
	if s.arrived != nil {
		s.arrived <- struct{}{}
	}
	res := ptraceotlp.NewExportResponse()
	if s.reject {
		res.PartialSuccess().SetRejectedSpans(1)
		res.PartialSuccess().SetErrorMessage("span 3: no id")
	}
	return res, err
}

func (s logServer) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := r.MarshalProto()
	s.logs = append(s.logs, b)
	return plogotlp.NewExportResponse(), err
}

func serve(t *testing.T) (*receiver, string) {
	t.Helper()
	r := &receiver{}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s, &traceServer{receiver: r})
	plogotlp.RegisterGRPCServer(s, &logServer{receiver: r})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(lis) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return r, lis.Addr().String()
}

type show struct {
	spans   []ptrace.Span
	records []plog.LogRecord
	truth   Truth
	raw     *receiver
}

func perform(t *testing.T, o Options) show {
	t.Helper()
	r, addr := serve(t)
	o.Endpoint, o.Truth = addr, filepath.Join(t.TempDir(), "truth.json")
	if o.Now.IsZero() {
		o.Now = now
	}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	out := show{raw: r}
	for _, b := range r.traces {
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(b); err != nil {
			t.Fatal(err)
		}
		for _, rs := range req.Traces().ResourceSpans().All() {
			if _, ok := rs.Resource().Attributes().Get("service.name"); !ok {
				t.Error("a resource without service.name")
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out.spans = append(out.spans, s)
				}
			}
		}
	}
	for _, b := range r.logs {
		req := plogotlp.NewExportRequest()
		if err := req.UnmarshalProto(b); err != nil {
			t.Fatal(err)
		}
		for _, rl := range req.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, rec := range sl.LogRecords().All() {
					out.records = append(out.records, rec)
				}
			}
		}
	}
	b, err := os.ReadFile(o.Truth)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out.truth); err != nil {
		t.Fatal(err)
	}
	return out
}

func get(s ptrace.Span, key string) string {
	v, ok := s.Attributes().Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

func TestEqualSeedsPlayEqualBytes(t *testing.T) {
	t.Parallel()
	a, b := perform(t, Options{Seed: 4, Days: 0.3}), perform(t, Options{Seed: 4, Days: 0.3})
	join := func(s show) []byte { return bytes.Join(append(s.raw.traces, s.raw.logs...), nil) }
	if !bytes.Equal(join(a), join(b)) {
		t.Error("equal seeds sent different bytes")
	}
	if bytes.Equal(join(a), join(perform(t, Options{Seed: 5, Days: 0.3}))) {
		t.Error("two seeds sent the same bytes")
	}
}

// A server that already holds the story of an hour ago must not be sent its ids with other times.
func TestPerformancesShareNoID(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, o := range []Options{{Seed: 4, Days: 0.3}, {Seed: 4, Days: 0.3, Now: now.Add(time.Hour)}, {Seed: 0, Days: 0.3}} {
		s := perform(t, o)
		ids := map[string]bool{}
		for _, sp := range s.spans {
			ids["trace "+sp.TraceID().String()] = true
			ids["span "+sp.SpanID().String()] = true
			for _, key := range []string{"gen_ai.conversation.id", "gen_ai.response.id", "gen_ai.tool.call.id"} {
				if id := get(sp, key); id != "" {
					ids[key+" "+id] = true
				}
			}
		}
		if len(ids) < 300 {
			t.Errorf("performance %d has %d ids", i, len(ids))
		}
		for id := range ids {
			if other, twice := seen[id]; twice {
				t.Fatalf("performances %d and %d share %s", other, i, id)
			}
			seen[id] = i
		}
	}
}

func TestAHistoryThatIsThereIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		r, addr := serve(t)
		o := Options{Endpoint: addr, Days: 0.1, Now: now}
		o.Played = func(_ context.Context, from, to time.Time) (bool, error) {
			if !to.Equal(now) || !from.Equal(now.Add(-144*time.Minute)) {
				t.Errorf("asked for %v to %v", from, to)
			}
			return there, nil
		}
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if sent := len(r.traces) > 0; sent == there {
			t.Errorf("there: %v, sent: %v", there, sent)
		}
	}
	r, addr := serve(t)
	o := Options{Endpoint: addr, Days: 0.1, Now: now}
	o.Played = func(context.Context, time.Time, time.Time) (bool, error) { return false, context.Canceled }
	if err := Run(t.Context(), o); err == nil || len(r.traces) > 0 {
		t.Errorf("nobody knows what is there, and the performance ended with %v and %d requests", err, len(r.traces))
	}
}

func TestFlagsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args, want string // want: what the error names, "" for none
		seed       uint64
		days       float64
	}{
		{"", "", 1, 3},
		{"--seed 0", "", 0, 3},
		{"--days 0 --forever", "", 1, 0},
		{"--days 0", "--days", 1, 0},
		{"--days 0.001", "--days", 1, 0.001},
		{"--days -1", "--days", 1, -1},
		{"--days 61", "--days", 1, 61},
		{"--forever --speed 0", "--speed", 1, 3},
		{"--forever --speed NaN", "--speed", 1, 3},
		{"--forever --speed 1001", "--speed", 1, 3},
		{"--endpoint=", "--endpoint", 1, 3},
		{"--ca /nowhere.pem", "--ca", 1, 3},
	} {
		o := Default()
		fs := pflag.NewFlagSet("demo", pflag.ContinueOnError)
		o.Flags(fs)
		if err := fs.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		err := o.complete()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want an error that names %q", c.args, err, c.want)
		}
		if o.Seed != c.seed || o.Days != c.days {
			t.Errorf("%q became seed %d and %v days", c.args, o.Seed, o.Days)
		}
	}
}

// required lists what the conventions (1.41) want on each operation, beyond the name itself.
var required = map[string][]string{
	"chat":            {"gen_ai.request.model"},
	"embeddings":      {"gen_ai.provider.name", "gen_ai.request.model"},
	"retrieval":       {"gen_ai.data_source.id", "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents"},
	"execute_tool":    {"gen_ai.tool.name", "gen_ai.tool.call.id", "gen_ai.tool.call.arguments"},
	"invoke_agent":    {"gen_ai.agent.name", "gen_ai.provider.name"},
	"invoke_workflow": {"gen_ai.workflow.name"},
}

func TestWhatIsSentIsValid(t *testing.T) {
	t.Parallel()
	s := perform(t, Options{Seed: 1, Days: 3})
	byID := map[pcommon.SpanID]ptrace.Span{}
	roots := map[pcommon.TraceID]int{}
	for _, sp := range s.spans {
		if _, twice := byID[sp.SpanID()]; twice || sp.SpanID().IsEmpty() {
			t.Fatalf("span id %s is empty or occurs twice", sp.SpanID())
		}
		byID[sp.SpanID()] = sp
		if sp.ParentSpanID().IsEmpty() {
			roots[sp.TraceID()]++
		}
	}
	for _, sp := range s.spans {
		if _, ok := roots[sp.TraceID()]; !ok {
			t.Fatalf("trace %s has no root", sp.TraceID())
		}
		if sp.StartTimestamp() >= sp.EndTimestamp() || sp.EndTimestamp().AsTime().After(now) || sp.StartTimestamp().AsTime().Before(now.AddDate(0, 0, -3)) {
			t.Fatalf("%s lasts from %v to %v", sp.Name(), sp.StartTimestamp(), sp.EndTimestamp())
		}
		if !sp.ParentSpanID().IsEmpty() {
			p, ok := byID[sp.ParentSpanID()]
			if !ok || p.TraceID() != sp.TraceID() || p.StartTimestamp() > sp.StartTimestamp() || p.EndTimestamp() < sp.EndTimestamp() {
				t.Fatalf("%s does not lie within its parent", sp.Name())
			}
		}
		checkContent(t, sp)
	}
	for id, n := range roots {
		if n != 1 {
			t.Fatalf("trace %s has %d roots", id, n)
		}
	}
	for _, r := range s.records {
		sp, ok := byID[r.SpanID()]
		if !ok || sp.TraceID() != r.TraceID() || r.EventName() == "" {
			t.Fatalf("log record %q belongs to no span", r.EventName())
		}
	}
	if n := len(roots); n < 1200 || n > 2200 {
		t.Errorf("%d traces in three days, want about 1,500", n)
	}
}

func checkContent(t *testing.T, s ptrace.Span) {
	t.Helper()
	op := get(s, "gen_ai.operation.name")
	for _, key := range required[op] {
		if get(s, key) == "" {
			t.Fatalf("%s has no %s", s.Name(), key)
		}
	}
	if op == "" && strings.Contains(s.Name(), "chat ") {
		t.Fatalf("%s has no operation", s.Name())
	}
	for key, v := range s.Attributes().All() {
		text := v.AsString()
		switch key {
		case "gen_ai.input.messages", "gen_ai.output.messages":
			var m []message
			if err := json.Unmarshal([]byte(text), &m); err != nil || len(m) == 0 {
				t.Fatalf("%s of %s: %v", key, s.Name(), err)
			}
		case "gen_ai.retrieval.documents", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.system_instructions":
			if !json.Valid([]byte(text)) {
				t.Fatalf("%s of %s is not JSON", key, s.Name())
			}
		}
		for _, slot := range []string{"{fact}", "{product}", "{order}", "{city}", "{name}"} {
			if strings.Contains(text, slot) {
				t.Fatalf("%s of %s has an empty slot: %s", key, s.Name(), text)
			}
		}
	}
}

// share is the part of the spans, among those that of selects, that has is true for, before and since.
func (s show) share(since time.Time, of, has func(ptrace.Span) bool) (before, after float64) {
	var n, hit [2]float64
	for _, sp := range s.spans {
		if !of(sp) {
			continue
		}
		i := 0
		if sp.StartTimestamp().AsTime().After(since) {
			i = 1
		}
		n[i]++
		if has(sp) {
			hit[i]++
		}
	}
	return hit[0] / n[0], hit[1] / n[1]
}

func TestTheStory(t *testing.T) {
	t.Parallel()
	s := perform(t, Options{Seed: 1, Days: 3})
	story := NewStory(now, 3)
	answered := func(sp ptrace.Span) bool { return get(sp, "gen_ai.output.messages") != "" }
	support := func(sp ptrace.Span) bool { return get(sp, "gen_ai.prompt.name") == supportPrompt && answered(sp) }
	expect := func(name string, got, low, high float64) {
		if got < low || got > high {
			t.Errorf("%s: %.3f, want %.2f to %.2f", name, got, low, high)
		}
	}
	before, after := s.share(story.PromptV2, support, func(sp ptrace.Span) bool { return get(sp, "gen_ai.prompt.version") == "v2" })
	expect("v2 before", before, 0, 0.01)
	expect("v2 after", after, 0.99, 1)
	before, after = s.share(story.PromptV2, support, func(sp ptrace.Span) bool { return strings.Contains(get(sp, "gen_ai.output.messages"), `\n- `) })
	expect("bullets before", before, 0, 0.01)
	expect("bullets after", after, 0.9, 1)
	retrieval := func(sp ptrace.Span) bool { return get(sp, "gen_ai.operation.name") == "retrieval" }
	before, after = s.share(story.StaleDocs, retrieval, func(sp ptrace.Span) bool {
		return strings.Contains(get(sp, "gen_ai.retrieval.documents"), `"edition":"archived"`)
	})
	expect("stale before", before, 0, 0)
	expect("stale after", after, 0.6, 0.8)
	flows := func(sp ptrace.Span) bool {
		return get(sp, "gen_ai.agent.name") == "sql-analyst" && get(sp, "gen_ai.operation.name") == "chat" && answered(sp)
	}
	before, after = s.share(story.Refusals, flows, func(sp ptrace.Span) bool {
		for _, r := range analystRefusals {
			if strings.Contains(get(sp, "gen_ai.output.messages"), r) {
				return true
			}
		}
		return false
	})
	expect("refusals before", before, 0, 0.03)
	expect("refusals after", after, 0.12, 0.35) // of calls: an answer takes two, a refusal one
	byID := map[string]bool{}
	for _, sp := range s.spans {
		byID[sp.SpanID().String()] = true
	}
	for _, c := range s.truth.Changes {
		if len(c.Spans) < 20 {
			t.Errorf("the truth names %d spans for %s", len(c.Spans), c.Name)
		}
		for _, ref := range c.Spans {
			if !byID[ref.SpanID] {
				t.Fatalf("the truth names a span of %s that was not sent", c.Name)
			}
		}
	}
	if n := len(supportAsks) + len(jobs) + len(studies) + len(letters); n < 60 {
		t.Errorf("%d intents, want 60 at least", n)
	}
}

// What a session is, and what goes wrong in them.
func TestSessionsAndErrors(t *testing.T) {
	t.Parallel()
	s := perform(t, Options{Seed: 1, Days: 3})
	type session struct{ traces, users map[string]bool }
	sessions := map[string]session{}
	failed, agents, models, providers, finishes := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, sp := range s.spans {
		if id := get(sp, "gen_ai.conversation.id"); id != "" {
			if _, ok := sessions[id]; !ok {
				sessions[id] = session{map[string]bool{}, map[string]bool{}}
			}
			sessions[id].traces[sp.TraceID().String()] = true
			sessions[id].users[get(sp, "user.id")] = true
		}
		agents[get(sp, "gen_ai.agent.name")]++
		models[get(sp, "gen_ai.request.model")]++
		providers[get(sp, "gen_ai.provider.name")]++
		finishes[get(sp, "gen_ai.response.finish_reasons")]++
		kind := get(sp, "error.type")
		if (kind != "") != (sp.Status().Code() == ptrace.StatusCodeError) {
			t.Fatalf("%s has the error type %q and the status %v", sp.Name(), kind, sp.Status().Code())
		}
		if kind != "" {
			failed[kind]++
		}
	}
	several := 0
	for id, one := range sessions {
		if len(one.users) != 1 {
			t.Fatalf("session %s has %d users", id, len(one.users))
		}
		if len(one.traces) > 1 {
			several++
		}
	}
	if n := len(sessions); n < 600 || several < n/3 {
		t.Errorf("%d sessions, %d of them with several traces", n, several)
	}
	for _, c := range []struct {
		what string
		of   map[string]int
		want []string
	}{
		{"errors", failed, []string{"timeout", "504", "429", "ToolError"}},
		{"agents", agents, []string{"juniper", "moss", "planner", "sql-analyst"}},
		{"providers", providers, []string{"openai", "anthropic", "mistral_ai", "gcp.gemini"}},
		{"finish reasons", finishes, []string{`["stop"]`, `["tool_call"]`, `["content_filter"]`}},
	} {
		for _, name := range c.want {
			if c.of[name] < 5 {
				t.Errorf("%s: %d of %s, there are %v", c.what, c.of[name], name, c.of)
			}
		}
	}
	if len(models) < 7 {
		t.Errorf("models: %v", models)
	}
	// Errors are the exception.
	var n int
	for _, f := range failed {
		n += f
	}
	if share := float64(n) / float64(len(s.spans)); share < 0.005 || share > 0.06 {
		t.Errorf("%.1f %% of the spans failed", 100*share)
	}
}

func TestWaitsForAServerThatStarts(t *testing.T) {
	t.Parallel()
	r, addr := serve(t)
	r.unavailable = 2
	if err := Run(t.Context(), Options{Endpoint: addr, Days: 0.02, Now: now}); err != nil {
		t.Fatal(err)
	}
	if len(r.traces) == 0 {
		t.Error("nothing arrived")
	}
}

// A rejected span is said, and costs no log record of the same batch.
func TestARejectedSpan(t *testing.T) {
	t.Parallel()
	r, addr := serve(t)
	r.reject = true
	err := Run(t.Context(), Options{Endpoint: addr, Days: 0.02, Now: now, Seed: 1})
	if err == nil || !strings.Contains(err.Error(), "span 3: no id") || len(r.traces) != 1 || len(r.logs) != 1 {
		t.Errorf("%v after %d requests of traces and %d of logs", err, len(r.traces), len(r.logs))
	}
}

// stage counts what is played live and refuses while refuse says so.
type stage struct {
	traces map[string]bool
	sent   []time.Time // of the batches that were taken
	refuse func() error
}

func (s *stage) export(_ context.Context, b *batch) error {
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	for _, rs := range b.traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				if sp.EndTimestamp().AsTime().After(time.Now()) {
					return errors.New("a span of the future")
				}
				s.traces[sp.TraceID().String()] = true
			}
		}
	}
	s.sent = append(s.sent, time.Now())
	*b = batch{}
	return nil
}

// perform plays live on the stage for so long, on the test's own clock.
func (s *stage) perform(t *testing.T, speed float64, long time.Duration, log *slog.Logger) {
	t.Helper()
	s.traces = map[string]bool{}
	o := Default()
	o.Speed, o.Days, o.Forever, o.Now, o.Logger = speed, 0, true, time.Now(), log
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	live(ctx, s, &player{seed: o.Seed, story: NewStory(o.Now, 0)}, &o)
}

func TestSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow, fast stage
		slow.perform(t, 1, time.Hour, nil)
		fast.perform(t, 10, time.Hour, nil)
		// Three sessions a minute, about two traces a session.
		if n := len(slow.traces); n < 240 || n > 480 {
			t.Errorf("%d traces in an hour", n)
		}
		if ratio := float64(len(fast.traces)) / float64(len(slow.traces)); ratio < 9 || ratio > 11 {
			t.Errorf("%d traces at speed 10, %d at speed 1", len(fast.traces), len(slow.traces))
		}
	})
}

func TestLiveGoesOnWhenTracesAreNotTaken(t *testing.T) {
	for name, refuse := range map[string]func() error{
		"rejected": func() error { return errors.New("1 spans rejected") },
		"away":     func() error { <-time.After(retryFor); return status.Error(codes.Unavailable, "away") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				back := time.Now().Add(20 * time.Minute)
				s := stage{refuse: func() error {
					if time.Now().Before(back) {
						return refuse()
					}
					return nil
				}}
				var log bytes.Buffer
				s.perform(t, 1, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
				if len(s.sent) == 0 || s.sent[0].Sub(back) > 2*time.Minute {
					t.Errorf("taken again at %v, the server is back at %v", s.sent, back)
				}
				// What would have been played meanwhile is not made up for.
				if n := len(s.traces); n < 150 || n > 330 {
					t.Errorf("%d traces in the 40 minutes after", n)
				}
				if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "taken again") {
					t.Errorf("it said %q", log.String())
				}
			})
		})
	}
}

func TestGoesOnLiveUntilStopped(t *testing.T) {
	t.Parallel()
	r, addr := serve(t)
	r.arrived = make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Endpoint: addr, Days: 0.01, Speed: maxSpeed, Forever: true}) }()
	for range 3 { // the history and two ticks
		<-r.arrived
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkPlay(b *testing.B) {
	p := &player{seed: 1, story: NewStory(now, 3)}
	n := 0
	for b.Loop() {
		p.session(n, now.Add(-time.Hour))
		n++
	}
}
