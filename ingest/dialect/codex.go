package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// codex reads OpenAI's Codex, the terminal interface and codex exec. A turn sums up the counts of the responses
// below it (handle_responses), which have OpenTelemetry's keys; which of both was sent differs by the program,
// so the turn is a rollup that counts where no response is recorded (genai.UsageTree).
var codex = speaker{
	name:   "codex",
	scopes: []string{"codex_cli_rs ", "codex_exec ", "codex-app-server "},
	own: []binding{
		{key: "codex.turn.reasoning_effort", take: reasoningLevel},
		{key: "codex.request.reasoning_effort", take: reasoningLevel},
		{key: "codex.turn.token_usage.input_tokens", take: inputTokens},
		{key: "codex.turn.token_usage.cached_input_tokens", take: cacheReadTokens},
		{key: "codex.turn.token_usage.cache_write_input_tokens", take: cacheWriteTokens},
		{key: "codex.turn.token_usage.non_cached_input_tokens", take: takeReported},
		{key: "codex.turn.token_usage.output_tokens", take: outputTokens},
		{key: "codex.turn.token_usage.reasoning_output_tokens", take: reasoningTokens},
		{key: "codex.usage.reasoning_output_tokens", take: reasoningTokens},
		{key: "codex.turn.token_usage.total_tokens", take: takeTotal},
	},
	also: []binding{
		{key: "model", take: requestModel},
		{key: "conversation.id", take: textTo(conversation)},
		{key: "thread.id", take: takeThread},
		{key: "turn.id", take: takeTurn},
	},
	begin: operationByName(spanName{"session_task.turn ", genai.OpInvokeAgent}),
	log:   readPromptRecord("codex.user_prompt", ""),
	settle: func(d *genai.Span, _ *reading) {
		if d.Operation == "" && d.Name == "handle_responses" && d.Usage.Known() {
			d.Operation = genai.OpChat
		}
		if d.Operation.IsInference() && d.Provider == "" {
			d.Provider = "openai"
		}
	},
}

// takeThread reads the session's id, a UUID; spans of other tasks have a thread of the operating system here.
func takeThread(r *reading, k key, v wire.Value) bool {
	const uuid = "00000000-0000-0000-0000-000000000000"
	s := v.Str()
	if len(s) != len(uuid) {
		return false
	}
	for i, c := range s {
		hex := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
		if uuid[i] == '-' && c != '-' || uuid[i] != '-' && !hex {
			return false
		}
	}
	return takeConversation(r, k, v)
}

var takeConversation = textTo(conversation)

// takeTurn: the turn stands for the session only where nothing names that.
func takeTurn(r *reading, k key, v wire.Value) bool {
	return r.dst.Conversation == "" && takeConversation(r, k, v)
}

// readPromptRecord reads the log records of a coding agent that hold what the user typed (prompt) and what the
// model answered (response_text), by the names of their events. Only a record that names its trace is a part of
// a span.
func readPromptRecord(prompt, answer string) func(*reading, *wire.LogRecord) bool {
	return func(r *reading, l *wire.LogRecord) bool {
		d := r.dst
		to, role, text := &d.Input, genai.RoleUser, "prompt"
		switch {
		case d.TraceID == genai.TraceID{} || d.Name == "":
			return false
		case d.Name == prompt:
		case d.Name == answer:
			to, role, text = &d.Output, genai.RoleAssistant, "response_text"
		default:
			return false
		}
		for it := l.Attributes(); it.Next(); {
			name := string(it.Key())
			if s, ok := r.textOf(it.Key(), it.Value()); name == text && ok && s != "" && len(*to) == 0 {
				*to = append(*to, textMessage(role, s))
			} else if name != "event.name" {
				d.Attributes = append(d.Attributes, genai.Attribute{Key: name, Value: r.value(it.Key(), it.Value())})
			}
		}
		return true
	}
}
