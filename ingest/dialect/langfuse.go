package dialect

import (
	"strconv"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// langfuse reads the SDKs of Langfuse from version 4 on (JavaScript) and 3 (Python), which send
// OpenTelemetry spans; what they called observations before is in langfuse.observation.*. What they put on
// every span of a trace, other dialects' too, is no evidence; general reads it.
var langfuse = speaker{
	name:   "langfuse",
	scopes: []string{"langfuse-sdk "},
	leads:  []binding{{key: "langfuse.observation.type", take: takeObservationType}},
	own: []binding{
		{key: "langfuse.observation.model.name", take: requestModel},
		{key: "langfuse.observation.model.parameters", take: takeInvocationParameters},
		{key: "langfuse.observation.input", take: takeSent},
		{key: "langfuse.observation.output", take: takeReceived},
		{key: "langfuse.observation.usage_details", take: takeUsageDetails},
		{key: "langfuse.observation.cost_details", take: takeCostDetails},
		{key: "langfuse.observation.completion_start_time", take: takeCompletionStart},
		{key: "langfuse.observation.prompt.name", take: promptName},
		{key: "langfuse.observation.prompt.version", take: takePromptVersion},
		{key: "langfuse.observation.status_message", take: takeStatusMessage},
		{key: "langfuse.observation.level", take: takeLevel},
	},
	also: []binding{
		{key: "langfuse.trace.input", take: takeSent},
		{key: "langfuse.trace.output", take: takeReceived},
	},
	settle: nameTool,
}

// observationTypes are the operations of the types. A span or an event is any step of a program.
var observationTypes = map[string]genai.Operation{
	"generation": genai.OpChat, "embedding": genai.OpEmbeddings, "agent": genai.OpInvokeAgent, "tool": genai.OpExecuteTool,
	"span": genai.OpTask, "event": genai.OpTask, "chain": genai.OpChain, "retriever": genai.OpRetrieval, "guardrail": genai.OpGuardrail, "evaluator": genai.OpEvaluator,
}

// kindTo fills the operation from a vocabulary of kinds; what is not in it stays.
func kindTo(kinds map[string]genai.Operation) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.str(k, v)
		op, known := kinds[fromJSON(s)]
		return ok && (s == "" || known && r.operation(op))
	}
}

var takeObservationType = kindTo(observationTypes)

// takeUsageDetails reads counts that do not overlap: what a cache served, reasoning and audio are not
// part of input and output. Who fills them in by hand may think otherwise; the total then shows it.
func takeUsageDetails(r *reading, k key, v wire.Value) bool {
	u := &r.dst.Usage
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || u.Known() {
		return false
	}
	var b buckets
	if !genai.JSON(s).Members(func(name string, v genai.JSON) {
		n := genai.Tokens{}
		if countOf(&n, v); n.Known {
			r.report(keys[k].name+"."+name, n.N)
			b.add(name, n)
		}
	}) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the counts are no JSON object")
		return false
	}
	u.Input, u.Output, u.CacheRead, u.CacheWrite, u.Reasoning, r.total = b.input, b.output, b.read, b.write, b.reasoning, b.total
	if b.total.Known && b.total.N == b.input.N+b.output.N {
		return true
	}
	u.Input.N, u.Output.N = b.input.N+b.inputParts, b.output.N+b.outputParts
	if u.Input.Known = u.Input.Known || b.inputParts > 0; b.read.N+b.write.N > 0 {
		u.Rule = genai.CacheByDialect
	}
	u.Output.Known = u.Output.Known || b.outputParts > 0
	return true
}

// buckets are the counts of usage_details.
type buckets struct {
	input, output, total, read, write, reasoning genai.Tokens
	inputParts, outputParts                      int64
}

func (b *buckets) add(name string, n genai.Tokens) {
	sum := func(to *genai.Tokens) { to.N, to.Known = to.N+n.N, true }
	input, output := strings.HasPrefix(name, "input"), strings.HasPrefix(name, "output")
	switch {
	case name == "input" || name == "input_tokens" || name == "prompt_tokens":
		sum(&b.input)
	case name == "output" || name == "output_tokens" || name == "completion_tokens":
		sum(&b.output)
	case name == "total" || name == "total_tokens":
		sum(&b.total)
	case strings.Contains(name, "cache") && (strings.Contains(name, "creation") || strings.Contains(name, "write")):
		sum(&b.write)
		b.inputParts += n.N
	case strings.Contains(name, "cache"):
		sum(&b.read)
		b.inputParts += n.N
	case strings.Contains(name, "reasoning"):
		sum(&b.reasoning)
		b.outputParts += n.N
	case input:
		b.inputParts += n.N
	case output:
		b.outputParts += n.N
	}
}

// takeCostDetails reads prices: the total, or the sum of the others. Zeros, sent with failures, mean that
// nothing is known.
func takeCostDetails(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	var total, sum float64
	n := 0
	if !ok || !genai.JSON(s).Members(func(name string, v genai.JSON) {
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return
		}
		if n++; name == "total" {
			total = f
			return
		}
		sum += f
	}) {
		return false
	}
	if total == 0 {
		total = sum
	}
	return r.cost(total) && (n == 1 || total == 0) // the parts of a price have no fields
}

// takeCompletionStart reads when the first token came: a time in ISO 8601, quoted twice.
func takeCompletionStart(r *reading, k key, v wire.Value) bool {
	s, _ := r.str(k, v)
	at, err := time.Parse(time.RFC3339, genai.JSON(s).Text())
	return err == nil && at.UnixNano() > 0 && r.firstTokenAt(uint64(at.UnixNano()))
}

// takePromptVersion reads a version that is a number or a text.
func takePromptVersion(r *reading, k key, v wire.Value) bool {
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	to := &r.dst.Prompt.Version
	if *to == "" {
		*to = s
	}
	return ok && *to == s
}

// takeLevel: the SDK leaves the span's status unset when an observation failed.
func takeLevel(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	if s != "ERROR" {
		return false
	}
	r.dst.StatusCode = genai.StatusError
	return ok
}

// takeStatusMessage reads what the level is about.
func takeStatusMessage(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	d := r.dst
	if d.StatusMessage == "" {
		d.StatusMessage = s
	}
	return ok && d.StatusMessage == s
}
