package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// openLIT reads OpenLIT, seen in JavaScript 1.7 and 1.15. It follows OpenTelemetry's conventions, which otelGenAI
// reads, and adds to them. Its input count includes what a cache served; its time to the first token is
// in seconds. The tool that a chat asked for is in the keys of an execution, and no execution.
var openLIT = speaker{
	name:   "openlit",
	scopes: []string{"openlit.", "@openlit/"},
	own: []binding{
		{key: "gen_ai.request.is_stream", take: takeStream},
		{key: "openlit.agent.version_hash", take: stays},
		{key: "gen_ai.application_name", take: stays},
		{key: "gen_ai.endpoint", take: stays},
	},
	also: []binding{
		{key: "gen_ai.operation.name", take: takeOpenLITOperation}, // the keys of tools depend on it
		{key: "gen_ai.content.prompt", take: takeTranscript},
		{key: "gen_ai.response.finish_reason", take: takeFinishReasons},
		{key: "gen_ai.request.max_tokens", take: takeSentMaxTokens},
		{key: "gen_ai.session.id", take: textTo(conversation)},
		{key: "gen_ai.user.id", take: textTo(user)},
		{key: "gen_ai.request.user", take: textTo(user)},
		{key: "gen_ai.tool.args", take: takeToolArguments},
		{key: "gen_ai.tool.input", take: takeToolArguments},
		{key: "gen_ai.tool.output", take: takeToolResult},
		{key: "gen_ai.response.tool_calls", take: takeAnswerCalls},
		{key: "gen_ai.retrieval.query", take: query},
		{key: "gen_ai.retrieval.documents", take: takeDocuments},
	},
	// A call that failed has nothing but its name in JavaScript 1.7.
	begin: operationByName(spanName{"openai.resources.chat.completions ", genai.OpChat}, spanName{"openai.resources.embeddings ", genai.OpEmbeddings}),
	event: readTranscript,
}

// takeOpenLITOperation knows the name that embeddings had in JavaScript 1.7.
func takeOpenLITOperation(r *reading, k key, v wire.Value) bool {
	if string(v.Str()) == "embedding" {
		return r.operation(genai.OpEmbeddings)
	}
	return takeOperation(r, k, v)
}

// takeTranscript reads the input as JavaScript 1.7 has it: see transcript.
func takeTranscript(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	ms := transcript(r.cut(keys[k].name, bytesOf(s)))
	if !ok || ms == nil || len(r.dst.Input) > 0 {
		return false
	}
	r.dst.Input = append(r.dst.Input, ms...)
	return true
}

// stays takes nothing: the key is evidence alone.
func stays(*reading, key, wire.Value) bool { return false }

// takeSentMaxTokens: Python sends -1 when the request has no limit.
func takeSentMaxTokens(r *reading, k key, v wire.Value) bool {
	if n, ok := r.whole(k, v); ok && n < 0 {
		return true
	}
	return takeMaxTokens(r, k, v)
}

// readTranscript reads the event of Python's versions up to 1.33 that holds the input as one text, a line
// "role: content" for each message.
func readTranscript(r *reading, e *wire.Event) bool {
	if string(e.Name) != eventPrompt || len(r.dst.Input) > 0 {
		return false
	}
	it := e.Attributes()
	if !it.Next() || string(it.Key()) != "gen_ai.prompt" || it.Value().Kind() != wire.KindString {
		return false
	}
	ms := transcript(r.cut("gen_ai.prompt", it.Value().Str()))
	if ms == nil || it.Next() {
		return false
	}
	r.dst.Input = append(r.dst.Input, ms...)
	return true
}

// transcript splits a text before each line that begins with a role; nil when the text does not.
func transcript(s string) (out []genai.Message) {
	for line := range strings.Lines(s) {
		name, said, ok := strings.Cut(line, ": ")
		role := genai.ParseRole(name)
		switch role {
		case genai.RoleSystem, genai.RoleUser, genai.RoleAssistant, genai.RoleTool:
		default:
			ok = false
		}
		switch {
		case ok:
			out = append(out, textMessage(role, said))
		case out == nil:
			return nil
		default:
			out[len(out)-1].Parts[0].Content += line
		}
	}
	for i := range out {
		p := &out[i].Parts[0]
		p.Content = strings.TrimSuffix(p.Content, "\n")
	}
	return out
}
