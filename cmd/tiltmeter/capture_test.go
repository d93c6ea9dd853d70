package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// captures holds requests that real clients sent, with what must come out of each.
const captures = "../../ingest/dialect/testdata"

// A transport sends what a client sent over one of OTLP's transports.
type transport struct {
	name string
	mark byte // goes into the trace ids, so that the same capture can be sent over each
	send func(t *testing.T, s *server, td *ptrace.Traces, ld *plog.Logs)
}

var transports = []transport{
	{"gRPC", 0x11, sendGRPC},
	{"HTTP protobuf", 0x22, sendHTTP("application/x-protobuf", (&ptrace.ProtoMarshaler{}).MarshalTraces, (&plog.ProtoMarshaler{}).MarshalLogs)},
	{"HTTP JSON", 0x33, sendHTTP("application/json", (&ptrace.JSONMarshaler{}).MarshalTraces, (&plog.JSONMarshaler{}).MarshalLogs)},
}

// TestRealClients sends every capture over every transport to one server and asks the API for each
// span and trace: every field of the capture's expected.json must come out.
func TestRealClients(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(captures + "/*/*/expected.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	// The captures are of one day, which must not be over for the retention.
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "50ms", "--retention", "3650d")
	s.start()
	for _, tr := range transports {
		for _, file := range files {
			tr.sendCapture(t, s, filepath.Dir(file))
		}
	}
	if !eventually(startWithin, func() bool {
		var st struct{ AcknowledgedRequests, StoredSpans, PendingMessages string }
		getJSON(t, s.url()+"/v1/ingest/status", &st)
		return st.StoredSpans != "" && st.PendingMessages == ""
	}) {
		t.Fatal("the log is not empty")
	}
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), captures+"/"), func(t *testing.T) {
					checkCapture(t, s, file, tr.mark)
				})
			}
		})
	}
}

func (tr transport) sendCapture(t *testing.T, s *server, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(filepath.Base(file), "traces") {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, sp := range ss.Spans().All() {
						sp.SetTraceID(marked(sp.TraceID(), tr.mark))
					}
				}
			}
			tr.send(t, s, &td, nil)
			continue
		}
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, l := range sl.LogRecords().All() {
					l.SetTraceID(marked(l.TraceID(), tr.mark))
				}
			}
		}
		tr.send(t, s, nil, &ld)
	}
}

func marked(id pcommon.TraceID, mark byte) pcommon.TraceID {
	if !id.IsEmpty() {
		id[0] ^= mark
	}
	return id
}

func sendGRPC(t *testing.T, s *server, td *ptrace.Traces, ld *plog.Logs) {
	t.Helper()
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if td != nil {
		res, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(*td))
		if err != nil || res.PartialSuccess().RejectedSpans() != 0 {
			t.Fatalf("export: %v, %s", err, res.PartialSuccess().ErrorMessage())
		}
		return
	}
	res, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(*ld))
	if err != nil || res.PartialSuccess().RejectedLogRecords() != 0 {
		t.Fatalf("export: %v, %s", err, res.PartialSuccess().ErrorMessage())
	}
}

func sendHTTP(contentType string, traces func(ptrace.Traces) ([]byte, error), logs func(plog.Logs) ([]byte, error)) func(*testing.T, *server, *ptrace.Traces, *plog.Logs) {
	return func(t *testing.T, s *server, td *ptrace.Traces, ld *plog.Logs) {
		t.Helper()
		path, body, err := "/v1/traces", []byte(nil), error(nil)
		if td != nil {
			body, err = traces(*td)
		} else {
			path = "/v1/logs"
			body, err = logs(*ld)
		}
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.otlpHTTP+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer bytes.Buffer
		if _, err := answer.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK || strings.Contains(answer.String(), "rejected") {
			t.Fatalf("POST %s: %d %s %v", path, res.StatusCode, &answer, err)
		}
	}
}

// The forms of expected.json.
type (
	wantMessage struct {
		Role        string           `json:"role"`
		Text        *string          `json:"text"`
		ToolCalls   []wantToolCall   `json:"tool_calls"`
		ToolResults []wantToolResult `json:"tool_results"`
	}
	wantToolCall struct {
		ID, Name  string
		Arguments any
	}
	wantToolResult struct {
		ID     string
		Result any
	}
	wantSpan struct {
		TraceID       string                          `json:"trace_id"`
		SpanID        string                          `json:"span_id"`
		Parent        string                          `json:"parent_span_id"`
		Name          string                          `json:"name"`
		Kind          string                          `json:"kind"`
		Dialect       string                          `json:"dialect"`
		Operation     string                          `json:"operation"`
		Provider      string                          `json:"provider"`
		RequestModel  string                          `json:"request_model"`
		ResponseModel string                          `json:"response_model"`
		Input         []wantMessage                   `json:"input_messages"`
		Output        []wantMessage                   `json:"output_messages"`
		Tokens        map[string]*int64               `json:"tokens"`
		Finish        []string                        `json:"finish_reasons"`
		Error         *struct{ Type, Message string } `json:"error"`
		Session       string                          `json:"session_id"`
		User          string                          `json:"user_id"`
		TTFT          float64                         `json:"ttft_ms"`
		Cost          float64                         `json:"cost_total"`
		Embedded      []string                        `json:"embedding_inputs"`
		Agent         string                          `json:"agent_name"`
		Tags          []string                        `json:"tags"`
		Tool          *struct {
			Name      string
			CallID    string `json:"call_id"`
			Arguments any
			Result    any
		}
	}
	wantCapture struct {
		Spans  []wantSpan
		Traces map[string]struct {
			Spans  int
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
		}
	}
)

func checkCapture(t *testing.T, s *server, file string, mark byte) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want wantCapture
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for i := range want.Spans {
		w := &want.Spans[i]
		exp := w.flat()
		code, body := get(s.url() + "/v1/traces/" + markedHex(t, w.TraceID, mark) + "/spans/" + w.SpanID)
		var sp apiSpan
		if code != http.StatusOK || json.Unmarshal([]byte(body), &sp) != nil {
			t.Errorf("span %s %q: %d %.300s", w.SpanID, w.Name, code, body)
			continue
		}
		if d := cmp.Diff(exp, sp.flat(exp), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("span %s %q (-want +got):\n%s", w.SpanID, w.Name, d)
		}
	}
	for id, w := range want.Traces {
		var tr struct {
			Summary struct {
				SpanCount string
				Usage     struct{ InputTokens, OutputTokens string }
			}
		}
		getJSON(t, s.url()+"/v1/traces/"+markedHex(t, id, mark), &tr)
		got := [3]string{tr.Summary.SpanCount, tr.Summary.Usage.InputTokens, tr.Summary.Usage.OutputTokens}
		for i := range got {
			if got[i] == "" {
				got[i] = "0" // unknown, which expected.json does not tell from 0
			}
		}
		if exp := [3]string{strconv.Itoa(w.Spans), strconv.FormatInt(w.Input, 10), strconv.FormatInt(w.Output, 10)}; got != exp {
			t.Errorf("trace %s: spans and tokens %v, want %v", id, got, exp)
		}
	}
}

func markedHex(t *testing.T, id string, mark byte) string {
	t.Helper()
	var first byte
	if _, err := fmt.Sscanf(id[:2], "%02x", &first); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%02x%s", first^mark, id[2:])
}

// flat is what the API must tell. It tells two things otherwise than expected.json, on purpose:
// an operation that the conventions do not know is kept as sent, where expected.json has null, and
// the text of a tool's message is its result, where expected.json has it as text too.
func (w *wantSpan) flat() map[string]any {
	f := map[string]any{
		"parent": w.Parent, "name": w.Name, "operation": w.Operation, "provider": w.Provider,
		"request model": w.RequestModel, "response model": w.ResponseModel,
		"input": flatMessages(w.Input), "output": flatMessages(w.Output), "finish": slices.Clone(w.Finish),
		"session": w.Session, "user": w.User, "agent": w.Agent, "ttft us": int64(w.TTFT*1000 + 0.5),
		"cost": w.Cost, "embedded": slices.Clone(w.Embedded), "tags": slices.Clone(w.Tags),
	}
	if w.Kind == "step" && w.Operation == "" && w.Dialect == "ai-sdk-v7" {
		f["operation"] = "agent_step"
	}
	for _, k := range []string{"input", "output", "cache_read", "cache_write", "reasoning"} {
		if v := w.Tokens[k]; v != nil {
			f["tokens "+k] = strconv.FormatInt(*v, 10)
		}
	}
	if w.Error != nil {
		f["error"] = w.Error.Type
		if w.Error.Message != "" {
			f["error message"] = w.Error.Message
		}
	}
	if w.Tool != nil {
		f["tool"] = []any{w.Tool.Name, w.Tool.CallID, w.Tool.Arguments, w.Tool.Result}
	}
	return f
}

func flatMessages(ms []wantMessage) (out []any) {
	for _, m := range ms {
		one := []any{m.Role}
		if m.Text != nil && *m.Text != "" && (m.Role != "tool" || len(m.ToolResults) == 0) {
			one = append(one, *m.Text)
		}
		for _, c := range m.ToolCalls {
			one = append(one, []any{"call", c.ID, c.Name, c.Arguments})
		}
		for _, r := range m.ToolResults {
			one = append(one, []any{"result", r.ID, r.Result})
		}
		out = append(out, one)
	}
	return out
}

type apiMessage struct {
	Role  string
	Parts []struct{ Type, Content, ID, Name, Arguments, Response string }
}

// apiSpan is the API's span in JSON.
type apiSpan struct {
	ParentSpanID, Name, Operation, Provider, RequestModel, ResponseModel string
	SystemInstructions                                                   []struct{ Type, Content string }
	InputMessages, OutputMessages                                        []apiMessage
	Usage                                                                map[string]any
	FinishReasons, Tags                                                  []string
	ConversationID, UserID, TimeToFirstToken                             string
	Agent                                                                struct{ Name string }
	Cost                                                                 struct{ ReportedAmount string }
	Embedding                                                            struct{ Items []struct{ Text string } }
	Error                                                                struct{ Type, Message string }
	Tool                                                                 *struct{ Name, CallID, Arguments, Result string }
}

func (s *apiSpan) flat(want map[string]any) map[string]any {
	in := s.InputMessages
	if len(s.SystemInstructions) > 0 && (len(in) == 0 || in[0].Role != "system") { // OpenLIT says them twice
		m := apiMessage{Role: "system"}
		for _, p := range s.SystemInstructions {
			m.Parts = append(m.Parts, struct{ Type, Content, ID, Name, Arguments, Response string }{Type: p.Type, Content: p.Content})
		}
		in = append([]apiMessage{m}, in...)
	}
	f := map[string]any{
		"parent": s.ParentSpanID, "name": s.Name, "operation": s.Operation, "provider": s.Provider,
		"request model": s.RequestModel, "response model": s.ResponseModel,
		"input": flatMessages(wanted(in)), "output": flatMessages(wanted(s.OutputMessages)), "finish": s.FinishReasons,
		"session": s.ConversationID, "user": s.UserID, "agent": s.Agent.Name, "tags": s.Tags,
	}
	var seconds float64
	_, _ = fmt.Sscanf(s.TimeToFirstToken, "%fs", &seconds) // unset: 0
	f["ttft us"] = int64(seconds*1e6 + 0.5)
	f["cost"], _ = strconv.ParseFloat(s.Cost.ReportedAmount, 64) // of the sender alone; "": unknown, as null in expected.json
	var texts []string
	for _, e := range s.Embedding.Items {
		texts = append(texts, e.Text)
	}
	f["embedded"] = texts
	for k, name := range map[string]string{
		"input": "inputTokens", "output": "outputTokens", "cache_read": "cacheReadTokens", "cache_write": "cacheWriteTokens", "reasoning": "reasoningTokens",
	} {
		if v, ok := s.Usage[name]; ok {
			f["tokens "+k] = v
		}
	}
	if s.Error.Type != "" {
		f["error"] = s.Error.Type
		if _, ok := want["error message"]; ok {
			f["error message"] = s.Error.Message
		}
	}
	if s.Tool != nil {
		f["tool"] = []any{s.Tool.Name, s.Tool.CallID, parsed(s.Tool.Arguments), parsed(s.Tool.Result)}
	}
	return f
}

// wanted is the messages in the form of expected.json.
func wanted(ms []apiMessage) (out []wantMessage) {
	for _, m := range ms {
		w := wantMessage{Role: m.Role}
		var texts []string
		for _, p := range m.Parts {
			switch p.Type {
			case "text":
				texts = append(texts, p.Content)
			case "tool_call":
				w.ToolCalls = append(w.ToolCalls, wantToolCall{p.ID, p.Name, parsed(p.Arguments)})
			case "tool_call_response":
				w.ToolResults = append(w.ToolResults, wantToolResult{p.ID, parsed(p.Response)})
			}
		}
		if texts != nil {
			text := strings.Join(texts, "\n")
			w.Text = &text
		}
		out = append(out, w)
	}
	return out
}

func parsed(s string) (v any) {
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}
