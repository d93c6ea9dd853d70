package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// pydanticAI reads Pydantic AI, versions 1 to 6 of its instrumentation, and Logfire's own instrumentation
// of OpenAI and Anthropic. Version 1 sends one attribute of events, from 2 on OpenTelemetry's messages;
// up to 2 tools have keys of their own and spans no operation but their name. The counts of an agent
// repeat those of its calls.
var pydanticAI = speaker{
	name:   "pydantic-ai",
	scopes: []string{"pydantic-ai ", "logfire.openai", "logfire.anthropic"},
	leads: []binding{
		{key: "tool_response", take: takeToolKey(takeToolResult)},
		{key: "tool_arguments", take: takeToolKey(takeToolArguments)},
		{key: "pydantic_ai.all_messages", take: takeRun},
		{key: "all_messages_events", take: takeRun},
	},
	own: []binding{
		{key: "model_request_parameters", take: takeModelRequestParameters},
		{key: "operation.cost", take: takeCost},
		{key: "request_data", take: takeRequestData},
		{key: "response_data", take: takeReceived},
	},
	also: []binding{
		{key: "events", take: takeEvents},
		{key: "final_result", take: takeFinalResult},
		{key: "model_name", take: requestModel},
		{key: "agent_name", take: agentName},
		{key: "logfire.tags", take: takeTags},
	},
	version: func(r *reading) string {
		switch {
		case r.holds("events") || r.holds("all_messages_events"):
			return "1"
		case r.holds("tool_arguments"):
			return "<=2"
		case r.holds("pydantic_ai.all_messages"):
			return ">=2"
		}
		return ""
	},
	settle: settlePydanticAI,
}

// takeToolKey reads a key that makes the span a tool's.
func takeToolKey(take taker) taker {
	return func(r *reading, k key, v wire.Value) bool {
		r.operation(genai.OpExecuteTool)
		return take(r, k, v)
	}
}

// takeRun reads all messages of an agent's run. That it has them makes the span an agent's.
func takeRun(r *reading, k key, v wire.Value) bool {
	r.operation(genai.OpInvokeAgent)
	return takeInput(r, k, v)
}

// takeFinalResult reads what the agent returned. It is the text of a message, JSON or not.
func takeFinalResult(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	if !ok || len(d.Output) > 0 {
		return false
	}
	d.Output = append(d.Output, textMessage(genai.RoleAssistant, s))
	r.ownOutput = true
	return true
}

// takeEvents reads version 1's events: what was asked, and the choice.
func takeEvents(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || len(d.Input) > 0 || len(d.Output) > 0 {
		return false
	}
	good, known := true, true
	whole := genai.JSON(s).Unwrap().Elements(func(e genai.JSON) {
		name := e.At("event.name").Text()
		role := messageRole(name)
		to, code := &d.Input, genai.WarningCode("")
		if isOutput(name) {
			to = &d.Output
		}
		if known = known && role != ""; !known {
			return
		}
		*to, code = genai.ParseMessages(*to, string(e), role)
		good = good && code == ""
	})
	r.ownInput, r.ownOutput = r.ownInput || len(d.Input) > 0, r.ownOutput || len(d.Output) > 0
	if !whole || !good {
		r.warn(genai.WarnMalformedJSON, keys[k].name, brokeOff)
	}
	return whole && good && known
}

// takeModelRequestParameters reads the tools that a call was offered. The attribute stays: it has more.
func takeModelRequestParameters(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || len(d.Tools) > 0 {
		return false
	}
	for _, list := range []string{"function_tools", "output_tools"} {
		if tools := genai.JSON(s).Unwrap().At(list); tools != "" && tools != "null" {
			var code genai.WarningCode
			d.Tools, code = genai.ParseTools(d.Tools, string(tools))
			r.toolsRead(k, code)
		}
	}
	return false
}

// takeRequestData reads the whole request that Logfire's instrumentations send. Only a call has messages.
func takeRequestData(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	if genai.JSON(s).At("messages") != "" {
		r.operation(genai.OpChat)
	}
	return takeSent(r, k, v)
}

// settlePydanticAI: the last thing that a run's messages say is the run's output, which final_result may
// repeat. Spans of versions 1 and 2 have no operation; their names tell.
func settlePydanticAI(d *genai.Span, _ *reading) {
	switch {
	case d.Operation != "":
	case strings.HasPrefix(d.Name, "chat "):
		d.Operation = genai.OpChat
	case d.Name == "agent run" || d.Agent.Name != "" && d.Name == d.Agent.Name+" run":
		d.Operation = genai.OpInvokeAgent
	}
	if n := len(d.Input) - 1; n > 0 && d.Operation == genai.OpInvokeAgent && d.Input[n].Role == genai.RoleAssistant {
		switch {
		case len(d.Output) == 0:
			d.Output = append(d.Output, d.Input[n])
			d.Input = d.Input[:n]
		case sameText(d.Input[n], d.Output[0]):
			d.Input = d.Input[:n]
		}
	}
}

// sameText says whether two messages are the same single text.
func sameText(a, b genai.Message) bool {
	return len(a.Parts) == 1 && len(b.Parts) == 1 && a.Parts[0].Type == genai.PartText && a.Parts[0].Content == b.Parts[0].Content
}
