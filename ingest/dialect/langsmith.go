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
		{key: "gen_ai.prompt", take: sent(fromArguments)},
		{key: "gen_ai.completion", take: takeReceived},
		{key: "gen_ai.usage.input_token_details", take: takeTokenDetails},
		{key: "gen_ai.usage.output_token_details", take: takeTokenDetails},
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

// fromArguments is the only argument of {"args": […]}: the inputs of a call that failed are those of the function that
// was wrapped.
func fromArguments(s string) string {
	var args genai.JSON
	n := 0
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		if n++; name == "args" {
			args = v
		}
	})
	first, of := args.First(), 0
	if n != 1 || first.Begins() != '{' {
		return s
	}
	if args.Elements(func(genai.JSON) { of++ }); of > 1 {
		return s
	}
	return string(first)
}

// takeTokenDetails reads the parts of a count, {cache_read, cache_creation} or {reasoning}: of versions that send
// no usage_metadata that can be read, seen in 0.3.
func takeTokenDetails(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	u, all := &r.dst.Usage, ok
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		to := (*genai.Tokens)(nil)
		switch name {
		case "cache_read":
			to = &u.CacheRead
		case "cache_creation":
			to = &u.CacheWrite
		case "reasoning":
			to = &u.Reasoning
		}
		n := genai.Tokens{}
		if countOf(&n, v); to == nil || !n.Known {
			all = false
			return
		}
		r.report(keys[k].name+"."+name, n.N)
		if !to.Known {
			*to = n
		}
		all = all && *to == n
	})
	return all
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
