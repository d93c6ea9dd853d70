package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// openLLMetry reads Traceloop's OpenLLMetry: flattened messages in JavaScript up to 0.22 and Python
// up to 0.54, OpenTelemetry's messages after that, and the workflows, agents, tasks and tools of its
// SDKs in both. What the newer versions share with the conventions otelGenAI reads.
var openLLMetry = speaker{
	name:   "openllmetry",
	scopes: []string{"@traceloop/"},
	leads: []binding{
		{key: "traceloop.span.kind", take: takeTraceloopKind},
		{key: "llm.request.type", take: takeRequestType},
	},
	own: []binding{
		{key: "traceloop.entity.name", take: takeEntityName},
		{key: "traceloop.entity.input", take: takeEntityInput},
		{key: "traceloop.entity.output", take: takeEntityOutput},
		{key: "traceloop.workflow.name", take: workflowName},

		{key: "traceloop.association.properties.session_id", take: textTo(conversation)},
		{key: "traceloop.association.properties.sessionId", take: textTo(conversation)},
		{key: "traceloop.association.properties.conversation_id", take: textTo(conversation)},
		{key: "traceloop.association.properties.thread_id", take: textTo(conversation)},
		{key: "traceloop.association.properties.user_id", take: textTo(user)},
		{key: "traceloop.association.properties.userId", take: textTo(user)},
		{key: "traceloop.association.properties.ls_provider", take: takeProvider},
		{key: "traceloop.prompt.key", take: promptName},
		{key: "traceloop.prompt.version", take: promptVersion},
		{key: "traceloop.prompt.version_name", take: promptVersion},
	},
	also: []binding{
		{key: "llm.user", take: textTo(user)},
		{key: "gen_ai.user", take: textTo(user)},
		{key: "llm.top_k", take: takeTopK},
		{key: "llm.frequency_penalty", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.FrequencyPenalty, &p.frequency })},
		{key: "llm.presence_penalty", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.PresencePenalty, &p.presence })},
		{key: "llm.chat.stop_sequences", take: takeStopSequences},
		{key: "llm.is_streaming", take: takeStream},
		{key: "gen_ai.is_streaming", take: takeStream},
		{key: "llm.response.finish_reason", take: takeFinishReasons},
		{key: "llm.usage.prompt_tokens", take: inputTokens},
		{key: "llm.usage.completion_tokens", take: outputTokens},
		{key: "llm.usage.total_tokens", take: takeTotal},
		{key: "llm.usage.reasoning_tokens", take: reasoningTokens},
		{key: "db.vector.query.top_k", take: countTo(topK)},
	},
	lists: []list{
		{prefix: "gen_ai.prompt.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Input, &r.ownInput, genai.RoleUser, traceloopMessage, true)
		}},
		{prefix: "gen_ai.completion.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Output, &r.ownOutput, genai.RoleAssistant, traceloopMessage, true)
		}},
		{prefix: "llm.request.functions.", own: true, take: takeFlatFunctions},
	},
	event: func(r *reading, e *wire.Event) bool {
		switch string(e.Name) {
		case "llm.content.completion.chunk", "gen_ai.content.completion.chunk":
			r.firstTokenAt(e.TimeUnixNano)
		case "db.query.result", "db.search.result":
			return r.foundDocument(e)
		}
		return false
	},
	settle: settleOpenLLMetry,
}

// takeTraceloopKind reads what the SDK's decorators say of a span.
func takeTraceloopKind(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	switch s {
	case "workflow":
		return r.operation(genai.OpInvokeWorkflow)
	case "task":
		return r.operation(genai.OpTask)
	case "agent":
		return r.operation(genai.OpInvokeAgent)
	case "tool":
		return r.operation(genai.OpExecuteTool)
	}
	return ok && s == ""
}

// takeRequestType reads what kind of call the versions before gen_ai.operation.name made.
func takeRequestType(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	switch s {
	case "chat":
		return r.operation(genai.OpChat)
	case "completion":
		return r.operation(genai.OpTextCompletion)
	case "embedding":
		return r.operation(genai.OpEmbeddings)
	case "rerank":
		return r.operation(genai.OpRerank)
	}
	return ok && s == ""
}

// takeEntityName reads the name of what the decorators wrap.
func takeEntityName(r *reading, k key, v wire.Value) bool {
	d := r.dst
	switch d.Operation {
	case genai.OpExecuteTool:
		return toolName(r, k, v)
	case genai.OpInvokeAgent:
		return agentName(r, k, v)
	case genai.OpInvokeWorkflow:
		return workflowName(r, k, v)
	}
	return false
}

func takeEntityInput(r *reading, k key, v wire.Value) bool {
	if r.dst.Operation == genai.OpExecuteTool {
		return takeToolArguments(r, k, v)
	}
	return r.takeValue(k, v, &r.dst.Input, &r.ownInput, genai.RoleUser)
}

func takeEntityOutput(r *reading, k key, v wire.Value) bool {
	if r.dst.Operation == genai.OpExecuteTool {
		return takeToolResult(r, k, v)
	}
	return r.takeValue(k, v, &r.dst.Output, &r.ownOutput, genai.RoleAssistant)
}

// traceloopMessage is the grammar of gen_ai.prompt.N. and gen_ai.completion.N.; LiteLLM sends
// function_call in the same places.
func traceloopMessage(b []byte) slot {
	switch string(b) {
	case "role":
		return slot{leaf: leafRole}
	case "content":
		return slot{leaf: leafContent}
	case "tool_call_id":
		return slot{leaf: leafAnswers}
	case "finish_reason":
		return slot{leaf: leafFinish}
	case "refusal":
		return slot{leaf: leafRefusal}
	case "function_call.name":
		return slot{leaf: leafFunction, calls: true}
	case "function_call.arguments":
		return slot{leaf: leafArguments, calls: true}
	}
	rest, ok := cutPrefix(b, "tool_calls.")
	if !ok {
		return slot{}
	}
	i, rest, ok := cutIndex(rest)
	if !ok {
		return slot{}
	}
	s := slot{calls: true, index: i}
	switch string(rest) {
	case "id":
		s.leaf = leafID
	case "name":
		s.leaf = leafFunction
	case "arguments":
		s.leaf = leafArguments
	}
	return s
}

// takeFlatFunctions reads llm.request.functions.N.{name,description,parameters}; JavaScript calls the
// schema arguments.
func takeFlatFunctions(r *reading, es []element) {
	d := r.dst
	if len(d.Tools) > 0 {
		return
	}
	groups(es, func(es []element) {
		t := genai.ToolDefinition{Type: "function"}
		for i := range es {
			e := &es[i]
			s, ok := r.textOf(e.name, e.v)
			if !ok {
				continue
			}
			e.taken = true
			switch string(e.leaf()) {
			case "name":
				t.Name = s
			case "description":
				t.Description = s
			case "parameters", "arguments":
				e.taken = fillJSON(&t.Parameters, s)
			default:
				e.taken = false
			}
		}
		if said := t.Name != "" || t.Description != "" || t.Parameters != ""; said && len(d.Tools) < genai.MaxTools {
			d.Tools = append(d.Tools, t)
		}
	})
}

// foundDocument reads the event of one result of a vector store, and says whether it can be forgotten. A
// store that gives no score gives a distance.
func (r *reading) foundDocument(e *wire.Event) bool {
	d := r.dst
	var doc genai.Document
	all, scored := len(d.Retrieval.Documents) < maxDocuments, false
	for it := e.Attributes(); all && it.Next(); {
		name, _ := cutPrefix(it.Key(), string(e.Name)+".")
		v, ok := it.Value(), false
		switch string(name) {
		case "id":
			doc.ID, ok = r.textOf(it.Key(), v)
		case "document":
			doc.Content, ok = r.textOf(it.Key(), v)
		case "score":
			scored = true
			doc.Score, ok = numberOf(v)
			doc.HasScore = ok
		case "distance":
			if f, is := numberOf(v); is && !scored {
				doc.Score, doc.HasScore, ok = f, true, true
			}
		case "metadata":
			var s string
			s, ok = r.jsonOf(text(it.Key()), v)
			doc.Metadata = genai.JSON(s)
		}
		all = ok
	}
	if !all {
		return false // a vector: the event has more than a document holds
	}
	d.Retrieval.Documents = append(d.Retrieval.Documents, doc)
	if d.Operation == "" {
		d.Operation = genai.OpRetrieval
	}
	return true
}

// settleOpenLLMetry: the instrumentation of Anthropic in JavaScript hands on Anthropic's own count, which
// leaves out what the cache served; seen in 0.14 to 0.27.
func settleOpenLLMetry(d *genai.Span, r *reading) {
	if d.Scope.Name == "@traceloop/instrumentation-anthropic" {
		r.cachedOutside = strings.HasPrefix(d.Scope.Version, "0.") && minorOf(d.Scope.Version) <= 27
	}
	if d.Operation == "" && strings.HasPrefix(d.Scope.Name, "@traceloop/instrumentation-") && d.Retrieval.TopK > 0 {
		d.Operation = genai.OpRetrieval
	}
}

// minorOf is the second number of a version, 0 when there is none.
func minorOf(version string) (n int) {
	_, rest, _ := strings.Cut(version, ".")
	for i := 0; i < len(rest) && rest[i] >= '0' && rest[i] <= '9' && n < 1_000_000; i++ {
		n = n*10 + int(rest[i]-'0')
	}
	return n
}
