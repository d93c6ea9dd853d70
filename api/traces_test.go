package api_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	theID   = genai.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	theSpan = genai.SpanID{1, 2, 3, 4, 5, 6, 7, 8}
)

func exampleSummary() store.TraceSummary {
	return store.TraceSummary{
		TraceID: theID, Start: noon, End: noon.Add(1500 * time.Millisecond), RootName: "answer", RootService: "support",
		RootOperation: genai.OpInvokeAgent, Spans: 4, GenAISpans: 3, Errors: 1, Services: []string{"support"},
		Operations: []string{"chat", "invoke_agent"}, Models: []string{"gpt-4o"}, Agents: []string{"boss"},
		Conversation: "c1", User: "u1", Environment: "prod",
		Usage: genai.Usage{Input: genai.Count(0), Output: genai.Count(7)},
		Cost:  genai.Cost{Amount: "0.0012345", Currency: "USD", Source: "reported"}, InputPreview: "hi", OutputPreview: "cut \xff here",
	}
}

// fullSpan has something in every field.
func fullSpan() *genai.Span {
	temperature, maxTokens, stream := 0.5, int64(1)<<60, false
	return &genai.Span{
		TraceID: theID, SpanID: theSpan, ParentSpanID: genai.SpanID{9}, Name: "chat gpt-4o", Kind: genai.KindClient,
		Start: noon, End: noon.Add(time.Second), StatusCode: genai.StatusError, StatusMessage: "bad",
		Service: genai.Service{Name: "support", Namespace: "shop", Version: "1", InstanceID: "i", Environment: "prod", Language: "python"},
		Scope:   genai.Scope{Name: "scope", Version: "2"},
		Attributes: []genai.Attribute{
			{Key: "a", Value: genai.String("text")}, {Key: "b", Value: genai.Int(5)}, {Key: "b", Value: genai.Bool(true)},
		},
		Events: []genai.Event{{Name: "e", Time: noon, Attributes: []genai.Attribute{
			{Key: "big", Value: genai.Int(1 << 60)},
			{Key: "small", Value: genai.Int(-3)},
			{Key: "nan", Value: genai.Double(math.NaN())},
			{Key: "list", Value: genai.Value{Type: genai.TypeArray, Text: `[1,"x",null]`}},
			{Key: "cut", Value: genai.Value{Type: genai.TypeMap, Text: `{"a":`}},
			{Key: "none", Value: genai.Value{}},
			{Key: "bytes", Value: genai.Bytes([]byte{1, 2})},
			{Key: "\xff", Value: genai.String("\xff")},
		}, Body: genai.Value{Type: genai.TypeMap, Text: `{"k":{"l":1.5}}`}}},
		Links:    []genai.Link{{TraceID: theID, SpanID: theSpan, TraceState: "s"}},
		Dialect:  "otelgenai",
		Warnings: []genai.Warning{{Code: genai.WarnTruncated, Field: "f", Text: "cut"}}, DialectVersion: "1.37",
		Operation: genai.OpChat, Provider: "openai", Framework: "langchain", RequestModel: "gpt-4o", ResponseModel: "gpt-4o-1", ResponseID: "r1",
		Request: genai.Request{Temperature: &temperature, MaxTokens: &maxTokens, Stream: &stream, StopSequences: []string{"END"}, OutputType: "text"},
		System:  []genai.Part{{Type: genai.PartText, Content: "be kind"}},
		Input: []genai.Message{
			{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartURI, Modality: "image", MIMEType: "image/png", URI: "https://x/y.png"}}},
			{Role: genai.RoleTool, Parts: []genai.Part{{Type: genai.PartToolCallResponse, ID: "c1", Response: `{"n":1}`}}},
		},
		Output: []genai.Message{{Role: genai.RoleAssistant, FinishReason: genai.FinishStop, Parts: []genai.Part{
			{Type: genai.PartReasoning, Content: "hm"}, {Type: genai.PartToolCall, ID: "c2", Name: "t", Arguments: `{"a":1}`},
		}}},
		Tools:     []genai.ToolDefinition{{Type: "function", Name: "t", Description: "does", Parameters: `{"type":"object"}`}},
		Retrieval: genai.Retrieval{DataSource: "kb", Query: "q", TopK: 3, Documents: []genai.Document{{ID: "d", HasScore: true, Content: "text", Metadata: `{}`}, {ID: "e"}}},
		Tool:      genai.ToolExecution{Name: "t", CallID: "c2", Arguments: `{"a":1}`, Result: `2`},
		Embedding: genai.Embedding{Dimensions: 2, Items: []genai.EmbeddingItem{{Text: "x", Vector: []float32{0.5, -1}}}},
		Usage: genai.Usage{
			Input: genai.Count(10), Output: genai.Count(0), CacheRead: genai.Count(4),
			Reported: []genai.ReportedCount{{Key: "gen_ai.usage.input_tokens", N: 6}},
		},
		Cost: genai.Cost{Amount: "0", Currency: "USD", Source: "reported"}, FinishReasons: []genai.FinishReason{genai.FinishStop},
		TimeToFirstToken: 250 * time.Millisecond, Agent: genai.Agent{ID: "a", Name: "boss", Description: "d", Version: "v"},
		Workflow: "w", Conversation: "c", User: "u", Tags: []string{"t1"},
		Prompt:      genai.Prompt{Name: "p", Version: "v2", Variables: []genai.Variable{{Name: "k", Value: "v"}}},
		Evaluations: []genai.Evaluation{{Name: "e", HasScore: true, Label: "pass", Time: noon}, {Name: "f", ErrorType: "timeout"}},
		Error:       genai.Error{Type: "E", Message: "m", Stacktrace: "s", HTTPStatus: 500},
	}
}

func plainSpan() genai.Span {
	return genai.Span{TraceID: theID, SpanID: genai.SpanID{9}, Name: "GET /", Kind: genai.KindServer, Start: noon, End: noon.Add(-time.Second)}
}

// rawBytes makes a stored span with real OTLP bytes.
func rawBytes(t *testing.T) *store.RawSpan {
	t.Helper()
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "support")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("scope")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID([16]byte(theID))
	s.SetSpanID([8]byte(theSpan))
	s.SetName("chat")
	s.SetStartTimestamp(1_800_000_000_000_000_001)
	s.Attributes().PutInt("n", 1<<60)
	s.Attributes().PutEmptyBytes("b").Append(1, 2)
	s.Attributes().PutDouble("d", 0.1)
	traceBytes, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "support")
	record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("gen_ai.choice")
	record.Body().SetStr("body")
	logBytes, err := new(plog.ProtoMarshaler).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	resource, scope, span := unwrap(t, traceBytes)
	out := &store.RawSpan{Resource: resource, Scope: scope, Span: span}
	resource, scope, item := unwrap(t, logBytes)
	out.Logs = []store.RawLog{{Resource: resource, Scope: scope, Record: item}}
	return out
}

// unwrap takes the one resource, scope and item out of a request.
func unwrap(t *testing.T, b []byte) (resource, scope, item []byte) {
	t.Helper()
	field := func(b []byte, want protowire.Number) []byte {
		for len(b) > 0 {
			number, typ, n := protowire.ConsumeTag(b)
			if n < 0 {
				t.Fatal("broken message")
			}
			b = b[n:]
			if number == want && typ == protowire.BytesType {
				v, _ := protowire.ConsumeBytes(b)
				return v
			}
			b = b[protowire.ConsumeFieldValue(number, typ, b):]
		}
		return nil
	}
	group := field(b, 1)
	scopeGroup := field(group, 2)
	return field(group, 1), field(scopeGroup, 1), field(scopeGroup, 2)
}

// TestRESTAnswers pins the JSON of every method, byte by byte but for white space.
func TestRESTAnswers(t *testing.T) {
	t.Parallel()
	r := start(t)
	full := fullSpan()
	r.store.page = store.TracePage{Traces: []store.TraceSummary{exampleSummary(), {TraceID: genai.TraceID{2}, Start: noon, RootMissing: true}}}
	r.store.found = map[genai.TraceID][]store.Detection{theID: {{Signal: "refusal", Spans: 2}}}
	r.store.facets = []store.Facet{{Field: "service", Values: []store.FacetValue{{Value: "support", Traces: 3}}, Truncated: true}}
	r.store.buckets = []store.HistogramBucket{{Start: noon.Truncate(time.Minute), Traces: 5, Errors: 1}}
	r.store.detail = &store.TraceDetail{Summary: exampleSummary(), Spans: []store.SpanOutline{
		{Span: plainSpan()},
		{
			Span:    genai.Span{TraceID: theID, SpanID: theSpan, Operation: genai.OpChat, Usage: genai.Usage{Input: genai.Count(6), Rollup: true, Rule: genai.CacheBySum}},
			Derived: store.Derived{Pricing: store.SpanCost{Unknown: "no_usage"}}, Role: genai.UsageRepeatsBelow, Repeats: genai.SpanID{9},
			InputMessages: 2, OutputMessages: 1, InputPreview: "hi",
		},
	}}
	r.store.derived = store.Derived{
		Pricing: store.SpanCost{Reported: genai.Cost{Amount: "0.1", Currency: "EUR"}, Parts: []store.CostPart{{Tier: "cache_read", N: 6, Amount: "0.0000012"}}},
		Version: genai.Fingerprint{Model: 1, Tools: 0xabcdef},
	}
	r.store.span, r.store.contents, r.store.raw = full, []genai.Span{*full}, rawBytes(t)
	r.store.search = store.SearchPage{Hits: []store.SearchHit{{
		TraceID: theID, SpanID: theSpan, Start: noon, SpanName: "chat", Service: "support",
		Role: "user", Snippet: "where is my order", Highlights: []store.Highlight{{Start: 9, End: 11}},
	}}}
	r.store.projects = []store.Project{{Name: "default", FirstSeen: noon, LastSeen: noon, Spans: 5}}
	r.store.counts = store.Counts{Spans: 10, Traces: 3, Logs: 1, Fragments: 2}
	r.store.stats = []store.StorageStats{{Table: "a", BytesOnDisk: 100}, {Table: "b", BytesOnDisk: 50}}
	r.ingest.status = api.IngestStatus{
		ReceivedSpans: 12, StoredSpans: 10, DuplicateRequests: 1, RejectedSpans: map[string]int64{"b": 1, "a": 2},
		LogPending: 3, LogLag: 1500 * time.Millisecond, StartedAt: noon, EngineReady: true,
		Receivers: []api.Receiver{{Protocol: "grpc", Address: "0.0.0.0:4317", TLS: true}}, KeyRequired: true,
	}
	r.ingest.letters = []api.DeadLetter{{ID: "7", Project: "default", Signal: "traces", Reason: "undecodable", Error: "at byte 3", ReceivedAt: noon, FailedAt: noon, SizeBytes: 99}}
	r.ingest.more = true
	window := "startTime=2026-03-01T00:00:00Z&endTime=2026-03-02T00:00:00Z"
	for name, path := range map[string]string{
		"list_traces":       "/v1/traces?" + window,
		"facets":            "/v1/traces:facets?" + window,
		"histogram":         "/v1/traces:histogram?" + window,
		"trace":             "/v1/traces/" + traceID,
		"trace_tree":        "/v1/traces/" + traceID + "/tree",
		"conversation":      "/v1/traces/" + traceID + "/conversation",
		"span":              "/v1/traces/" + traceID + "/spans/0102030405060708",
		"raw_span":          "/v1/traces/" + traceID + "/spans/0102030405060708/raw",
		"search":            "/v1/spans:search?query=order&" + window,
		"projects":          "/v1/projects",
		"storage":           "/v1/storage",
		"ingest_status":     "/v1/ingest/status",
		"dead_letters":      "/v1/ingest/dead-letters?pageSize=1",
		"error_not_found":   "/v1/nothing",
		"error_wrong_field": "/v1/traces?filter=nonsense",
	} {
		code, header, body := r.do(t, http.MethodGet, path, "", "X-Request-Id", "golden")
		if isError := strings.HasPrefix(name, "error"); (code != http.StatusOK) != isError {
			t.Errorf("GET %s: got %d %s", path, code, body)
			continue
		}
		if ct := header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("GET %s: content type %q", path, ct)
		}
		golden(t, name, body)
	}
}

func TestRawSpanKeepsEverything(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.store.raw = rawBytes(t)
	_, body := r.get(t, "/v1/traces/"+traceID+"/spans/0102030405060708/raw")
	traces, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces([]byte(body)) // the answer as it is: OTLP/JSON
	if err != nil {
		t.Fatal(err)
	}
	logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(body))
	if err != nil || logs.LogRecordCount() != len(r.store.raw.Logs) {
		t.Errorf("%d log records, want %d; %v", logs.LogRecordCount(), len(r.store.raw.Logs), err)
	}
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, span := unwrap(t, b); !cmp.Equal(span, r.store.raw.Span) {
		t.Errorf("the span that came out is not the one that went in:\n%x\n%x", span, r.store.raw.Span)
	}
}

func TestListTracesOverGRPC(t *testing.T) {
	t.Parallel()
	r := start(t)
	client := pb.NewTraceServiceClient(r.dial(t))
	next := store.Cursor{Start: noon, TraceID: theID}
	r.store.page = store.TracePage{Traces: []store.TraceSummary{exampleSummary()}, Next: next}
	req := &pb.ListTracesRequest{Filter: []string{"service = support"}, PageSize: store.MaxPage}
	first, err := client.ListTraces(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.PageToken = first.GetNextPageToken()
	r.store.mu.Lock()
	r.store.page.Next = store.Cursor{}
	r.store.mu.Unlock()
	second, err := client.ListTraces(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if first.GetNextPageToken() == "" || second.GetNextPageToken() != "" {
		t.Errorf("tokens: %q, then %q", first.GetNextPageToken(), second.GetNextPageToken())
	}
	a, b := r.store.asked[0], r.store.asked[1]
	if !a.From.Equal(b.From) || !a.To.Equal(b.To) || a.To.Sub(a.From) != 24*time.Hour || b.After != next || a.Limit != store.MaxPage {
		t.Errorf("asked %+v, then %+v: want the same day, the second from the cursor", a, b)
	}
	req.Filter = nil
	if _, err := client.ListTraces(t.Context(), req); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the token with another filter: %v", err)
	}
	req = &pb.ListTracesRequest{StartTime: &timestamppb.Timestamp{Nanos: -5}}
	if _, err := client.ListTraces(t.Context(), req); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a time that is none: %v", err)
	}
}

func TestHealthAndReflection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		want   grpc_health_v1.HealthCheckResponse_ServingStatus
		code   int
		public string
		full   string
	}{
		{
			nil, grpc_health_v1.HealthCheckResponse_SERVING, 200,
			`{"ok":true,"parts":[{"name":"engine","ok":true},{"name":"log","ok":true}]}`,
			`{"ok":true,"parts":[{"name":"engine","ok":true},{"name":"log","ok":true}]}`,
		},
		{
			errBroken, grpc_health_v1.HealthCheckResponse_NOT_SERVING, 503,
			`{"ok":false,"parts":[{"name":"engine","ok":false},{"name":"log","ok":true}]}`,
			`{"ok":false,"parts":[{"name":"engine","ok":false,"message":"` + errBroken.Error() + `"},{"name":"log","ok":true}]}`,
		},
	} {
		r := start(t, withKeys, withParts(api.Part{Name: "engine", Check: func(context.Context) error { return c.err }},
			api.Part{Name: "log", Check: func(context.Context) error { return nil }}))
		read := r.key(t, auth.ScopeRead, "")
		health := grpc_health_v1.NewHealthClient(r.dial(t))
		resp, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil || resp.GetStatus() != c.want {
			t.Errorf("health: %v, %v; want %v", resp, err, c.want)
		}
		if code, body := r.get(t, "/readyz"); code != c.code || strings.TrimSpace(body) != c.public {
			t.Errorf("/readyz: %d %s, want %d %s", code, body, c.code, c.public)
		}
		if _, body := r.get(t, "/readyz", "Authorization", "Bearer "+read); strings.TrimSpace(body) != c.full {
			t.Errorf("/readyz with a key: %s, want %s", body, c.full)
		}
	}
	r := start(t, withKeys)
	read := r.key(t, auth.ScopeRead, "")
	list := func(opts ...grpc.CallOption) (string, error) {
		stream, err := grpc_reflection_v1.NewServerReflectionClient(r.dial(t)).ServerReflectionInfo(t.Context(), opts...)
		if err != nil {
			return "", err
		}
		if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		}); err != nil && !errors.Is(err, io.EOF) { // the stream has ended: Recv says why
			return "", err
		}
		resp, err := stream.Recv()
		return resp.String(), err
	}
	if _, err := list(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("reflection without a key: %v", err)
	}
	services, err := list(grpc.PerRPCCredentials(bearer(read)))
	if err != nil || !strings.Contains(services, "tiltmeter.v1.TraceService") {
		t.Errorf("reflection: %s, %v", services, err)
	}
}

// TestATraceClaimsNothing: what a sender did not give, and what a trace leaves out, is absent and not an
// empty text or a zero; and the trace says that it leaves contents out.
func TestATraceClaimsNothing(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.store.detail = &store.TraceDetail{Summary: exampleSummary(), Spans: []store.SpanOutline{{Span: genai.Span{
		Operation: genai.OpExecuteTool,
		Tool:      genai.ToolExecution{Name: "t"}, Retrieval: genai.Retrieval{Documents: []genai.Document{{ID: "d"}}},
		Embedding: genai.Embedding{Items: []genai.EmbeddingItem{{}}}, Error: genai.Error{Type: "timeout"},
	}}}}
	_, body := r.get(t, "/v1/traces/"+traceID)
	for _, absent := range []string{"arguments", "result", "content", "metadata", "query", "topK", "dimensions", "text", "stacktrace", "httpStatus"} {
		if strings.Contains(body, `"`+absent+`":`) {
			t.Errorf("%s is there: %s", absent, body)
		}
	}
	if !regexp.MustCompile(`"contentsLeftOut":\s*true`).MatchString(body) {
		t.Errorf("it does not say that contents are left out: %s", body)
	}
}
