package dialect

import "math/bits"

// A key is an attribute key that the OpenTelemetry dialect reads. Those up to lastGenKey are
// evidence that the span is a GenAI one.
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
	keyChoiceCount
	keyStream
	keyIsStream
	keyStopSequences
	keyReasoningLevel
	keyOutputType
	keyFinishReasons
	keyInputMessages
	keyOutputMessages
	keySystemInstructions
	keyPromptContent
	keyCompletionContent
	keyInputTokens
	keyPromptTokens
	keyOutputTokens
	keyCompletionTokens
	keyTotalTokens
	keyCacheRead
	keyCacheReadFlat
	keyCacheCreation
	keyCacheWrite
	keyCacheCreationFlat
	keyCacheWriteFlat
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
	keyEventContent
	keyErrorType
	keyHTTPStatus
	keyServerAddress
	keySessionID
	keyUserID
	keyEndUserID
	keyTags
	keyStopReason
	keyContextSession
	keyContextUser
	keyReasoningDetail
	keyExceptionType
	keyExceptionMessage
	keyExceptionStacktrace

	numKeys
	noKey      = numKeys
	lastGenKey = keyEventContent
)

var keyNames = [numKeys]string{
	keyOperationName:       "gen_ai.operation.name",
	keyProviderName:        "gen_ai.provider.name",
	keySystem:              "gen_ai.system",
	keyRequestModel:        "gen_ai.request.model",
	keyResponseModel:       "gen_ai.response.model",
	keyResponseID:          "gen_ai.response.id",
	keyMaxTokens:           "gen_ai.request.max_tokens",
	keyTemperature:         "gen_ai.request.temperature",
	keyTopP:                "gen_ai.request.top_p",
	keyTopK:                "gen_ai.request.top_k",
	keyFrequencyPenalty:    "gen_ai.request.frequency_penalty",
	keyPresencePenalty:     "gen_ai.request.presence_penalty",
	keySeed:                "gen_ai.request.seed",
	keyChoiceCount:         "gen_ai.request.choice.count",
	keyStream:              "gen_ai.request.stream",
	keyIsStream:            "gen_ai.request.is_stream",
	keyStopSequences:       "gen_ai.request.stop_sequences",
	keyReasoningLevel:      "gen_ai.request.reasoning.level",
	keyOutputType:          "gen_ai.output.type",
	keyFinishReasons:       "gen_ai.response.finish_reasons",
	keyInputMessages:       "gen_ai.input.messages",
	keyOutputMessages:      "gen_ai.output.messages",
	keySystemInstructions:  "gen_ai.system_instructions",
	keyPromptContent:       "gen_ai.prompt",
	keyCompletionContent:   "gen_ai.completion",
	keyInputTokens:         "gen_ai.usage.input_tokens",
	keyPromptTokens:        "gen_ai.usage.prompt_tokens",
	keyOutputTokens:        "gen_ai.usage.output_tokens",
	keyCompletionTokens:    "gen_ai.usage.completion_tokens",
	keyTotalTokens:         "gen_ai.usage.total_tokens",
	keyCacheRead:           "gen_ai.usage.cache_read.input_tokens",
	keyCacheReadFlat:       "gen_ai.usage.cache_read_input_tokens",
	keyCacheCreation:       "gen_ai.usage.cache_creation.input_tokens",
	keyCacheWrite:          "gen_ai.usage.cache_write.input_tokens",
	keyCacheCreationFlat:   "gen_ai.usage.cache_creation_input_tokens",
	keyCacheWriteFlat:      "gen_ai.usage.cache_write_input_tokens",
	keyReasoningTokens:     "gen_ai.usage.reasoning.output_tokens",
	keyReasoningTokensFlat: "gen_ai.usage.reasoning_tokens",
	keyCost:                "gen_ai.usage.cost",
	keyTTFC:                "gen_ai.response.time_to_first_chunk",
	keyClientTTFC:          "gen_ai.client.operation.time_to_first_chunk",
	keyServerTTFT:          "gen_ai.server.time_to_first_token",
	keyAgentID:             "gen_ai.agent.id",
	keyAgentName:           "gen_ai.agent.name",
	keyAgentDescription:    "gen_ai.agent.description",
	keyAgentVersion:        "gen_ai.agent.version",
	keyWorkflow:            "gen_ai.workflow.name",
	keyConversation:        "gen_ai.conversation.id",
	keyPromptName:          "gen_ai.prompt.name",
	keyPromptVersion:       "gen_ai.prompt.version",
	keyToolName:            "gen_ai.tool.name",
	keyToolType:            "gen_ai.tool.type",
	keyToolDescription:     "gen_ai.tool.description",
	keyToolCallID:          "gen_ai.tool.call.id",
	keyToolArguments:       "gen_ai.tool.call.arguments",
	keyToolResult:          "gen_ai.tool.call.result",
	keyToolDefinitions:     "gen_ai.tool.definitions",
	keyRetrievalQuery:      "gen_ai.retrieval.query.text",
	keyRetrievalTopK:       "gen_ai.retrieval.top_k",
	keyRetrievalDocuments:  "gen_ai.retrieval.documents",
	keyDataSource:          "gen_ai.data_source.id",
	keyDimensions:          "gen_ai.embeddings.dimension.count",
	keyEvalName:            "gen_ai.evaluation.name",
	keyEvalScore:           "gen_ai.evaluation.score.value",
	keyEvalLabel:           "gen_ai.evaluation.score.label",
	keyEvalExplanation:     "gen_ai.evaluation.explanation",
	keyEventContent:        "gen_ai.event.content",
	keyErrorType:           "error.type",
	keyHTTPStatus:          "http.response.status_code",
	keyServerAddress:       "server.address",
	keySessionID:           "session.id",
	keyUserID:              "user.id",
	keyEndUserID:           "enduser.id",
	keyTags:                "tag.tags",
	keyStopReason:          "anthropic.message.stop_reason",
	keyContextSession:      "ai.settings.context.sessionId",
	keyContextUser:         "ai.settings.context.userId",
	keyReasoningDetail:     "ai.usage.outputTokenDetails.reasoningTokens",
	keyExceptionType:       "exception.type",
	keyExceptionMessage:    "exception.message",
	keyExceptionStacktrace: "exception.stacktrace",
}

// byName finds a key; likely says by length and last byte which names are worth a look-up, since most
// attributes of ordinary spans are not.
var byName, likely = func() (map[string]key, [256]uint64) {
	m := make(map[string]key, numKeys)
	var l [256]uint64
	for k, n := range keyNames {
		m[n] = key(k) //nolint:gosec // below numKeys
		l[n[len(n)-1]] |= 1 << (len(n) % 64)
	}
	return m, l
}()

func lookup(name []byte) key {
	if len(name) == 0 || likely[name[len(name)-1]]&(1<<(len(name)%64)) == 0 {
		return noKey
	}
	if k, ok := byName[string(name)]; ok {
		return k
	}
	return noKey
}

func trailingZeros(m uint64) int { return bits.TrailingZeros64(m) }
