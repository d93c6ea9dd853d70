package dialect

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// otelGenAI reads the OpenTelemetry GenAI conventions 1.26 to 1.41 and the unreleased ones of
// semantic-conventions-genai, with the spellings that emitters of these conventions send beside
// them. keys.go lists the keys; of several for one field the first asked wins.
type otelGenAI struct{}

func (otelGenAI) name() string { return "otel-genai" }

func (otelGenAI) speaks(r *reading) (string, bool) {
	switch {
	case !r.gen && !r.genEvents:
		return "", false
	case r.present.has(keyCacheWrite):
		return "genai", true
	case r.present.has(keyProviderName) || r.present.has(keyInputMessages):
		return ">=1.37", true
	case r.present.has(keySystem):
		return "<=1.36", true
	}
	return "", true
}

func (otelGenAI) fill(d *genai.Span, r *reading) {
	r.fillIdentity(d)
	r.fillRequest(&d.Request)
	r.fillUsage(d)
	r.fillContent(d)
	for i := range d.Output {
		if f := d.Output[i].FinishReason; f != "" && len(d.FinishReasons) <= i {
			d.FinishReasons = append(d.FinishReasons, f)
		}
	}
	r.fillTool(&d.Tool, d.Operation)
	dropToolMessages(d)
	r.fillError(d)
	for _, k := range [...]key{keyTTFC, keyClientTTFC, keyServerTTFT} {
		if f, ok := r.float(k); ok && f > 0 && d.TimeToFirstToken == 0 {
			d.TimeToFirstToken = time.Duration(f * float64(time.Second))
		}
	}
	if c, ok := r.float(keyCost); ok && c > 0 && d.Cost.Amount == "" {
		d.Cost = genai.Cost{Amount: strconv.FormatFloat(c, 'f', -1, 64), Currency: "USD", Source: "reported"}
	}
	if n := r.str(keyEvalName); n != "" {
		e := genai.Evaluation{Name: n, Label: r.str(keyEvalLabel), Explanation: r.str(keyEvalExplanation), Time: d.Start}
		e.Score, e.HasScore = r.float(keyEvalScore)
		d.Evaluations = append(d.Evaluations, e)
	}
}

func (r *reading) fillIdentity(d *genai.Span) {
	d.Operation = cmp.Or(d.Operation, genai.Operation(r.str(keyOperationName)))
	if d.Provider == "" && d.Framework == "" {
		d.Provider, d.Framework = provider(r.str(keyProviderName, keySystem))
	}
	d.RequestModel = cmp.Or(d.RequestModel, r.str(keyRequestModel))
	d.ResponseModel = cmp.Or(d.ResponseModel, r.str(keyResponseModel))
	d.ResponseID = cmp.Or(d.ResponseID, r.str(keyResponseID))
	if d.Operation == "" && r.span != nil && d.RequestModel != "" && r.present.has(keyOutputTokens) {
		d.Operation = genai.OpChat // 1.26 and Google ADK name no operation
	}
	d.Agent = genai.Agent{
		ID: cmp.Or(d.Agent.ID, r.str(keyAgentID)), Name: cmp.Or(d.Agent.Name, r.str(keyAgentName)),
		Description: cmp.Or(d.Agent.Description, r.str(keyAgentDescription)), Version: cmp.Or(d.Agent.Version, r.str(keyAgentVersion)),
	}
	d.Workflow = cmp.Or(d.Workflow, r.str(keyWorkflow))
	d.Conversation = cmp.Or(d.Conversation, r.str(keyConversation, keySessionID, keyContextSession))
	d.User = cmp.Or(d.User, r.str(keyUserID, keyEndUserID, keyContextUser))
	d.Prompt.Name = cmp.Or(d.Prompt.Name, r.str(keyPromptName))
	d.Prompt.Version = cmp.Or(d.Prompt.Version, r.str(keyPromptVersion))
	d.Retrieval.Query = cmp.Or(d.Retrieval.Query, r.str(keyRetrievalQuery))
	d.Retrieval.DataSource = cmp.Or(d.Retrieval.DataSource, r.str(keyDataSource))
	if n, ok := r.float(keyDimensions); ok {
		d.Embedding.Dimensions = int64(n)
	}
	d.Tags = append(d.Tags, r.list(keyTags)...)
	for _, s := range append(r.list(keyFinishReasons), r.list(keyStopReason)...) {
		if f := genai.ParseFinishReason(s); f != "" {
			d.FinishReasons = append(d.FinishReasons, f)
		}
	}
	if d.Operation != "" && !knownOperation(d.Operation) {
		r.warn(genai.WarnUnknownOperation, keyNames[keyOperationName], "the conventions do not know this operation")
	}
}

func knownOperation(o genai.Operation) bool {
	switch o {
	case genai.OpRetrieval, genai.OpExecuteTool, genai.OpInvokeAgent, genai.OpCreateAgent, genai.OpInvokeWorkflow, genai.OpPlan:
		return true
	}
	return o.IsInference()
}

func (r *reading) fillRequest(q *genai.Request) {
	num := func(to **float64, k key) {
		if f, ok := r.float(k); ok {
			*to = &f
		}
	}
	integer := func(to **int64, k key) {
		if f, ok := r.float(k); ok {
			n := int64(f)
			*to = &n
		}
	}
	num(&q.Temperature, keyTemperature)
	num(&q.TopP, keyTopP)
	num(&q.TopK, keyTopK)
	num(&q.FrequencyPenalty, keyFrequencyPenalty)
	num(&q.PresencePenalty, keyPresencePenalty)
	integer(&q.MaxTokens, keyMaxTokens)
	integer(&q.Seed, keySeed)
	integer(&q.ChoiceCount, keyChoiceCount)
	for _, k := range [...]key{keyIsStream, keyStream} {
		if v := r.held[k].v; r.present.has(k) && v.Kind() == wire.KindBool {
			b := v.Bool()
			q.Stream = &b
			r.consumed.add(k)
		}
	}
	q.StopSequences = append(q.StopSequences, r.list(keyStopSequences)...)
	q.OutputType = cmp.Or(q.OutputType, r.str(keyOutputType))
	q.ReasoningLevel = cmp.Or(q.ReasoningLevel, r.str(keyReasoningLevel))
	q.ServerAddress = cmp.Or(q.ServerAddress, r.str(keyServerAddress))
}

// fillUsage reads the counts. Senders before 1.40, and Strands with Anthropic's models, leave
// what the cache served out of the input count; the sum cannot be smaller than its parts, so
// that shows in the numbers.
func (r *reading) fillUsage(d *genai.Span) {
	u := &d.Usage
	if u.Known() {
		return
	}
	u.Input = r.tokens(u, keyInputTokens, keyPromptTokens)
	u.Output = r.tokens(u, keyOutputTokens, keyCompletionTokens)
	u.CacheRead = r.tokens(u, keyCacheRead, keyCacheReadFlat)
	u.CacheWrite = r.tokens(u, keyCacheWrite, keyCacheCreation, keyCacheWriteFlat, keyCacheCreationFlat)
	u.Reasoning = r.tokens(u, keyReasoningTokens, keyReasoningTokensFlat)
	if u.Known() && !u.Reasoning.Known {
		u.Reasoning = r.tokens(u, keyReasoningDetail) // AI SDK 7, also on its steps, which have no usage
	}
	total := r.tokens(u, keyTotalTokens)
	cached := u.CacheRead.N + u.CacheWrite.N
	if u.Input.Known && cached > 0 && (cached > u.Input.N || total.Known && total.N == u.Input.N+cached+u.Output.N) {
		u.Input.N += cached
		r.warn(genai.WarnTokensDisagree, "usage.input", "the input count leaves cached tokens out; they were added")
	}
}

// tokens is the count of the first key that is there. All of them are kept as reported.
func (r *reading) tokens(u *genai.Usage, ks ...key) (t genai.Tokens) {
	for _, k := range ks {
		f, ok := r.float(k)
		if !ok || f < 0 || f != f || f > 1<<53 {
			continue
		}
		u.Reported = append(u.Reported, genai.ReportedCount{Key: keyNames[k], N: int64(f)})
		if !t.Known {
			t = genai.Count(int64(f))
		}
	}
	return t
}

func (r *reading) fillContent(d *genai.Span) {
	if s, ok := r.jsonText(keySystemInstructions); ok && len(d.System) == 0 {
		var code genai.WarningCode
		d.System, code = genai.ParseParts(d.System, s)
		r.doubt(code, keySystemInstructions)
	}
	in, ok := r.jsonText(keyInputMessages, keyPromptContent)
	if ok && len(d.Input) == 0 {
		var code genai.WarningCode
		d.Input, code = genai.ParseMessages(d.Input, in, genai.RoleUser)
		r.doubt(code, keyInputMessages)
	}
	if d.Operation == genai.OpEmbeddings && len(d.Input) > 0 {
		for i := range d.Input {
			for j := range d.Input[i].Parts {
				d.Embedding.Items = append(d.Embedding.Items, genai.EmbeddingItem{Text: d.Input[i].Parts[j].Content})
			}
		}
		d.Input = d.Input[:0]
	}
	if s, ok := r.jsonText(keyOutputMessages, keyCompletionContent); ok && len(d.Output) == 0 {
		var code genai.WarningCode
		d.Output, code = genai.ParseMessages(d.Output, s, genai.RoleAssistant)
		r.doubt(code, keyOutputMessages)
	}
}

func (r *reading) doubt(code genai.WarningCode, k key) {
	if code != "" {
		r.warn(code, keyNames[k], "the JSON broke off; what follows is kept as text")
	}
}

// fillTool reads what a tool span did. Chat spans carry the name of a requested tool in the same
// keys (OpenLIT), so the operation decides.
func (r *reading) fillTool(t *genai.ToolExecution, op genai.Operation) {
	if op != genai.OpExecuteTool {
		return
	}
	t.Name, t.Type = cmp.Or(t.Name, r.str(keyToolName)), cmp.Or(t.Type, r.str(keyToolType))
	t.Description, t.CallID = cmp.Or(t.Description, r.str(keyToolDescription)), cmp.Or(t.CallID, r.str(keyToolCallID))
	if s, ok := r.jsonText(keyToolArguments); ok && t.Arguments == "" {
		t.Arguments = genai.JSON(s)
	}
	if s, ok := r.jsonText(keyToolResult); ok && t.Result == "" {
		t.Result = genai.JSON(s)
	}
}

// dropToolMessages forgets the messages of a tool span: they repeat its arguments and its result.
func dropToolMessages(d *genai.Span) {
	if d.Operation == genai.OpExecuteTool && (d.Tool.Arguments != "" || d.Tool.Result != "") {
		d.Input, d.Output = d.Input[:0], d.Output[:0]
	}
}

func (r *reading) fillError(d *genai.Span) {
	typ := r.str(keyErrorType, keyExceptionType)
	d.Error.Type = cmp.Or(typ, d.Error.Type)
	d.Error.Message = cmp.Or(d.Error.Message, r.str(keyExceptionMessage))
	if d.Failed() {
		d.Error.Message = cmp.Or(d.Error.Message, d.StatusMessage)
	}
	d.Error.Stacktrace = cmp.Or(d.Error.Stacktrace, r.str(keyExceptionStacktrace))
	if f, ok := r.float(keyHTTPStatus); ok && f >= 400 {
		d.Error.HTTPStatus = int64(f)
	}
}

// frameworks pose as providers.
var frameworks = map[string]bool{
	"strands-agents": true, "langchain": true, "gcp.vertex.agent": true, "microsoft.agent_framework": true,
	"llamaindex": true, "crewai": true, "autogen": true,
}

// providers maps spellings in lower case to the registry of the conventions.
var providers = map[string]string{
	"az.ai.openai": "azure.ai.openai", "azure": "azure.ai.openai", "azureopenai": "azure.ai.openai",
	"azure-openai": "azure.ai.openai", "az.ai.inference": "azure.ai.inference", "aws": "aws.bedrock",
	"bedrock": "aws.bedrock", "amazon-bedrock": "aws.bedrock", "vertex_ai": "gcp.vertex_ai", "vertexai": "gcp.vertex_ai",
	"google.vertex": "gcp.vertex_ai", "google-vertex": "gcp.vertex_ai", "vertex": "gcp.vertex_ai", "gemini": "gcp.gemini",
	"google.generative-ai": "gcp.gemini", "google": "gcp.gen_ai", "mistralai": "mistral_ai", "mistral": "mistral_ai",
	"xai": "x_ai", "watsonx": "ibm.watsonx.ai", "together": "together_ai", "moonshot": "moonshot_ai",
}

// provider is the canonical name of what the sender named, as provider or as framework.
func provider(s string) (name, framework string) {
	n := strings.ToLower(s)
	if frameworks[n] {
		return "", n
	}
	for p := n; p != ""; p = p[:max(strings.LastIndexAny(p, ".-"), 0)] {
		if c, ok := providers[p]; ok {
			return c, ""
		}
		if p == "openai" || p == "anthropic" {
			return p, ""
		}
	}
	return n, ""
}
