package dialect

// A key is an attribute key that the OpenTelemetry dialect reads. Of several keys for one field
// the one that stands first here wins. Those up to lastGenKey are evidence that the span is a
// GenAI one; from firstGeneralKey to lastGeneralKey they mean the same on every span.
type key uint8

const (
	keyOperationName key = iota
	keyProviderName
	keySystem
	keyRequestModel
	keyResponseModel
	keyResponseID
	keyMaxTokens
	keyTemperature
	keyTopP
	keyTopK
	keyFrequencyPenalty
	keyPresencePenalty
	keySeed
	keyOpenAISeed
	keyChoiceCount
	keyStream
	keyIsStream
	keyStopSequences
	keyReasoningLevel
	keyReasoningEffort
	keyOutputType
	keyResponseFormat
	keyFinishReasons
	keySystemInstructions
	keyInputMessages
	keyPromptContent
	keyOutputMessages
	keyCompletionContent
	keyInputTokens
	keyPromptTokens
	keyOutputTokens
	keyCompletionTokens
	keyTotalTokens
	keyCacheRead
	keyCacheReadFlat
	keyCachedInput
	keyInputCached
	keyCacheWrite
	keyCacheCreation
	keyCacheWriteFlat
	keyCacheCreationFlat
	keyReasoningTokens
	keyReasoningTokensFlat
	keyCost
	keyTTFC
	keyClientTTFC
	keyServerTTFT
	keyAgentID
	keyAgentName
	keyAgentDescription
	keyAgentVersion
	keyWorkflow
	keyConversation
	keyPromptName
	keyPromptVersion
	keyToolName
	keyToolType
	keyToolDescription
	keyToolCallID
	keyToolArguments
	keyToolResult
	keyToolDefinitions
	keyRetrievalQuery
	keyRetrievalTopK
	keyRetrievalDocuments
	keyDataSource
	keyDimensions
	keyEvalName
	keyEvalScore
	keyEvalLabel
	keyEvalExplanation
	keyInputRef
	keyOutputRef
	keySystemRef
	keyToolsRef

	keyErrorType
	keyExceptionType
	keyExceptionMessage
	keyExceptionStacktrace
	keyHTTPStatus
	keySessionID
	keyUserID
	keyEndUserID
	keyEndUserPseudoID

	keyServerAddress
	keyTags
	keyStopReason
	keyAnthropicCache5m
	keyAnthropicCache1h
	keyContextSession
	keyContextUser
	keyReasoningDetail

	numKeys
	noKey           = numKeys
	lastGenKey      = keyToolsRef
	firstGeneralKey = keyErrorType
	lastGeneralKey  = keyEndUserPseudoID
)

// repo marks keys that only the unreleased semantic-conventions-genai has.
const repo = 255

// keys has the name of each key and the minor version of the conventions 1.x that introduced it,
// 0 for a spelling that emitters made up.
var keys = [numKeys]struct {
	name  string
	since uint8
}{
	keyOperationName:       {"gen_ai.operation.name", 27},
	keyProviderName:        {"gen_ai.provider.name", 37},
	keySystem:              {"gen_ai.system", 26},
	keyRequestModel:        {"gen_ai.request.model", 26},
	keyResponseModel:       {"gen_ai.response.model", 26},
	keyResponseID:          {"gen_ai.response.id", 26},
	keyMaxTokens:           {"gen_ai.request.max_tokens", 26},
	keyTemperature:         {"gen_ai.request.temperature", 26},
	keyTopP:                {"gen_ai.request.top_p", 26},
	keyTopK:                {"gen_ai.request.top_k", 27},
	keyFrequencyPenalty:    {"gen_ai.request.frequency_penalty", 27},
	keyPresencePenalty:     {"gen_ai.request.presence_penalty", 27},
	keySeed:                {"gen_ai.request.seed", 30},
	keyOpenAISeed:          {"gen_ai.openai.request.seed", 28},
	keyChoiceCount:         {"gen_ai.request.choice.count", 31},
	keyStream:              {"gen_ai.request.stream", 41},
	keyIsStream:            {"gen_ai.request.is_stream", 0},
	keyStopSequences:       {"gen_ai.request.stop_sequences", 27},
	keyReasoningLevel:      {"gen_ai.request.reasoning.level", repo},
	keyReasoningEffort:     {"gen_ai.request.reasoning_effort", 0},
	keyOutputType:          {"gen_ai.output.type", 31},
	keyResponseFormat:      {"gen_ai.openai.request.response_format", 28},
	keyFinishReasons:       {"gen_ai.response.finish_reasons", 26},
	keySystemInstructions:  {"gen_ai.system_instructions", 37},
	keyInputMessages:       {"gen_ai.input.messages", 37},
	keyPromptContent:       {"gen_ai.prompt", 26},
	keyOutputMessages:      {"gen_ai.output.messages", 37},
	keyCompletionContent:   {"gen_ai.completion", 26},
	keyInputTokens:         {"gen_ai.usage.input_tokens", 27},
	keyPromptTokens:        {"gen_ai.usage.prompt_tokens", 26},
	keyOutputTokens:        {"gen_ai.usage.output_tokens", 27},
	keyCompletionTokens:    {"gen_ai.usage.completion_tokens", 26},
	keyTotalTokens:         {"gen_ai.usage.total_tokens", 0},
	keyCacheRead:           {"gen_ai.usage.cache_read.input_tokens", 40},
	keyCacheReadFlat:       {"gen_ai.usage.cache_read_input_tokens", 0},
	keyCachedInput:         {"gen_ai.usage.cached_input_tokens", 0},
	keyInputCached:         {"gen_ai.usage.input_cached_tokens", 0},
	keyCacheWrite:          {"gen_ai.usage.cache_write.input_tokens", repo},
	keyCacheCreation:       {"gen_ai.usage.cache_creation.input_tokens", 40},
	keyCacheWriteFlat:      {"gen_ai.usage.cache_write_input_tokens", 0},
	keyCacheCreationFlat:   {"gen_ai.usage.cache_creation_input_tokens", 0},
	keyReasoningTokens:     {"gen_ai.usage.reasoning.output_tokens", 41},
	keyReasoningTokensFlat: {"gen_ai.usage.reasoning_tokens", 0},
	keyCost:                {"gen_ai.usage.cost", 0},
	keyTTFC:                {"gen_ai.response.time_to_first_chunk", 41},
	keyClientTTFC:          {"gen_ai.client.operation.time_to_first_chunk", 0},
	keyServerTTFT:          {"gen_ai.server.time_to_first_token", 0},
	keyAgentID:             {"gen_ai.agent.id", 31},
	keyAgentName:           {"gen_ai.agent.name", 31},
	keyAgentDescription:    {"gen_ai.agent.description", 31},
	keyAgentVersion:        {"gen_ai.agent.version", 40},
	keyWorkflow:            {"gen_ai.workflow.name", 41},
	keyConversation:        {"gen_ai.conversation.id", 34},
	keyPromptName:          {"gen_ai.prompt.name", 39},
	keyPromptVersion:       {"gen_ai.prompt.version", repo},
	keyToolName:            {"gen_ai.tool.name", 31},
	keyToolType:            {"gen_ai.tool.type", 31},
	keyToolDescription:     {"gen_ai.tool.description", 33},
	keyToolCallID:          {"gen_ai.tool.call.id", 31},
	keyToolArguments:       {"gen_ai.tool.call.arguments", 38},
	keyToolResult:          {"gen_ai.tool.call.result", 38},
	keyToolDefinitions:     {"gen_ai.tool.definitions", 38},
	keyRetrievalQuery:      {"gen_ai.retrieval.query.text", 40},
	keyRetrievalTopK:       {"gen_ai.retrieval.top_k", repo},
	keyRetrievalDocuments:  {"gen_ai.retrieval.documents", 40},
	keyDataSource:          {"gen_ai.data_source.id", 34},
	keyDimensions:          {"gen_ai.embeddings.dimension.count", 38},
	keyEvalName:            {"gen_ai.evaluation.name", 38},
	keyEvalScore:           {"gen_ai.evaluation.score.value", 38},
	keyEvalLabel:           {"gen_ai.evaluation.score.label", 38},
	keyEvalExplanation:     {"gen_ai.evaluation.explanation", 38},
	keyInputRef:            {"gen_ai.input.messages_ref", 0},
	keyOutputRef:           {"gen_ai.output.messages_ref", 0},
	keySystemRef:           {"gen_ai.system_instructions_ref", 0},
	keyToolsRef:            {"gen_ai.tool.definitions_ref", 0},
	keyErrorType:           {"error.type", 0},
	keyExceptionType:       {"exception.type", 0},
	keyExceptionMessage:    {"exception.message", 0},
	keyExceptionStacktrace: {"exception.stacktrace", 0},
	keyHTTPStatus:          {"http.response.status_code", 0},
	keySessionID:           {"session.id", 0},
	keyUserID:              {"user.id", 0},
	keyEndUserID:           {"enduser.id", 0},
	keyEndUserPseudoID:     {"enduser.pseudo.id", 0},
	keyServerAddress:       {"server.address", 0},
	keyTags:                {"tag.tags", 0},
	keyStopReason:          {"anthropic.message.stop_reason", 0},
	keyAnthropicCache5m:    {"anthropic.usage.cache_creation.ephemeral_5m_input_tokens", 0},
	keyAnthropicCache1h:    {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens", 0},
	keyContextSession:      {"ai.settings.context.sessionId", 0},
	keyContextUser:         {"ai.settings.context.userId", 0},
	keyReasoningDetail:     {"ai.usage.outputTokenDetails.reasoningTokens", 0},
}
