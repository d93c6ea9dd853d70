// Package model turns passages of text into numbers and weighs them.
//
// Two linear models share it: one for what a user says, passage by passage, and one for what documents and tools say, sentence
// by sentence. Each has a few dense features of known meaning and direction, and a hashed table of words and pairs of words.
package model

import (
	"math"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/cues"
)

// Vector is a passage as the models see it. Its memory is used again.
type Vector struct {
	Grams []uint32  // hashes of words and pairs; each weighs 1/√len
	Dense []float32 // features in the order of PromptFeatures or DataFeatures
}

// Passage is a run of sentences, [First, Last) of a scan.
type Passage struct{ First, Last int }

// PassageWords bounds the words of a passage of several sentences: about a paragraph. The score of a text is that of its
// strongest passage, so that what stands around an injection does not thin it out.
const PassageWords = 64

// Passages appends the passages of a scan to dst.
func Passages(dst []Passage, s *cues.Scan) []Passage {
	first := 0
	for i := range s.Sentences {
		if i > first && s.Sentences[i].Last-s.Sentences[first].First > PassageWords {
			dst = append(dst, Passage{first, i})
			first = i
		}
	}
	if first < len(s.Sentences) {
		dst = append(dst, Passage{first, len(s.Sentences)})
	}
	return dst
}

// Direction is the sign that a dense feature's weight must have.
type Direction int8

// The directions.
const (
	Negative Direction = -1
	Any      Direction = 0
	Positive Direction = 1
)

// Feature introduces a dense feature.
type Feature struct {
	Name string
	Direction
}

// direction of a cue: what it says is known before any data is seen.
func direction(c cues.Cue) Direction {
	switch c {
	case cues.Mention:
		return Negative
	case cues.TaskRequest, cues.Shouted, cues.RolePlay:
		return Any
	}
	return Positive
}

func cueFeatures() []Feature {
	var f []Feature
	for c := range cues.Len {
		f = append(f, Feature{c.String(), direction(c)})
	}
	return f
}

// The features behind the cues, in order.
var (
	PromptFeatures = append(cueFeatures(), Feature{"two_cues", Positive}, Feature{"three_cues", Positive}, Feature{"four_cues", Positive},
		Feature{"override_spoken_of", Negative}, Feature{"question", Negative}, Feature{"length", Any}, Feature{"later_passage", Positive},
		Feature{"cue_behind_question", Positive}, Feature{"short", Any}, Feature{"long", Any}, Feature{"role_at_length", Negative},
		Feature{"role_briefly", Any}, Feature{"two_languages", Positive})
)

// strong are the cues that name an attack; the others lean on them.
var strong = [...]cues.Cue{
	cues.OverrideInstructions, cues.SetsAside, cues.NewTask, cues.RevealPrompt, cues.RoleSwitch, cues.JailbreakPersona, cues.ForcedOutput,
	cues.NoRefusal, cues.FakeTurn, cues.Conceal, cues.Obfuscated,
}

// Prompt fills v with a passage of a user's text.
func (v *Vector) Prompt(s *cues.Scan, p Passage) {
	v.reset(len(PromptFeatures))
	question, behind := false, false
	first := s.Sentences[p.First].First
	words := s.Sentences[p.Last-1].Last - first
	var languages [2]bool
	for i := p.First; i < p.Last; i++ {
		at := &s.Sentences[i]
		v.sentence(s, at)
		for _, c := range strong {
			behind = behind || at.Cues[c] && question
		}
		question = question || s.Content[at.End-1] == '?'
		english, german := s.Language(at)
		languages[0] = languages[0] || english
		languages[1] = languages[1] || german
	}
	question = s.Content[s.Sentences[p.Last-1].End-1] == '?'
	n := 0
	for _, c := range strong {
		if v.Dense[c] > 0 {
			n++
		}
	}
	if v.Dense[cues.OverrideInstructions] > 0 && v.Dense[cues.SetsAside] > 0 {
		n-- // the same words, most likely
	}
	total := len(s.Words)
	d := v.Dense[cues.Len:]
	d[0], d[1], d[2] = is(n >= 2), is(n >= 3), is(n >= 4)
	d[3] = is(v.Dense[cues.Mention] > 0 && n == 1)
	d[4] = is(question)
	d[5] = float32(math.Log1p(float64(words))) / 5
	d[6] = is(p.First > 0)
	d[7] = is(behind)
	d[8], d[9] = is(total < 16), is(total > 80)
	role := v.Dense[cues.RolePlay] > 0 && n == 0
	d[10], d[11] = is(role && total > 40), is(role && total < 24)
	d[12] = is(languages[0] && languages[1])
}

func (v *Vector) reset(n int) {
	v.Grams = v.Grams[:0]
	if cap(v.Dense) < n {
		v.Dense = make([]float32, n)
	}
	v.Dense = v.Dense[:n]
	clear(v.Dense)
}

// sentence adds the words, pairs and cues of a sentence.
func (v *Vector) sentence(s *cues.Scan, at *cues.Sentence) {
	for c, on := range at.Cues {
		if on {
			v.Dense[c] = 1
		}
	}
	before := uint32(begin)
	for _, w := range s.Words[at.First:at.Last] {
		v.Grams = append(v.Grams, w.Hash*spread, (before*pairs^w.Hash)*spread)
		before = w.Hash
	}
}

// Words is what the words of sentence i alone weigh. It overwrites v.
func (v *Vector) Words(s *cues.Scan, i int, m *Linear) float64 {
	v.reset(int(cues.Len))
	v.sentence(s, &s.Sentences[i])
	return m.Words(v.Grams)
}

// begin stands for the word before the first one; spread and pairs are odd, and scatter the hashes over the upper bits.
const (
	begin  = 0x9747B28C
	spread = 0x9E3779B1
	pairs  = 0x85EBCA6B
)

func is(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
