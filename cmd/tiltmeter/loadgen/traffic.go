package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of opentelemetry.proto.trace.v1 and its neighbours.
const (
	spanAttributes     protowire.Number = 9
	resourceAttributes protowire.Number = 1
	kindInternal                        = 1
	kindClient                          = 3
)

// A chat span carries 0.5 to 4 KB of text that was not there before, most of them little.
const (
	minNewText  = 500
	maxNewText  = 4000
	longContext = 8_000 // bytes of a pasted file or log, in one trace of longEvery
	longEvery   = 60
)

type modelName struct{ provider, request, response, host string }

var models = []modelName{
	{"openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "api.openai.com"},
	{"openai", "gpt-4.1", "gpt-4.1-2025-04-14", "api.openai.com"},
	{"anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "api.anthropic.com"},
	{"gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", "generativelanguage.googleapis.com"},
	{"mistral_ai", "mistral-large-latest", "mistral-large-2411", "api.mistral.ai"},
}

var (
	services  = []string{"support-agent", "coding-agent", "analyst-agent", "search-assistant"}
	toolNames = []string{"search_orders", "read_file", "run_query", "get_weather", "create_ticket", "list_commits"}
)

// message is one entry of a history: its role and its parts, as JSON with texts in it.
type message struct{ body chunk }

// trafficBuilder draws the traces of one template.
type trafficBuilder struct {
	rng    *rand.Rand
	genai  chunk // ScopeSpans.spans of the GenAI instrumentation
	http   chunk // ScopeSpans.spans of the HTTP instrumentation
	texts  int
	spans  int
	traces []traceSpans
}

// buildTemplate draws a request of exactly spans spans.
func buildTemplate(rng *rand.Rand, spans int) *template {
	b := &trafficBuilder{rng: rng}
	for b.spans < spans {
		b.trace(spans - b.spans)
	}
	var resource chunk
	service := services[rng.IntN(len(services))]
	resource.attrStr(resourceAttributes, "service.name", service)
	resource.attrStr(resourceAttributes, "service.version", fmt.Sprintf("2.%d.%d", rng.IntN(9), rng.IntN(20)))
	resource.attrStr(resourceAttributes, "deployment.environment.name", "loadtest")
	resource.attrStr(resourceAttributes, "telemetry.sdk.language", "python")
	resource.attrStr(resourceAttributes, "telemetry.sdk.name", "opentelemetry")
	resource.attrStr(resourceAttributes, "host.name", fmt.Sprintf("worker-%02d", rng.IntN(32)))

	var rs, req chunk
	rs.msg(1, &resource)
	for _, s := range []struct {
		name  string
		spans *chunk
	}{{"opentelemetry.instrumentation.genai", &b.genai}, {"opentelemetry.instrumentation.httpx", &b.http}} {
		if len(s.spans.b) == 0 {
			continue
		}
		var scope, ss chunk
		scope.str(1, s.name)
		scope.str(2, "0.58b0")
		ss.msg(1, &scope)
		ss.join(s.spans)
		rs.msg(2, &ss)
	}
	req.msg(1, &rs)
	return finishTemplate(&req, b.traces)
}

func (b *trafficBuilder) newText(length int) textRef {
	b.texts++
	return textRef{b.texts, length}
}

// chatText draws the length of a new text: log-uniform, so that short ones prevail.
func (b *trafficBuilder) chatText() textRef {
	n := minNewText * math.Pow(maxNewText/minNewText, b.rng.Float64()*b.rng.Float64())
	return b.newText(int(n))
}

// tracesPerPriced: in one trace of so many the calls go through a gateway that reports their cost.
const tracesPerPriced = 4

// trace draws one trace of at most room spans.
func (b *trafficBuilder) trace(room int) {
	b.traces = append(b.traces, traceSpans{})
	t := &agentTrace{b: b, number: len(b.traces) - 1, model: models[b.rng.IntN(len(models))]}
	t.priced = b.rng.IntN(tracesPerPriced) == 0
	t.conversation = b.newText(12)
	switch {
	case room < 4:
		t.chat(0)
	case b.rng.IntN(3) == 0:
		t.rag(room)
	default:
		t.loop(room)
	}
}

// agentTrace is a trace under construction. Times are offsets to the request's base time: the
// last span of every trace ends there or before.
type agentTrace struct {
	b            *trafficBuilder
	number       int
	model        modelName
	priced       bool // its model calls say what they cost
	conversation textRef
	now          time.Duration // from the trace's start
	history      []message
}

// traceLength is what every trace of the load lasts: enough for the longest loop.
const traceLength = 40 * time.Second

// span writes a span and returns its number; body adds what follows the times. parent is a span
// number plus one, 0 for a root.
func (t *agentTrace) span(to *chunk, n, parent int, name string, kind uint64, from, until time.Duration, body func(*chunk)) {
	var s chunk
	s.id(1, patchTraceID, t.number)
	s.id(2, patchSpanID, n)
	if parent > 0 {
		s.id(4, patchSpanID, parent-1)
	}
	s.str(5, name)
	s.varint(6, kind)
	s.time(7, int64(from-traceLength))
	s.time(8, int64(until-traceLength))
	body(&s)
	to.msg(2, &s)
}

// reserve takes the next span number, so that children can name a parent that is written after them.
func (t *agentTrace) reserve() int {
	n := t.b.spans
	t.b.spans++
	tr := &t.b.traces[t.number]
	tr.spans = append(tr.spans, n)
	return n
}

func (t *agentTrace) spend(least, most time.Duration) (from, until time.Duration) {
	from = t.now
	t.now += least + time.Duration(t.b.rng.Int64N(int64(most-least)))
	return from, t.now
}

// rag is retrieval with documents: agent, embeddings, retrieval, HTTP, chat.
func (t *agentTrace) rag(room int) {
	agent, from := t.reserve(), t.now
	question := t.b.newText(80 + t.b.rng.IntN(200))
	t.say("user", question)
	t.embeddings(agent + 1)
	documents := t.retrieval(agent+1, question)
	t.history = append(t.history, documents)
	if room > 4 {
		t.request(agent+1, "POST", "search.internal")
	}
	t.chat(agent + 1)
	t.agent(agent, from)
}

// loop is an agent that calls tools and resends everything it has said with every step.
func (t *agentTrace) loop(room int) {
	agent, from := t.reserve(), t.now
	t.say("system", t.b.newText(200+t.b.rng.IntN(400)))
	if t.b.rng.IntN(longEvery) == 0 {
		t.say("user", t.b.newText(longContext))
	} else {
		t.say("user", t.b.newText(60+t.b.rng.IntN(400)))
	}
	room--
	for steps := 1 + t.b.rng.IntN(3); steps > 0 && room >= 4; steps-- {
		call := t.chatCall(agent + 1)
		t.tool(agent+1, call)
		t.request(agent+1, "GET", "tools.internal")
		room -= 3
	}
	t.chat(agent + 1)
	t.agent(agent, from)
}

func (t *agentTrace) say(role string, text textRef) {
	var m message
	m.body.raw(`{"role":"` + role + `","parts":[{"type":"text","content":"`)
	m.body.text(text)
	m.body.raw(`"}]}`)
	t.history = append(t.history, m)
}

func (t *agentTrace) messages() *chunk {
	var c chunk
	c.raw("[")
	for i := range t.history {
		if i > 0 {
			c.raw(",")
		}
		c.join(&t.history[i].body)
	}
	c.raw("]")
	return &c
}

func (t *agentTrace) common(s *chunk, operation string) {
	s.attrStr(spanAttributes, "gen_ai.operation.name", operation)
	var id chunk
	id.raw("conv_")
	id.hex(t.conversation)
	s.attrChunk(spanAttributes, "gen_ai.conversation.id", &id)
}

func (t *agentTrace) modelAttrs(s *chunk) {
	s.attrStr(spanAttributes, "gen_ai.provider.name", t.model.provider)
	s.attrStr(spanAttributes, "gen_ai.request.model", t.model.request)
	s.attrStr(spanAttributes, "gen_ai.response.model", t.model.response)
	s.attrStr(spanAttributes, "server.address", t.model.host)
	s.attrInt(spanAttributes, "server.port", 443)
}

// bytesPerToken is the usual rule of thumb for English.
const bytesPerToken = 4

func (t *agentTrace) inference(parent int, output *chunk, outputBytes int, finish string) {
	n := t.reserve()
	from, until := t.spend(300*time.Millisecond, 4*time.Second)
	input := t.messages()
	t.span(&t.b.genai, n, parent, "chat "+t.model.request, kindClient, from, until, func(s *chunk) {
		t.common(s, "chat")
		t.modelAttrs(s)
		var id chunk
		id.raw("chatcmpl-")
		id.hex(t.b.newText(24))
		s.attrChunk(spanAttributes, "gen_ai.response.id", &id)
		s.attrDouble(spanAttributes, "gen_ai.request.temperature", float64(t.b.rng.IntN(11))/10)
		s.attrInt(spanAttributes, "gen_ai.request.max_tokens", 4096)
		s.attrStrings(spanAttributes, "gen_ai.response.finish_reasons", finish)
		s.attrInt(spanAttributes, "gen_ai.usage.input_tokens", len(input.b)/bytesPerToken)
		s.attrInt(spanAttributes, "gen_ai.usage.output_tokens", outputBytes/bytesPerToken)
		if t.priced {
			s.attrDouble(spanAttributes, "gen_ai.usage.cost", float64(len(input.b)+4*outputBytes)*1e-7)
		}
		if len(t.history) > 2 {
			s.attrInt(spanAttributes, "gen_ai.usage.cache_read.input_tokens", len(input.b)/bytesPerToken/2)
		}
		s.attrDouble(spanAttributes, "gen_ai.response.time_to_first_chunk",
			math.Round((until-from).Seconds()*250)/1000)
		s.attrChunk(spanAttributes, "gen_ai.input.messages", input)
		s.attrChunk(spanAttributes, "gen_ai.output.messages", output)
	})
}

// chat is a model call that ends the turn with text.
func (t *agentTrace) chat(parent int) {
	if len(t.history) == 0 {
		t.say("user", t.b.newText(60+t.b.rng.IntN(400)))
	}
	text := t.b.chatText()
	var body, out chunk
	body.raw(`"parts":[{"type":"text","content":"`)
	body.text(text)
	body.raw(`"}]`)
	out.raw(`[{"role":"assistant",`)
	out.join(&body)
	out.raw(`,"finish_reason":"stop"}]`)
	t.inference(parent, &out, text.length, "stop")
	var m message
	m.body.raw(`{"role":"assistant",`)
	m.body.join(&body)
	m.body.raw("}")
	t.history = append(t.history, m)
}

// toolCall is what the model asked for.
type toolCall struct {
	name      string
	id        textRef
	arguments chunk
}

// chatCall is a model call that asks for a tool; the request becomes part of the history.
func (t *agentTrace) chatCall(parent int) toolCall {
	call := toolCall{name: toolNames[t.b.rng.IntN(len(toolNames))], id: t.b.newText(20)}
	call.arguments.raw(`{"query":"`)
	call.arguments.text(t.b.newText(20 + t.b.rng.IntN(100)))
	call.arguments.raw(`","limit":` + strconv.Itoa(1+t.b.rng.IntN(50)) + `}`)

	thought := t.b.newText(minNewText/4 + t.b.rng.IntN(minNewText/2))
	var parts chunk
	parts.raw(`"parts":[{"type":"text","content":"`)
	parts.text(thought)
	parts.raw(`"},{"type":"tool_call","id":"call_`)
	parts.hex(call.id)
	parts.raw(`","name":"` + call.name + `","arguments":`)
	parts.join(&call.arguments)
	parts.raw(`}]`)

	var out chunk
	out.raw(`[{"role":"assistant",`)
	out.join(&parts)
	out.raw(`,"finish_reason":"tool_call"}]`)
	t.inference(parent, &out, thought.length+len(call.arguments.b), "tool_calls")
	var m message
	m.body.raw(`{"role":"assistant",`)
	m.body.join(&parts)
	m.body.raw("}")
	t.history = append(t.history, m)
	return call
}

// toolsPerFailure: one tool call in so many fails, so that the errors of the summaries are more than zero.
const toolsPerFailure = 25

func (t *agentTrace) tool(parent int, call toolCall) {
	n := t.reserve()
	from, until := t.spend(20*time.Millisecond, 900*time.Millisecond)
	failed := t.b.rng.IntN(toolsPerFailure) == 0
	var result chunk
	result.raw(`{"status":"ok","rows":` + strconv.Itoa(t.b.rng.IntN(400)) + `,"text":"`)
	result.text(t.b.newText(80 + t.b.rng.IntN(500)))
	result.raw(`"}`)
	var callID chunk
	callID.raw("call_")
	callID.hex(call.id)
	t.span(&t.b.genai, n, parent, "execute_tool "+call.name, kindInternal, from, until, func(s *chunk) {
		t.common(s, "execute_tool")
		s.attrStr(spanAttributes, "gen_ai.tool.name", call.name)
		s.attrStr(spanAttributes, "gen_ai.tool.type", "function")
		s.attrChunk(spanAttributes, "gen_ai.tool.call.id", &callID)
		s.attrChunk(spanAttributes, "gen_ai.tool.call.arguments", &call.arguments)
		s.attrChunk(spanAttributes, "gen_ai.tool.call.result", &result)
		if failed {
			s.attrStr(spanAttributes, "error.type", "ToolError")
			s.fail(call.name + " answered with an error")
		}
	})
	var m message
	m.body.raw(`{"role":"tool","parts":[{"type":"tool_call_response","id":"`)
	m.body.join(&callID)
	m.body.raw(`","response":`)
	m.body.join(&result)
	m.body.raw(`}]}`)
	t.history = append(t.history, m)
}

func (t *agentTrace) embeddings(parent int) {
	n := t.reserve()
	from, until := t.spend(20*time.Millisecond, 120*time.Millisecond)
	t.span(&t.b.genai, n, parent, "embeddings text-embedding-3-small", kindClient, from, until, func(s *chunk) {
		t.common(s, "embeddings")
		s.attrStr(spanAttributes, "gen_ai.provider.name", "openai")
		s.attrStr(spanAttributes, "gen_ai.request.model", "text-embedding-3-small")
		s.attrInt(spanAttributes, "gen_ai.embeddings.dimension.count", 1536)
		s.attrInt(spanAttributes, "gen_ai.usage.input_tokens", 10+t.b.rng.IntN(60))
	})
}

// retrieval finds documents and returns them as the message that shows them to the model.
func (t *agentTrace) retrieval(parent int, question textRef) message {
	n := t.reserve()
	from, until := t.spend(15*time.Millisecond, 200*time.Millisecond)
	var docs, shown, query chunk
	var m message
	query.text(question)
	docs.raw("[")
	for i := range 2 + t.b.rng.IntN(3) {
		if i > 0 {
			docs.raw(",")
			shown.raw(`\n\n`)
		}
		text := t.b.newText(180 + t.b.rng.IntN(320))
		docs.raw(fmt.Sprintf(`{"id":"kb-%04d","score":%.4f,"content":"`, t.b.rng.IntN(10_000), 0.93-0.07*float64(i)))
		docs.text(text)
		docs.raw(`"}`)
		shown.text(text)
	}
	docs.raw("]")
	t.span(&t.b.genai, n, parent, "retrieval kb", kindClient, from, until, func(s *chunk) {
		t.common(s, "retrieval")
		s.attrStr(spanAttributes, "gen_ai.data_source.id", "kb")
		s.attrChunk(spanAttributes, "gen_ai.retrieval.query.text", &query)
		s.attrChunk(spanAttributes, "gen_ai.retrieval.documents", &docs)
	})
	m.body.raw(`{"role":"user","parts":[{"type":"text","content":"`)
	m.body.join(&shown)
	m.body.raw(`"}]}`)
	return m
}

// request is a plain HTTP client span of the same trace.
func (t *agentTrace) request(parent int, method, host string) {
	n := t.reserve()
	from, until := t.spend(2*time.Millisecond, 80*time.Millisecond)
	t.span(&t.b.http, n, parent, method, kindClient, from, until, func(s *chunk) {
		s.attrStr(spanAttributes, "http.request.method", method)
		s.attrStr(spanAttributes, "server.address", host)
		s.attrInt(spanAttributes, "server.port", 8443)
		var url chunk
		url.raw("https://" + host + "/v1/items/")
		url.hex(t.b.newText(16))
		s.attrChunk(spanAttributes, "url.full", &url)
		s.attrInt(spanAttributes, "http.response.status_code", 200)
		s.attrStr(spanAttributes, "network.protocol.version", "1.1")
	})
}

func (t *agentTrace) agent(n int, from time.Duration) {
	t.span(&t.b.genai, n, 0, "invoke_agent assistant", kindInternal, from, t.now+time.Millisecond, func(s *chunk) {
		t.common(s, "invoke_agent")
		s.attrStr(spanAttributes, "gen_ai.agent.name", "assistant")
		s.attrStr(spanAttributes, "gen_ai.provider.name", t.model.provider)
		s.attrStr(spanAttributes, "user.id", fmt.Sprintf("user-%05d", t.b.rng.IntN(20_000)))
	})
}
