package dialect

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// vercel reads the telemetry of Vercel's AI SDK: its own keys, versions 3 to 6 and the legacy mode of
// 7. What version 7 sends by default are OpenTelemetry's keys, which otelGenAI reads.
//
// One call of the SDK is a wrapper (ai.generateText) and, below it, a span for each call of the model
// (ai.generateText.doGenerate). The wrapper repeats or sums up the usage of these.
var vercel = speaker{
	name:   "ai-sdk",
	scopes: []string{"ai ", "gen_ai "},
	leads:  []binding{{key: "ai.operationId", take: takeOperationID}},
	own: []binding{
		{key: "ai.model.provider", take: takeProvider},
		{key: "ai.model.id", take: requestModel},
		{key: "ai.response.model", take: responseModel},
		{key: "ai.response.id", take: takeResponseID},
		{key: "ai.telemetry.functionId", take: workflowName},

		{key: "ai.settings.maxOutputTokens", take: takeMaxTokens},
		{key: "ai.settings.maxTokens", take: takeMaxTokens},
		{key: "ai.settings.temperature", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.Temperature, &p.temperature })},
		{key: "ai.settings.topP", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopP, &p.topP })},
		{key: "ai.settings.topK", take: takeRequestTopK},
		{key: "ai.settings.frequencyPenalty", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.FrequencyPenalty, &p.frequency })},
		{key: "ai.settings.presencePenalty", take: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.PresencePenalty, &p.presence })},
		{key: "ai.settings.seed", take: takeSeed},
		{key: "ai.settings.stopSequences", take: takeStopSequences},

		{key: "ai.prompt.messages", take: takeInput},
		{key: "ai.prompt", take: takePrompt},
		{key: "ai.prompt.tools", take: takeTools},
		{key: "ai.schema", take: takeOutputSchema},
		{key: "ai.response.reasoning", take: takeAnswerReasoning},
		{key: "ai.response.text", take: takeAnswerText},
		{key: "ai.result.text", take: takeAnswerText},
		{key: "ai.response.object", take: takeAnswerObject},
		{key: "ai.result.object", take: takeAnswerObject},
		{key: "ai.response.toolCalls", take: takeAnswerCalls},
		{key: "ai.result.toolCalls", take: takeAnswerCalls},
		{key: "ai.response.finishReason", take: takeFinishReasons},
		{key: "ai.finishReason", take: takeFinishReasons},

		{key: "ai.usage.inputTokens", take: inputTokens},
		{key: "ai.usage.promptTokens", take: inputTokens},
		{key: "ai.usage.tokens", take: takeAllTokens},
		{key: "ai.usage.outputTokens", take: outputTokens},
		{key: "ai.usage.completionTokens", take: outputTokens},
		{key: "ai.usage.totalTokens", take: takeTotal},
		{key: "ai.usage.inputTokenDetails.cacheReadTokens", take: cacheReadTokens},
		{key: "ai.usage.cachedInputTokens", take: cacheReadTokens},
		{key: "ai.usage.inputTokenDetails.cacheWriteTokens", take: cacheWriteTokens},
		{key: reasoningDetail, take: takeOwnReasoning},
		{key: "ai.usage.reasoningTokens", take: reasoningTokens},
		{key: "ai.usage.inputTokenDetails.noCacheTokens", take: takeReported},
		{key: "ai.usage.outputTokenDetails.textTokens", take: takeReported},
		{key: "ai.response.providerMetadata", take: takeProviderMetadata},

		{key: "ai.response.msToFirstChunk", take: takeMilliseconds},
		{key: "ai.stream.msToFirstChunk", take: takeMilliseconds},

		{key: "ai.toolCall.name", take: toolName},
		{key: "ai.toolCall.id", take: toolCallID},
		{key: "ai.toolCall.args", take: takeToolArguments},
		{key: "ai.toolCall.result", take: takeToolResult},

		{key: "ai.values", take: takeEmbedded},
		{key: "ai.value", take: takeEmbedded},
		{key: "ai.embeddings", take: takeVectors},
		{key: "ai.embedding", take: takeVectors},

		{key: "ai.ranking", take: takeRanking},
		{key: "ai.documents", take: stays},

		{key: "ai.telemetry.metadata.sessionId", take: textTo(conversation)},
		{key: "ai.telemetry.metadata.session_id", take: textTo(conversation)},
		{key: "ai.settings.context.sessionId", take: textTo(conversation)},
		{key: "ai.telemetry.metadata.userId", take: textTo(user)},
		{key: "ai.telemetry.metadata.user_id", take: textTo(user)},
		{key: "ai.settings.context.userId", take: textTo(user)},
		{key: "ai.telemetry.metadata.tags", take: takeTags},
	},
	also: []binding{{key: "operation.name", take: takeOperationName}},
	version: func(r *reading) string {
		switch {
		case r.dst.Scope.Name == scopeVercel7:
			return "7"
		case r.holds("ai.usage.inputTokenDetails.noCacheTokens") || r.holds("ai.usage.outputTokenDetails.textTokens"):
			return ">=6"
		case r.holds("ai.usage.inputTokens") || r.holds("ai.settings.maxOutputTokens"):
			return ">=5"
		case r.holds("ai.settings.maxTokens"):
			return "<=4"
		case r.holds("ai.result.text") || r.holds("ai.finishReason"):
			return "3"
		}
		return ""
	},
	event: func(r *reading, e *wire.Event) bool {
		switch string(e.Name) {
		case "ai.stream.firstChunk":
			r.firstTokenAt(e.TimeUnixNano)
		}
		return false
	},
	settle: settleVercel,
}

// takeOperationID reads what a span is. Traceloop renames the spans and drops much, but leaves this.
func takeOperationID(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	if s == "" {
		return ok
	}
	return r.operationID(s)
}

// operationID reads an operation, and says whether the field holds all of it.
func (r *reading) operationID(s string) bool {
	switch {
	case s == "ai.toolCall":
		return r.operation(genai.OpExecuteTool)
	case strings.HasSuffix(s, ".doEmbed"):
		return r.operation(genai.OpEmbeddings)
	case strings.HasSuffix(s, ".doRerank"):
		return r.operation(genai.OpRerank)
	case strings.HasSuffix(s, ".doGenerate"):
		return r.operation(genai.OpChat)
	case strings.HasSuffix(s, ".doStream"):
		r.streams()
		return r.operation(genai.OpChat)
	case strings.HasPrefix(s, "ai."):
		r.operation(genai.OpInvokeWorkflow) // a wrapper; which one stays in the attribute
	}
	return false
}

// takeOperationName reads "<operation> <function>", which others know, too; only where nothing else says
// what the span is.
func takeOperationName(r *reading, _ key, v wire.Value) bool {
	if s := text(v.Str()); r.dst.Operation == "" && strings.HasPrefix(s, "ai.") {
		return r.operationID(s[:cmp.Or(strings.IndexByte(s, ' ')+1, len(s)+1)-1])
	}
	return false
}

// takeAllTokens reads the only count of an embedding. Beside an input count it is the total.
func takeAllTokens(r *reading, k key, v wire.Value) bool {
	if r.holds("gen_ai.usage.input_tokens") || r.dst.Usage.Input.Known {
		return takeTotal(r, k, v)
	}
	return inputTokens(r, k, v)
}

// streams notes that the request asked for a stream.
func (r *reading) streams() {
	if q := &r.dst.Request; q.Stream == nil {
		p := r.memory()
		p.stream, q.Stream = true, &p.stream
	}
}

func takeMaxTokens(r *reading, k key, v wire.Value) bool { return takeRequestMaxTokens(r, k, v) }

var takeRequestMaxTokens = wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.MaxTokens, &p.maxTokens })

// takePrompt reads a wrapper's {system, prompt, messages}, of which the last two exclude each other.
func takePrompt(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, fresh, again := r.content(contentInput, len(d.Input) == 0, k, v)
	if !fresh || r.wordless(k, s) {
		return fresh || again
	}
	good, found := true, false
	read := func(messages string) {
		if found { // of a member that comes again and again the first counts
			good = false
			return
		}
		found = true
		var code genai.WarningCode
		d.Input, code = genai.ParseMessages(d.Input, messages, genai.RoleUser)
		good = good && code == ""
	}
	if !genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch {
		case v == "null":
		case name == "system" && len(d.System) == 0:
			d.System, _ = genai.ParseParts(d.System, string(v))
		case name == "prompt" && v[0] == '"':
			d.Input = append(d.Input, textMessage(genai.RoleUser, v.Text()))
		case name == "prompt" || name == "messages":
			read(string(v))
		default:
			good = false
		}
	}) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the prompt is no JSON object")
		return false
	}
	r.ownInput = len(d.Input) > 0
	return good
}

// answer is the one message that the response's attributes make together, nil when somebody else
// filled the output.
func (r *reading) answer() *genai.Message {
	d := r.dst
	if len(d.Output) == 0 {
		d.Output = append(d.Output, genai.Message{Role: genai.RoleAssistant})
		r.composing, r.ownOutput = true, true
	}
	if !r.composing {
		return nil
	}
	return &d.Output[len(d.Output)-1]
}

func takeAnswerReasoning(r *reading, k key, v wire.Value) bool {
	return r.takeAnswer(k, v, genai.PartReasoning)
}

func takeAnswerText(r *reading, k key, v wire.Value) bool { return r.takeAnswer(k, v, genai.PartText) }

// takeAnswerObject reads what ai.generateObject made: JSON, which is the text of the answer.
func takeAnswerObject(r *reading, k key, v wire.Value) bool {
	if !r.takeAnswer(k, v, genai.PartText) {
		return false
	}
	if q := &r.dst.Request; q.OutputType == "" {
		q.OutputType = "json"
	}
	return true
}

func (r *reading) takeAnswer(k key, v wire.Value, t genai.PartType) bool {
	s, ok := r.str(k, v)
	if !ok || s == "" {
		return ok
	}
	if r.withheld(k, s) {
		return false
	}
	m := r.answer()
	if m == nil {
		return false
	}
	for i := range m.Parts {
		if m.Parts[i].Type == t {
			return m.Parts[i].Content == s
		}
	}
	m.Parts = append(m.Parts, genai.Part{Type: t, Content: s})
	return true
}

// takeAnswerCalls reads [{toolCallId, toolName, args}]; from 5 on the arguments are called input.
func takeAnswerCalls(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || s == "" {
		return ok
	}
	m := r.answer()
	if m == nil {
		return false
	}
	for i := range m.Parts {
		if m.Parts[i].Type == genai.PartToolCall {
			return string(r.filled[contentCalls].Raw()) == string(v.Raw()) // 3.4 sends them under both keys
		}
	}
	r.filled[contentCalls] = v
	var code genai.WarningCode
	m.Parts, code = genai.ParseParts(m.Parts, s)
	r.doubt(code, keys[k].name)
	return true
}

// takeMilliseconds reads the time to the first chunk.
func takeMilliseconds(r *reading, k key, v wire.Value) bool {
	ms, ok := r.number(k, v)
	if !ok || ms < 0 || ms > maxSeconds*1000 {
		return false
	}
	d := time.Duration(ms * float64(time.Millisecond))
	if r.dst.TimeToFirstToken == 0 {
		r.dst.TimeToFirstToken = d
	}
	return r.dst.TimeToFirstToken == d
}

// reasoningDetail is sent by version 7 too, there beside OpenTelemetry's keys.
const reasoningDetail = "ai.usage.outputTokenDetails.reasoningTokens"

func takeOwnReasoning(r *reading, k key, v wire.Value) bool {
	return r.dst.Scope.Name != scopeVercel7 && reasoningTokens(r, k, v)
}

const scopeVercel7 = "gen_ai"

// takeProviderMetadata reads the counts that the SDK had no keys for before version 6. The attribute
// stays: it has more.
func takeProviderMetadata(r *reading, k key, v wire.Value) bool {
	u := &r.dst.Usage
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || !u.Known() && !r.holds("gen_ai.usage.input_tokens") {
		return false // version 7 repeats it on its steps, which have no usage of their own
	}
	genai.JSON(s).Members(func(_ string, provider genai.JSON) {
		provider.Members(func(name string, v genai.JSON) {
			switch name {
			case "cacheReadInputTokens", "cachedPromptTokens":
				countOf(&u.CacheRead, v)
			case "cacheCreationInputTokens":
				countOf(&u.CacheWrite, v)
			case "reasoningTokens":
				countOf(&u.Reasoning, v)
			case "usage":
				countOf(&u.CacheRead, v.At("cacheReadInputTokens"))
				countOf(&u.CacheRead, v.At("cache_read_input_tokens"))
				countOf(&u.CacheWrite, v.At("cacheWriteInputTokens"))
				countOf(&u.CacheWrite, v.At("cache_creation_input_tokens"))
				countOf(&r.anthropicInput, v.At("input_tokens"))
			}
		})
	})
	return false
}

// countOf fills a count that is still unknown from a JSON number.
func countOf(to *genai.Tokens, v genai.JSON) {
	if to.Known {
		return
	}
	n := int64(0)
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' || n > maxExact {
			return
		}
		n = n*10 + int64(v[i]-'0')
	}
	if v != "" {
		*to = genai.Count(n)
	}
}

// takeEmbedded reads the texts that were embedded: JSON strings, one or a list.
func takeEmbedded(r *reading, _ key, v wire.Value) bool {
	d := &r.dst.Embedding
	if len(d.Items) > 0 {
		return false
	}
	return each(v, func(s string) {
		d.Items = append(d.Items, genai.EmbeddingItem{Text: genai.JSON(s).Text()})
	})
}

// takeRanking reads what a reranking gave: {index, relevanceScore} as JSON, the best first, of the texts
// or objects of ai.documents. Those stay, for a ranking may leave some out.
func takeRanking(r *reading, _ key, v wire.Value) bool {
	d := &r.dst.Retrieval
	if len(d.Documents) > 0 || r.dst.Operation != genai.OpRerank && r.dst.Operation != genai.OpInvokeWorkflow {
		return false
	}
	var texts []string
	if k := lookup([]byte("ai.documents")); r.present.has(k) {
		each(r.held[k].v, func(s string) { texts = append(texts, s) })
	}
	good := true
	ok := each(v, func(s string) {
		i, err := strconv.Atoi(string(genai.JSON(s).At("index")))
		doc := genai.Document{}
		doc.Score, doc.HasScore = score(genai.JSON(s).At("relevanceScore"))
		if good = good && err == nil && doc.HasScore && len(d.Documents) < maxDocuments; !good {
			return
		}
		doc.ID = strconv.Itoa(i)
		if i >= 0 && i < len(texts) {
			doc.Content = genai.JSON(texts[i]).Text()
		}
		d.Documents = append(d.Documents, doc)
	})
	return ok && good
}

// takeVectors reads the vectors of the texts, in their order: JSON lists, one or several.
func takeVectors(r *reading, k key, v wire.Value) bool {
	d := &r.dst.Embedding
	n, good := 0, true
	ok := each(v, func(s string) {
		x, ok := r.jsonVector(keys[k].name, genai.JSON(s))
		if good = good && ok; !ok {
			return
		}
		for len(d.Items) <= n {
			d.Items = append(d.Items, genai.EmbeddingItem{})
		}
		if d.Items[n].Vector == nil {
			d.Items[n].Vector = x
		}
		n++
	})
	return ok && good
}

// settleVercel: before version 6 the SDK handed on what Anthropic's and Bedrock's APIs count as input,
// which leaves out what the cache served. From 6 on it adds that, and sends the parts of the sum.
// Anthropic's own count, in its metadata, shows it where the provider is not named.
func settleVercel(d *genai.Span, r *reading) {
	if r.anthropicInput.Known && r.anthropicInput.N == d.Usage.Input.N {
		r.cachedOutside = true
	}
	if d.Provider == "anthropic" || d.Provider == "aws.bedrock" {
		r.cachedOutside = r.cachedOutside || d.Scope.Name != scopeVercel7 && !r.counted("ai.usage.inputTokenDetails.noCacheTokens")
	}
}

// counted says whether a count was reported under this name.
func (r *reading) counted(name string) bool {
	for i := range r.dst.Usage.Reported {
		if r.dst.Usage.Reported[i].Key == name {
			return true
		}
	}
	return false
}
