package genai

import "time"

// Operation is gen_ai.operation.name. A name outside the list is kept as sent, with a warning.
type Operation string

// The operations of the OpenTelemetry GenAI conventions.
const (
	OpChat            Operation = "chat"
	OpTextCompletion  Operation = "text_completion"
	OpGenerateContent Operation = "generate_content"
	OpEmbeddings      Operation = "embeddings"
	OpRetrieval       Operation = "retrieval"
	OpRerank          Operation = "rerank"
	OpExecuteTool     Operation = "execute_tool"
	OpInvokeAgent     Operation = "invoke_agent"
	OpCreateAgent     Operation = "create_agent"
	OpInvokeWorkflow  Operation = "invoke_workflow"
	OpPlan            Operation = "plan"
)

// IsInference reports whether the operation is a call of a model that consumes tokens of its own:
// the only spans whose usage is summed for a trace. An agent's or workflow's usage repeats that of its children.
func (o Operation) IsInference() bool {
	switch o {
	case OpChat, OpTextCompletion, OpGenerateContent, OpEmbeddings, OpRerank:
		return true
	}
	return false
}

// Request holds the parameters of a model call. A nil pointer means that the sender did not say.
type Request struct {
	MaxTokens        *int64
	Temperature      *float64
	TopP             *float64
	TopK             *float64
	FrequencyPenalty *float64
	PresencePenalty  *float64
	Seed             *int64
	ChoiceCount      *int64
	Stream           *bool
	StopSequences    []string
	OutputType       string // gen_ai.output.type: text, json, image, speech
	ReasoningLevel   string // gen_ai.request.reasoning.level
	ServerAddress    string // server.address
}

// Usage counts tokens. Input includes what was read from and written to a cache, Output includes reasoning:
// CacheRead, CacheWrite and Reasoning are subsets, as the conventions demand since 1.40.
type Usage struct {
	Input, Output, CacheRead, CacheWrite, Reasoning Tokens
	Reported                                        []ReportedCount // every count as it was sent
}

// Total is input plus output, unknown counts as zero.
func (u Usage) Total() int64 { return u.Input.N + u.Output.N }

// Known reports whether the sender gave an input or an output count.
func (u Usage) Known() bool { return u.Input.Known || u.Output.Known }

// Tokens is a count that may be unknown: an unknown count is not zero.
type Tokens struct {
	N     int64
	Known bool
}

// Count is a known number of tokens.
func Count(n int64) Tokens { return Tokens{N: n, Known: true} }

// ReportedCount is a count as the sender gave it, with the attribute that held it.
type ReportedCount struct {
	Key string
	N   int64
}

// Cost is what a call cost. Amount is an exact decimal in Currency ("0.0012345"); "" means unknown, which is not free.
type Cost struct {
	Amount   string
	Currency string // ISO 4217; "USD" unless the sender said otherwise
	Source   string // "reported" by the sender, or the price book that it was computed from
}

// FinishReason says why generation stopped. The constants are canonical; another string is kept as sent.
type FinishReason string

// The canonical finish reasons.
const (
	FinishStop          FinishReason = "stop"
	FinishLength        FinishReason = "length"
	FinishToolCall      FinishReason = "tool_call"
	FinishContentFilter FinishReason = "content_filter"
	FinishError         FinishReason = "error"
)

// Agent is gen_ai.agent.*.
type Agent struct{ ID, Name, Description, Version string }

// Prompt is the managed prompt that the call was built from.
type Prompt struct {
	Name, Version string
	Variables     []Variable // in the sender's order
}

// Variable is one value that a prompt template was filled with.
type Variable struct{ Name, Value string }

// Evaluation is one gen_ai.evaluation.result.
type Evaluation struct {
	Name        string
	Score       float64
	HasScore    bool
	Label       string
	Explanation string
	ResponseID  string
	ErrorType   string
	Time        time.Time
}

// Error is what failed. Type is error.type or the exception's type.
type Error struct {
	Type, Message, Stacktrace string
	HTTPStatus                int64
}
