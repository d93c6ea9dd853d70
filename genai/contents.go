package genai

import "slices"

// What a model call was asked and what it answered may come with the span, in log records before or after it, or not at
// all. So nobody can say of a span alone that its content is missing, and it is said where all of it is known: in
// MissingContent, of a span with its records merged.

// HasMessages reports whether the operation is a call of a model that is asked and answers in messages; embeddings and
// rerankings are calls without.
func (o Operation) HasMessages() bool { return slices.Contains(MessageOperations[:], o) }

// MessageOperations are those that HasMessages is true of.
var MessageOperations = [...]Operation{OpChat, OpTextCompletion, OpGenerateContent}

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
	return slices.ContainsFunc(list, func(m Message) bool { return anyPart(m.Parts) })
}

func anyPart(list []Part) bool {
	for i := range list {
		if list[i].HasContent() {
			return true
		}
	}
	return false
}

// The canonical fields that WarnContentMissing names when a whole side of a call is not there.
const (
	FieldInput  = "gen_ai.input.messages"
	FieldOutput = "gen_ai.output.messages"
)

// Settled says of each side of a call whether it is there or not to be missed. Who was refused was often not heard, and
// has no answer; instructions alone may be all that a model is asked; and of an answer that broke off or was withheld
// nothing may be left.
func (s *Span) Settled() (input, output bool) {
	failed := s.Failed()
	input = failed || s.HasInput()
	output = failed || AnyContent(s.Output) || slices.ContainsFunc(s.FinishReasons, FinishReason.cutsShort) ||
		slices.ContainsFunc(s.Output, func(m Message) bool { return m.FinishReason.cutsShort() })
	return input, output
}

// cutsShort reports whether an answer that finished so may be empty.
func (f FinishReason) cutsShort() bool { return f == FinishLength || f == FinishContentFilter }

// HasInput reports whether a message or the system instructions say anything.
func (s *Span) HasInput() bool { return anyPart(s.System) || AnyContent(s.Input) }

// MissingContent settles whether content is missing: input and output say what the span and its log records have, told that
// records brought some of it. A side that neither has is warned about, once and unless it is Settled; where the records
// brought all, a span's own doubt is gone.
func (s *Span) MissingContent(input, output, told bool) {
	if !s.Operation.HasMessages() {
		return
	}
	in, out := s.Settled()
	input, output = input || in, output || out
	if told && input && output {
		s.Warnings = slices.DeleteFunc(slices.Clone(s.Warnings), func(w Warning) bool { return w.Code == WarnContentMissing })
	}
	if !input {
		s.missing(FieldInput, "what the model was asked is neither on the span nor in a log record of it")
	}
	if !output {
		s.missing(FieldOutput, "what the model answered is neither on the span nor in a log record of it")
	}
}

// missing warns about a field that nothing is said of yet: a marker in it says why it is not there.
func (s *Span) missing(field, text string) {
	if !slices.ContainsFunc(s.Warnings, func(w Warning) bool { return w.Code == WarnContentMissing && w.Field == field }) {
		s.Warnings = append(s.Warnings, Warning{WarnContentMissing, field, text})
	}
}
