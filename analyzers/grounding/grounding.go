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
	"github.com/tiltmeter/tiltmeter/analyzers/language"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
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
	word    []byte
	asked   bool
	bare    bool // see bare
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
				Means:  "The answer says something that does not follow from what the model was given.",
				Labels: []string{LabelSupported, LabelUnsupported},
			},
			{
				Name: SignalUncertainty, Unit: "{nat}",
				Means:  "The model might have answered otherwise: its samples disagree, or its tokens were improbable.",
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
	w.said = answers(analyzers.Said(w.said[:0], in.Span))
	if !in.Span.Operation.IsInference() || len(w.said) == 0 {
		return dst, nil
	}
	w.given = analyzers.Given(w.given[:0], in)
	if w.load() {
		if w.translates() {
			return dst, nil
		}
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

// silence is the log-odds of an answer to bare sources in which nothing was found that can be looked up.
const silence = -3

// lookedUp lowers the margins of sentences in which nothing was found that can be looked up, and is the highest.
func (w *work) lookedUp() float32 {
	n := len(w.margins)
	score := float32(silence)
	for i := range w.margins {
		switch w.align.Sentences[i].Finding.Kind {
		case align.NewURL, align.NewCitation, align.NewNumber:
			score = max(score, w.margins[i].Mixed(n, w.asked))
		default:
			w.margins[i] = model.Margins{Local: silence, Full: silence}
		}
	}
	return score
}

// answers are the texts of choices that answer. What a model says beside a call of a tool is what it is about to do: nothing that it was
// given bears that out, and nothing need.
func answers(said []analyzers.Text) []analyzers.Text {
	calls := map[int]bool{}
	for i := range said {
		if said[i].Origin == analyzers.ToolCall {
			calls[said[i].Index] = true
		}
	}
	return slices.DeleteFunc(said, func(t analyzers.Text) bool { return t.Origin != analyzers.Answer || calls[t.Index] })
}

// sampled is how much of the answer and of the sources tells their language, bytes.
const sampled = 4096

// leastClear is how clearly both must be in their languages.
const leastClear = 0.2

// translates reports whether the answer is in another language than the sources. Words are compared, so that there is no verdict then.
func (w *work) translates() bool {
	var said, given language.Tally
	w.tally(&said, sampled, len(w.said), func(i int) string { return w.said[i].Content })
	w.tally(&given, sampled, len(w.sources), func(i int) string { return w.sources[i].Content })
	a, clear := said.Language()
	b, clearToo := given.Language()
	return a != b && min(clear, clearToo) >= leastClear // what is undetermined is not clear at all
}

// tally counts words of n texts, up to a number of bytes.
func (w *work) tally(t *language.Tally, room, n int, of func(int) string) {
	for i := 0; i < n && room > 0; i++ {
		s := of(i)
		s = s[:boundary(s, min(len(s), room))]
		room -= len(s)
		t.Letters(s)
		w.word = text.Words(s, w.word, func(b []byte, _ text.Range) bool {
			t.Word(b)
			return true
		})
	}
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
	w.bare = bare(w.sources)
	return context
}

// prosePerSource is from which length of sentences on a tool's result is a text, bytes.
const prosePerSource = 200

// bare reports whether all that was given are rows, fields and code of tools. An answer puts them into words that stand nowhere in them, so
// that only what can be looked up counts: numbers, addresses, citations.
func bare(sources []*analyzers.Text) bool {
	for _, t := range sources {
		if t.Origin == analyzers.ToolResult && prose(t.Content) < prosePerSource || t.Origin == analyzers.Instructions {
			continue
		}
		return false
	}
	return true
}

// leastRun is how many words in a row make a sentence and no field or line of code.
const leastRun = 8

// prose is the length of those parts of a text in which leastRun words or more follow each other with no more than commas, full stops
// and spaces between them, in bytes, as far as prosePerSource.
func prose(s string) (n int) {
	first, words, end := 0, 0, 0
	text.Words(s, nil, func(w []byte, at text.Range) bool {
		if words == 0 || strings.Trim(s[end:at.Start], " ,.;'’-\n") != "" || w[0] >= '0' && w[0] <= '9' && words == 0 {
			first, words = at.Start, 0
		}
		words, end = words+1, at.End
		if words == leastRun {
			n += end - first
		} else if words > leastRun {
			n += len(w) + 1
		}
		return n < prosePerSource
	})
	return n
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
		form := s.Form(len(w.align.Sentences))
		z := a.model.Sentence(s.Features[:], w.grams, form, !w.asked)
		w.margins = append(w.margins, z.Found(s.Finding.Kind, form))
	}
	var score float32
	if w.bare {
		score = w.lookedUp()
	} else {
		score, w.figures = a.model.Score(w.margins, &w.align.Answer, w.asked, w.figures)
	}
	s := analyzers.Signal{Name: Signal, Score: float64(score), Probability: model.Probability(score), Label: LabelSupported}
	if s.Probability >= a.threshold {
		s.Label = LabelUnsupported
	}
	s.Evidence = w.evidence(parts, s.Probability >= half)
	return s
}
