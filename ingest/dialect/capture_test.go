package dialect_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

type expectedMessage struct {
	Role      string  `json:"role"`
	Text      *string `json:"text"`
	ToolCalls []struct {
		ID, Name  string
		Arguments json.RawMessage
	} `json:"tool_calls"`
	ToolResults []struct {
		ID     string
		Result json.RawMessage
	} `json:"tool_results"`
}

// expectedSpan is a span of expected.json: what a backend must get out of what the client sent.
type expectedSpan struct {
	SpanID        string                          `json:"span_id"`
	Kind          string                          `json:"kind"`
	Dialect       string                          `json:"dialect"`
	Operation     string                          `json:"operation"`
	Provider      string                          `json:"provider"`
	RequestModel  string                          `json:"request_model"`
	ResponseModel string                          `json:"response_model"`
	Input         []expectedMessage               `json:"input_messages"`
	Output        []expectedMessage               `json:"output_messages"`
	InputValue    json.RawMessage                 `json:"input_value"`
	OutputValue   json.RawMessage                 `json:"output_value"`
	Tokens        map[string]*int64               `json:"tokens"`
	Countable     bool                            `json:"tokens_countable"`
	DuplicateOf   string                          `json:"duplicate_of"`
	Cost          *float64                        `json:"cost_total"`
	FinishReasons []string                        `json:"finish_reasons"`
	Error         *struct{ Type, Message string } `json:"error"`
	Session       string                          `json:"session_id"`
	User          string                          `json:"user_id"`
	Agent         string                          `json:"agent_name"`
	Workflow      string                          `json:"workflow_name"`
	FunctionID    string                          `json:"function_id"`
	Tags          []string                        `json:"tags"`
	PromptName    string                          `json:"prompt_name"`
	PromptVersion json.RawMessage                 `json:"prompt_version"`
	Template      *struct {
		Template, Version string
		Variables         map[string]string
	} `json:"prompt_template"`
	TTFT       float64 `json:"ttft_ms"`
	Embeddings []struct {
		Text   string
		Vector []float32
	} `json:"embeddings"`
	EmbeddingInputs []string `json:"embedding_inputs"` // where the client sends no vectors
	Documents       []struct {
		ID       any
		Score    *float64
		Content  string
		Metadata json.RawMessage
	} `json:"documents"`
	Tool *struct {
		Name      string
		CallID    string `json:"call_id"`
		Arguments json.RawMessage
		Result    json.RawMessage
	} `json:"tool"`
}

// flat is a span in the form that both sides are compared in.
type flat map[string]any

func flatMessages(ms []expectedMessage) (out []string) {
	for _, m := range ms {
		s := m.Role + ":"
		if m.Text != nil && len(m.ToolResults) == 0 { // the text of an answer is its result
			s += compact(*m.Text)
		}
		pieces := []string{s}
		for _, c := range m.ToolCalls {
			pieces = append(pieces, "call "+c.ID+" "+c.Name+compact(string(c.Arguments)))
		}
		for _, a := range m.ToolResults {
			pieces = append(pieces, "answer "+a.ID+" "+compact(string(a.Result)))
		}
		out = append(out, strings.Join(pieces, " "))
	}
	return out
}

// compact gives JSON one spelling; other text stays.
func compact(s string) string {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// value gives a field that is JSON, or a JSON string of it, one spelling; nothing is "".
func value(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return compact(s)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	return compact(string(raw))
}

func ourMessages(ms []genai.Message) (out []expectedMessage) {
	for _, m := range ms {
		e := expectedMessage{Role: string(m.Role)}
		var texts []string
		for _, p := range m.Parts {
			switch p.Type {
			case genai.PartText:
				texts = append(texts, p.Content)
			case genai.PartToolCall:
				e.ToolCalls = append(e.ToolCalls, struct {
					ID, Name  string
					Arguments json.RawMessage
				}{p.ID, p.Name, json.RawMessage(p.Arguments)})
			case genai.PartToolCallResponse:
				e.ToolResults = append(e.ToolResults, struct {
					ID     string
					Result json.RawMessage
				}{p.ID, json.RawMessage(value(json.RawMessage(p.Response)))})
			}
		}
		if texts != nil {
			t := strings.Join(texts, "\n")
			e.Text = &t
		}
		out = append(out, e)
	}
	return out
}

// kinds are the kinds of expected.json by the operation; docs/dialects.md says why some operations
// are ours.
var kinds = map[genai.Operation]string{
	genai.OpChat: "llm", genai.OpTextCompletion: "llm", genai.OpGenerateContent: "llm", genai.OpEmbeddings: "embedding",
	genai.OpExecuteTool: "tool", genai.OpInvokeAgent: "agent", genai.OpInvokeWorkflow: "workflow", genai.OpRetrieval: "retriever",
	genai.OpRerank: "reranker", genai.OpChain: "chain", genai.OpPrompt: "prompt", genai.OpGuardrail: "guardrail", "agent_step": "step", genai.OpTask: "step",
	"": "other",
}

// deviations are the fields in which we do not follow the expected.json of a client or of one capture; docs/dialects.md has
// the reasons.
var deviations = map[string][]string{
	"vercel-ai-v7-genai-full/embed": {"embeddings"},
	"langfuse-v5":                   {"tags", "ttft_us"},
	"langfuse-v5/error":             {"cost"},
	"langfuse-v5/responses":         {"input"},
	"openlit-js":                    {"user"},
	"langsmith-js":                  {"tags"},
	"langsmith-js/error":            {"provider"},
}

// dialects are those of expected.json that we name otherwise; "" are read as OpenTelemetry's.
var dialects = map[string]string{"ai-sdk-v7": "ai-sdk", "anthropic-sdk": "otel-genai"}

func flattenExpected(e *expectedSpan) flat {
	in, out := e.Input, e.Output
	query, texts := "", slices.Clone(e.EmbeddingInputs)
	switch v := value(e.InputValue); {
	case v == "":
	case e.Kind == "retriever":
		query = v
		var sole struct{ Input string }
		if json.Unmarshal(e.InputValue, &sole) == nil {
			query = sole.Input
		}
	case e.Kind == "embedding":
		texts = append(texts, v)
	default: // what is no list of messages is the text of one
		in = []expectedMessage{{Role: "user", Text: &v}}
	}
	if v := value(e.OutputValue); v != "" {
		out = []expectedMessage{{Role: "assistant", Text: &v}}
	}
	f := flat{
		"kind": e.Kind, "dialect": cmp.Or(dialects[e.Dialect], e.Dialect), "operation": e.Operation, "provider": e.Provider,
		"request_model": e.RequestModel, "response_model": e.ResponseModel,
		"input": flatMessages(in), "output": flatMessages(out), "finish": append([]string(nil), e.FinishReasons...),
		"session": e.Session, "user": e.User, "agent": e.Agent, "ttft_us": int64(e.TTFT*1000 + 0.5),
		"tags": append([]string(nil), e.Tags...), "prompt": e.PromptName + "@" + value(e.PromptVersion),
		"workflow": cmp.Or(e.Workflow, e.FunctionID), "countable": e.Countable,
	}
	for _, k := range []string{"input", "output", "cache_read", "cache_write", "reasoning", "total"} {
		if v := e.Tokens[k]; v != nil {
			f["tokens."+k] = *v
		}
	}
	if query != "" {
		f["query"] = query
	}
	if e.Cost != nil { // what a float64 has beyond 15 digits is noise
		f["cost"], _ = strconv.ParseFloat(strconv.FormatFloat(*e.Cost, 'e', 14, 64), 64)
	}
	if e.Error != nil {
		f["error"], f["error.message"] = e.Error.Type, e.Error.Message
	}
	if e.Tool != nil {
		f["tool"] = []string{e.Tool.Name, e.Tool.CallID, value(e.Tool.Arguments), value(e.Tool.Result)}
	}
	if t := e.Template; t != nil {
		f["prompt"] = e.PromptName + "@" + t.Version
		f["template"] = t.Template
		f["variables"] = t.Variables
	}
	var items, docs []string
	for _, x := range e.Embeddings {
		items = append(items, fmt.Sprint(x.Text, x.Vector))
	}
	for _, x := range texts {
		items = append(items, fmt.Sprint(x, []float32(nil)))
	}
	for _, d := range e.Documents {
		s := "no score"
		if d.Score != nil {
			s = fmt.Sprint(*d.Score)
		}
		id := ""
		if d.ID != nil {
			id = fmt.Sprint(d.ID)
		}
		docs = append(docs, strings.Join([]string{id, s, d.Content, value(d.Metadata)}, "|"))
	}
	f["embeddings"], f["documents"] = items, docs
	return f
}

func flatten(s *genai.Span) flat {
	in := s.Input
	if len(s.System) > 0 && (len(in) == 0 || in[0].Role != genai.RoleSystem) {
		in = append([]genai.Message{{Role: genai.RoleSystem, Parts: s.System}}, in...)
	}
	var finish []string
	for _, r := range s.FinishReasons {
		finish = append(finish, string(r))
	}
	f := flat{
		"kind": kinds[s.Operation], "dialect": s.Dialect, "operation": string(s.Operation), "provider": s.Provider, "request_model": s.RequestModel,
		"response_model": s.ResponseModel, "input": flatMessages(ourMessages(in)), "output": flatMessages(ourMessages(s.Output)),
		"finish": finish, "session": s.Conversation, "user": s.User, "agent": s.Agent.Name,
		"ttft_us": (s.TimeToFirstToken.Nanoseconds() + 500) / 1000, "tags": append([]string(nil), s.Tags...),
		"prompt": s.Prompt.Name + "@" + s.Prompt.Version, "workflow": s.Workflow, "countable": s.Countable(),
	}
	for k, t := range map[string]genai.Tokens{
		"input": s.Usage.Input, "output": s.Usage.Output, "cache_read": s.Usage.CacheRead,
		"cache_write": s.Usage.CacheWrite, "reasoning": s.Usage.Reasoning,
	} {
		if t.Known {
			f["tokens."+k] = t.N
		}
	}
	if s.Usage.Known() {
		f["tokens.total"] = s.Usage.Total()
	}
	if s.Cost.Amount != "" {
		f["cost"], _ = strconv.ParseFloat(s.Cost.Amount, 64)
	}
	if s.Error.Type != "" || s.Error.Message != "" {
		f["error"], f["error.message"] = s.Error.Type, s.Error.Message
	}
	if s.Operation == genai.OpExecuteTool {
		f["tool"] = []string{s.Tool.Name, s.Tool.CallID, value(json.RawMessage(s.Tool.Arguments)), value(json.RawMessage(s.Tool.Result))}
	}
	for _, a := range s.Attributes {
		if a.Key == "llm.prompt_template.template" {
			f["template"] = a.Value.String()
			vars := map[string]string{}
			for _, v := range s.Prompt.Variables {
				vars[v.Name] = v.Value
			}
			f["variables"] = vars
		}
	}
	var items, docs []string
	for _, x := range s.Embedding.Items {
		items = append(items, fmt.Sprint(x.Text, x.Vector))
	}
	for _, d := range s.Retrieval.Documents {
		score := "no score"
		if d.HasScore {
			score = fmt.Sprint(d.Score)
		}
		docs = append(docs, strings.Join([]string{d.ID, score, d.Content, value(json.RawMessage(d.Metadata))}, "|"))
	}
	f["embeddings"], f["documents"] = items, docs
	return f
}

// TestCaptures reads what real clients sent and compares it with what must come out of it,
// whatever the order in which the log records arrive.
func TestCaptures(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/*/expected.json")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(dirs))
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		name := strings.TrimPrefix(filepath.ToSlash(dir), "testdata/")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans, fragments := readCapture(t, dir)
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want struct{ Spans []expectedSpan }
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if len(spans) != len(want.Spans) {
				t.Fatalf("got %d spans, want %d", len(spans), len(want.Spans))
			}
			for _, reverse := range []bool{false, true} {
				for i := range want.Spans {
					checkSpan(t, name, spans, fragments, &want.Spans[i], reverse)
				}
			}
		})
	}
}

func checkSpan(t *testing.T, capture string, spans map[string]genai.Span, all []genai.Span, want *expectedSpan, reverse bool) {
	t.Helper()
	s := spans[want.SpanID]
	var own []genai.Span
	for _, f := range all {
		if f.SpanID == s.SpanID {
			own = append(own, f)
		}
	}
	if reverse {
		distinct := map[int64]bool{}
		for _, f := range own {
			distinct[f.Start.UnixNano()] = true
		}
		if len(distinct) == len(own) { // equal times leave the order of arrival to decide
			slices.Reverse(own)
		}
	}
	s.Merge(own)
	got, exp := flatten(&s), flattenExpected(want)
	if want.Operation == "" && !s.Operation.IsInference() {
		got["operation"] = "" // the kind, which is compared, tells more than expected.json's operations
	}
	if want.Workflow == "" && want.FunctionID == "" && want.Dialect == "openllmetry" {
		got["workflow"] = "" // expected.json leaves it out where the SDK put the agent's name in its place
	}
	if want.Dialect == "strands" && want.Kind == "agent" && len(s.System) > 0 {
		got["input"] = flatMessages(ourMessages(s.Input)) // expected.json leaves system_prompt out
	}
	if want.DuplicateOf != "" {
		got["countable"] = false // that another span has the same counts does not show in this one
	}
	if exp["query"] != nil {
		got["query"] = s.Retrieval.Query
	}
	if want.Kind == "other" && s.Operation == genai.OpTask { // a span with contents, which is a step of a program
		got["kind"] = "other"
	}
	if ofMessages(want.InputValue) { // expected.json has them as they were sent; we read them
		delete(exp, "input")
		delete(got, "input")
	}
	if ofMessages(want.OutputValue) {
		delete(exp, "output")
		delete(got, "output")
	}
	client, _, _ := strings.Cut(capture, "/")
	for _, f := range slices.Concat(deviations[client], deviations[capture]) {
		delete(exp, f)
		delete(got, f)
	}
	if d := gocmp.Diff(exp, got); d != "" {
		t.Errorf("span %s %q (-want +got):\n%s", want.SpanID, s.Name, d)
	}
}

// ofMessages says whether a value is LangChain's state: messages, as objects or as their constructors.
func ofMessages(v json.RawMessage) bool {
	var state struct {
		ID       []string
		Messages []any
	}
	return json.Unmarshal(v, &state) == nil && (len(state.Messages) > 0 || len(state.ID) == 3 && state.ID[1] == "messages")
}

func readCapture(t *testing.T, dir string) (map[string]genai.Span, []genai.Span) {
	t.Helper()
	n := dialect.New(dialect.Options{})
	spans, fragments := map[string]genai.Span{}, []genai.Span(nil)
	files, _ := filepath.Glob(filepath.Join(dir, "*.pb"))
	sort.Strings(files)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(file, "traces") {
			r := wire.ReadTraces(b)
			for r.Next() {
				var s genai.Span
				n.Span(&s, r.Resource(), r.Scope(), r.Span())
				spans[s.SpanID.String()] = s
			}
			continue
		}
		r := wire.ReadLogs(b)
		for r.Next() {
			var s genai.Span
			if n.Log(&s, r.Resource(), r.Scope(), r.Record()) {
				fragments = append(fragments, s)
			}
		}
	}
	return spans, fragments
}

// TestCapturesLoseNoContent: of what real clients sent, content is missing where they did not capture it, and nowhere else.
// Log records bring what the span alone lacks.
func TestCapturesLoseNoContent(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*/*traces.pb")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	var got []string
	dirs := map[string]bool{}
	for _, file := range files {
		dir := filepath.Dir(file)
		if dirs[dir] {
			continue
		}
		dirs[dir] = true
		spans, fragments := readCapture(t, dir)
		for _, s := range spans {
			var own []genai.Span
			for _, f := range fragments {
				if f.SpanID == s.SpanID {
					own = append(own, f)
				}
			}
			s.Merge(own)
			before := len(s.Warnings)
			s.MissingContent(genai.AnyContent(s.Input), genai.AnyContent(s.Output), len(own) > 0)
			for _, w := range s.Warnings[min(before, len(s.Warnings)):] {
				got = append(got, fmt.Sprintf("%s: %s lacks %s", strings.TrimPrefix(filepath.ToSlash(dir), "testdata/"), s.Name, w.Field))
			}
		}
	}
	slices.Sort(got)
	path := filepath.Join("testdata", "content_missing.golden")
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
