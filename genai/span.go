// Package genai is the canonical shape of a generative-AI span.
//
// Span is the only shape that leaves ingest: every dialect ends in it, and nothing behind
// it knows an attribute key. Names follow the OpenTelemetry GenAI semantic conventions
// (1.41 and the semantic-conventions-genai repository); where they leave something out,
// the field's comment says what it means and in which unit.
//
// It promises plain values and standard library only: no I/O, no protobuf. Strings may share
// memory with the request that they were read from; nobody may change that memory afterwards.
// It does not know where a value was read from, stored or shown.
package genai

import (
	"cmp"
	"time"
)

// Span is one span of a trace. GenAI is set on every span that Operation describes; a span
// of the same trace that has nothing to do with a model keeps the fields up to Links and
// leaves the rest at zero, so that a trace is shown whole.
type Span struct {
	Project string // owner of the data; "default" when nothing else was configured

	TraceID      TraceID
	SpanID       SpanID
	ParentSpanID SpanID // zero for a root
	TraceState   string

	Name          string
	Kind          Kind
	Start, End    time.Time // End before Start is kept as sent and warned about
	StatusCode    StatusCode
	StatusMessage string

	Service    Service
	Scope      Scope
	Attributes []Attribute // those that no canonical field below holds, in the sender's order
	Events     []Event
	Links      []Link
	Dropped    Dropped
	Raw        []byte // the whole span as it was sent: protobuf opentelemetry.proto.trace.v1.Span

	Dialect        string // which dialect spoke, "" for a span that no dialect knows
	DialectVersion string // version of the convention that was recognised, "" if unknown
	Warnings       []Warning

	Operation     Operation
	Provider      string // gen_ai.provider.name, canonical spelling ("openai", "aws.bedrock")
	Framework     string // what posed as a provider but is a framework ("langchain", "strands-agents")
	RequestModel  string // gen_ai.request.model
	ResponseModel string // gen_ai.response.model
	ResponseID    string // gen_ai.response.id
	Request       Request

	System    []Part    // gen_ai.system_instructions
	Input     []Message // gen_ai.input.messages, oldest first
	Output    []Message // gen_ai.output.messages, one a choice
	Tools     []ToolDefinition
	Retrieval Retrieval
	Tool      ToolExecution
	Embedding Embedding

	Usage            Usage
	Cost             Cost
	FinishReasons    []FinishReason
	TimeToFirstToken time.Duration // 0: not known

	Agent        Agent
	Workflow     string // gen_ai.workflow.name
	Conversation string // gen_ai.conversation.id
	User         string // user.id
	Prompt       Prompt
	Tags         []string

	Evaluations []Evaluation
	Error       Error

	// Partial marks a fragment whose Input or Output is one message of a list that other
	// fragments of the same span continue; see Merge. A whole span never has it.
	Partial bool
	// Turn is where a fragment stands that names no span; see Place. A whole span never has it.
	Turn Turn
}

// IsGenAI reports whether a dialect recognised the span as a GenAI operation.
func (s *Span) IsGenAI() bool { return s.Operation != "" }

// Countable reports whether the span's token counts may be added to those of other spans: they are
// known, the span calls a model, and no span below it has the same counts again.
func (s *Span) Countable() bool {
	return s.Usage.Known() && s.Operation.IsInference() && !s.Usage.Rollup
}

// SystemMessages is how many messages of Input are instructions: those that begin it, of a span without System.
func (s *Span) SystemMessages() (n int) {
	if len(s.System) > 0 {
		return 0
	}
	for n < len(s.Input) && s.Input[n].Role == RoleSystem {
		n++
	}
	return n
}

// Model is the model that answered, or else that was asked.
func (s *Span) Model() string { return cmp.Or(s.ResponseModel, s.RequestModel) }

// Duration is the time from start to end; 0 when the end lies before the start.
func (s *Span) Duration() time.Duration { return max(0, s.End.Sub(s.Start)) }

// Failed reports whether the span says of itself that it failed.
func (s *Span) Failed() bool { return s.StatusCode == StatusError || s.Error.Type != "" }

// Service is the part of the OpenTelemetry resource that people filter by. Raw is the resource
// as it was sent (a protobuf opentelemetry.proto.resource.v1.Resource).
type Service struct {
	Name        string // service.name
	Namespace   string // service.namespace
	Version     string // service.version
	InstanceID  string // service.instance.id
	Environment string // deployment.environment.name
	Language    string // telemetry.sdk.language
	Raw         []byte
}

// Scope is the instrumentation scope that produced the span. Raw is the scope as it was sent.
type Scope struct {
	Name    string
	Version string
	Raw     []byte
}

// Attribute is one key with its value as it was sent.
type Attribute struct {
	Key   string
	Value Value
}

// Event is a span event, or a log record that belongs to the span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes []Attribute
	Body       Value // of a log record; span events have none
}

// Link points from this span to another.
type Link struct {
	TraceID    TraceID
	SpanID     SpanID
	TraceState string
	Attributes []Attribute
}

// Dropped counts what the sender's SDK threw away before it sent the span.
type Dropped struct{ Attributes, Events, Links uint32 }

// WarningCode names a doubt about what was read; the codes are a closed vocabulary so that they can be counted.
type WarningCode string

// The warnings that reading a span can leave on it.
const (
	WarnContentMissing   WarningCode = "content_missing"    // the operation has content, the sender did not capture it
	WarnTruncated        WarningCode = "truncated"          // a limit of ours cut a value
	WarnMalformedJSON    WarningCode = "malformed_json"     // a value that must be JSON is not, or is cut off
	WarnWrongType        WarningCode = "wrong_type"         // an attribute of another type than its convention says
	WarnTokensDisagree   WarningCode = "tokens_disagree"    // two counts of the same thing differ
	WarnEndBeforeStart   WarningCode = "end_before_start"   // clocks or SDK
	WarnSenderDropped    WarningCode = "sender_dropped"     // the SDK dropped attributes, events or links
	WarnUnknownOperation WarningCode = "unknown_operation"  // gen_ai.operation.name outside the vocabulary, kept as sent
	WarnExternalContent  WarningCode = "external_content"   // content lies behind a *_ref URI
	WarnIndexOutOfRange  WarningCode = "index_out_of_range" // a flattened index beyond the limit
	WarnTimeImplausible  WarningCode = "time_implausible"   // the start is zero, long past or in the future
	WarnCountImplausible WarningCode = "count_implausible"  // a token count that cannot be: negative, no number, too large
	WarnRuleFailed       WarningCode = "rule_failed"        // a value that a rule of the settings found does not fit its field
)

// Warning says what is doubtful about a span, and where.
type Warning struct {
	Code  WarningCode
	Field string // attribute key or canonical field
	Text  string // one sentence for a human
}
