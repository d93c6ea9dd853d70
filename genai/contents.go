package genai

import "slices"

// What a model call was asked and what it answered may come with the span, in log records before or after it, or not at
// all. So nobody can say of a span alone that its content is missing, and it is said where all of it is known: in
// MissingContent, of a span with its records merged.

// HasMessages reports whether the operation is a call of a model that is asked and answers in messages; embeddings and
// rerankings are calls without.
func (o Operation) HasMessages() bool {
	switch o {
	case OpChat, OpTextCompletion, OpGenerateContent:
		return true
	}
	return false
}

// HasContent reports whether the part says anything. A sender that captures no content still names the
// types of parts and the tools that were called.
func (p *Part) HasContent() bool {
	switch p.Type {
	case PartToolCall, PartServerToolCall:
		return p.Arguments != "" || p.Raw != ""
	}
	return p.Content != "" || p.Response != "" || p.URI != "" || p.FileID != "" || p.Raw != ""
}

// AnyContent reports whether one of the messages says anything: a list of roles alone does not.
func AnyContent(list []Message) bool {
	for i := range list {
		for j := range list[i].Parts {
			if list[i].Parts[j].HasContent() {
				return true
			}
		}
	}
	return false
}

// The canonical fields that WarnContentMissing names when a whole side of a call is not there.
const (
	FieldInput  = "gen_ai.input.messages"
	FieldOutput = "gen_ai.output.messages"
)

// MissingContent settles whether content is missing: input and output say what the span and its log records have, told that
// there are such records. A side that neither has is warned about; where the records brought all, a span's own
// doubt is gone. The answer of a call that failed is not missed, nor one that a content filter withheld.
func (s *Span) MissingContent(input, output, told bool) {
	if !s.Operation.HasMessages() {
		return
	}
	output = output || s.Failed() || slices.Contains(s.FinishReasons, FinishContentFilter)
	if told && input && output {
		kept := s.Warnings[:0:0]
		for _, w := range s.Warnings {
			if w.Code != WarnContentMissing {
				kept = append(kept, w)
			}
		}
		s.Warnings = kept
	}
	if !input {
		s.Warnings = append(s.Warnings, Warning{WarnContentMissing, FieldInput, "what the model was asked is neither on the span nor in a log record of it"})
	}
	if !output {
		s.Warnings = append(s.Warnings, Warning{WarnContentMissing, FieldOutput, "what the model answered is neither on the span nor in a log record of it"})
	}
}
