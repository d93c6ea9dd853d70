package genai

import (
	"cmp"
	"slices"
)

// Merge joins fragments that log records carried into s, field by field. What s has already
// stays; of two message lists the longer one wins, and the list of s when they are equally long,
// so content that came twice is kept once. Fragments whose Name is a message event
// (gen_ai.*.message, gen_ai.choice) hold one message of a list and are joined by their time,
// equal times in the order given; choices are then put in the order of their index.
func (s *Span) Merge(fragments []Span) {
	order := make([]*Span, len(fragments))
	for i := range fragments {
		order[i] = &fragments[i]
	}
	slices.SortStableFunc(order, func(a, b *Span) int { return a.Start.Compare(b.Start) })
	var in, out []Message
	for _, f := range order {
		s.mergeFields(f)
		if f.Partial {
			in, out = append(in, f.Input...), append(out, f.Output...)
			continue
		}
		s.Input, s.Output = longer(s.Input, f.Input), longer(s.Output, f.Output)
	}
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
	if len(b) > len(a) {
		return b
	}
	return a
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
