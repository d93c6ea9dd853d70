// Package refusal detects that a model did not do what it was asked, and says in which way.
//
// One flag cannot be right: "I can't help with that", a sermon in place of an answer, "I have no access to your calendar" and "the
// passages do not say" are different events. So an answer gets a label (full, partial, inability, abstains, error or
// compliance), two scores, one for a refusal of any kind and one for a flat one, and the sentences that show it.
// A third signal judges whether the prompt was benign, so that the refusal was wrong.
//
// Answers are read by cues: word patterns in data files, one a language (lang/*.cues). Weights of cues were set by hand and
// are in head.go; what they are worth was measured, see CARD.md. The package knows no store and no network.
package refusal

import (
	"context"
	"slices"
	"sync"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
	"github.com/tiltmeter/tiltmeter/genai"
)

// The signals.
const (
	SignalAny      = "refusal"
	SignalFull     = "refusal.full"
	SignalWrongful = "refusal.wrongful"
)

// The labels of SignalAny.
const (
	LabelFull       = "full"       // declines and leaves it at that
	LabelPartial    = "partial"    // declines at length, moralises, deflects, offers something else, or does another task
	LabelInability  = "inability"  // says that it lacks the means, the knowledge or the nature; no refusal
	LabelAbstains   = "abstains"   // says that what it was given does not hold the answer; no refusal
	LabelError      = "error"      // is the text of a technical error; no refusal
	LabelCompliance = "compliance" // the rest
)

// Version is raised whenever the same span may get other signals: also by a change of cues.
const Version = 1

// Detector is the analyzer. It is safe for concurrent use.
type Detector struct {
	answers *lexicon
	prompts *lexicon
	memory  sync.Pool
}

var _ analyzers.Analyzer = (*Detector)(nil)

// New makes a detector. The cues are read once in a process.
func New() *Detector {
	return &Detector{answers: answerCues(), prompts: promptCues(), memory: sync.Pool{New: func() any { return new(memory) }}}
}

// Describe implements analyzers.Analyzer.
func (d *Detector) Describe() analyzers.Description {
	return analyzers.Description{
		Name:    "refusal",
		Version: Version,
		Signals: []analyzers.SignalDescription{
			{
				Name: SignalAny, Means: "The answer refuses what was asked, flatly or in part.", Unit: "1", Detects: true,
				Labels: []string{LabelFull, LabelPartial, LabelInability, LabelAbstains, LabelError, LabelCompliance},
			},
			{Name: SignalFull, Means: "The answer refuses flatly: it says that it will not or cannot assist, and leaves it at that.", Unit: "1", Detects: true},
			{Name: SignalWrongful, Means: "The answer refuses a prompt that asks for nothing harmful.", Unit: "1", Detects: true},
		},
	}
}

// memory is what one call needs and the next can use again.
type memory struct {
	texts     []analyzers.Text
	given     []analyzers.Text
	sentences []text.Range
	search    search
	answer    answer
	best      answer
	voice     answer
	voices    []int
}

// Analyze implements analyzers.Analyzer. A span that neither said anything nor was stopped by a content filter gets no signal.
func (d *Detector) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	m := d.memory.Get().(*memory)
	defer d.memory.Put(m)
	defer m.forget()
	m.texts = analyzers.Said(m.texts[:0], in.Span)
	v, ok, err := d.verdict(ctx, in.Span, m)
	if err != nil || !ok {
		return dst, err
	}
	dst = append(dst,
		analyzers.Signal{Name: SignalAny, Score: v.score, Probability: probability(v.score), Label: v.label, Evidence: v.evidence},
		analyzers.Signal{Name: SignalFull, Score: v.full, Probability: probability(v.full), Evidence: v.evidence},
	)
	if w, ok := d.wrongful(in.Span, m, &v); ok {
		dst = append(dst, w)
	}
	return dst, nil
}

// verdict is what is said of a span's answer.
type verdict struct {
	score, full float64 // of a refusal of any kind, of a flat one
	label       string
	evidence    []analyzers.Evidence
}

// verdict judges each message, since several choices are several answers, and gives the one that refuses most. It is false when
// there is nothing to judge.
func (d *Detector) verdict(ctx context.Context, s *genai.Span, m *memory) (verdict, bool, error) {
	if v, ok := stated(s, m.texts); ok {
		return v, true, nil
	}
	any, found := 0.0, false
	for i := 0; i < len(m.texts); {
		first := i
		for index := m.texts[i].Index; i < len(m.texts) && m.texts[i].Index == index; {
			i++
		}
		z, ok, err := d.message(ctx, m, first, i)
		if err != nil {
			return verdict{}, false, err
		}
		if ok && (!found || z > any) {
			any, found = z, true
			m.answer, m.best = m.best, m.answer
		}
	}
	if !found {
		return verdict{}, false, nil
	}
	v := verdict{full: min(any, fullHead.score(&m.best))} // what is no refusal is no flat one
	v.score = ordered(any, v.full)
	v.label = label(&v, &m.best)
	v.evidence = m.best.evidence(m.texts, v.label)
	return v, true, nil
}

// message reads the texts [first, last) of a message into m.answer and gives the score of a refusal of any kind. It is false when none of them is
// an answer.
func (d *Detector) message(ctx context.Context, m *memory, first, last int) (float64, bool, error) {
	m.answer.reset()
	for i := first; i < last; i++ {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		t := &m.texts[i]
		if t.Origin != analyzers.Answer {
			continue
		}
		m.sentences = text.Sentences(m.sentences[:0], t.Content)
		if m.answer.length == 0 {
			m.voices = voices(m.voices, t.Content, m.sentences)
			if z, ok := d.mildest(m, i); ok {
				return z, true, nil
			}
		}
		m.answer.read(&m.search, d.answers, i, t.Content, m.sentences)
		m.answer.length += length(t.Content)
	}
	return anyHead.score(&m.answer), m.answer.length > 0, nil
}

// mildest reads the voices of a text one by one, leaves the one that refuses least in m.answer, and gives its score. What other
// texts the message has is not read. It is false when there are no voices that say something.
func (d *Detector) mildest(m *memory, index int) (float64, bool) {
	content := m.texts[index].Content
	least, found := 0.0, false
	for k, from := range m.voices {
		to, end := len(m.sentences), len(content)
		if k+1 < len(m.voices) {
			to = m.voices[k+1]
			end = m.sentences[to].Start
		}
		m.voice.reset()
		m.voice.length = length(content[m.sentences[from].Start:end])
		if m.voice.length < minVoice {
			continue
		}
		m.voice.read(&m.search, d.answers, index, content, m.sentences[from:to])
		if z := anyHead.score(&m.voice); !found || z < least {
			least, found = z, true
			m.answer, m.voice = m.voice, m.answer
		}
	}
	return least, found
}

// label names the kind of an answer.
func label(v *verdict, a *answer) string {
	refused := probability(v.score) >= decision
	switch {
	case a.failed():
		return LabelError
	case refused && probability(v.full) >= decision:
		return LabelFull
	case refused:
		return LabelPartial
	case a.strength[abstain][lead] > 0:
		return LabelAbstains
	case a.strength[inability][lead] >= inabilityStrength:
		return LabelInability
	}
	return LabelCompliance
}

// Bounds of labels.
const (
	decision          = 0.5 // probability from which on a refusal is one
	inabilityStrength = 0.7 // of a cue of inability that makes the label
)

// statedScore is the score of a refusal that the provider itself states.
const statedScore = 12

// stated finds a refusal that the provider states: a part of that type, or a content filter's finish reason. Its label is
// full: the user did not get an answer, whatever words came along.
func stated(s *genai.Span, texts []analyzers.Text) (verdict, bool) {
	v := verdict{score: statedScore, full: statedScore, label: LabelFull}
	for i := range texts {
		if t := &texts[i]; t.Origin == analyzers.Refused {
			v.evidence = append(v.evidence, analyzers.Evidence{
				Reason: "refusal_part", Text: "The provider marks this part as a refusal.", Score: 1, Passage: t.Passage(0, len(t.Content)),
			})
			if len(v.evidence) == maxEvidence {
				break
			}
		}
	}
	if filtered(s) {
		v.evidence = append(v.evidence, analyzers.Evidence{
			Reason: "content_filter", Text: "The provider's content filter stopped the answer.", Score: 1, Passage: stoppedAt(s, texts),
		})
	}
	return v, len(v.evidence) > 0
}

// stoppedAt is what there is of an answer that a filter stopped; without any, the prompt, which may be what was filtered.
func stoppedAt(s *genai.Span, said []analyzers.Text) analyzers.Passage {
	if len(said) > 0 {
		t := &said[len(said)-1]
		return t.Passage(0, len(t.Content))
	}
	given := analyzers.Given(nil, &analyzers.Input{Span: s})
	if i := analyzers.Prompt(given); i >= 0 {
		return given[i].Passage(0, len(given[i].Content))
	}
	return analyzers.Passage{Place: analyzers.Place{SpanID: s.SpanID, Field: analyzers.FieldOutput}}
}

func filtered(s *genai.Span) bool {
	return slices.Contains(s.FinishReasons, genai.FinishContentFilter) ||
		slices.ContainsFunc(s.Output, func(m genai.Message) bool { return m.FinishReason == genai.FinishContentFilter })
}

// forget drops what memory holds of the span, and memory that a rare giant needed.
func (m *memory) forget() {
	clear(m.texts)
	clear(m.given)
	m.search.scan.text = ""
	if cap(m.search.units) > maxKeptUnits {
		m.search = search{}
	}
	if cap(m.given) > maxKeptTexts || cap(m.texts) > maxKeptTexts {
		m.given, m.texts = nil, nil
	}
}

// What memory may hold for the next span.
const (
	maxKeptUnits = 1 << 14
	maxKeptTexts = 1 << 10
)
