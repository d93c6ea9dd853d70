package dialect

import (
	"strconv"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// otelGenAI reads the OpenTelemetry GenAI conventions 1.26 to 1.41 and the unreleased ones of
// semantic-conventions-genai, with the spellings that emitters of these conventions send beside
// them. keys.go lists the keys, takers what becomes of each.
type otelGenAI struct{}

func (otelGenAI) name() string { return "otel-genai" }

// speaks tells the version from the keys: instrumentations of the conventions up to 1.36 say
// gen_ai.system, later ones do not, and each later key has the version that introduced it.
func (otelGenAI) speaks(r *reading) (string, bool) {
	switch {
	case !r.gen && !r.genEvents:
		return "", false
	case r.genRepo:
		return "genai", true
	case r.since > 36:
		return versions[r.since], true
	case r.present.has(keySystem) || r.genEvents:
		return "<=1.36", true
	}
	return "", true
}

var versions = func() (v [repo + 1]string) {
	for i := range v {
		v[i] = ">=1." + strconv.Itoa(i)
	}
	return v
}()

func (otelGenAI) fill(_ *genai.Span, r *reading) {
	had := r.present.has(keyEvalName)
	r.take(&allKeys)
	if had && r.eval.Time.IsZero() {
		r.eval.Time = r.dst.Start
	}
}

// takers says by key where its value goes.
var takers = [numKeys]taker{
	keyOperationName: takeOperation,
	keyProviderName:  takeProvider,
	keySystem:        takeProvider,
	keyRequestModel:  textTo(func(s *genai.Span) *string { return &s.RequestModel }),
	keyResponseModel: textTo(func(s *genai.Span) *string { return &s.ResponseModel }),
	keyResponseID:    takeResponseID,

	keyMaxTokens:        wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.MaxTokens, &p.maxTokens }),
	keyTemperature:      numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.Temperature, &p.temperature }),
	keyTopP:             numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopP, &p.topP }),
	keyTopK:             takeTopK,
	keyFrequencyPenalty: numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.FrequencyPenalty, &p.frequency }),
	keyPresencePenalty:  numberTo(func(q *genai.Request, p *params) (**float64, *float64) { return &q.PresencePenalty, &p.presence }),
	keySeed:             takeSeed,
	keyOpenAISeed:       takeSeed,
	keyChoiceCount:      wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.ChoiceCount, &p.choices }),
	keyStream:           takeStream,
	keyIsStream:         takeStream,
	keyStopSequences:    takeStopSequences,
	keyReasoningLevel:   textTo(func(s *genai.Span) *string { return &s.Request.ReasoningLevel }),
	keyReasoningEffort:  textTo(func(s *genai.Span) *string { return &s.Request.ReasoningLevel }),
	keyOutputType:       textTo(func(s *genai.Span) *string { return &s.Request.OutputType }),
	keyResponseFormat:   takeResponseFormat,
	keyServerAddress:    textTo(func(s *genai.Span) *string { return &s.Request.ServerAddress }),
	keyFinishReasons:    takeFinishReasons,
	keyStopReason:       takeFinishReasons,

	keySystemInstructions: takeSystem,
	keyInputMessages:      takeInput,
	keyPromptContent:      takeInput,
	keyOutputMessages:     takeOutput,
	keyCompletionContent:  takeOutput,
	keyToolDefinitions:    takeTools,
	keyInputRef:           takeRef,
	keyOutputRef:          takeRef,
	keySystemRef:          takeRef,
	keyToolsRef:           takeRef,

	keyInputTokens:         tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Input }),
	keyPromptTokens:        tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Input }),
	keyOutputTokens:        tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Output }),
	keyCompletionTokens:    tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Output }),
	keyTotalTokens:         takeTotal,
	keyCacheRead:           tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheRead }),
	keyCacheReadFlat:       tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheRead }),
	keyCachedInput:         tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheRead }),
	keyInputCached:         tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheRead }),
	keyCacheWrite:          tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite }),
	keyCacheCreation:       tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite }),
	keyCacheWriteFlat:      tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite }),
	keyCacheCreationFlat:   tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite }),
	keyReasoningTokens:     tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Reasoning }),
	keyReasoningTokensFlat: tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Reasoning }),
	keyReasoningDetail:     takeReasoningDetail,
	keyAnthropicCache5m:    takeReported,
	keyAnthropicCache1h:    takeReported,
	keyCost:                takeCost,

	keyTTFC:       takeTimeToFirst,
	keyClientTTFC: takeTimeToFirst,
	keyServerTTFT: takeTimeToFirst,

	keyAgentID:          textTo(func(s *genai.Span) *string { return &s.Agent.ID }),
	keyAgentName:        textTo(func(s *genai.Span) *string { return &s.Agent.Name }),
	keyAgentDescription: textTo(func(s *genai.Span) *string { return &s.Agent.Description }),
	keyAgentVersion:     textTo(func(s *genai.Span) *string { return &s.Agent.Version }),
	keyWorkflow:         textTo(func(s *genai.Span) *string { return &s.Workflow }),
	keyConversation:     textTo(conversation),
	keySessionID:        textTo(conversation),
	keyContextSession:   textTo(conversation),
	keyUserID:           textTo(user),
	keyEndUserID:        textTo(user),
	keyEndUserPseudoID:  textTo(user),
	keyContextUser:      textTo(user),
	keyPromptName:       textTo(func(s *genai.Span) *string { return &s.Prompt.Name }),
	keyPromptVersion:    textTo(func(s *genai.Span) *string { return &s.Prompt.Version }),
	keyTags:             takeTags,

	keyToolName:        toolText(func(t *genai.ToolExecution) *string { return &t.Name }),
	keyToolType:        toolText(func(t *genai.ToolExecution) *string { return &t.Type }),
	keyToolDescription: toolText(func(t *genai.ToolExecution) *string { return &t.Description }),
	keyToolCallID:      toolText(func(t *genai.ToolExecution) *string { return &t.CallID }),
	keyToolArguments:   takeToolArguments,
	keyToolResult:      takeToolResult,

	keyRetrievalQuery:     textTo(func(s *genai.Span) *string { return &s.Retrieval.Query }),
	keyRetrievalTopK:      countTo(topK),
	keyRetrievalDocuments: takeDocuments,
	keyDataSource:         textTo(func(s *genai.Span) *string { return &s.Retrieval.DataSource }),
	keyDimensions:         countTo(func(s *genai.Span) *int64 { return &s.Embedding.Dimensions }),

	keyEvalName:        evalText(func(e *genai.Evaluation) *string { return &e.Name }),
	keyEvalScore:       takeEvalScore,
	keyEvalLabel:       evalText(func(e *genai.Evaluation) *string { return &e.Label }),
	keyEvalExplanation: evalText(func(e *genai.Evaluation) *string { return &e.Explanation }),

	keyErrorType:           takeErrorType,
	keyExceptionType:       takeErrorType,
	keyExceptionMessage:    textTo(func(s *genai.Span) *string { return &s.Error.Message }),
	keyExceptionStacktrace: textTo(func(s *genai.Span) *string { return &s.Error.Stacktrace }),
	keyHTTPStatus:          takeHTTPStatus,
}

func conversation(s *genai.Span) *string { return &s.Conversation }
func user(s *genai.Span) *string         { return &s.User }
func topK(s *genai.Span) *int64          { return &s.Retrieval.TopK }

func takeOperation(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	d := r.dst
	if d.Operation == "" && s != "" {
		d.Operation = genai.Operation(s)
		if !knownOperation(d.Operation) {
			r.warn(genai.WarnUnknownOperation, keys[k].name, "the conventions do not know this operation")
		}
	}
	return ok && (s == "" || s == string(d.Operation))
}

func knownOperation(o genai.Operation) bool {
	switch o {
	case genai.OpRetrieval, genai.OpExecuteTool, genai.OpInvokeAgent, genai.OpCreateAgent, genai.OpInvokeWorkflow, genai.OpPlan:
		return true
	}
	return o.IsInference()
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

func takeStopSequences(r *reading, _ key, v wire.Value) bool {
	q := &r.dst.Request
	if len(q.StopSequences) > 0 {
		return false
	}
	return each(v, func(s string) { q.StopSequences = append(q.StopSequences, s) })
}

func takeTags(r *reading, _ key, v wire.Value) bool {
	if len(r.dst.Tags) > 0 {
		return false
	}
	return each(v, func(s string) { r.dst.Tags = append(r.dst.Tags, s) })
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

func takeFinishReasons(r *reading, _ key, v wire.Value) bool {
	d := r.dst
	if len(d.FinishReasons) > 0 {
		same := true
		each(v, func(s string) { same = same && genai.ParseFinishReason(s) == d.FinishReasons[0] })
		return same && v.Kind() == wire.KindString
	}
	add := func(s string) {
		if f := genai.ParseFinishReason(s); f != "" {
			d.FinishReasons = append(d.FinishReasons, f)
		}
	}
	return each(v, func(s string) {
		if len(s) > 0 && s[0] == '[' { // LiteLLM: the list as JSON
			if elements(s, func(raw string) { add(unquote(raw)) }) {
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
	if total := r.dst.Duration(); k == keyServerTTFT && total > 0 && d > total {
		d = time.Duration(f * float64(time.Millisecond))
	}
	r.dst.TimeToFirstToken = d
	return true
}

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
func (r *reading) takePrefixed(name []byte, v wire.Value) bool {
	const variable, usage, tokens = "gen_ai.prompt.variable.", "gen_ai.usage.", "_tokens"
	if len(name) <= len(usage) || name[0] != 'g' || name[1] != 'e' {
		return false
	}
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
		r.gen, r.genRepo = true, true
		return true
	case string(name[:len(usage)]) == usage && string(name[len(name)-len(tokens):]) == tokens && v.Kind() == wire.KindInt && v.Int() >= 0:
		r.report(text(name), v.Int())
		r.gen = true
		return true
	}
	return false
}

// maxVariables bounds the variables of one prompt template; templates have some dozens.
const maxVariables = 256
