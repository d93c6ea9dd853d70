// Package grounding detects hallucinations: it holds an answer, sentence by sentence, against what the model was given across the
// trace, and says which sentences are not borne out, why, and what they were held against.
//
// It promises the same verdict for the same texts on any machine, calibrated probabilities, a source for each doubt, and time
// and memory linear in the texts. Where nothing was given there is no verdict: then it measures how unsure the model was.
// CARD.md tells what it was measured on and where it fails. It knows words, numbers and names; it does not understand.
package grounding

import (
	"context"
	_ "embed"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

// The signals.
const (
	Signal            = "grounding"
	SignalUncertainty = "grounding.uncertainty"
)

// The labels of Signal.
const (
	LabelSupported   = "supported"
	LabelUnsupported = "unsupported"
)

// The labels of SignalUncertainty: what it was read from.
const (
	LabelSamples  = "samples"
	LabelLogProbs = "log_probabilities"
)

// Options of an analyzer; the zero value is ready.
type Options struct {
	// Threshold is the probability from which on an answer is labelled unsupported; 0 is 0.5. It moves no probability.
	Threshold float64
}

const (
	half = 0.5
	// minSource is how long, in bytes, a text that is neither document nor tool result must be to count as a context and not as a question.
	minSource = 400
	// maxChoices bounds the answers of one span that are compared; the further ones are passed over.
	maxChoices = 8
	// maxSources bounds the texts that an answer is held against, and maxSourceBytes all of them together; what lies beyond is passed over.
	maxSources     = 512
	maxSourceBytes = 1 << 20
	// noticed is the probability from which on a sentence is shown as evidence.
	noticed = 0.2
)

//go:embed weights.bin
var weights []byte

// fitted is the model that the weights hold, read once: they are part of the binary.
var fitted = sync.OnceValue(func() *model.Model {
	m, err := model.Read(weights)
	if err != nil {
		panic("grounding: the weights in this binary: " + err.Error())
	}
	return m
})

// Analyzer implements analyzers.Analyzer.
type Analyzer struct {
	threshold float64
	model     *model.Model
	work      sync.Pool // of *work
}

// work is the memory of one call.
type work struct {
	align   *align.Aligner
	given   []analyzers.Text
	said    []analyzers.Text
	sources []*analyzers.Text
	texts   []string
	margins []model.Margins
	grams   []uint32
	figures []float32
	asked   bool
}

// New makes an Analyzer.
func New(o Options) *Analyzer {
	if o.Threshold == 0 {
		o.Threshold = half
	}
	a := &Analyzer{threshold: o.Threshold, model: fitted()}
	a.work.New = func() any { return &work{align: align.New(a.model.IDF)} }
	return a
}

// Describe implements analyzers.Analyzer.
func (a *Analyzer) Describe() analyzers.Description {
	return analyzers.Description{
		Name:    Signal,
		Version: 1,
		Signals: []analyzers.SignalDescription{
			{
				Name: Signal, Unit: "1", Detects: true,
				Means:  "the answer says something that does not follow from what the model was given",
				Labels: []string{LabelSupported, LabelUnsupported},
			},
			{
				Name: SignalUncertainty, Unit: "{nat}",
				Means:  "the model might have answered otherwise: its samples disagree, or its tokens were improbable",
				Labels: []string{LabelSamples, LabelLogProbs},
			},
		},
	}
}

// Analyze implements analyzers.Analyzer.
func (a *Analyzer) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	w := a.work.Get().(*work)
	defer a.release(w)
	w.said = analyzers.Said(w.said[:0], in.Span)
	w.said = slices.DeleteFunc(w.said, func(t analyzers.Text) bool { return t.Origin != analyzers.Answer })
	if !in.Span.Operation.IsInference() || len(w.said) == 0 {
		return dst, nil
	}
	w.given = analyzers.Given(w.given[:0], in)
	if w.load() {
		s, err := a.judge(ctx, w)
		if err != nil {
			return dst, err
		}
		return append(dst, s), nil
	}
	// No verdict: a signal would count in rates as an answer that is borne out.
	if s, ok := uncertain(in.Span, w.said); ok {
		dst = append(dst, s)
	}
	return dst, nil
}

// release gives memory back, without the texts of the input.
func (a *Analyzer) release(w *work) {
	const keep = 1 << 16 // words; the memory of longer texts is left to the collector
	if w.align.Words() > keep {
		return
	}
	clear(w.given)
	clear(w.said[:cap(w.said)])
	clear(w.sources)
	clear(w.texts)
	w.align.Reset()
	a.work.Put(w)
}

// load sorts what was given into sources and questions, and reports whether there is a context: a document, a tool's result, or a
// long text that came with the conversation.
func (w *work) load() (context bool) {
	w.align.Reset()
	w.sources = w.sources[:0]
	room := maxSourceBytes
	fetched := slices.ContainsFunc(w.given, func(t analyzers.Text) bool {
		return t.Origin == analyzers.Document || t.Origin == analyzers.ToolResult
	})
	for i := range w.given {
		t := &w.given[i]
		source, evident := role(t, fetched)
		if len(w.sources) == maxSources || len(t.Content) > room {
			source = false
		}
		if !source {
			w.align.AddQuestion(t.Content[:boundary(t.Content, min(len(t.Content), room))])
			continue
		}
		room -= len(t.Content)
		context = context || evident
		w.sources = append(w.sources, t)
		w.align.AddSource(t.Content)
	}
	if context {
		w.align.Index()
	}
	return context
}

// boundary is the last byte up to i at which a character of s begins, or its end.
func boundary(s string, i int) int {
	for i > 0 && i < len(s) && s[i]&0xC0 == 0x80 {
		i--
	}
	return i
}

// role says whether an answer may follow from a text, and whether that text is there for answers to follow from. fetched says that
// there are documents or tool results: then what the user says is a question, however long.
func role(t *analyzers.Text, fetched bool) (source, context bool) {
	switch t.Origin {
	case analyzers.Document, analyzers.ToolResult:
		return true, true
	case analyzers.User:
		long := len(t.Content) >= minSource && !fetched
		return long, long
	case analyzers.Instructions:
		// Instructions say how to answer. They hold a context too when they say so: applications put their passages there.
		long := len(t.Content) >= minSource
		return long, long && announces(t.Content)
	}
	return false, false
}

// announces reports whether a text says that a context follows.
func announces(s string) bool {
	for _, mark := range [...]string{
		"ontext:", "assage 1", "ocument 1", "ource 1", "<document", "<context", "ocuments:", "assages:", "ources:", "nformation:", "[1]", "CONTEXT", "DOCUMENT",
	} {
		if strings.Contains(s, mark) {
			return true
		}
	}
	return false
}

// judge compares each answer of the span and says how the most doubtful one fares.
func (a *Analyzer) judge(ctx context.Context, w *work) (analyzers.Signal, error) {
	worst := analyzers.Signal{Name: Signal, Score: math.Inf(-1)}
	first, choices := 0, 0
	for first < len(w.said) && choices < maxChoices {
		if err := ctx.Err(); err != nil {
			return worst, err
		}
		end := first + 1
		for end < len(w.said) && w.said[end].Index == w.said[first].Index {
			end++
		}
		if s := a.answer(w, w.said[first:end]); s.Score > worst.Score {
			worst = s
		}
		first, choices = end, choices+1
	}
	return worst, nil
}

// answer compares one answer, which may have several parts.
func (a *Analyzer) answer(w *work, parts []analyzers.Text) analyzers.Signal {
	w.texts = w.texts[:0]
	for i := range parts {
		w.texts = append(w.texts, parts[i].Content)
	}
	w.align.Compare(w.texts...)
	w.asked = w.align.Asked()
	w.margins = w.margins[:0]
	for i := range w.align.Sentences {
		w.grams = w.align.Grams(w.grams[:0], i)
		s := &w.align.Sentences[i]
		z := a.model.Sentence(s.Features[:], w.grams, s.Form(len(w.align.Sentences)), !w.asked)
		w.margins = append(w.margins, z.Found(s.Finding.Kind))
	}
	var score float32
	score, w.figures = a.model.Score(w.margins, &w.align.Answer, w.asked, w.figures)
	s := analyzers.Signal{Name: Signal, Score: float64(score), Probability: model.Probability(score), Label: LabelSupported}
	if s.Probability >= a.threshold {
		s.Label = LabelUnsupported
	}
	s.Evidence = w.evidence(parts, s.Probability >= half)
	return s
}
