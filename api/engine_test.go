package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func text(r genai.Role, s string) genai.Message {
	return genai.Message{Role: r, Parts: []genai.Part{{Type: genai.PartText, Content: s}}}
}

// supportTrace is an agent's trace with one model call, as the dialects would hand it to the store.
func supportTrace(n byte, start time.Time) []genai.Span {
	agent := genai.Span{
		Project: "default", TraceID: genai.TraceID{0: 7, 15: n}, SpanID: genai.SpanID{7: 1}, Name: "invoke_agent support",
		Start: start, End: start.Add(2 * time.Second), Service: genai.Service{Name: "support"}, Operation: genai.OpInvokeAgent,
		Agent: genai.Agent{Name: "helper"}, Dialect: "otelgenai",
	}
	chat := agent
	chat.SpanID, chat.ParentSpanID, chat.Name, chat.Operation = genai.SpanID{7: 2}, agent.SpanID, "chat gpt-4o", genai.OpChat
	chat.RequestModel, chat.Start = "gpt-4o", start.Add(time.Millisecond)
	chat.Input = []genai.Message{text(genai.RoleUser, fmt.Sprintf("where is parcel %d", n))}
	chat.Output = []genai.Message{text(genai.RoleAssistant, "It left the marmalade warehouse.")}
	chat.Usage = genai.Usage{Input: genai.Count(12)}
	return []genai.Span{agent, chat}
}

// TestOnTheRealEngine asks every question of a store that holds a few traces.
func TestOnTheRealEngine(t *testing.T) {
	t.Parallel()
	db := storetest.Store(t)
	r := start(t, func(_ *api.Config, d *api.Deps, _ *auth.Options) {
		d.Store, d.Reader = db, &reader{reading: exampleReading()}
	})
	tail, err := pb.NewTraceServiceClient(r.dial(t)).TailTraces(t.Context(), &pb.TailTracesRequest{Filter: []string{"service = support"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tail.Header(); err != nil { // comes when the reader is let in
		t.Fatal(err)
	}
	begin := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	batch := db.NewBatch()
	for n := range byte(5) {
		for _, s := range supportTrace(n, begin.Add(time.Duration(n)*time.Second)) {
			batch.AddSpan(&s)
		}
	}
	if err := db.Insert(t.Context(), batch, "token-1"); err != nil {
		t.Fatal(err)
	}
	signals := db.NewSignalBatch()
	refused := supportTrace(4, begin.Add(4*time.Second))[1]
	signals.Add(&store.StoredSpan{Span: refused, Stored: refused.Start}, &store.Signal{
		Name: "refusal", Analyzer: "refusal", Version: 1, Probability: 0.9, Label: "full", ScoredAt: begin,
		Evidence: `[{"reason":"decline","span_id":"0000000000000002","field":"output","index":0,"part":0,"start":0,"end":2,"quote":"It"}]`,
	})
	if err := db.InsertSignals(t.Context(), signals, "token-2"); err != nil {
		t.Fatal(err)
	}
	got, err := tail.Recv()
	if err != nil || got.GetTrace().GetRootService() != "support" {
		t.Errorf("tail: %v, %v", got, err)
	}
	client := pb.NewTraceServiceClient(r.dial(t))
	listed := walkPages(t, client)
	if len(listed) != 5 {
		t.Fatalf("listed %d traces, want 5: %v", len(listed), listed)
	}
	first := listed[0]
	if u := first.GetUsage(); first.GetTraceId() != (genai.TraceID{0: 7, 15: 4}).String() || first.GetSpanCount() != 2 ||
		u.GetInputTokens() != 12 || u.OutputTokens != nil {
		t.Errorf("newest trace: %v", first)
	}
	id := first.GetTraceId()
	for path, want := range map[string]string{
		"/v1/traces/" + id: `"inputMessageCount":1`,
		"/v1/traces/" + id + "/spans/0000000000000002":                           "marmalade warehouse",
		"/v1/traces/" + id + "/conversation":                                     "where is parcel 4",
		"/v1/traces/" + id + "/spans/0000000000000002/reading":                   `"key":"gen_ai.request.model"`,
		"/v1/spans:search?query=marmalade":                                       `"traceId":"` + id,
		"/v1/traces:facets?field=service":                                        `"value":"support"`,
		"/v1/traces:histogram":                                                   `"traces":"`,
		"/v1/traces?query=marmalade&filter=" + url.QueryEscape("model = gpt-4o"): id,
		"/v1/traces/" + id + "/signals":                                          `"quote":"It"`,
		"/v1/traces/" + id + "/spans/0000000000000002/signals":                   `"label":"full"`,
		"/v1/signals/series?signal=refusal":                                      `"found":"1"`,
		"/v1/signals/breakdown?by=agent":                                         `"value":"helper"`,
		"/v1/traces?filter=" + url.QueryEscape("signal.refusal = full"):          `"detections":[{"signal":"refusal"`,
		"/v1/projects": `"name":"default"`,
		"/v1/storage":  `"spans":"10"`,
	} {
		code, body := r.get(t, path)
		if code != http.StatusOK || !strings.Contains(strings.ReplaceAll(body, `": "`, `":"`), want) &&
			!strings.Contains(strings.ReplaceAll(body, `": `, `":`), want) {
			t.Errorf("GET %s: got %d %s, want %s in it", path, code, body, want)
		}
	}
	for _, path := range []string{"", "/conversation", "/spans/0000000000000002", "/spans/0000000000000002/raw", "/spans/0000000000000002/reading"} {
		if code, body := r.get(t, "/v1/traces/"+traceID+path); code != http.StatusNotFound || !strings.Contains(body, traceID) {
			t.Errorf("GET of an unknown trace%s: %d %s", path, code, body)
		}
	}
	if _, err := client.GetSpan(t.Context(), &pb.GetSpanRequest{Project: "other", TraceId: id, SpanId: "0000000000000002"}); status.Code(err) != codes.NotFound {
		t.Errorf("the span from another project: %v", err)
	}
}

// walkPages lists everything, two traces a page.
func walkPages(t *testing.T, client pb.TraceServiceClient) (all []*pb.TraceSummary) {
	t.Helper()
	req := &pb.ListTracesRequest{PageSize: 2, Filter: []string{"service = support"}, StartTime: timestamppb.New(time.Now().Add(-time.Hour))}
	for range 10 {
		page, err := client.ListTraces(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.GetTraces()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

// TestTailOfOneLargeInsert: a batch is stored at one time, and holds more traces than one statement of the tail returns.
func TestTailOfOneLargeInsert(t *testing.T) {
	t.Parallel()
	db := storetest.Store(t)
	r := start(t, func(_ *api.Config, d *api.Deps, _ *auth.Options) { d.Store = db })
	tail, err := pb.NewTraceServiceClient(r.dial(t)).TailTraces(t.Context(), &pb.TailTracesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tail.Header(); err != nil {
		t.Fatal(err)
	}
	const traces = 1203
	batch := db.NewBatch()
	for n := range traces {
		s := supportTrace(0, time.Now())[0]
		s.TraceID = genai.TraceID{0: 7, 14: byte(n >> 8), 15: byte(n)}
		batch.AddSpan(&s)
	}
	if err := db.Insert(t.Context(), batch, "token-1"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for told := int64(0); told < traces; {
		got, err := tail.Recv()
		if err != nil {
			t.Fatalf("after %d of %d: %v", told, traces, err)
		}
		if seen[got.GetTrace().GetTraceId()] {
			t.Errorf("%s came twice", got.GetTrace().GetTraceId())
		}
		seen[got.GetTrace().GetTraceId()] = true
		told += 1 + got.GetSkipped()
	}
}
