// Package analyzers says what an analyzer of single spans is, and what it says of them.
//
// An Analyzer scores one span with what its trace tells about it: deterministically, without state between
// calls, and with evidence for each signal. The list of them is in builtin, the suite that each passes in analyzertest, what
// runs them behind the log in runner.
//
// This package knows genai alone: no storage, no transport, no detector.
package analyzers

import (
	"context"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Analyzer scores one span. The same input and the same version give the same signals, on any machine, in any order.
type Analyzer interface {
	// Describe is constant.
	Describe() Description

	// Analyze appends the signals of in.Span to dst and returns it. It must be safe for concurrent use, must keep neither in nor
	// dst, must return soon after ctx is done, and must give evidence for what it asserts. Time and memory are linear in
	// the texts, whatever they hold. A span that it does not apply to is no error: it appends nothing.
	Analyze(ctx context.Context, in *Input, dst []Signal) ([]Signal, error)
}

// Description introduces an analyzer.
type Description struct {
	Name    string // one lower-case word; the first part of its signals' names
	Version int    // raised whenever the same input may give other signals
	Signals []SignalDescription
}

// SignalDescription introduces one signal.
type SignalDescription struct {
	Name   string   // "refusal", "refusal.wrongful"
	Means  string   // what a high score says, one sentence
	Unit   string   // UCUM: "1" for a share or probability, "{character}", "s"
	Labels []string // the labels it gives; none for a plain number
	// Detects marks a signal whose probability says that something is there; a plain fact has none.
	Detects bool
}

// Input is a span with what its trace knows of it.
type Input struct {
	Span  *genai.Span
	Trace []genai.Span // the trace's spans by start, with Span among them; may be nil
}

// Signal is what an analyzer says of a span.
type Signal struct {
	Name  string
	Score float64 // in the signal's unit; of a detector the raw score, which orders but is no probability

	// Probability is the calibrated probability in [0, 1] that what the signal detects is there; of a plain fact 0.
	Probability float64
	Label       string
	Evidence    []Evidence
}

// Evidence is one reason for a signal.
type Evidence struct {
	Reason  string   `json:"reason"`          // of the analyzer's closed vocabulary: "number_unsupported"
	Text    string   `json:"text,omitempty"`  // one sentence for a human
	Score   float64  `json:"score,omitempty"` // this reason's own probability or weight
	Passage          // what it says it of
	Source  *Passage `json:"source,omitempty"` // what that was held against
}

// Passage is a part of a text of a span: the bytes [Start, End) of its UTF-8, as Said and Given have it.
type Passage struct {
	Place
	Start int    `json:"start"`
	End   int    `json:"end"`
	Quote string `json:"quote"` // the part itself, cut after MaxQuote bytes at a character
}

// MaxQuote bounds the bytes that a quote repeats; its offsets are those of the whole part.
const MaxQuote = 512

// MaxEvidence bounds the pieces of evidence of one signal: the weightiest stay.
const MaxEvidence = 32

// Field names the part of a span that holds a text.
type Field string

// The fields that hold texts.
const (
	FieldSystem    Field = "system"         // Span.System[Part]
	FieldInput     Field = "input"          // Span.Input[Index].Parts[Part]
	FieldOutput    Field = "output"         // Span.Output[Index].Parts[Part]
	FieldDocument  Field = "documents"      // Span.Retrieval.Documents[Index].Content
	FieldQuery     Field = "query"          // Span.Retrieval.Query
	FieldArguments Field = "tool.arguments" // Span.Tool.Arguments
	FieldResult    Field = "tool.result"    // Span.Tool.Result
)

// Place is where a text stands.
type Place struct {
	SpanID genai.SpanID `json:"span_id"`
	Field  Field        `json:"field"`
	Index  int          `json:"index"`
	Part   int          `json:"part"`
}
