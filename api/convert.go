package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// validText makes a text fit for protobuf, which refuses a whole message for one invalid byte.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// given is validText for an optional field: unset when there is no text.
func given(s string) *string {
	if s == "" {
		return nil
	}
	s = validText(s)
	return &s
}

// counted is an optional number of which zero means that it is not known.
func counted(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func validTexts[S ~string](in []S) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = validText(string(s))
	}
	return out
}

func each[From, To any](in []From, f func(*From) To) []To {
	if len(in) == 0 {
		return nil
	}
	out := make([]To, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

// timestamp is unset for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func summaryProto(s *store.TraceSummary) *pb.TraceSummary {
	return &pb.TraceSummary{
		TraceId:        s.TraceID.String(),
		StartTime:      timestamp(s.Start),
		EndTime:        timestamp(s.End),
		Duration:       durationpb.New(max(0, s.End.Sub(s.Start))),
		RootName:       validText(s.RootName),
		RootService:    validText(s.RootService),
		RootOperation:  validText(string(s.RootOperation)),
		RootMissing:    s.RootMissing,
		SpanCount:      s.Spans,
		GenaiSpanCount: s.GenAISpans,
		ErrorCount:     s.Errors,
		WarningCount:   s.Warnings,
		Services:       validTexts(s.Services),
		Operations:     validTexts(s.Operations),
		Models:         validTexts(s.Models),
		Agents:         validTexts(s.Agents),
		Tools:          validTexts(s.Tools),
		ConversationId: validText(s.Conversation),
		UserId:         validText(s.User),
		Usage:          usageProto(s.Usage),
		Cost:           costProto(s.Cost),
		Environment:    validText(s.Environment),
		InputPreview:   validText(s.InputPreview),
		OutputPreview:  validText(s.OutputPreview),
		PromptVersions: validTexts(s.PromptVersions),
		UnpricedCount:  s.Unpriced,
		UsageEstimated: s.Estimated,
	}
}

// outlineProto is a span of GetTrace: everything but messages and documents' contents.
func outlineProto(o *store.SpanOutline) *pb.Span {
	s := spanProto(&o.Span)
	derivedProto(s, &o.Derived)
	if s.Usage != nil && o.Role != genai.UsageUnknown {
		s.Usage.Role, s.Usage.RepeatsSpanId = roleProto(o)
	}
	s.InputMessageCount, s.OutputMessageCount = clamp32(o.InputMessages), clamp32(o.OutputMessages)
	s.InputPreview, s.OutputPreview = validText(o.InputPreview), validText(o.OutputPreview)
	s.ContentsLeftOut = true
	return s
}

// nodeProto is a span of GetTraceTree.
func nodeProto(o *store.SpanOutline) *pb.SpanNode {
	s := &o.Span
	role, repeats := roleProto(o)
	return &pb.SpanNode{
		SpanId: s.SpanID.String(), ParentSpanId: s.ParentSpanID.String(), Name: validText(s.Name), Operation: validText(string(s.Operation)),
		StartTime: timestamp(s.Start), EndTime: timestamp(s.End), Error: failureProto(whyFailed(s)), WarningCount: clamp32(len(s.Warnings)),
		InputTokens: tokens(s.Usage.Input), OutputTokens: tokens(s.Usage.Output), Cost: costProto(s.Cost), UsageRole: role, RepeatsSpanId: repeats,
	}
}

// roleProto is what a span's usage is to its trace, and whose it repeats.
func roleProto(o *store.SpanOutline) (role, repeats *string) {
	if o.Role == genai.UsageUnknown {
		return nil, nil
	}
	return given(o.Role.String()), given(o.Repeats.String())
}

func clamp32(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

func spanProto(s *genai.Span) *pb.Span {
	p := &pb.Span{
		TraceId:            s.TraceID.String(),
		SpanId:             s.SpanID.String(),
		ParentSpanId:       s.ParentSpanID.String(),
		Name:               validText(s.Name),
		Kind:               pb.SpanKind(s.Kind),
		StartTime:          timestamp(s.Start),
		EndTime:            timestamp(s.End),
		Duration:           durationpb.New(s.Duration()),
		Status:             &pb.Status{Code: pb.Status_Code(s.StatusCode), Message: validText(s.StatusMessage)},
		Service:            serviceProto(&s.Service),
		Scope:              &pb.Scope{Name: validText(s.Scope.Name), Version: validText(s.Scope.Version)},
		Dialect:            validText(s.Dialect),
		DialectVersion:     validText(s.DialectVersion),
		Warnings:           each(s.Warnings, warningProto),
		Attributes:         attributeTexts(s.Attributes),
		Events:             each(s.Events, eventProto),
		Links:              each(s.Links, linkProto),
		InputMessageCount:  clamp32(len(s.Input)),
		OutputMessageCount: clamp32(len(s.Output)),
		Error:              errorProto(&s.Error),
		Evaluations:        each(s.Evaluations, evaluationProto),
		TraceState:         validText(s.TraceState),
	}
	if d := s.Dropped; d != (genai.Dropped{}) {
		p.Dropped = &pb.Dropped{Attributes: d.Attributes, Events: d.Events, Links: d.Links}
	}
	if s.IsGenAI() {
		genaiProto(p, s)
	}
	return p
}

// derivedProto adds what was worked out of the span when it was stored.
func derivedProto(p *pb.Span, d *store.Derived) {
	c := &d.Pricing
	if p.Cost == nil && (c.Unknown != "" || c.Reported.Amount != "") {
		p.Cost = &pb.Cost{}
	}
	if p.Cost != nil {
		p.Cost.Unknown = given(c.Unknown)
		p.Cost.ReportedAmount, p.Cost.ReportedCurrency = given(c.Reported.Amount), given(c.Reported.Currency)
		p.Cost.Parts = each(c.Parts, func(part *store.CostPart) *pb.CostPart {
			return &pb.CostPart{Tier: validText(part.Tier), Count: part.N, Amount: part.Amount}
		})
	}
	if v := d.Version; v != (genai.Fingerprint{}) {
		p.Fingerprint = &pb.Fingerprint{
			All: v.String(), Model: printText(v.Model), System: printText(v.System), Tools: printText(v.Tools), Params: printText(v.Params),
		}
	}
}

// printText is a part of a fingerprint; unset when nothing was said of it.
func printText(n uint64) *string {
	if n == 0 {
		return nil
	}
	return new(fmt.Sprintf("%016x", n))
}

// genaiProto fills the fields that only a GenAI span has.
func genaiProto(p *pb.Span, s *genai.Span) {
	p.Operation = validText(string(s.Operation))
	p.Provider = validText(s.Provider)
	p.Framework = validText(s.Framework)
	p.RequestModel = validText(s.RequestModel)
	p.ResponseModel = validText(s.ResponseModel)
	p.ResponseId = validText(s.ResponseID)
	p.Request = requestProto(&s.Request)
	p.Usage = usageProto(s.Usage)
	p.Cost = costProto(s.Cost)
	p.FinishReasons = validTexts(s.FinishReasons)
	if s.TimeToFirstToken > 0 {
		p.TimeToFirstToken = durationpb.New(s.TimeToFirstToken)
	}
	if a := s.Agent; a != (genai.Agent{}) {
		p.Agent = &pb.Agent{Id: validText(a.ID), Name: validText(a.Name), Description: validText(a.Description), Version: validText(a.Version)}
	}
	p.Workflow = validText(s.Workflow)
	p.ConversationId = validText(s.Conversation)
	p.UserId = validText(s.User)
	p.Prompt = promptProto(&s.Prompt)
	p.Tags = validTexts(s.Tags)
	p.Tool = toolProto(&s.Tool)
	p.Retrieval = retrievalProto(&s.Retrieval)
	p.Embedding = embeddingProto(&s.Embedding)
	p.SystemInstructions = each(s.System, partProto)
	p.InputMessages = each(s.Input, messageProto)
	p.OutputMessages = each(s.Output, messageProto)
	p.ToolDefinitions = each(s.Tools, toolDefinitionProto)
}

func serviceProto(s *genai.Service) *pb.Service {
	return &pb.Service{
		Name: validText(s.Name), Namespace: validText(s.Namespace), Version: validText(s.Version),
		InstanceId: validText(s.InstanceID), Environment: validText(s.Environment), Language: validText(s.Language),
	}
}

func warningProto(w *genai.Warning) *pb.Warning {
	return &pb.Warning{Code: validText(string(w.Code)), Field: validText(w.Field), Text: validText(w.Text)}
}

// usageProto is unset when nothing is known.
func usageProto(u genai.Usage) *pb.Usage {
	p := &pb.Usage{
		InputTokens: tokens(u.Input), OutputTokens: tokens(u.Output), CacheReadTokens: tokens(u.CacheRead),
		CacheWriteTokens: tokens(u.CacheWrite), ReasoningTokens: tokens(u.Reasoning), Rollup: u.Rollup, Rule: given(string(u.Rule)),
	}
	for _, r := range u.Reported {
		p.Reported = append(p.Reported, &pb.ReportedCount{Key: validText(r.Key), Count: r.N})
	}
	if p.InputTokens == nil && p.OutputTokens == nil && p.CacheReadTokens == nil && p.CacheWriteTokens == nil &&
		p.ReasoningTokens == nil && p.Reported == nil {
		return nil
	}
	return p
}

func tokens(t genai.Tokens) *int64 {
	if !t.Known {
		return nil
	}
	return &t.N
}

// costProto is unset when the cost is not known.
func costProto(c genai.Cost) *pb.Cost {
	if c.Amount == "" {
		return nil
	}
	return &pb.Cost{Amount: validText(c.Amount), Currency: validText(c.Currency), Source: validText(c.Source)}
}

// requestProto is unset when the sender gave no parameter.
func requestProto(r *genai.Request) *structpb.Struct {
	f := map[string]*structpb.Value{}
	whole := func(name string, v *int64) {
		if v != nil {
			f[name] = integer(*v)
		}
	}
	number := func(name string, v *float64) {
		if v != nil {
			f[name] = double(*v)
		}
	}
	word := func(name, v string) {
		if v != "" {
			f[name] = structpb.NewStringValue(validText(v))
		}
	}
	whole("max_tokens", r.MaxTokens)
	number("temperature", r.Temperature)
	number("top_p", r.TopP)
	number("top_k", r.TopK)
	number("frequency_penalty", r.FrequencyPenalty)
	number("presence_penalty", r.PresencePenalty)
	whole("seed", r.Seed)
	whole("choice_count", r.ChoiceCount)
	if r.Stream != nil {
		f["stream"] = structpb.NewBoolValue(*r.Stream)
	}
	if len(r.StopSequences) > 0 {
		list := &structpb.ListValue{}
		for _, s := range r.StopSequences {
			list.Values = append(list.Values, structpb.NewStringValue(validText(s)))
		}
		f["stop_sequences"] = structpb.NewListValue(list)
	}
	word("output_type", r.OutputType)
	word("output_schema", string(r.OutputSchema))
	word("reasoning_level", r.ReasoningLevel)
	word("server_address", r.ServerAddress)
	if len(f) == 0 {
		return nil
	}
	return &structpb.Struct{Fields: f}
}

func promptProto(p *genai.Prompt) *pb.Prompt {
	if p.Name == "" && p.Version == "" && len(p.Variables) == 0 {
		return nil
	}
	out := &pb.Prompt{Name: validText(p.Name), Version: validText(p.Version)}
	for _, v := range p.Variables {
		if out.Variables == nil {
			out.Variables = make(map[string]string, len(p.Variables))
		}
		out.Variables[validText(v.Name)] = validText(v.Value)
	}
	return out
}

func toolProto(t *genai.ToolExecution) *pb.Tool {
	if *t == (genai.ToolExecution{}) {
		return nil
	}
	return &pb.Tool{
		Name: validText(t.Name), Type: given(t.Type), Description: given(t.Description), CallId: given(t.CallID),
		Arguments: given(string(t.Arguments)), Result: given(string(t.Result)),
	}
}

func toolDefinitionProto(t *genai.ToolDefinition) *pb.ToolDefinition {
	return &pb.ToolDefinition{
		Type: validText(t.Type), Name: validText(t.Name), Description: given(t.Description), Parameters: given(string(t.Parameters)),
	}
}

func retrievalProto(r *genai.Retrieval) *pb.Retrieval {
	if r.DataSource == "" && r.Query == "" && r.TopK == 0 && len(r.Documents) == 0 {
		return nil
	}
	return &pb.Retrieval{
		DataSource: validText(r.DataSource), Query: given(r.Query), TopK: counted(r.TopK),
		Documents: each(r.Documents, documentProto),
	}
}

func documentProto(d *genai.Document) *pb.Document {
	p := &pb.Document{Id: validText(d.ID), Content: given(d.Content), Metadata: given(string(d.Metadata))}
	if d.HasScore {
		p.Score = &d.Score
	}
	return p
}

func embeddingProto(e *genai.Embedding) *pb.Embedding {
	if e.Dimensions == 0 && len(e.Items) == 0 {
		return nil
	}
	return &pb.Embedding{Dimensions: counted(e.Dimensions), Items: each(e.Items, func(i *genai.EmbeddingItem) *pb.EmbeddingItem {
		return &pb.EmbeddingItem{Text: given(i.Text), Vector: i.Vector}
	})}
}

func messageProto(m *genai.Message) *pb.Message {
	return &pb.Message{
		Role: validText(string(m.Role)), Name: validText(m.Name), Parts: each(m.Parts, partProto),
		FinishReason: validText(string(m.FinishReason)), Index: clamp32(int(m.Index)),
	}
}

func partProto(p *genai.Part) *pb.Part {
	return &pb.Part{
		Type: validText(string(p.Type)), Content: given(p.Content), Id: given(p.ID), Name: given(p.Name),
		Arguments: given(string(p.Arguments)), Response: given(string(p.Response)), Modality: given(p.Modality),
		MimeType: given(p.MIMEType), FileId: given(p.FileID), Uri: given(p.URI), Raw: given(string(p.Raw)),
	}
}

func evaluationProto(e *genai.Evaluation) *pb.Evaluation {
	p := &pb.Evaluation{
		Name: validText(e.Name), Label: given(e.Label), Explanation: given(e.Explanation),
		ResponseId: given(e.ResponseID), ErrorType: given(e.ErrorType), Time: timestamp(e.Time),
	}
	if e.HasScore {
		p.Score = &e.Score
	}
	return p
}

func errorProto(e *genai.Error) *pb.Error {
	if *e == (genai.Error{}) {
		return nil
	}
	return &pb.Error{Type: validText(e.Type), Message: validText(e.Message), Stacktrace: given(e.Stacktrace), HttpStatus: counted(e.HTTPStatus)}
}

func eventProto(e *genai.Event) *pb.Event {
	p := &pb.Event{Name: validText(e.Name), Time: timestamp(e.Time), Attributes: attributeStruct(e.Attributes)}
	if e.Body.Type != genai.TypeEmpty {
		p.Body = valueProto(e.Body)
	}
	return p
}

func linkProto(l *genai.Link) *pb.Link {
	return &pb.Link{
		TraceId: l.TraceID.String(), SpanId: l.SpanID.String(), TraceState: validText(l.TraceState),
		Attributes: attributeStruct(l.Attributes),
	}
}

// attributeTexts gives attributes as text; of a key that was sent twice the last value counts.
func attributeTexts(in []genai.Attribute) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	for _, a := range in {
		out[validText(a.Key)] = validText(a.Value.String())
	}
	return out
}

func attributeStruct(in []genai.Attribute) *structpb.Struct {
	if len(in) == 0 {
		return nil
	}
	out := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(in))}
	for _, a := range in {
		out.Fields[validText(a.Key)] = valueProto(a.Value)
	}
	return out
}

// valueProto is the value as JSON; what JSON cannot hold becomes text.
func valueProto(v genai.Value) *structpb.Value {
	switch v.Type {
	case genai.TypeEmpty:
		return structpb.NewNullValue()
	case genai.TypeBool:
		return structpb.NewBoolValue(v.Bool())
	case genai.TypeInt:
		return integer(v.Int())
	case genai.TypeDouble:
		return double(v.Double())
	case genai.TypeArray, genai.TypeMap:
		out := new(structpb.Value)
		if err := out.UnmarshalJSON([]byte(v.Text)); err == nil {
			return out
		}
	}
	return structpb.NewStringValue(validText(v.Text))
}

// maxExactInteger is the largest whole number up to which a float64, which JSON numbers are here, counts every one.
const maxExactInteger = 1 << 53

func integer(n int64) *structpb.Value {
	if n > maxExactInteger || n < -maxExactInteger {
		return structpb.NewStringValue(strconv.FormatInt(n, 10))
	}
	return structpb.NewNumberValue(float64(n))
}

func double(f float64) *structpb.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) { // proto3 JSON has no numbers for these
		return structpb.NewStringValue(genai.Double(f).String())
	}
	return structpb.NewNumberValue(f)
}
