package dialect

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// otelGenAI reads the OpenTelemetry GenAI conventions 1.26 to 1.41 and the unreleased ones of
// semantic-conventions-genai, with the spellings that emitters of these conventions send beside
// them.
var otelGenAI = speaker{
	name: otelName,
	own: []binding{
		{"gen_ai.operation.name", takeOperation, 27},
		{"gen_ai.provider.name", takeProvider, 37},
		{"gen_ai.system", takeProvider, 26},
		{"gen_ai.request.model", requestModel, 26},
		{"gen_ai.response.model", responseModel, 26},
		{"gen_ai.response.id", takeResponseID, 26},
		{"gen_ai.request.max_tokens", wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.MaxTokens, &p.maxTokens }), 26},
		{"gen_ai.request.temperature", numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.Temperature, &p.temperature }), 26},
		{"gen_ai.request.top_p", numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopP, &p.topP }), 26},
		{"gen_ai.request.top_k", takeTopK, 27},
		{"gen_ai.request.frequency_penalty", numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.FrequencyPenalty, &p.frequency }), 27},
		{"gen_ai.request.presence_penalty", numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.PresencePenalty, &p.presence }), 27},
		{"gen_ai.request.seed", takeSeed, 30},
		{"gen_ai.openai.request.seed", takeSeed, 28},
		{"gen_ai.request.choice.count", wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.ChoiceCount, &p.choices }), 31},
		{"gen_ai.request.stream", takeStream, 41},
		{"gen_ai.request.is_stream", takeStream, 0},
		{"gen_ai.request.stop_sequences", takeStopSequences, 27},
		{"gen_ai.request.reasoning.level", reasoningLevel, repo},
		{"gen_ai.request.reasoning_effort", reasoningLevel, 0},
		{"gen_ai.output.type", textTo(func(s *genai.Span) *string { return &s.Request.OutputType }), 31},
		{"gen_ai.openai.request.response_format", takeResponseFormat, 28},
		{"gen_ai.request.structured_output_schema", takeOutputSchema, 0},
		{"gen_ai.response.finish_reasons", takeFinishReasons, 26},
		{"gen_ai.system_instructions", takeSystem, 37},
		{"gen_ai.input.messages", takeInput, 37},
		{"gen_ai.prompt", takeInput, 26},
		{"gen_ai.output.messages", takeOutput, 37},
		{"gen_ai.completion", takeOutput, 26},
		{"gen_ai.usage.input_tokens", inputTokens, 27},
		{"gen_ai.usage.prompt_tokens", inputTokens, 26},
		{"gen_ai.usage.output_tokens", outputTokens, 27},
		{"gen_ai.usage.completion_tokens", outputTokens, 26},
		{"gen_ai.usage.total_tokens", takeTotal, 0},
		{"gen_ai.usage.cache_read.input_tokens", cacheReadTokens, 40},
		{"gen_ai.usage.cache_read_input_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.cached_input_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.input_cached_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.prompt_tokens_details.cached_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.prompt_tokens_details.cache_read", cacheReadTokens, 0},
		{"gen_ai.usage.details.cache_read_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.details.cache_read_input_tokens", cacheReadTokens, 0},
		{"gen_ai.usage.cache_write.input_tokens", cacheWriteTokens, repo},
		{"gen_ai.usage.cache_creation.input_tokens", cacheWriteTokens, 40},
		{"gen_ai.usage.cache_write_input_tokens", cacheWriteTokens, 0},
		{"gen_ai.usage.cache_creation_input_tokens", cacheWriteTokens, 0},
		{"gen_ai.usage.input_cache_creation", cacheWriteTokens, 0},
		{"gen_ai.usage.prompt_tokens_details.cache_write", cacheWriteTokens, 0},
		{"gen_ai.usage.prompt_tokens_details.cache_creation_tokens", cacheWriteTokens, 0},
		{"gen_ai.usage.details.cache_write_tokens", cacheWriteTokens, 0},
		{"gen_ai.usage.reasoning.output_tokens", reasoningTokens, 41},
		{"gen_ai.usage.reasoning_tokens", reasoningTokens, 0},
		{"gen_ai.usage.completion_tokens_details.reasoning_tokens", reasoningTokens, 0},
		{"gen_ai.usage.details.reasoning_tokens", reasoningTokens, 0},
		{"gen_ai.usage.details.thoughts_tokens", reasoningTokens, 0},
		{"gen_ai.usage.cost", takeCost, 0},
		{"gen_ai.response.time_to_first_chunk", takeTimeToFirst, 41},
		{"gen_ai.client.operation.time_to_first_chunk", takeTimeToFirst, 0},
		{"gen_ai.server.time_to_first_token", takeTimeToFirst, 0},
		{"gen_ai.agent.id", agentID, 31},
		{"gen_ai.agent.name", agentName, 31},
		{"gen_ai.agent.description", textTo(func(s *genai.Span) *string { return &s.Agent.Description }), 31},
		{"gen_ai.agent.version", textTo(func(s *genai.Span) *string { return &s.Agent.Version }), 40},
		{"gen_ai.workflow.name", workflowName, 41},
		{"gen_ai.conversation.id", textTo(conversation), 34},
		{"gen_ai.prompt.name", takePromptName, 39},
		{"gen_ai.prompt.version", promptVersion, repo},
		{"gen_ai.tool.name", toolName, 31},
		{"gen_ai.tool.type", toolText(func(t *genai.ToolExecution) *string { return &t.Type }), 31},
		{"gen_ai.tool.description", toolDescription, 33},
		{"gen_ai.tool.call.id", toolCallID, 31},
		{"gen_ai.tool.call.arguments", takeToolArguments, 38},
		{"gen_ai.tool.call.result", takeToolResult, 38},
		{"gen_ai.tool.definitions", takeTools, 38},
		{"gen_ai.retrieval.query.text", query, 40},
		{"gen_ai.retrieval.top_k", countTo(topK), repo},
		{"gen_ai.retrieval.documents", takeDocuments, 40},
		{"gen_ai.data_source.id", textTo(func(s *genai.Span) *string { return &s.Retrieval.DataSource }), 34},
		{"gen_ai.embeddings.dimension.count", countTo(func(s *genai.Span) *int64 { return &s.Embedding.Dimensions }), 38},
		{"gen_ai.evaluation.name", evalText(func(e *genai.Evaluation) *string { return &e.Name }), 38},
		{"gen_ai.evaluation.score.value", takeEvalScore, 38},
		{"gen_ai.evaluation.score.label", evalText(func(e *genai.Evaluation) *string { return &e.Label }), 38},
		{"gen_ai.evaluation.explanation", evalText(func(e *genai.Evaluation) *string { return &e.Explanation }), 38},
		{"gen_ai.input.messages_ref", takeRef, 0},
		{"gen_ai.output.messages_ref", takeRef, 0},
		{"gen_ai.system_instructions_ref", takeRef, 0},
		{"gen_ai.tool.definitions_ref", takeRef, 0},
	},
	also: []binding{
		{"server.address", textTo(func(s *genai.Span) *string { return &s.Request.ServerAddress }), 0},
		{"anthropic.message.stop_reason", takeFinishReasons, 0},
		{"anthropic.usage.cache_creation.ephemeral_5m_input_tokens", takeReported, 0},
		{"anthropic.usage.cache_creation.ephemeral_1h_input_tokens", takeReported, 0},
		{reasoningDetail, takeReasoningDetail, 0},
	},
	version: otelVersion,
	log:     readGenAIRecord,
	settle:  settleOTel,
}

const otelName = "otel-genai"

// general are the keys that mean the same on every span. They are read on every span, last.
var general = speaker{
	name: "general",
	also: append([]binding{
		{"error.type", takeErrorType, 0},
		{"exception.type", takeErrorType, 0},
		{"exception.message", errorMessage, 0},
		{"exception.stacktrace", textTo(func(s *genai.Span) *string { return &s.Error.Stacktrace }), 0},
		{"http.response.status_code", takeHTTPStatus, 0},
		{"session.id", textTo(conversation), 0},
		{"user.id", textTo(user), 0},
		{"enduser.id", textTo(user), 0},
		{"enduser.pseudo.id", textTo(user), 0},
		{"tag.tags", takeTags, 0},
		{"langfuse.session.id", textTo(conversation), 0},
		{"langfuse.user.id", textTo(user), 0},
		{"langfuse.trace.tags", takeTags, 0},
		{"langfuse.prompt.name", promptName, 0},
		{"langfuse.prompt.version", takePromptVersion, 0},
	}, genericKeys...),
}

// repo marks keys that only the unreleased semantic-conventions-genai has.
const repo = 255

// otelVersion tells the version from the keys: instrumentations of the conventions up to 1.36 say
// gen_ai.system, later ones do not, and each later key has the version that introduced it.
func otelVersion(r *reading) string {
	switch {
	case r.genRepo:
		return "genai"
	case r.since > 36:
		return versions[r.since]
	case r.genEvents || r.holds("gen_ai.system"):
		return "<=1.36"
	}
	return ""
}

// holds says whether an attribute is among those that are read.
func (r *reading) holds(name string) bool {
	k := lookup(bytesOf(name))
	return k != noKey && r.present.has(k)
}

// heldText is the text of an attribute that is among those that are read, "" when there is none.
func (r *reading) heldText(name string) string {
	k := lookup(bytesOf(name))
	if k == noKey || !r.present.has(k) {
		return ""
	}
	return text(r.held[k].v.Str())
}

var versions = func() (v [repo + 1]string) {
	for i := range v {
		v[i] = ">=1." + strconv.Itoa(i)
	}
	return v
}()

func conversation(s *genai.Span) *string { return &s.Conversation }
func user(s *genai.Span) *string         { return &s.User }
func topK(s *genai.Span) *int64          { return &s.Retrieval.TopK }

func takeOperation(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	d := r.dst
	if d.Operation == "" && s != "" {
		d.Operation = genai.Operation(s)
		if !slices.Contains(genai.Operations, d.Operation) {
			r.warn(genai.WarnUnknownOperation, keys[k].name, "the conventions do not know this operation")
		}
	}
	return ok && (s == "" || s == string(d.Operation))
}

func takeResponseID(r *reading, k key, v wire.Value) bool {
	if r.evalEvent {
		s, ok := r.str(k, v)
		r.eval.ResponseID = s
		return ok
	}
	return takeSpanResponseID(r, k, v)
}

var (
	takeSpanResponseID = textTo(func(s *genai.Span) *string { return &s.ResponseID })
	takeSpanErrorType  = textTo(func(s *genai.Span) *string { return &s.Error.Type })
	takeRequestTopK    = numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopK, &p.topK })
	takeRequestSeed    = wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.Seed, &p.seed })
	takeRetrievalTopK  = countTo(topK)
)

func takeErrorType(r *reading, k key, v wire.Value) bool {
	if r.evalEvent {
		s, ok := r.str(k, v)
		r.eval.ErrorType = s
		return ok
	}
	return takeSpanErrorType(r, k, v)
}

// takeTopK: until the conventions gave retrieval a key of its own, top_k of a retrieval was that
// of a request.
func takeTopK(r *reading, k key, v wire.Value) bool {
	if r.dst.Operation == genai.OpRetrieval {
		return takeRetrievalTopK(r, k, v)
	}
	return takeRequestTopK(r, k, v)
}

func takeSeed(r *reading, k key, v wire.Value) bool { return takeRequestSeed(r, k, v) }

func takeStopSequences(r *reading, k key, v wire.Value) bool {
	q := &r.dst.Request
	if len(q.StopSequences) > 0 {
		return sameTexts(v, q.StopSequences)
	}
	return each(v, func(s string) { q.StopSequences = appendText(r, k, q.StopSequences, s) })
}

// maxTexts bounds the tags, finish reasons, stop sequences or embedded texts within one attribute; those in the wild are some
// dozens, or a batch of some thousands.
const maxTexts = 10_000

// appendText appends up to the limit.
func appendText[T ~string](r *reading, k key, list []T, s T) []T {
	switch len(list) {
	case maxTexts:
		return list
	case maxTexts - 1:
		r.warn(genai.WarnTruncated, keys[k].name, "texts beyond "+strconv.Itoa(maxTexts)+" are in the raw span only")
	}
	return append(list, s)
}

// sameTexts says whether a value is the list of texts given.
func sameTexts(v wire.Value, want []string) bool {
	n, same := 0, true
	ok := each(v, func(s string) {
		same = same && n < len(want) && want[n] == s
		n++
	})
	return ok && same && n == len(want)
}

// takeTags reads a list, or JSON of one (OpenInference in JavaScript).
func takeTags(r *reading, k key, v wire.Value) bool {
	d := r.dst
	if len(d.Tags) > 0 {
		return false
	}
	if s := genai.JSON(text(v.Str())); len(s) > 0 && s[0] == '[' {
		if s.Elements(func(e genai.JSON) { d.Tags = appendText(r, k, d.Tags, e.Text()) }) {
			return true
		}
		d.Tags = d.Tags[:0]
	}
	return each(v, func(s string) { d.Tags = appendText(r, k, d.Tags, s) })
}

// takeResponseFormat reads what 1.28 to 1.30 called the output type.
func takeResponseFormat(r *reading, k key, v wire.Value) bool {
	s, _ := r.str(k, v)
	if s == "json_object" || s == "json_schema" {
		s = "json"
	}
	to := &r.dst.Request.OutputType
	if *to == "" {
		*to = s
	}
	return *to == s
}

// takeOutputSchema reads the JSON schema that the answer is to follow. The conventions have no attribute for it.
func takeOutputSchema(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if s == "" {
		return ok
	}
	return ok && r.outputSchema(genai.JSON(s))
}

func (r *reading) outputSchema(schema genai.JSON) bool {
	q := &r.dst.Request
	if q.OutputSchema == "" {
		q.OutputSchema = schema
	}
	q.OutputType = cmp.Or(q.OutputType, "json")
	return q.OutputSchema == schema
}

// responseFormat reads the format that a request to a provider asks for: {"type": "json_object"}, or json_schema with a schema.
func (r *reading) responseFormat(format, schema genai.JSON) bool {
	q := &r.dst.Request
	switch format.At("type").Text() {
	case "json_schema":
		if schema.Begins() == '{' {
			return r.outputSchema(schema)
		}
	case "json_object":
		q.OutputType = cmp.Or(q.OutputType, "json")
		return q.OutputType == "json"
	case "text":
		return q.OutputType == "" || q.OutputType == "text"
	}
	return false
}

func takeFinishReasons(r *reading, k key, v wire.Value) bool {
	d := r.dst
	if len(d.FinishReasons) > 0 {
		n, same := 0, true
		ok := each(v, func(s string) {
			same = same && n < len(d.FinishReasons) && genai.ParseFinishReason(s) == d.FinishReasons[n]
			n++
		})
		return ok && same && n == len(d.FinishReasons)
	}
	add := func(s string) {
		if f := genai.ParseFinishReason(s); f != "" {
			d.FinishReasons = appendText(r, k, d.FinishReasons, f)
		}
	}
	return each(v, func(s string) {
		if len(s) > 0 && s[0] == '[' { // LiteLLM: the list as JSON
			if genai.JSON(s).Elements(func(e genai.JSON) { add(e.Text()) }) {
				return
			}
		}
		add(s)
	})
}

// takeTimeToFirst reads seconds. Of gen_ai.server.time_to_first_token some emitters send
// milliseconds; the first token cannot come after the span's end, which gives those away.
func takeTimeToFirst(r *reading, k key, v wire.Value) bool {
	f, ok := r.number(k, v)
	if !ok || f < 0 || f > maxSeconds {
		return false
	}
	if r.dst.TimeToFirstToken != 0 {
		return false
	}
	d := time.Duration(f * float64(time.Second))
	if total := r.dst.Duration(); total > 0 && d > total && keys[k].name == serverTTFT {
		d = time.Duration(f * float64(time.Millisecond))
	}
	r.dst.TimeToFirstToken = d
	return true
}

const serverTTFT = "gen_ai.server.time_to_first_token"

// maxSeconds bounds durations: a day is longer than any answer takes, and far from overflow.
const maxSeconds = 24 * 60 * 60

// takeHTTPStatus remembers the status of a failure and leaves the attribute: people filter by it.
func takeHTTPStatus(r *reading, k key, v wire.Value) bool {
	if n, ok := r.whole(k, v); ok && n >= 400 {
		r.httpStatus = n
	}
	return false
}

// settleError completes the error of a span that failed.
func (r *reading) settleError() {
	d := r.dst
	if !d.Failed() {
		return
	}
	if d.Error.Message == "" {
		d.Error.Message = d.StatusMessage
	}
	d.Error.HTTPStatus = r.httpStatus
}

func evalText(field func(*genai.Evaluation) *string) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.str(k, v)
		*field(&r.eval) = s
		return ok
	}
}

func takeEvalScore(r *reading, k key, v wire.Value) (ok bool) {
	r.eval.Score, ok = r.number(k, v)
	r.eval.HasScore = ok
	return ok
}

// takePrefixed reads families of keys: the variables of a prompt, and counts without a field.
func (r *reading) takePrefixed(name []byte, v wire.Value, seq int) bool {
	if len(name) <= len("gen_ai.usage.") || name[0] != 'g' || name[1] != 'e' {
		return false
	}
	if r.trace != nil {
		return r.tracePrefixed(name, v, seq)
	}
	return r.takeGenAI(name, v)
}

func (r *reading) takeGenAI(name []byte, v wire.Value) bool {
	const variable, usage, tokens = "gen_ai.prompt.variable.", "gen_ai.usage.", "_tokens"
	switch {
	case len(name) > len(variable) && string(name[:len(variable)]) == variable:
		if len(r.dst.Prompt.Variables) >= maxVariables {
			r.warn(genai.WarnTruncated, variable, "there are more prompt variables than the limit")
			return false
		}
		b, _ := v.AppendText(nil, r.limits.Depth)
		r.dst.Prompt.Variables = append(r.dst.Prompt.Variables, genai.Variable{
			Name: text(name[len(variable):]), Value: r.cut(text(name), b),
		})
		r.genRepo = true
		r.evidence |= otelEvidence
		return true
	case string(name[:len(usage)]) == usage && string(name[len(name)-len(tokens):]) == tokens && v.Kind() == wire.KindInt && v.Int() >= 0:
		r.report(text(name), v.Int())
		r.evidence |= otelEvidence
		return true
	}
	return false
}

// maxVariables bounds the variables of one prompt template; templates have some dozens.
const maxVariables = 256
