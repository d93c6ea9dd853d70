package demo

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// part and message are the OTel GenAI message schema (semantic conventions 1.41, gen-ai-input-messages.json).
type part struct {
	Type      string          `json:"type"`
	Content   string          `json:"content,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Response  json.RawMessage `json:"response,omitempty"`
}

type message struct {
	Role   string `json:"role"`
	Parts  []part `json:"parts"`
	Finish string `json:"finish_reason,omitempty"`
}

func text(role, content string) message {
	return message{Role: role, Parts: []part{{Type: "text", Content: content}}}
}

// encode returns v as JSON. The types of this package cannot fail to encode.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

type model struct{ provider, request, response, host string }

// played is one trace with its log records.
type played struct {
	traces ptrace.Traces
	logs   plog.Logs
	end    time.Time
}

// scene builds one trace. The clock runs through it; a span lasts from open to done.
type scene struct {
	*session
	traces ptrace.Traces
	logs   plog.Logs
	id     pcommon.TraceID
	spans  map[string]ptrace.SpanSlice // by service
	recs   map[string]plog.LogRecordSlice
	now    time.Time
}

func (s *session) scene(start time.Time) *scene {
	sc := &scene{
		session: s, traces: ptrace.NewTraces(), logs: plog.NewLogs(), now: start,
		spans: map[string]ptrace.SpanSlice{}, recs: map[string]plog.LogRecordSlice{},
	}
	binary.BigEndian.PutUint64(sc.id[:8], s.ids.Uint64()|1)
	binary.BigEndian.PutUint64(sc.id[8:], s.ids.Uint64())
	return sc
}

func (sc *scene) played() played { return played{sc.traces, sc.logs, sc.now} }

func (sc *scene) resource(r pcommon.Resource, service string) {
	a := r.Attributes()
	a.PutStr("service.name", service)
	a.PutStr("service.namespace", "fernhill")
	a.PutStr("service.version", "2026.11."+string('0'+byte(sc.number%7))) //nolint:gosec // below 7
	a.PutStr("deployment.environment.name", sc.environment)
	a.PutStr("telemetry.sdk.name", "opentelemetry")
	a.PutStr("telemetry.sdk.language", "python")
}

// open starts a span of service under parent (the zero span for a root).
func (sc *scene) open(service string, parent pcommon.SpanID, name string, kind ptrace.SpanKind) ptrace.Span {
	list, ok := sc.spans[service]
	if !ok {
		rs := sc.traces.ResourceSpans().AppendEmpty()
		sc.resource(rs.Resource(), service)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("opentelemetry.instrumentation.genai")
		ss.Scope().SetVersion("2.4.0")
		list = ss.Spans()
		sc.spans[service] = list
	}
	s := list.AppendEmpty()
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], sc.ids.Uint64()|1)
	s.SetTraceID(sc.id)
	s.SetSpanID(id)
	s.SetParentSpanID(parent)
	s.SetName(name)
	s.SetKind(kind)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(sc.now))
	sc.spend(time.Millisecond, 3*time.Millisecond)
	return s
}

func (sc *scene) spend(least, most time.Duration) {
	sc.now = sc.now.Add(least + time.Duration(sc.rng.Int64N(int64(most-least))))
}

func (sc *scene) done(s ptrace.Span) {
	sc.now = sc.now.Add(time.Millisecond)
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(sc.now))
}

func (sc *scene) fail(s ptrace.Span, kind, what string) {
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage(what)
	s.Attributes().PutStr("error.type", kind)
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(pcommon.NewTimestampFromTime(sc.now))
	e.Attributes().PutStr("exception.type", kind)
	e.Attributes().PutStr("exception.message", what)
}

// event adds a log record that belongs to span.
func (sc *scene) event(service, name string, span pcommon.SpanID) plog.LogRecord {
	list, ok := sc.recs[service]
	if !ok {
		rl := sc.logs.ResourceLogs().AppendEmpty()
		sc.resource(rl.Resource(), service)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("opentelemetry.instrumentation.genai")
		list = sl.LogRecords()
		sc.recs[service] = list
	}
	r := list.AppendEmpty()
	r.SetEventName(name)
	r.SetTraceID(sc.id)
	r.SetSpanID(span)
	r.SetTimestamp(pcommon.NewTimestampFromTime(sc.now))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(sc.now))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	return r
}

func (sc *scene) ref(s ptrace.Span) SpanRef {
	return SpanRef{s.TraceID().String(), s.SpanID().String()}
}

// genai puts what every GenAI span of a session says.
func (sc *scene) genai(s ptrace.Span, operation string) pcommon.Map {
	a := s.Attributes()
	a.PutStr("gen_ai.operation.name", operation)
	a.PutStr("gen_ai.conversation.id", sc.conversation)
	a.PutStr("user.id", sc.user)
	return a
}

// agent opens an invoke_agent span.
func (sc *scene) agent(service string, parent pcommon.SpanID, name, provider string) ptrace.Span {
	s := sc.open(service, parent, "invoke_agent "+name, ptrace.SpanKindInternal)
	a := sc.genai(s, "invoke_agent")
	a.PutStr("gen_ai.agent.name", name)
	a.PutStr("gen_ai.agent.version", "3")
	a.PutStr("gen_ai.provider.name", provider)
	return s
}

// call is one model call.
type call struct {
	service       string
	agent         string
	parent        pcommon.SpanID
	model         model
	system        string
	input         []message
	output        message
	prompt        string // name
	promptVersion string
	reasoning     bool
	noStream      bool
}

// A model writes about this many bytes a second; four bytes are a token.
const (
	bytesPerSecond = 900
	bytesPerToken  = 4
)

// chat plays a model call. Before one in thirty the provider says 429 first, as providers do.
func (sc *scene) chat(c call) ptrace.Span {
	if sc.rng.IntN(30) == 0 {
		s := sc.openChat(c)
		sc.spend(80*time.Millisecond, 200*time.Millisecond)
		sc.fail(s, "429", "Rate limit reached for "+c.model.request+": try again in 1.2s")
		sc.done(s)
		sc.spend(1200*time.Millisecond, 1500*time.Millisecond)
	}
	s := sc.openChat(c)
	a := s.Attributes()
	first := 250*time.Millisecond + time.Duration(sc.rng.Int64N(int64(700*time.Millisecond)))
	out := encode([]message{c.output})
	sc.now = sc.now.Add(first + time.Duration(float64(len(out))/bytesPerSecond*float64(time.Second)))
	in := (len(c.system) + len(encode(c.input))) / bytesPerToken
	outTokens := len(out) / bytesPerToken
	if c.reasoning {
		thought := outTokens * 2
		outTokens += thought
		a.PutInt("gen_ai.usage.reasoning.output_tokens", int64(thought))
	}
	a.PutStr("gen_ai.response.model", c.model.response)
	a.PutStr("gen_ai.response.id", "resp_"+sc.hex(20))
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(c.output.Finish)
	a.PutInt("gen_ai.usage.input_tokens", int64(in))
	a.PutInt("gen_ai.usage.output_tokens", int64(outTokens))
	if len(c.input) > 2 {
		a.PutInt("gen_ai.usage.cache_read.input_tokens", int64(in*2/3))
	}
	if !c.noStream {
		a.PutDouble("gen_ai.response.time_to_first_chunk", math.Round(first.Seconds()*1000)/1000)
	}
	a.PutStr("gen_ai.output.messages", out)
	sc.done(s)
	return s
}

func (sc *scene) openChat(c call) ptrace.Span {
	s := sc.open(c.service, c.parent, "chat "+c.model.request, ptrace.SpanKindClient)
	a := sc.genai(s, "chat")
	a.PutStr("gen_ai.provider.name", c.model.provider)
	a.PutStr("gen_ai.request.model", c.model.request)
	a.PutStr("server.address", c.model.host)
	a.PutInt("server.port", 443)
	a.PutDouble("gen_ai.request.temperature", 0.3)
	a.PutInt("gen_ai.request.max_tokens", 2048)
	a.PutBool("gen_ai.request.stream", !c.noStream)
	a.PutStr("gen_ai.agent.name", c.agent)
	if c.prompt != "" {
		a.PutStr("gen_ai.prompt.name", c.prompt)
		a.PutStr("gen_ai.prompt.version", c.promptVersion)
	}
	a.PutStr("gen_ai.system_instructions", encode([]part{{Type: "text", Content: c.system}}))
	a.PutStr("gen_ai.input.messages", encode(c.input))
	return s
}

// tool plays a tool call; a failure is told to the model as its result.
func (sc *scene) tool(service string, parent pcommon.SpanID, c part, result, failure string) message {
	s := sc.open(service, parent, "execute_tool "+c.Name, ptrace.SpanKindInternal)
	a := sc.genai(s, "execute_tool")
	a.PutStr("gen_ai.tool.name", c.Name)
	a.PutStr("gen_ai.tool.type", "function")
	a.PutStr("gen_ai.tool.call.id", c.ID)
	a.PutStr("gen_ai.tool.call.arguments", string(c.Arguments))
	if failure != "" {
		sc.spend(2*time.Second, 5*time.Second)
		sc.fail(s, "ToolError", failure)
		result = encode(map[string]string{"error": failure})
	} else {
		sc.backend(s.SpanID(), c.Name)
		a.PutStr("gen_ai.tool.call.result", result)
	}
	sc.done(s)
	return message{Role: "tool", Parts: []part{{Type: "tool_call_response", ID: c.ID, Response: json.RawMessage(result)}}}
}

// backend plays what a tool reaches: an HTTP call and the database behind it.
func (sc *scene) backend(parent pcommon.SpanID, name string) {
	h := sc.open("shop-api", parent, "GET /internal/"+name, ptrace.SpanKindServer)
	h.Attributes().PutStr("http.request.method", "GET")
	h.Attributes().PutStr("url.path", "/internal/"+name)
	h.Attributes().PutInt("http.response.status_code", 200)
	d := sc.open("shop-api", h.SpanID(), "SELECT shop", ptrace.SpanKindClient)
	d.Attributes().PutStr("db.system.name", "postgresql")
	d.Attributes().PutStr("db.namespace", "shop")
	d.Attributes().PutStr("db.operation.name", "SELECT")
	sc.spend(3*time.Millisecond, 60*time.Millisecond)
	sc.done(d)
	sc.done(h)
}

func (s *session) toolCall(name string, arguments any) part {
	return part{Type: "tool_call", ID: "call_" + s.hex(16), Name: name, Arguments: json.RawMessage(encode(arguments))}
}

func (s *session) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[s.ids.IntN(16)]
	}
	return string(b)
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
