package dialect

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// openInference reads Arize's OpenInference: the semantic conventions of
// github.com/Arize-ai/openinference (spec/semantic_conventions.md), in Python and in JavaScript 2.3
// to 4.2. Its input count includes what a cache served.
var openInference = speaker{
	name:   "openinference",
	scopes: []string{"openinference.instrumentation.", "@arizeai/openinference-"},
	leads:  []binding{{key: "openinference.span.kind", take: takeOpenInferenceKind}},
	own: []binding{
		// Which of the names of the model was requested and which answered, settle decides.
		{key: "llm.request.model_name", take: requestModel},
		{key: "llm.response.model_name", take: responseModel},
		{key: "llm.invocation_parameters", take: takeInvocationParameters},
		{key: "embedding.model_name", take: requestModel},
		{key: "reranker.model_name", take: requestModel},
		{key: "llm.model_name", take: takeModelName},
		{key: "llm.provider", take: takeOpenInferenceProvider},
		{key: "llm.system", take: takeProvider},
		{key: "llm.finish_reason", take: takeFinishReasons},

		{key: "llm.token_count.prompt", take: inputTokens},
		{key: "llm.token_count.completion", take: outputTokens},
		{key: "llm.token_count.total", take: takeTotal},
		{key: "llm.token_count.prompt_details.cache_read", take: cacheReadTokens},
		{key: "llm.token_count.prompt_details.cache_input", take: cacheReadTokens},
		{key: "llm.token_count.prompt_details.cache_write", take: cacheWriteTokens},
		{key: "llm.token_count.completion_details.reasoning", take: reasoningTokens},
		{key: "llm.token_count.prompt_details.audio", take: takeReported},
		{key: "llm.token_count.completion_details.audio", take: takeReported},
		{key: "llm.cost.total", take: takeCost},

		{key: "llm.prompt_template.version", take: promptVersion},
		{key: "llm.prompt_template.variables", take: takeTemplateVariables},
		{key: "reranker.query", take: query},
		{key: "reranker.top_k", take: countTo(topK)},
	},
	also: []binding{
		{key: "input.value", take: takeInputValue},
		{key: "output.value", take: takeOutputValue},
		{key: "tool.name", take: toolName},
		{key: "tool.description", take: toolDescription},
		{key: "tool_call.id", take: toolCallID},
		{key: "tool.id", take: toolCallID},
		{key: "tool.parameters", take: takeToolParameters},
		{key: "agent.name", take: agentName},
		{key: "metadata", take: takeOpenInferenceMetadata},
	},
	lists: []list{
		{prefix: "llm.input_messages.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Input, &r.ownInput, genai.RoleUser, openInferenceMessage, false)
		}},
		{prefix: "llm.output_messages.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Output, &r.ownOutput, genai.RoleAssistant, openInferenceMessage, false)
		}},
		{prefix: "llm.prompts.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Input, &r.ownInput, genai.RoleUser, whole("prompt.text"), false)
		}},
		{prefix: "llm.choices.", own: true, take: func(r *reading, es []element) {
			r.takeFlatMessages(es, &r.dst.Output, &r.ownOutput, genai.RoleAssistant, whole("completion.text"), false)
		}},
		{prefix: "llm.tools.", own: true, take: takeFlatTools("tool.json_schema")},
		{prefix: "embedding.embeddings.", own: true, take: takeFlatEmbeddings},
		{prefix: "retrieval.documents.", own: true, take: takeFlatDocuments},
		{prefix: "annotations.", own: true, take: takeFlatEvaluations("annotation.")},
		{prefix: "evaluations.", own: true, take: takeFlatEvaluations("evaluation.")},
		{prefix: "reranker.output_documents.", own: true, take: takeFlatDocuments},
	},
	event: func(r *reading, e *wire.Event) bool {
		return string(e.Name) == "First Token Stream Event" && r.firstTokenAt(e.TimeUnixNano)
	},
	settle: settleOpenInference,
}

// openInferenceKinds are the operations of the span kinds.
var openInferenceKinds = map[string]genai.Operation{
	"LLM": genai.OpChat, "EMBEDDING": genai.OpEmbeddings, "CHAIN": genai.OpChain, "RETRIEVER": genai.OpRetrieval,
	"RERANKER": genai.OpRerank, "TOOL": genai.OpExecuteTool, "AGENT": genai.OpInvokeAgent, "GUARDRAIL": genai.OpGuardrail,
	"EVALUATOR": genai.OpEvaluator, "PROMPT": genai.OpPrompt,
}

// takeOpenInferenceKind: the kind does not tell a chat from a completion; the old API's prompts, or
// the span's name, do.
func takeOpenInferenceKind(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	op, known := openInferenceKinds[s]
	if !ok || !known {
		return ok && s == "UNKNOWN"
	}
	if op == genai.OpChat && r.dst.Name == "OpenAI Completions" {
		op = genai.OpTextCompletion
	}
	return r.operation(op)
}

// operation fills the operation and says whether the span has the one given.
func (r *reading) operation(op genai.Operation) bool {
	if r.dst.Operation == "" {
		r.dst.Operation = op
	}
	return r.dst.Operation == op
}

// takeModelName reads the one name that most instrumentations send, the response's where there is one
// and the request's else. It stays when neither field says it.
func takeModelName(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	d := r.dst
	switch {
	case s == "" || s == d.RequestModel || s == d.ResponseModel:
	case d.RequestModel == "":
		d.RequestModel = s
	case d.ResponseModel == "":
		d.ResponseModel = s
	default:
		return false
	}
	return ok
}

// takeOpenInferenceProvider: the provider is the host, the system beside it the API. Google's
// platforms are told apart by the system alone.
func takeOpenInferenceProvider(r *reading, k key, v wire.Value) bool {
	if string(v.Str()) == "google" && r.heldText("llm.system") == "vertexai" {
		return takeProvider(r, k, r.held[lookup([]byte("llm.system"))].v)
	}
	return takeProvider(r, k, v)
}

// takeInvocationParameters reads the parameters of the request, under the names of the providers'
// APIs. The attribute stays: it has more of them than there are fields.
func takeInvocationParameters(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if (!ok || !genai.JSON(s).Members(func(name string, v genai.JSON) { r.parameter(name, v) })) && !lost(v) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the parameters are no JSON object")
	}
	return false
}

// parameter reads a parameter of a request and says whether a field holds it.
func (r *reading) parameter(name string, v genai.JSON) bool {
	q, model := &r.dst.Request, &r.dst.RequestModel
	if v == "null" || v == `""` {
		return true
	}
	switch name {
	case "model":
		if *model == "" {
			*model = v.Text()
		}
		return *model == v.Text()
	case "max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens", "maxOutputTokens":
		return r.wholeParameter(v, &q.MaxTokens, &r.memory().maxTokens)
	case "seed":
		return r.wholeParameter(v, &q.Seed, &r.memory().seed)
	case "n":
		return r.wholeParameter(v, &q.ChoiceCount, &r.memory().choices)
	case "temperature":
		return r.numberParameter(v, &q.Temperature, &r.memory().temperature)
	case "top_p", "topP":
		return r.numberParameter(v, &q.TopP, &r.memory().topP)
	case "top_k", "topK":
		return r.numberParameter(v, &q.TopK, &r.memory().topK)
	case "frequency_penalty":
		return r.numberParameter(v, &q.FrequencyPenalty, &r.memory().frequency)
	case "presence_penalty":
		return r.numberParameter(v, &q.PresencePenalty, &r.memory().presence)
	case "stream":
		if q.Stream == nil && (v == "true" || v == "false") {
			p := r.memory()
			p.stream, q.Stream = v == "true", &p.stream
		}
		return q.Stream != nil && *q.Stream == (v == "true")
	case "stop", "stop_sequences":
		add := func(e genai.JSON) { q.StopSequences = append(q.StopSequences, e.Text()) }
		if len(q.StopSequences) > 0 {
			return false
		}
		if !v.Elements(add) && v[0] == '"' {
			add(v)
		}
		return true
	case "response_format":
		return r.responseFormat(v, v.At("json_schema", "schema"))
	case "text": // of OpenAI's responses
		return r.responseFormat(v.At("format"), v.At("format", "schema"))
	case "reasoning_effort":
		if q.ReasoningLevel == "" {
			q.ReasoningLevel = v.Text()
		}
		return q.ReasoningLevel == v.Text()
	}
	return false
}

func (r *reading) wholeParameter(v genai.JSON, to **int64, at *int64) bool {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err == nil && *to == nil {
		*to, *at = at, n
	}
	return err == nil && **to == n
}

func (r *reading) numberParameter(v genai.JSON, to **float64, at *float64) bool {
	f, err := strconv.ParseFloat(string(v), 64)
	if err == nil && *to == nil {
		*to, *at = at, f
	}
	return err == nil && **to == f
}

// takeTemplateVariables reads what a prompt's template was filled with.
func takeTemplateVariables(r *reading, k key, v wire.Value) bool {
	p := &r.dst.Prompt
	if len(p.Variables) > 0 {
		return false
	}
	if r.lost(keys[k].name, v) {
		return false
	}
	s, ok := r.rendered(keys[k].name, v)
	if !ok || !genai.JSON(s).Members(func(name string, v genai.JSON) {
		if len(p.Variables) < maxVariables {
			p.Variables = append(p.Variables, genai.Variable{Name: name, Value: v.Text()})
		}
	}) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the variables are no JSON object")
		return false
	}
	return len(p.Variables) < maxVariables
}

// takeInputValue reads the value of a span's input as what the operation makes of it. A call has its
// messages in other attributes; there the value repeats the provider's whole request and stays.
func takeInputValue(r *reading, k key, v wire.Value) bool {
	d := r.dst
	switch d.Operation {
	case genai.OpExecuteTool:
		return takeToolArguments(r, k, v)
	case genai.OpRetrieval, genai.OpRerank:
		return query(r, k, v)
	case genai.OpEmbeddings:
		return false
	}
	if r.holds("ai.prompt") { // the bridge from the AI SDK repeats it
		return false
	}
	return takeSent(r, k, v)
}

func takeOutputValue(r *reading, k key, v wire.Value) bool {
	d := r.dst
	switch d.Operation {
	case genai.OpExecuteTool:
		return takeToolResult(r, k, v)
	case genai.OpRetrieval, genai.OpRerank, genai.OpEmbeddings:
		return false
	}
	if u := &d.Usage; d.Provider == "anthropic" && u.Input.Known && !u.CacheRead.Known && !u.CacheWrite.Known {
		r.anthropicCache(k, v)
	}
	return takeReceived(r, k, v)
}

// anthropicCache reads from the answer what a cache served, where the counts are Anthropic's own, which leave it out:
// the instrumentation in JavaScript up to 0.1.
func (r *reading) anthropicCache(k key, v wire.Value) {
	s, ok := r.jsonOf(keys[k].name, v)
	usage := genai.JSON(s).At("usage")
	if !ok || usage == "" {
		return
	}
	var input, read, write genai.Tokens
	countOf(&input, usage.At("input_tokens"))
	countOf(&read, usage.At("cache_read_input_tokens"))
	countOf(&write, usage.At("cache_creation_input_tokens"))
	if u := &r.dst.Usage; input == u.Input && read.N+write.N > 0 {
		u.CacheRead, u.CacheWrite, r.cachedOutside = read, write, true
		r.report(keys[k].name+".usage.cache_read_input_tokens", read.N)
		r.report(keys[k].name+".usage.cache_creation_input_tokens", write.N)
	}
}

// takeValue makes a value that is no list of messages the text of one: a chain's input, a workflow's
// result. A value that says nothing, or comes after messages, stays.
func (r *reading) takeValue(k key, v wire.Value, to *[]genai.Message, own *bool, role genai.Role) bool {
	if len(*to) > 0 {
		return false
	}
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	if !ok || s == "" {
		return ok
	}
	if r.wordless(k, s) {
		return false
	}
	*to = append(*to, textMessage(role, s))
	*own = true
	return true
}

// takeToolParameters: by the specification these are the tool's schema, which a span of its
// execution has no field for. The bridge from the AI SDK puts the arguments here.
func takeToolParameters(r *reading, k key, v wire.Value) bool {
	if r.holds("input.value") || strings.Contains(text(v.Str()), `"properties"`) {
		return false
	}
	return takeToolArguments(r, k, v)
}

// takeOpenInferenceMetadata reads whom a span belongs to where only the metadata says it (LangChain).
// The attribute stays: it says more.
func takeOpenInferenceMetadata(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	d := r.dst
	hasSession := r.holds("session.id")
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch name {
		case "user_id", "userId":
			if d.User == "" && !r.holds("user.id") {
				d.User = v.Text()
			}
		case "session_id", "thread_id", "conversation_id", "sessionId", "session":
			if d.Conversation == "" && !hasSession {
				d.Conversation = v.Text()
			}
		}
	})
	return false
}

// openInferenceMessage is the grammar of llm.input_messages.N.
func openInferenceMessage(b []byte) slot {
	b, ok := cutPrefix(b, "message.")
	if !ok {
		return slot{}
	}
	switch string(b) {
	case "role":
		return slot{leaf: leafRole}
	case "content":
		return slot{leaf: leafContent}
	case "name":
		return slot{leaf: leafName}
	case "tool_call_id":
		return slot{leaf: leafAnswers}
	case "function_call_name":
		return slot{leaf: leafFunction, calls: true}
	case "function_call_arguments_json":
		return slot{leaf: leafArguments, calls: true}
	}
	if rest, ok := cutPrefix(b, "contents."); ok {
		if i, rest, ok := cutIndex(rest); ok {
			return slot{leaf: openInferenceContent(rest), index: i}
		}
	}
	if rest, ok := cutPrefix(b, "tool_calls."); ok {
		if i, rest, ok := cutIndex(rest); ok {
			return slot{leaf: openInferenceCall(rest), calls: true, index: i}
		}
	}
	return slot{}
}

func openInferenceContent(b []byte) leaf {
	switch string(b) {
	case "message_content.type":
		return leafType
	case "message_content.text", "message_content.audio.audio.transcript":
		return leafText
	case "message_content.image.image.url", "message_content.image", "message_content.audio.audio.url":
		return leafData
	case "message_content.audio.audio.mime_type":
		return leafMIME
	}
	return openInferenceCall(b)
}

func openInferenceCall(b []byte) leaf {
	switch string(b) {
	case "tool_call.id":
		return leafID
	case "tool_call.function.name":
		return leafFunction
	case "tool_call.function.arguments":
		return leafArguments
	}
	return leafNone
}

// whole is the grammar of a list whose elements have one attribute, the message's content.
func whole(name string) grammar {
	return func(b []byte) slot {
		if string(b) == name {
			return slot{leaf: leafContent}
		}
		return slot{}
	}
}

// settleOpenInference: LangChain's instrumentation in JavaScript sends an error as one text, message and
// stack, in the status and in the exception's message.
func settleOpenInference(d *genai.Span, _ *reading) {
	whole := cmp.Or(d.Error.Message, d.StatusMessage)
	if d.Error.Stacktrace == "" && strings.Contains(whole, "\n    at ") {
		d.Error.Message, _, _ = strings.Cut(whole, "\n")
		d.Error.Stacktrace = whole
	}
}
