package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// springAI reads Spring AI. Its calls of models have OpenTelemetry's keys and events; the framework around
// them (chat clients, advisors, tools, vector stores) has keys of its own. From 1.0 on the contents are log
// records, which hold texts without roles.
var springAI = speaker{
	name:   "spring-ai",
	scopes: []string{springScope},
	own: []binding{
		{key: "spring.ai.kind", take: takeSpringKind},
		{key: "spring.ai.chat.client.stream", take: takeStream},
		{key: "spring.ai.chat.client.conversation.id", take: textTo(conversation)},
		{key: "spring.ai.tool.definition.name", take: toolName},
		{key: "spring.ai.tool.definition.description", take: toolDescription},
		{key: "spring.ai.tool.call.arguments", take: takeToolArguments},
		{key: "spring.ai.tool.call.result", take: takeToolResult},
	},
	also: []binding{
		{key: "gen_ai.operation.name", take: takeSpringOperation},
		{key: "db.vector.query.content", take: query},
		{key: "db.vector.query.top_k", take: countTo(topK)},
	},
	log: readSpringRecord,
}

// takeSpringKind reads what of the framework a span is. Of a vector store only a query finds something.
func takeSpringKind(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	switch s {
	case "chat_client":
		return r.operation(genai.OpInvokeWorkflow)
	case "advisor":
		return r.operation(genai.OpChain)
	case "tool_call":
		return r.operation(genai.OpExecuteTool)
	case "vector_store":
		return r.holds("db.vector.query.content") && r.operation(genai.OpRetrieval)
	}
	return ok && s == ""
}

// takeSpringOperation: "framework" is what everything that is no call of a model has; the kind says more.
func takeSpringOperation(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	return ok && s == "framework" && r.holds("spring.ai.kind") || takeOperation(r, k, v)
}

const (
	springScope  = "org.springframework.ai."
	springPrompt = "Chat Model Prompt Content:\n"
	springAnswer = "Chat Model Completion:\n"
)

// readSpringRecord reads the contents of a call: a first line that says which, and a list of quoted texts
// without escapes, of which only one that happens to be JSON can be told apart.
func readSpringRecord(r *reading, l *wire.LogRecord) bool {
	if !strings.HasPrefix(r.dst.Scope.Name, springScope) || l.Body.Kind() != wire.KindString {
		return false
	}
	body := r.cut("body", l.Body.Str())
	to, role := &r.dst.Input, genai.RoleUser
	s, ok := strings.CutPrefix(body, springPrompt)
	if !ok {
		to, role = &r.dst.Output, genai.RoleAssistant
		if s, ok = strings.CutPrefix(body, springAnswer); !ok {
			return false
		}
	}
	if s = strings.TrimSpace(s); s == "" || s == "[]" {
		r.warn(genai.WarnContentMissing, "body", "the record has no content")
		return true
	}
	if genai.JSON(s).Elements(func(genai.JSON) {}) {
		*to, _ = genai.ParseMessages(*to, s, role)
		return true
	}
	if inner, ok := strings.CutPrefix(s, `["`); ok {
		s = strings.TrimSuffix(inner, `"]`)
	}
	*to = append(*to, textMessage(role, s))
	return true
}
