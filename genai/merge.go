package genai

import (
	"cmp"
	"slices"
)

// Merge joins fragments that log records carried into s, field by field. What s has already
// stays; of two message lists one that says something goes before one of roles alone, then the longer one wins, and the
// list of s when they are equally long, so content that came twice is kept once; of two of fragments the one with more parts.
// What spans have of their own (attributes, links) is not merged. Fragments whose Name is a message event
// (gen_ai.*.message, gen_ai.choice) hold one message of a list and are joined by their time,
// equal times in the order given; choices are then put in the order of their index.
func (s *Span) Merge(fragments []Span) {
	order := make([]*Span, len(fragments))
	for i := range fragments {
		order[i] = &fragments[i]
	}
	slices.SortStableFunc(order, func(a, b *Span) int { return a.Start.Compare(b.Start) })
	var in, out, wholeIn, wholeOut []Message
	for _, f := range order {
		s.mergeFields(f)
		if f.Partial {
			in, out = append(in, f.Input...), append(out, f.Output...)
			continue
		}
		wholeIn, wholeOut = fuller(wholeIn, f.Input), fuller(wholeOut, f.Output)
	}
	s.Input, s.Output = longer(s.Input, wholeIn), longer(s.Output, wholeOut)
	slices.SortStableFunc(out, func(a, b Message) int { return cmp.Compare(a.Index, b.Index) })
	s.Input, s.Output = longer(s.Input, in), longer(s.Output, out)
	s.CompleteFinishReasons()
}

// CompleteFinishReasons adds the reasons that only the output messages carry, in their order.
func (s *Span) CompleteFinishReasons() {
	had, n := len(s.FinishReasons), 0
	for i := range s.Output {
		if f := s.Output[i].FinishReason; f != "" {
			if n++; n > had {
				s.FinishReasons = append(s.FinishReasons, f)
			}
		}
	}
}

func longer(a, b []Message) []Message {
	says, bSays := AnyContent(a), AnyContent(b)
	if bSays && !says || bSays == says && len(b) > len(a) {
		return b
	}
	return a
}

// fuller is the longer list, of two that are equally long the one with more parts: a record may have the text of an answer alone,
// and another one all of it.
func fuller(a, b []Message) []Message {
	parts := func(list []Message) (n int) {
		for i := range list {
			n += len(list[i].Parts)
		}
		return n
	}
	if len(a) == len(b) && AnyContent(a) == AnyContent(b) && parts(b) > parts(a) {
		return b
	}
	return longer(a, b)
}

func (s *Span) mergeFields(f *Span) {
	s.Operation = cmp.Or(s.Operation, f.Operation)
	s.Provider = cmp.Or(s.Provider, f.Provider)
	s.Framework = cmp.Or(s.Framework, f.Framework)
	s.RequestModel = cmp.Or(s.RequestModel, f.RequestModel)
	s.ResponseModel = cmp.Or(s.ResponseModel, f.ResponseModel)
	s.ResponseID = cmp.Or(s.ResponseID, f.ResponseID)
	s.Conversation = cmp.Or(s.Conversation, f.Conversation)
	s.User = cmp.Or(s.User, f.User)
	if len(s.System) == 0 {
		s.System = f.System
	}
	if len(s.FinishReasons) == 0 && !f.Partial { // of several choices each has its own
		s.FinishReasons = f.FinishReasons
	}
	if !s.Usage.Known() {
		s.Usage = f.Usage
	}
	if s.Cost.Amount == "" {
		s.Cost = f.Cost
	}
	if len(s.Tools) == 0 {
		s.Tools = f.Tools
	}
	if len(s.Tags) == 0 {
		s.Tags = f.Tags
	}
	s.Workflow = cmp.Or(s.Workflow, f.Workflow)
	s.TimeToFirstToken = cmp.Or(s.TimeToFirstToken, f.TimeToFirstToken)
	s.Agent.merge(&f.Agent)
	if s.Prompt.Name == "" && s.Prompt.Version == "" && len(s.Prompt.Variables) == 0 { // a version is one of its own prompt
		s.Prompt = f.Prompt
	}
	s.Request.merge(&f.Request)
	s.Tool.merge(&f.Tool)
	s.Retrieval.merge(&f.Retrieval)
	s.Embedding.Dimensions = cmp.Or(s.Embedding.Dimensions, f.Embedding.Dimensions)
	if len(s.Embedding.Items) == 0 {
		s.Embedding.Items = f.Embedding.Items
	}
	if s.Error == (Error{}) {
		s.Error = f.Error
	}
	for _, w := range f.Warnings { // of a content that one record lacks another may have: see MissingContent
		if w.Code != WarnContentMissing && !slices.Contains(s.Warnings, w) {
			s.Warnings = append(s.Warnings, w)
		}
	}
	for _, e := range f.Evaluations {
		if !slices.Contains(s.Evaluations, e) {
			s.Evaluations = append(s.Evaluations, e)
		}
	}
}

func (a *Agent) merge(f *Agent) {
	a.ID = cmp.Or(a.ID, f.ID)
	a.Name = cmp.Or(a.Name, f.Name)
	a.Description = cmp.Or(a.Description, f.Description)
	a.Version = cmp.Or(a.Version, f.Version)
}

func (r *Request) merge(f *Request) {
	r.MaxTokens = cmp.Or(r.MaxTokens, f.MaxTokens)
	r.Temperature = cmp.Or(r.Temperature, f.Temperature)
	r.TopP = cmp.Or(r.TopP, f.TopP)
	r.TopK = cmp.Or(r.TopK, f.TopK)
	r.FrequencyPenalty = cmp.Or(r.FrequencyPenalty, f.FrequencyPenalty)
	r.PresencePenalty = cmp.Or(r.PresencePenalty, f.PresencePenalty)
	r.Seed = cmp.Or(r.Seed, f.Seed)
	r.ChoiceCount = cmp.Or(r.ChoiceCount, f.ChoiceCount)
	r.Stream = cmp.Or(r.Stream, f.Stream)
	r.OutputType = cmp.Or(r.OutputType, f.OutputType)
	r.OutputSchema = cmp.Or(r.OutputSchema, f.OutputSchema)
	r.ReasoningLevel = cmp.Or(r.ReasoningLevel, f.ReasoningLevel)
	r.ServerAddress = cmp.Or(r.ServerAddress, f.ServerAddress)
	if len(r.StopSequences) == 0 {
		r.StopSequences = f.StopSequences
	}
}

func (t *ToolExecution) merge(f *ToolExecution) {
	t.Name = cmp.Or(t.Name, f.Name)
	t.Type = cmp.Or(t.Type, f.Type)
	t.Description = cmp.Or(t.Description, f.Description)
	t.CallID = cmp.Or(t.CallID, f.CallID)
	t.Arguments = cmp.Or(t.Arguments, f.Arguments)
	t.Result = cmp.Or(t.Result, f.Result)
}

func (r *Retrieval) merge(f *Retrieval) {
	r.DataSource = cmp.Or(r.DataSource, f.DataSource)
	r.Query = cmp.Or(r.Query, f.Query)
	r.TopK = cmp.Or(r.TopK, f.TopK)
	if len(r.Documents) == 0 {
		r.Documents = f.Documents
	}
}
