package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// claudeCode reads the spans of Claude Code. They are known by their names, their keys have no prefix, and
// their input counts are Anthropic's, without what the cache served.
//
// What a call said and cost it sends as log records that name no span (claudecode_record.go).
var claudeCode = speaker{
	name:  "claude-code",
	spans: []string{"claude_code."},
	also: []binding{
		{key: "model", take: requestModel},
		{key: "request_id", take: takeResponseID}, // newer versions say gen_ai.response.id, too
		{key: "input_tokens", take: inputTokens},
		{key: "output_tokens", take: outputTokens},
		{key: "cache_read_tokens", take: cacheReadTokens},
		{key: "cache_creation_tokens", take: cacheWriteTokens},
		{key: "ttft_ms", take: takeMilliseconds},
		{key: "stop_reason", take: takeFinishReasons},
		{key: "effort", take: reasoningLevel},
		{key: "user_prompt", take: takeValueIn},
		{key: "new_context", take: takeValueIn},
		{key: "response.model_output", take: takeValueOut},
		{key: "agent_id", take: agentID},
		{key: "tool_name", take: toolName},
		{key: "tool_use_id", take: toolCallID},
		{key: "tool_input", take: takeToolArguments},
		{key: "full_command", take: takeToolArguments},
		{key: "file_path", take: takeToolArguments},
		{key: "error", take: errorMessage},
		{key: "success", take: takeSuccess},
		{key: "tool_parameters", take: takeToolArguments},
		{key: "error_type", take: ofRecord(takeErrorType)},
		{key: "status_code", take: ofRecord(takeHTTPStatus)},
		{key: "cost_usd", take: ofRecord(takeCost)},
		{key: "prompt", take: ofRecord(takeValueIn)},
		{key: "response", take: ofRecord(takeValueOut)},
		{key: "body", take: takeClaudeBody},
	},
	begin: operationByName(
		spanName{"claude_code.interaction ", genai.OpInvokeAgent}, spanName{"claude_code.llm_request ", genai.OpChat}, spanName{"claude_code.tool ", genai.OpExecuteTool},
	),
	event: readToolOutput,
	log:   readClaudeRecord,
	settle: func(d *genai.Span, r *reading) {
		if d.Operation == genai.OpChat {
			d.Provider, r.cachedOutside = "anthropic", true
		}
	},
}

// takeValueIn and takeValueOut make a value the text of a message of the user and of the assistant.
func takeValueIn(r *reading, k key, v wire.Value) bool {
	return r.takeValue(k, v, &r.dst.Input, &r.ownInput, genai.RoleUser)
}

func takeValueOut(r *reading, k key, v wire.Value) bool {
	return r.takeValue(k, v, &r.dst.Output, &r.ownOutput, genai.RoleAssistant)
}

// takeSuccess reads whether a call or tool failed; the status of the span does not say it.
func takeSuccess(r *reading, _ key, v wire.Value) bool {
	ok := v.Kind() == wire.KindBool && v.Bool() || string(v.Str()) == "true"
	failed := v.Kind() == wire.KindBool && !v.Bool() || string(v.Str()) == "false"
	if failed && r.dst.Error.Type == "" {
		r.dst.Error.Type = "failed"
	}
	return ok || failed
}

// readToolOutput reads what a tool gave: its output, what it read, or what it changed. The event stays when it
// has more than that.
func readToolOutput(r *reading, e *wire.Event) bool {
	d := r.dst
	if string(e.Name) != "tool.output" || d.Operation != genai.OpExecuteTool {
		return false
	}
	var found [3]wire.Value
	n := 0
	for it := e.Attributes(); it.Next(); n++ {
		switch string(it.Key()) {
		case "output":
			found[0] = it.Value()
		case "content":
			found[1] = it.Value()
		case "diff":
			found[2] = it.Value()
		}
	}
	for _, v := range found {
		if v.Kind() == wire.KindEmpty || d.Tool.Result != "" {
			continue
		}
		if s, ok := r.textOf(e.Name, v); ok {
			d.Tool.Result = genai.JSON(s).Unwrap()
			return n == 1
		}
	}
	return false
}
