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
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	goproto "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	tiltmeterv1 "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

// captures holds requests that real clients sent, with what must come out of each.
const captures = "../../ingest/dialect/testdata"

// A transport sends what a client sent over one of OTLP's transports.
type transport struct {
	name string
	mark byte // goes into the trace ids, so that the same capture can be sent over each
	send func(t *testing.T, s *server, td *ptrace.Traces, ld *plog.Logs)
}

// nameless sends the records of captures before their spans, and without the ids of these.
var nameless = transport{"records without a span", 0x44, func(t *testing.T, s *server, td *ptrace.Traces, ld *plog.Logs) {
	t.Helper()
	if ld != nil {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, l := range sl.LogRecords().All() {
					l.SetSpanID(pcommon.SpanID{})
				}
			}
		}
	}
	sendGRPC(t, s, td, ld)
}}

var transports = []transport{
	{"gRPC", 0x11, sendGRPC},
	{"HTTP protobuf", 0x22, sendHTTP("application/x-protobuf", (&ptrace.ProtoMarshaler{}).MarshalTraces, (&plog.ProtoMarshaler{}).MarshalLogs)},
	{"HTTP JSON", 0x33, sendHTTP("application/json", (&ptrace.JSONMarshaler{}).MarshalTraces, (&plog.JSONMarshaler{}).MarshalLogs)},
}

// TestRealClients sends every capture over every transport to one server and asks the API for each
// span and trace: every field that the capture's expected.json has must come out.
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
	var withRecords []string
	for _, file := range files {
		if logs, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*_logs.pb")); err == nil && len(logs) > 0 {
			withRecords = append(withRecords, file)
			nameless.sendCapture(t, s, filepath.Dir(file))
		}
	}
	agent := sendAgent(t, s)
	if !eventually(startWithin, func() bool {
		var st struct{ AcknowledgedRequests, StoredSpans, PendingMessages string }
		getJSON(t, s.url()+"/v1/ingest/status", &st)
		return st.StoredSpans != "" && st.PendingMessages == ""
	}) {
		t.Fatal("the log is not empty")
	}
	t.Run("readings", func(t *testing.T) {
		// One capture a client: that every field of all of them has a source is tested where they are read.
		of := map[string]string{}
		for _, file := range files {
			of[filepath.Dir(filepath.Dir(file))] = file
		}
		for _, file := range of {
			checkReadings(t, s, file, transports[0].mark)
		}
	})
	t.Run("an agent whose records name no trace", func(t *testing.T) { agent.check(t, s) })
	for _, tr := range append(transports, nameless) {
		t.Run(tr.name, func(t *testing.T) {
			files := files
			if tr.mark == nameless.mark {
				files = withRecords
			}
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
	if tr.mark == nameless.mark { // records first
		slices.Reverse(files)
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

// wantCapture is what of expected.json names the spans and sums up the traces. The fields of the spans
// are compared where they are read (ingest/dialect, TestCaptures); here they must come out as they were read.
type wantCapture struct {
	Spans []struct {
		TraceID string `json:"trace_id"`
		SpanID  string `json:"span_id"`
	}
	Traces map[string]struct {
		Spans  int
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	}
}

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
	read := readCapture(t, filepath.Dir(file))
	if len(read) != len(want.Spans) {
		t.Errorf("%d spans were read, want %d", len(read), len(want.Spans))
	}
	for _, w := range want.Spans {
		code, body := get(s.url() + "/v1/traces/" + markedHex(t, w.TraceID, mark) + "/spans/" + w.SpanID)
		var shown tiltmeterv1.Span
		if err := protojson.Unmarshal([]byte(body), &shown); code != http.StatusOK || err != nil {
			t.Errorf("span %s: %d %v %.300s", w.SpanID, code, err, body)
			continue
		}
		if d := cmp.Diff(asRead(read[w.SpanID]), asShown(&shown), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("span %s %q (-read +shown):\n%s", w.SpanID, shown.GetName(), d)
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

// checkReadings asks how each span was read: what is said to be filled is what the API shows of the span, nothing
// that it shows came from nowhere, and the store has what today's dialects read.
func checkReadings(t *testing.T, s *server, file string, mark byte) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want wantCapture
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, w := range want.Spans {
		path := s.url() + "/v1/traces/" + markedHex(t, w.TraceID, mark) + "/spans/" + w.SpanID
		var shown tiltmeterv1.Span
		var reading tiltmeterv1.SpanReading
		for path, to := range map[string]goproto.Message{path: &shown, path + "/reading": &reading} {
			code, body := get(path)
			if err := protojson.Unmarshal([]byte(body), to); code != http.StatusOK || err != nil {
				t.Fatalf("%s: %d %v %.300s", path, code, err, body)
			}
		}
		at := filepath.Base(filepath.Dir(filepath.Dir(file))) + " " + shown.GetName() + " " + w.SpanID
		if d := reading.GetDifferingFields(); len(d) > 0 || reading.GetTruncated() {
			t.Errorf("%s: truncated %v, stored otherwise: %v", at, reading.GetTruncated(), d)
		}
		if len(reading.GetWarnings()) != len(shown.GetWarnings()) || len(reading.GetDialects()) > 0 && reading.GetDialects()[0].GetName() != shown.GetDialect() {
			t.Errorf("%s: dialects %v of %q, warnings %v of %v", at, reading.GetDialects(), shown.GetDialect(), reading.GetWarnings(), shown.GetWarnings())
		}
		there, filled := pathsOf(&shown), map[string]bool{}
		for _, src := range reading.GetSources() {
			if o := src.GetOutcome(); o == string(dialect.Filled) || o == string(dialect.Derived) {
				for _, f := range src.GetFields() {
					filled[f] = true
				}
			}
		}
		for f := range filled {
			if !there[f] && shown.GetOperation() != "" { // the API shows no such fields of other spans
				t.Errorf("%s: %s is filled, and the span does not show it", at, f)
			}
		}
		for f := range there {
			if readable[f] && !filled[f] {
				t.Errorf("%s: the span shows %s, and nothing filled it", at, f)
			}
		}
	}
}

// readable are the fields of a span that nothing but an attribute fills.
var readable = map[string]bool{
	"operation": true, "provider": true, "framework": true, "request_model": true, "response_model": true, "response_id": true,
	"system_instructions": true, "input_messages": true, "output_messages": true, "tool_definitions": true, "finish_reasons": true,
	"usage.input_tokens": true, "usage.output_tokens": true, "usage.cache_read_tokens": true, "usage.cache_write_tokens": true,
	"usage.reasoning_tokens": true, "usage.rule": true, "cost.reported_amount": true, "time_to_first_token": true, "agent.id": true,
	"agent.name": true, "agent.description": true, "workflow": true, "conversation_id": true, "user_id": true, "prompt.name": true,
	"prompt.version": true, "prompt.variables": true, "tags": true, "tool.name": true, "tool.call_id": true, "tool.arguments": true,
	"tool.result": true, "tool.description": true, "retrieval.query": true, "retrieval.documents": true, "embedding.items": true,
	"embedding.dimensions": true, "evaluations": true, "error.type": true, "error.message": true, "error.stacktrace": true,
	"request.max_tokens": true, "request.temperature": true, "request.top_p": true, "request.stream": true, "request.server_address": true,
}

// pathsOf gives the fields of a span that are there, those of messages within it by their path.
func pathsOf(s *tiltmeterv1.Span) map[string]bool {
	out := map[string]bool{}
	s.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		if out[name] = true; f.Message() == nil || f.IsList() || f.IsMap() {
			return true
		}
		if st, ok := v.Message().Interface().(*structpb.Struct); ok {
			for key := range st.GetFields() {
				out[name+"."+key] = true
			}
			return true
		}
		v.Message().Range(func(inner protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			out[name+"."+string(inner.Name())] = true
			return true
		})
		return true
	})
	return out
}

func markedHex(t *testing.T, id string, mark byte) string {
	t.Helper()
	var first byte
	if _, err := fmt.Sscanf(id[:2], "%02x", &first); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%02x%s", first^mark, id[2:])
}

// readCapture reads a capture as the writer does, each span with the log records that belong to it.
func readCapture(t *testing.T, dir string) map[string]*genai.Span {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pb"))
	if err != nil {
		t.Fatal(err)
	}
	norm, spans, fragments := dialect.New(dialect.Options{}), map[string]*genai.Span{}, map[string][]genai.Span{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(filepath.Base(file), "traces") {
			for r := wire.ReadTraces(b); r.Next(); {
				s := new(genai.Span)
				norm.Span(s, r.Resource(), r.Scope(), r.Span())
				spans[s.SpanID.String()] = s
			}
			continue
		}
		for r := wire.ReadLogs(b); r.Next(); {
			var s genai.Span
			if norm.Log(&s, r.Resource(), r.Scope(), r.Record()) {
				fragments[s.SpanID.String()] = append(fragments[s.SpanID.String()], s)
			}
		}
	}
	for id, s := range spans {
		s.Merge(fragments[id])
	}
	return spans
}

// span is what both sides are compared in.
type span struct {
	Parent, Name, Dialect, Operation, Provider, Framework, RequestModel, ResponseModel, ResponseID string
	Session, User, Agent, Workflow, Prompt, Error, ErrorMessage                                    string
	System, Tools, Documents, Embedded, Finish, Tags, Tool                                         []string
	Input, Output                                                                                  [][]string
	Tokens                                                                                         map[string]int64
	FirstToken                                                                                     time.Duration
	Reported                                                                                       float64 // cost
	Rollup                                                                                         bool
}

func asRead(s *genai.Span) span {
	out := span{
		Name: s.Name, Dialect: s.Dialect, Operation: string(s.Operation), Provider: s.Provider, Framework: s.Framework,
		RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, ResponseID: s.ResponseID,
		Session: s.Conversation, User: s.User, Agent: s.Agent.Name, Workflow: s.Workflow, Prompt: s.Prompt.Name + "@" + s.Prompt.Version,
		Error: s.Error.Type, ErrorMessage: s.Error.Message, Tags: s.Tags, FirstToken: s.TimeToFirstToken, Rollup: s.Usage.Rollup,
		Tokens: map[string]int64{},
	}
	if !s.ParentSpanID.IsZero() {
		out.Parent = s.ParentSpanID.String()
	}
	part := func(p genai.Part) string {
		return pieces(string(p.Type), p.Content, p.ID, p.Name, string(p.Arguments), string(p.Response), p.Modality, p.MIMEType, p.FileID, p.URI, string(p.Raw))
	}
	for _, p := range s.System {
		out.System = append(out.System, part(p))
	}
	for to, list := range map[*[][]string][]genai.Message{&out.Input: s.Input, &out.Output: s.Output} {
		for _, m := range list {
			one := []string{string(m.Role), m.Name}
			for _, p := range m.Parts {
				one = append(one, part(p))
			}
			*to = append(*to, one)
		}
	}
	for _, t := range s.Tools {
		out.Tools = append(out.Tools, pieces(t.Type, t.Name, t.Description, string(t.Parameters)))
	}
	for _, d := range s.Retrieval.Documents {
		out.Documents = append(out.Documents, pieces(d.ID, d.Content, string(d.Metadata), fmt.Sprint(d.HasScore, d.Score)))
	}
	for _, e := range s.Embedding.Items {
		out.Embedded = append(out.Embedded, pieces(e.Text, fmt.Sprint(e.Vector)))
	}
	for _, f := range s.FinishReasons {
		out.Finish = append(out.Finish, string(f))
	}
	if t := s.Tool; s.Operation == genai.OpExecuteTool {
		out.Tool = []string{t.Name, t.CallID, string(t.Arguments), string(t.Result)}
	}
	out.Reported, _ = strconv.ParseFloat(s.Cost.Amount, 64)
	for name, n := range map[string]genai.Tokens{
		"input": s.Usage.Input, "output": s.Usage.Output, "cache read": s.Usage.CacheRead,
		"cache write": s.Usage.CacheWrite, "reasoning": s.Usage.Reasoning,
	} {
		if n.Known {
			out.Tokens[name] = n.N
		}
	}
	return out
}

func asShown(s *tiltmeterv1.Span) span {
	out := span{
		Parent: s.GetParentSpanId(), Name: s.GetName(), Dialect: s.GetDialect(), Operation: s.GetOperation(), Provider: s.GetProvider(),
		Framework: s.GetFramework(), RequestModel: s.GetRequestModel(), ResponseModel: s.GetResponseModel(), ResponseID: s.GetResponseId(),
		Session: s.GetConversationId(), User: s.GetUserId(), Agent: s.GetAgent().GetName(), Workflow: s.GetWorkflow(),
		Prompt: s.GetPrompt().GetName() + "@" + s.GetPrompt().GetVersion(), Error: s.GetError().GetType(), ErrorMessage: s.GetError().GetMessage(),
		Tags: s.GetTags(), Finish: s.GetFinishReasons(), FirstToken: s.GetTimeToFirstToken().AsDuration(), Rollup: s.GetUsage().GetRollup(),
		Tokens: map[string]int64{},
	}
	part := func(p *tiltmeterv1.Part) string {
		return pieces(p.GetType(), p.GetContent(), p.GetId(), p.GetName(), p.GetArguments(), p.GetResponse(), p.GetModality(), p.GetMimeType(),
			p.GetFileId(), p.GetUri(), p.GetRaw())
	}
	for _, p := range s.GetSystemInstructions() {
		out.System = append(out.System, part(p))
	}
	for to, list := range map[*[][]string][]*tiltmeterv1.Message{&out.Input: s.GetInputMessages(), &out.Output: s.GetOutputMessages()} {
		for _, m := range list {
			one := []string{m.GetRole(), m.GetName()}
			for _, p := range m.GetParts() {
				one = append(one, part(p))
			}
			*to = append(*to, one)
		}
	}
	for _, t := range s.GetToolDefinitions() {
		out.Tools = append(out.Tools, pieces(t.GetType(), t.GetName(), t.GetDescription(), t.GetParameters()))
	}
	for _, d := range s.GetRetrieval().GetDocuments() {
		out.Documents = append(out.Documents, pieces(d.GetId(), d.GetContent(), d.GetMetadata(), fmt.Sprint(d.Score != nil, d.GetScore())))
	}
	for _, e := range s.GetEmbedding().GetItems() {
		out.Embedded = append(out.Embedded, pieces(e.GetText(), fmt.Sprint(e.GetVector())))
	}
	if t := s.GetTool(); t != nil {
		out.Tool = []string{t.GetName(), t.GetCallId(), t.GetArguments(), t.GetResult()}
	}
	out.Reported, _ = strconv.ParseFloat(s.GetCost().GetReportedAmount(), 64)
	u := s.GetUsage()
	if u == nil {
		u = &tiltmeterv1.Usage{}
	}
	for name, n := range map[string]*int64{
		"input": u.InputTokens, "output": u.OutputTokens, "cache read": u.CacheReadTokens,
		"cache write": u.CacheWriteTokens, "reasoning": u.ReasoningTokens,
	} {
		if n != nil {
			out.Tokens[name] = *n
		}
	}
	return out
}

func pieces(list ...string) string { return strings.Join(list, "|") }
