package genai

import (
	"slices"
	"time"
)

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

// Operations of spans that the conventions do not name and other dialects do. They call no model.
const (
	OpChain     Operation = "chain"     // a step of a program that is no agent: a runnable, a router
	OpTask      Operation = "task"      // a step of a workflow
	OpPrompt    Operation = "prompt"    // a prompt was built from a template
	OpGuardrail Operation = "guardrail" // something was checked before or after a call
	OpEvaluator Operation = "evaluator" // something was scored
)

// IsInference reports whether the operation is a call of a model that consumes tokens of its own:
// the only spans whose usage is summed for a trace. An agent's or workflow's usage repeats that of its children.
func (o Operation) IsInference() bool { return slices.Contains(InferenceOperations[:], o) }

// InferenceOperations are those that IsInference is true of.
var InferenceOperations = [...]Operation{OpChat, OpTextCompletion, OpGenerateContent, OpEmbeddings, OpRerank}

// IsSource reports whether the operation fetches what a model is then given: documents or the result of a tool.
func (o Operation) IsSource() bool { return slices.Contains(SourceOperations[:], o) }

// SourceOperations are those that IsSource is true of.
var SourceOperations = [...]Operation{OpRetrieval, OpRerank, OpExecuteTool}

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
	OutputSchema     JSON   // JSON schema that the answer was asked to follow (gen_ai.request.structured_output_schema of OpenLLMetry)
	ReasoningLevel   string // gen_ai.request.reasoning.level
	ServerAddress    string // server.address
}

// Usage counts tokens. Input includes what was read from and written to a cache, Output includes reasoning:
// CacheRead, CacheWrite and Reasoning are subsets, as the conventions demand since 1.40.
type Usage struct {
	Input, Output, CacheRead, CacheWrite, Reasoning Tokens
	Reported                                        []ReportedCount // every count as it was sent

	// Rollup says that the counts repeat or sum up those of the spans below: a wrapper's, an
	// agent's, a workflow's. They are kept and shown, and never added to anything.
	Rollup bool
	// Rule says how Input came to include what a cache served, when there was any: see CacheRule.
	Rule CacheRule
}

// CacheRule names the reason for which the cached tokens were or were not added to the input count
// that the sender gave. Senders disagree on whether that count includes them.
type CacheRule string

// The rules; each says what the sender's count was.
const (
	CacheNone      CacheRule = ""                 // nothing was cached, or no input count was sent
	CacheIncluded  CacheRule = "included"         // it included them, as the conventions demand; also when nothing says otherwise
	CacheByDialect CacheRule = "added_by_dialect" // this version of this dialect leaves them out for this provider
	CacheBySum     CacheRule = "added_by_sum"     // a part was larger than the whole, or the total counts them beside it
)

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
