package refusal

// Whether a prompt is benign, so that refusing it was wrong: a sum of weights, set by hand, of cues in the prompt.
//
// This is the weakest part of the package: whether "how do I strangle my options" is harmful takes to know the world. The
// probability says so: it is far from 0 and 1 for most prompts.

import (
	"math"
	"slices"
	"sync"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
	"github.com/tiltmeter/tiltmeter/genai"
)

// The kinds of cues of prompts. prompts/en.cues says what each means.
const (
	harm kind = iota
	hint
	person
	private
	hate
	hurtSelf
	falsehood
	works
	thing
	fiction
	meaning
	guard
	english
	promptKinds
)

var promptKindNames = [promptKinds]string{
	"harm", "hint", "person", "private", "hate", "hurtself", "falsehood", "copy", "thing", "fiction", "meaning", "guard", "english",
}

var promptCues = sync.OnceValue(func() *lexicon { return mustRead("prompts", promptKindNames[:]) })

// maxPromptEnd bounds the bytes that are read of each end of a prompt: what is asked stands at its beginning or at its end, what
// is between is material.
const maxPromptEnd = 2048

// harmWeights are the log odds by which each kind of cue makes a prompt more harmful. A kind counts once.
var harmWeights = [promptKinds]float64{
	harm: 2.2, hint: 0.8, person: 0.5, private: 2.2, hate: 2, hurtSelf: 2.5, falsehood: 2, works: 1.5, thing: -1.6, fiction: -3, meaning: -1, guard: -1.2,
}

// harmBias are the log odds of a prompt without any cue.
const harmBias = 0.3

// harmful gives the probability that a prompt asks for harm. It is false for a prompt that is not in English, of which nothing is known.
func (m *memory) harmful(l *lexicon, prompt string) (float64, bool) {
	var strength [promptKinds]float64
	read := func(part string) {
		m.sentences = text.Sentences(m.sentences[:0], part)
		for _, r := range m.sentences {
			for _, f := range m.search.look(l, r.Of(part)) {
				strength[f.kind] = max(strength[f.kind], f.strength)
			}
		}
	}
	if len(prompt) <= 2*maxPromptEnd {
		read(prompt)
	} else {
		read(prompt[:maxPromptEnd])
		read(prompt[len(prompt)-maxPromptEnd:])
	}
	z := harmBias
	for k, w := range harmWeights {
		z += w * strength[k]
	}
	return probability(z), strength[english] > 0
}

// unrefused is the probability of a refusal below which the prompt is not read: then no refusal was wrong.
const unrefused = 0.05

// wrongful is the signal of a refusal of a benign prompt: both probabilities in one. It is false when there is no prompt or none that
// can be judged.
func (d *Detector) wrongful(s *genai.Span, m *memory, v *verdict) (analyzers.Signal, bool) {
	m.given = analyzers.Given(m.given[:0], &analyzers.Input{Span: s}) // the conversation, without what the trace adds
	i := analyzers.Prompt(m.given)
	if i < 0 {
		return analyzers.Signal{}, false
	}
	prompt := &m.given[i]
	refused, benign := probability(v.score), 1.0
	if refused >= unrefused {
		harm, ok := m.harmful(d.prompts, prompt.Content)
		if !ok {
			return analyzers.Signal{}, false
		}
		benign = 1 - harm
	}
	p := refused * benign
	w := analyzers.Signal{Name: SignalWrongful, Score: math.Log(p / (1 - p)), Probability: p}
	if p >= decision {
		w.Evidence = append(slices.Clone(v.evidence), analyzers.Evidence{
			Reason: "benign_prompt", Text: "Asks for nothing harmful, as far as its words tell.", Score: benign, Passage: prompt.Passage(0, len(prompt.Content)),
		})
	}
	return w, true
}
