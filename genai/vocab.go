package genai

import "strings"

// WarningCodes lists every code.
var WarningCodes = []WarningCode{
	WarnContentMissing, WarnTruncated, WarnMalformedJSON, WarnWrongType, WarnTokensDisagree, WarnEndBeforeStart,
	WarnSenderDropped, WarnUnknownOperation, WarnExternalContent, WarnIndexOutOfRange, WarnTimeImplausible,
	WarnCountImplausible, WarnRuleFailed,
}

// Operations lists every operation that has a name here.
var Operations = []Operation{
	OpChat, OpTextCompletion, OpGenerateContent, OpEmbeddings, OpRetrieval, OpRerank, OpExecuteTool, OpInvokeAgent, OpCreateAgent,
	OpInvokeWorkflow, OpPlan, OpChain, OpTask, OpPrompt, OpGuardrail, OpEvaluator,
}

// ParseRole gives the canonical role of the spellings that senders use, and any other role as sent.
func ParseRole(s string) Role {
	switch s {
	case "system", "user", "assistant", "tool":
		return Role(s)
	}
	switch strings.ToLower(s) {
	case "system", "developer":
		return RoleSystem
	case "assistant", "model", "ai":
		return RoleAssistant
	case "user", "human":
		return RoleUser
	case "tool", "function", "toolresult":
		return RoleTool
	}
	return Role(s)
}

// ParseFinishReason gives the canonical finish reason of the spellings that providers and
// instrumentations use. Unspecified ones give "", unknown ones come back as sent.
func ParseFinishReason(s string) FinishReason {
	switch s {
	case "stop", "length", "tool_call", "content_filter", "error", "":
		return FinishReason(s)
	}
	n := strings.ReplaceAll(strings.ToLower(s), "-", "_")
	if c, ok := finishReasons[strings.TrimPrefix(n, "finish_reason_")]; ok {
		return c
	}
	return FinishReason(s)
}

// finishReasons is the union of the maps in OpenLLMetry, OpenInference, the AI SDK, Strands and
// of the providers' own enums; keys are lower case with underscores.
var finishReasons = map[string]FinishReason{
	"stop": FinishStop, "end_turn": FinishStop, "endturn": FinishStop, "stop_sequence": FinishStop, "stopsequence": FinishStop,
	"complete": FinishStop, "completed": FinishStop, "finish": FinishStop, "endoftext": FinishStop,
	"length": FinishLength, "max_tokens": FinishLength, "maxtokens": FinishLength,
	"max_output_tokens": FinishLength, "incomplete": FinishLength,
	"tool_call": FinishToolCall, "tool_calls": FinishToolCall, "tool_use": FinishToolCall, "tooluse": FinishToolCall,
	"function_call":  FinishToolCall,
	"content_filter": FinishContentFilter, "safety": FinishContentFilter, "recitation": FinishContentFilter,
	"blocklist": FinishContentFilter, "prohibited_content": FinishContentFilter, "spii": FinishContentFilter,
	"language": FinishContentFilter, "image_safety": FinishContentFilter,
	"image_prohibited_content": FinishContentFilter, "image_recitation": FinishContentFilter,
	"error_toxic": FinishContentFilter, "guardrail_intervened": FinishContentFilter, "refusal": FinishContentFilter,
	"error": FinishError, "failed": FinishError, "other": FinishError, "malformed_function_call": FinishError,
	"unexpected_tool_call": FinishError, "no_image": FinishError, "image_other": FinishError,
	"unspecified": "", "unknown": "",
}
