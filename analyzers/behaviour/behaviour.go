// Package behaviour tells plain facts of how a call behaved: how long, in which language, in which form it answered, what it
// called on the way, how fast, and why it stopped.
//
// It detects nothing and judges nothing; its signals are what drift is looked for in. They are deterministic and take time linear
// in the span and in the part of the trace before it, which is bounded.
//
// It knows no network: a schema that refers to another document is not looked up.
package behaviour

import (
	"context"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/language"
	"github.com/tiltmeter/tiltmeter/genai"
)

// Name is the analyzer's.
const Name = "behaviour"

// The signals.
const (
	SignalLength          = "behaviour.length"
	SignalLanguage        = "behaviour.language"
	SignalFormat          = "behaviour.format"
	SignalRepetition      = "behaviour.repetition"
	SignalToolPath        = "behaviour.tool_path"
	SignalToolLoop        = "behaviour.tool_loop"
	SignalToolErrors      = "behaviour.tool_errors"
	SignalLatencyPerToken = "behaviour.latency_per_token"
	SignalFinishReason    = "behaviour.finish_reason"
)

// Options are what an operator may choose.
type Options struct {
	// Schemas bounds the compiled JSON schemas that are kept; 0 is DefaultSchemas.
	Schemas int
}

// Analyzer implements analyzers.Analyzer.
type Analyzer struct{ schemas *schemas }

// New makes an analyzer.
func New(o Options) *Analyzer {
	if o.Schemas == 0 {
		o.Schemas = DefaultSchemas
	}
	return &Analyzer{schemas: newSchemas(o.Schemas)}
}

// Describe implements analyzers.Analyzer.
func (*Analyzer) Describe() analyzers.Description {
	return analyzers.Description{
		Name: Name, Version: 1,
		Signals: []analyzers.SignalDescription{
			{Name: SignalLength, Means: "How many characters the answer has.", Unit: "{character}"},
			{Name: SignalLanguage, Means: "How clearly the answer is in the language of its label.", Unit: "1", Labels: language.All()},
			{
				Name: SignalFormat, Means: "The share of JSON that was asked for, answers and arguments of tools, that is valid and follows its schema.", Unit: "1",
				Labels: []string{FormatValid, FormatFenced, FormatUnchecked, FormatSchema, FormatInvalid},
			},
			{Name: SignalRepetition, Means: "The share of the answer's word sequences that it has said before.", Unit: "1"},
			{Name: SignalToolPath, Means: "How many tools the trace has called so far; the label is their sequence.", Unit: "{call}"},
			{Name: SignalToolLoop, Means: "How many calls of tools the trace has repeated with the same arguments.", Unit: "{call}"},
			{Name: SignalToolErrors, Means: "How many calls of tools have failed so far in the trace.", Unit: "{call}"},
			{Name: SignalLatencyPerToken, Means: "How long the call took for each token that it generated.", Unit: "s"},
			{
				Name: SignalFinishReason, Means: "Whether the answer was cut short (1) or ended by itself (0); the label is why it ended.", Unit: "1",
				Labels: append(reasons(), FinishOther),
			},
		},
	}
}

// Analyze implements analyzers.Analyzer. It applies to calls of models.
func (a *Analyzer) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	s := in.Span
	if !s.Operation.HasMessages() {
		return dst, nil
	}
	said := analyzers.Said(nil, s)
	length, answered := 0, false
	for i := range said {
		if said[i].Origin == analyzers.Answer || said[i].Origin == analyzers.Refused {
			length += utf8.RuneCountInString(said[i].Content)
			answered = true
		}
	}
	if answered {
		dst = append(dst, analyzers.Signal{Name: SignalLength, Score: float64(length)})
		dst = append(dst, wording(said)...)
	}
	if signal, ok := a.format(s, said); ok {
		dst = append(dst, signal)
	}
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	dst = append(dst, tools(in)...)
	dst = latency(s, dst)
	return finish(s, dst), nil
}

// latency appends how long each generated token took: the time behind the first token when that is known, else the whole.
func latency(s *genai.Span, dst []analyzers.Signal) []analyzers.Signal {
	tokens, took := s.Usage.Output.N, s.Duration()
	if !s.Usage.Output.Known || s.Failed() || took <= 0 {
		return dst
	}
	if first := s.TimeToFirstToken; first > 0 && first < took && tokens > 1 {
		took -= first
		tokens--
	}
	if tokens <= 0 {
		return dst
	}
	return append(dst, analyzers.Signal{Name: SignalLatencyPerToken, Score: took.Seconds() / float64(tokens)})
}

// FinishOther is the label of every finish reason that is not canonical.
const FinishOther = "other"

func reasons() []string {
	return []string{
		string(genai.FinishStop), string(genai.FinishLength), string(genai.FinishToolCall), string(genai.FinishContentFilter), string(genai.FinishError),
	}
}

// finish appends why the answer ended: the first of its reasons that is not that it simply did.
func finish(s *genai.Span, dst []analyzers.Signal) []analyzers.Signal {
	all := s.FinishReasons
	for i := range s.Output {
		if r := s.Output[i].FinishReason; r != "" && len(s.FinishReasons) == 0 {
			all = append(all, r)
		}
	}
	reason := genai.FinishReason("")
	for _, r := range all {
		if reason == "" || reason == genai.FinishStop {
			reason = r
		}
	}
	signal := analyzers.Signal{Name: SignalFinishReason, Label: FinishOther}
	switch reason {
	case "":
		return dst
	case genai.FinishLength, genai.FinishContentFilter, genai.FinishError:
		signal.Label, signal.Score = string(reason), 1
	case genai.FinishStop, genai.FinishToolCall:
		signal.Label = string(reason)
	}
	return append(dst, signal)
}
