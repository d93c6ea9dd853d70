// Package align holds an answer against the texts that it should follow from, sentence by sentence, and says in plain
// figures how far each sentence is borne out: which words are new, which numbers and names stand nowhere, which passage is nearest.
//
// It promises time and memory linear in the texts, the same figures for the same texts, and places that lie within them.
// It judges nothing: what the figures mean is fitted elsewhere. It knows neither spans nor models.
package align

import "math"

// Aligner compares one answer after another in the same memory. It is not safe for concurrent use; its zero value is not ready.
type Aligner struct {
	idf    *IDF
	src    source
	asked  source
	answer page

	Sentences []Sentence // of the answer, after Compare
	Answer    [NumAnswer]float32

	facts    []fact
	touched  []int32
	masks    []uint64  // at a source sentence: which distinct words of the answer's sentence it holds
	cover    []float32 // at a source sentence: idf of those
	blocks   []uint64
	earlier  source // stems of the answer so far; only its slots are used
	operands []number
	near     []int32 // source sentences nearest to the question
	searches int     // of numbers that are still allowed
	asking   float32 // share of the question's words that the nearest of them has
}

// New makes an Aligner that weighs words by idf.
func New(idf *IDF) *Aligner { return &Aligner{idf: idf} }

// Reset forgets all texts.
func (a *Aligner) Reset() {
	a.src.reset()
	a.asked.reset()
	a.answer.reset()
	a.Sentences = a.Sentences[:0]
}

// AddSource adds a text that the answer should follow from; they are numbered from 0.
func (a *Aligner) AddSource(s string) { a.src.add(s, a.idf) }

// AddQuestion adds a text that the answer may take up but that proves nothing.
func (a *Aligner) AddQuestion(s string) { a.asked.add(s, a.idf) }

// Index ends the adding of sources and questions: Compare may be called for one answer after the other.
func (a *Aligner) Index() {
	a.src.index()
	a.asked.index()
	a.masks = cleared(a.masks, len(a.src.sentences)+1)
	a.cover = cleared(a.cover, len(a.src.sentences)+1)
	a.focus()
}

// MaxSentences bounds the sentences of an answer that are compared; the rest is not read.
const MaxSentences = 1024

// Compare cuts the texts of an answer and fills Sentences and Answer.
func (a *Aligner) Compare(texts ...string) {
	a.answer.reset()
	a.searches = maxSearches
	for _, t := range texts {
		a.answer.add(t, a.idf)
	}
	p := &a.answer
	n := 64
	for n < 2*len(p.words) {
		n *= 2
	}
	a.earlier.slots = cleared(a.earlier.slots, n)
	a.Sentences = grown(a.Sentences, min(len(p.sentences), MaxSentences))[:0]
	for i := range p.sentences {
		if i == MaxSentences {
			break
		}
		a.Sentences = append(a.Sentences, Sentence{})
		a.compare(i, &a.Sentences[i])
	}
	a.neighbours()
	a.summarise()
}

// Place is a part of one of the texts, in the order in which they were added: bytes [Start, End).
type Place struct{ Text, Start, End int }

// Sentence is one sentence of the answer, compared.
type Sentence struct {
	Place
	Features [NumFeatures]float32
	Best     Place // the nearest passage of the sources; of Text -1 when there is none
	Cover    float32
	Finding  Finding // the plainest reason to doubt it, if there is one

	best, block       int32 // of the nearest source sentence
	fresh, newer, all float32
}

// Kind names a reason to doubt a sentence.
type Kind uint8

// The kinds of findings, the plainest first.
const (
	None         Kind = iota
	NewURL            // an address that stands nowhere
	NewCitation       // a passage is cited that there is not
	NewNumber         // a number that stands nowhere and follows from none
	NewName           // a name that stands nowhere
	Roles             // two names change places around what they do
	Negated           // it denies what the nearest passage says, or says what that denies
	Opposite          // the nearest passage has the opposite word
	Denied            // it says that the sources do not say what they seem to say
	OtherNumber       // a number of the sources, of something else there
	OtherName         // a name of the sources, of something else there
	Swapped           // a word stands where the sources have another
	OtherPassage      // the passage that is cited does not say it, another does
)

var kinds = [...]string{
	"none", "new URL", "new citation", "new number", "new name", "roles", "negated", "opposite", "denied", "other number", "other name", "swapped", "other passage",
}

// String names a kind.
func (k Kind) String() string { return kinds[k] }

// Finding is the plainest reason to doubt a sentence, and where in the answer it stands.
type Finding struct {
	Kind  Kind
	Place Place
	Other Place // in the sources: what stands there instead
}

func logOf(v float32) float32 { return float32(math.Log1p(float64(v))) }

// New is the share of the sentence's words, weighed, whose beginnings no source has.
func (s *Sentence) New() float32 { return s.Features[fNewer] }

// Apart is how many neighbouring words of the sentence stand in the sources nowhere near each other.
func (s *Sentence) Apart() float32 { return s.Features[fApart] }

// Form is a form of sentences that are judged by one figure alone.
type Form uint8

// The forms.
const (
	Ordinary  Form = iota
	Derived        // nothing but numbers, and each follows from others by one step
	Underived      // nothing but numbers, and one stands nowhere and follows from none
	Copied         // nothing but numbers of the sources
	Silent         // an answer of no more than two sentences that says that the sources do not say
	NumForms
)

// Form is the form of a sentence of an answer of n.
func (s *Sentence) Form(n int) Form {
	f := &s.Features
	bare := f[fNumbers] > 0 && f[fContent] <= logOf(f[fNumbers])
	switch {
	case bare && f[fNewNumbersQ] > f[fDerived]:
		return Underived
	case bare && f[fDerived] > 0:
		return Derived
	case bare:
		return Copied
	case n <= 2 && f[fAbstains] > 0 && s.Finding.Kind != Denied:
		return Silent
	}
	return Ordinary
}

// Asked reports whether there is a question.
func (a *Aligner) Asked() bool { return len(a.asked.words) > 0 }

// Words is how many words all texts have.
func (a *Aligner) Words() int { return len(a.src.words) + len(a.asked.words) + len(a.answer.words) }
