package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Frameworks that say little in keys of their own: each is a declaration. What they share with OpenTelemetry's
// conventions otelGenAI reads.

// koog reads JetBrains' Koog: OpenLLMetry's flattened messages, and tools without an operation. It sends the calls
// that a model asked for as messages of the tool.
var koog = speaker{
	name:   "koog",
	scopes: []string{"ai.koog"},
	own: []binding{
		{key: "koog.node.name", take: leave},
		{key: "koog.agent.strategy.name", take: workflowName},
	},
	begin: operationByName(spanName{"tool.", genai.OpExecuteTool}, spanName{"node.", genai.OpTask}),
	settle: func(d *genai.Span, _ *reading) {
		for i := range d.Input {
			if m := &d.Input[i]; m.Role == genai.RoleTool && len(m.Parts) > 0 && m.Parts[0].Type == genai.PartToolCall {
				m.Role, m.Encoded = genai.RoleAssistant, ""
			}
		}
	},
}

// liveKit reads LiveKit Agents, which talk: a session has turns, and a turn what was heard, the call of a model
// and what was said.
var liveKit = speaker{
	name:   "livekit",
	scopes: []string{"livekit"},
	own: []binding{
		{key: "lk.instructions", take: takeSystem},
		{key: "lk.chat_ctx", take: takeChatContext},
		{key: "lk.user_input", take: takeSent},
		{key: "lk.user_transcript", take: takeSent},
		{key: "lk.response.text", take: takeAnswerText},
		{key: "lk.response.function_calls", take: takeAnswerCalls},
		{key: "lk.response.ttft", take: takeTimeToFirst},
		{key: "lk.agent_name", take: agentName},
		{key: "lk.function_tool.name", take: toolName},
		{key: "lk.function_tool.id", take: toolCallID},
		{key: "lk.function_tool.arguments", take: takeToolArguments},
		{key: "lk.function_tool.output", take: takeToolResult},
		{key: "lk.function_tool.is_error", take: takeToolError},
	},
	begin: operationByName(
		spanName{"agent_session ", genai.OpInvokeAgent}, spanName{"agent_turn ", genai.OpTask}, spanName{"user_turn ", genai.OpTask},
		spanName{"llm_node ", genai.OpTask}, spanName{"function_tool ", genai.OpExecuteTool},
	),
}

// takeChatContext reads {items: […]}, of which some are messages and some calls of tools.
func takeChatContext(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.jsonOf(keys[k].name, v)
	items := genai.JSON(s).At("items")
	if !ok || items == "" || len(d.Input) > 0 {
		return takeSent(r, k, v)
	}
	var code genai.WarningCode
	d.Input, code = genai.ParseMessages(d.Input, string(items), genai.RoleUser)
	r.doubt(code, keys[k].name)
	r.ownInput = len(d.Input) > 0
	return r.ownInput && code == ""
}

// takeToolError reads a flag that a tool failed.
func takeToolError(r *reading, _ key, v wire.Value) bool {
	if v.Kind() != wire.KindBool {
		return false
	}
	if v.Bool() && r.dst.Error.Type == "" {
		r.dst.Error.Type = "tool_error"
	}
	return true
}

// pipecat reads Pipecat, another framework for voice: OpenTelemetry's keys for the call, bare ones for the contents.
var pipecat = speaker{
	name:   "pipecat",
	scopes: []string{"pipecat"},
	also: []binding{
		{key: "system", take: takeSystem},
		{key: "input", take: takeSent},
		{key: "output", take: takeReceived},
		{key: "tools", take: takeTools},
		{key: "stream", take: takeStream},
		{key: "metrics.ttfb", take: takeTimeToFirst},
		{key: "conversation.id", take: textTo(conversation)},
	},
	begin: operationByName(spanName{"conversation ", genai.OpInvokeAgent}, spanName{"turn ", genai.OpTask}),
}

// flue reads Flue: turns are calls, tasks are agents below an agent.
var flue = speaker{
	name:   "flue",
	scopes: []string{"@flue/"},
	own: []binding{
		{key: "flue.turn.input", take: takeFlueTurn},
		{key: "flue.turn.output", take: takeReceived},
		{key: "flue.task.agent", take: agentName},
		{key: "flue.task.prompt", take: takeSent},
		{key: "flue.task.result", take: takeReceived},
		{key: "flue.workflow.name", take: workflowName},
		{key: "flue.workflow.payload", take: takeSent},
		{key: "flue.workflow.result", take: takeReceived},
		{key: "flue.operation.result", take: takeReceived},
		{key: "flue.operation.kind", take: leave},
		{key: "flue.reasoning", take: reasoningLevel},
		{key: "flue.tool.name", take: toolName},
		{key: "flue.tool.call_id", take: toolCallID},
		{key: "flue.tool.arguments", take: takeToolArguments},
		{key: "flue.tool.result", take: takeToolResult},
	},
	begin: operationByName(
		spanName{"flue.tool", genai.OpExecuteTool}, spanName{"flue.task", genai.OpInvokeAgent}, spanName{"flue.workflow", genai.OpInvokeWorkflow},
		spanName{"flue.operation", genai.OpTask},
	),
}

// takeFlueTurn reads {systemPrompt, messages, tools}.
func takeFlueTurn(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	d := r.dst
	if system := genai.JSON(s).At("systemPrompt").Text(); system != "" && len(d.System) == 0 {
		d.System = append(d.System, genai.Part{Type: genai.PartText, Content: system})
	}
	if tools := genai.JSON(s).At("tools"); tools.Begins() == '[' && len(d.Tools) == 0 {
		d.Tools, _ = genai.ParseTools(d.Tools, string(tools))
	}
	return takeSent(r, k, v)
}

// crewAI reads the spans that CrewAI makes of itself. They say how a crew is built and call nothing; the calls
// come from an instrumentation, with that one's keys, and have a crew's result at most.
var crewAI = speaker{
	name:   "crewai",
	scopes: []string{"crewai.telemetry "},
	own: []binding{
		{key: "crewai.crew.result", take: takeReceived},
		{key: "crewai.crew.tasks_output", take: leave},
	},
}

// llamaIndex reads LlamaIndex' own tracer. Its spans are methods of its classes, and their names, Class.method-id,
// are all that says what they do.
var llamaIndex = speaker{
	name:   "llamaindex",
	scopes: []string{"llamaindex.opentelemetry.tracer"},
	own:    []binding{{key: "llamaindex.run_id", take: leave}},
	also: []binding{
		{key: "input", take: takeSent},
		{key: "output", take: takeReceived},
	},
	begin: func(d *genai.Span) {
		if d.Operation == "" {
			name, _, _ := strings.Cut(d.Name, "-")
			d.Operation = llamaIndexMethods[name[strings.LastIndexByte(name, '.')+1:]]
		}
	},
}

var llamaIndexMethods = map[string]genai.Operation{
	"chat": genai.OpChat, "achat": genai.OpChat, "stream_chat": genai.OpChat, "astream_chat": genai.OpChat,
	"complete": genai.OpTextCompletion, "acomplete": genai.OpTextCompletion, "stream_complete": genai.OpTextCompletion,
	"get_query_embedding": genai.OpEmbeddings, "get_text_embedding": genai.OpEmbeddings, "get_text_embedding_batch": genai.OpEmbeddings,
	"retrieve": genai.OpRetrieval, "aretrieve": genai.OpRetrieval, "postprocess_nodes": genai.OpRerank, "call": genai.OpExecuteTool,
	"acall": genai.OpExecuteTool, "query": genai.OpChain, "aquery": genai.OpChain, "synthesize": genai.OpChain, "asynthesize": genai.OpChain,
	"run": genai.OpInvokeWorkflow,
}
