package api

// How a stored span was read: which attribute filled which field. Who reads lies behind the interface Reader, for
// the API knows no dialect; here the answer gets the names and limits of the API.

import (
	"context"
	"errors"

	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// Reader reads spans as ingest does. Implementations MUST be safe for concurrent use.
type Reader interface {
	// Read reads a span and its log records as they were sent, and says where each field came from. stored is the
	// span as the store has it; its cost is the sender's.
	Read(raw *store.RawSpan, stored *genai.Span) (Reading, error)
}

// Reading says how a span was read. Fields are named as genai.Span has them: "RequestModel", "Usage.Input".
type Reading struct {
	Dialects  []SpokenDialect
	Sources   []ReadingSource
	Warnings  []genai.Warning
	Differing []string // fields that are stored otherwise
}

// SpokenDialect is a dialect that the span shows.
type SpokenDialect struct {
	Name, Version string
	Place         int // in the order in which all dialects are asked, from 1 on; 0: a user's rule, its name as the version
}

// ReadingSource is an attribute, event or log record and what became of it.
type ReadingSource struct {
	Event   string
	Record  int // the place of its log record in the RawSpan's Logs, from 1 on; 0: none
	Key     string
	Dialect string
	Rule    string // the user's rule that read it
	Outcome string
	Fields  []string
	Value   string // its beginning
	Cut     bool   // the value is longer
}

// outcomeIgnored is what became of an attribute that is in no field: what is left out first of a long answer.
const outcomeIgnored = "ignored"

// fieldPaths are the names that the API has for the fields of genai.Span.
var fieldPaths = map[string]string{
	"Dialect": "dialect", "DialectVersion": "dialect_version", "TraceState": "trace_state", "Name": "name", "Kind": "kind",
	"StatusCode": "status.code", "StatusMessage": "status.message",
	"Operation": "operation", "Provider": "provider", "Framework": "framework",
	"RequestModel": "request_model", "ResponseModel": "response_model", "ResponseID": "response_id",
	"Request.MaxTokens": "request.max_tokens", "Request.Temperature": "request.temperature", "Request.TopP": "request.top_p",
	"Request.TopK": "request.top_k", "Request.FrequencyPenalty": "request.frequency_penalty",
	"Request.PresencePenalty": "request.presence_penalty", "Request.Seed": "request.seed", "Request.ChoiceCount": "request.choice_count",
	"Request.Stream": "request.stream", "Request.StopSequences": "request.stop_sequences", "Request.OutputType": "request.output_type",
	"Request.OutputSchema":   "request.output_schema",
	"Request.ReasoningLevel": "request.reasoning_level", "Request.ServerAddress": "request.server_address",
	"System": "system_instructions", "Input": "input_messages", "Output": "output_messages", "Tools": "tool_definitions",
	"Retrieval.DataSource": "retrieval.data_source", "Retrieval.Query": "retrieval.query", "Retrieval.TopK": "retrieval.top_k",
	"Retrieval.Documents": "retrieval.documents",
	"Tool.Name":           "tool.name", "Tool.Type": "tool.type", "Tool.Description": "tool.description", "Tool.CallID": "tool.call_id",
	"Tool.Arguments": "tool.arguments", "Tool.Result": "tool.result",
	"Embedding.Dimensions": "embedding.dimensions", "Embedding.Items": "embedding.items",
	"Usage.Input": "usage.input_tokens", "Usage.Output": "usage.output_tokens", "Usage.CacheRead": "usage.cache_read_tokens",
	"Usage.CacheWrite": "usage.cache_write_tokens", "Usage.Reasoning": "usage.reasoning_tokens", "Usage.Reported": "usage.reported",
	"Usage.Rollup": "usage.rollup", "Usage.Rule": "usage.rule",
	"Cost": "cost.reported_amount", "FinishReasons": "finish_reasons", "TimeToFirstToken": "time_to_first_token",
	"Agent.ID": "agent.id", "Agent.Name": "agent.name", "Agent.Description": "agent.description", "Agent.Version": "agent.version",
	"Workflow": "workflow", "Conversation": "conversation_id", "User": "user_id",
	"Prompt.Name": "prompt.name", "Prompt.Version": "prompt.version", "Prompt.Variables": "prompt.variables", "Tags": "tags",
	"Evaluations": "evaluations",
	"Error.Type":  "error.type", "Error.Message": "error.message", "Error.Stacktrace": "error.stacktrace", "Error.HTTPStatus": "error.http_status",
}

// FieldPaths names fields of genai.Span as the API does, by their paths in the Span message: "RequestModel" is
// "request_model", "Usage.Input" is "usage.input_tokens". A name of none stays.
func FieldPaths(fields []string) (out []string) {
	for _, f := range fields {
		if p, ok := fieldPaths[f]; ok {
			f = p
		}
		out = append(out, f)
	}
	return out
}

func (s *traceService) GetSpanReading(ctx context.Context, r *pb.GetSpanReadingRequest) (*pb.SpanReading, error) {
	if s.reader == nil {
		return nil, errors.New("this server was built without what reads spans")
	}
	project, trace, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	id, err := genai.ParseSpanID(r.GetSpanId())
	if err != nil {
		return nil, invalid("span_id", "%v", err)
	}
	what := trace.String() + "/" + id.String()
	stored, err := s.store.Span(ctx, project, trace, id)
	if err != nil {
		return nil, missing(err, "span", what, project)
	}
	raw, err := s.store.RawSpan(ctx, project, trace, id)
	if err != nil {
		return nil, missing(err, "span", what, project)
	}
	if len(raw.Span) == 0 {
		return nil, &failure{class: classNotFound, text: "span " + what + " is stored without what was sent, so how it was read cannot be told"}
	}
	stored.Cost = stored.Pricing.Reported
	reading, err := s.reader.Read(raw, &stored.Span)
	if err != nil {
		return nil, err
	}
	out := readingProto(&reading, s.limits.ReadingSources)
	out.TraceId, out.SpanId = trace.String(), id.String()
	if raw.Truncated || stored.Truncated { // two readings of different records are not compared
		out.Truncated, out.DifferingFields = true, nil
	}
	return out, nil
}

// readingProto shows a reading with at most limit sources: those that are in a field before those that are not.
func readingProto(r *Reading, limit int) *pb.SpanReading {
	out := &pb.SpanReading{
		Dialects: each(r.Dialects, func(d *SpokenDialect) *pb.SpokenDialect {
			return &pb.SpokenDialect{Name: validText(d.Name), Version: validText(d.Version), Place: clamp32(d.Place)}
		}),
		Warnings: each(r.Warnings, warningProto), DifferingFields: FieldPaths(r.Differing),
	}
	read := 0
	for i := range r.Sources {
		if r.Sources[i].Outcome != outcomeIgnored {
			read++
		}
	}
	ignored := max(0, limit-read)
	for i := range r.Sources {
		src := &r.Sources[i]
		if src.Outcome == outcomeIgnored {
			if ignored--; ignored < 0 {
				out.Truncated = true
				continue
			}
		}
		if len(out.GetSources()) == limit {
			out.Truncated = true
			break
		}
		out.Sources = append(out.Sources, sourceProto(src))
	}
	return out
}

func sourceProto(s *ReadingSource) *pb.ReadingSource {
	p := &pb.ReadingSource{
		Event: validText(s.Event), Key: validText(s.Key), Dialect: validText(s.Dialect), Rule: validText(s.Rule), Outcome: validText(s.Outcome), Fields: FieldPaths(s.Fields),
		Value: validText(s.Value), ValueCut: s.Cut,
	}
	if s.Record > 0 {
		p.LogRecord = new(clamp32(s.Record - 1))
	}
	return p
}
