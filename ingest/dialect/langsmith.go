package dialect

import (
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// langSmith reads the OpenTelemetry exporter of LangSmith's SDK, seen in JavaScript 0.12. It flattens
// runs: gen_ai.prompt and gen_ai.completion are the run's whole inputs and outputs, the kind of the run is
// right where gen_ai.operation.name is wrong, and a run that failed has status OK and an exception.
var langSmith = speaker{
	name:   "langsmith",
	scopes: []string{"langsmith "},
	leads:  []binding{{key: "langsmith.span.kind", take: kindTo(runKinds)}},
	own: []binding{
		{key: "langsmith.usage_metadata", take: takeUsageMetadata},
		{key: "langsmith.metadata.usage_metadata", take: takeUsageMetadata},
		{key: "langsmith.metadata.ls_provider", take: takeProvider},
		{key: "langsmith.metadata.ls_model_name", take: requestModel},
		{key: "langsmith.metadata.ls_max_tokens", take: takeMaxTokens},
		{key: "langsmith.metadata.ls_temperature", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.Temperature, &p.temperature })},
		{key: "langsmith.metadata.ls_invocation_params", take: takeInvocationParameters},
		{key: "langsmith.metadata.session_id", take: textTo(conversation)},
		{key: "langsmith.metadata.thread_id", take: textTo(conversation)},
		{key: "langsmith.metadata.conversation_id", take: textTo(conversation)},
		{key: "langsmith.metadata.user_id", take: textTo(user)},
		{key: "langsmith.span.tags", take: takeJoinedTags},
		{key: "langsmith.request.streaming", take: takeStream},
	},
	also: []binding{
		{key: "gen_ai.prompt", take: takeSent},
		{key: "gen_ai.completion", take: takeReceived},
	},
	settle: nameTool,
}

// runKinds are the operations of LangSmith's run types; a parser is a runnable like others.
var runKinds = map[string]genai.Operation{
	"llm": genai.OpChat, "chain": genai.OpChain, "tool": genai.OpExecuteTool, "retriever": genai.OpRetrieval,
	"embedding": genai.OpEmbeddings, "prompt": genai.OpPrompt, "parser": genai.OpChain,
}

// takeUsageMetadata reads LangChain's counts: {input_tokens, output_tokens, total_tokens,
// input_token_details {cache_read, cache_creation}, output_token_details {reasoning}, total_cost}. The
// attributes gen_ai.usage.* say less, and come after it.
func takeUsageMetadata(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || r.dst.Usage.Known() {
		return false
	}
	r.wholeUsage(genai.JSON(s))
	if f, err := strconv.ParseFloat(string(genai.JSON(s).At("total_cost")), 64); err == nil {
		r.cost(f)
	}
	return false // the details have more
}

// takeJoinedTags reads tags that a comma joins.
func takeJoinedTags(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.str(k, v)
	if !ok || s == "" || len(d.Tags) > 0 {
		return ok && s == ""
	}
	for t := range strings.SplitSeq(s, ",") {
		d.Tags = append(d.Tags, strings.TrimSpace(t))
	}
	return true
}
