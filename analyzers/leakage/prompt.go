package leakage

// Whether an answer gives away the instructions of its own call. What counts is how much of an instruction's sentences comes
// back: their rare words, side by side in either order, so that a paraphrase counts and a shared topic does not. Of facts
// that instructions hold for answering ("we open at nine") a model is to speak: they count only beside what it is told to do,
// and passages to answer from do not count at all. A
// short instruction, such as a password, is looked for as it stands, in pieces, and in the disguises that people ask for.
// What user, documents or tools said, too, gives nothing away. Translations are not recognised, but for how they begin.

import (
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// Limits of what is held against each other.
const (
	maxInstructionTerms = 4096     // the first words of the instructions that say something
	maxAnswerTerms      = 8192     // and of the answer
	maxShort            = 64       // characters of an instruction that is looked for as it stands
	maxShorts           = 16       // of those that are
	maxShortAnswer      = 64 << 10 // bytes of an answer in which they are
)

// How overlap becomes a score. Chosen by hand on the cases of testdata; no weights were fitted.
const (
	contained   = 0.55 // share of a sentence from which on it comes back
	saturation  = 7.0  // words of what comes back, at which the overlap is 1-1/e
	loneWord    = 0.5  // a word that comes back without its neighbour
	factWeight  = 0.35 // of a sentence that instructs nothing, and at most as much as those that do
	leakBias    = -3.3
	leakOverlap = 6.6
	leakCue     = 2.2
)

// term is a word that says something, or two characters where a script writes no spaces.
type term struct {
	hash       uint64
	weight     float32
	start, end int
	text       int // which of the texts
	sentence   int // which of all sentences
}

// sentence is one of a text, as terms [first, last).
type sentence struct {
	text        int
	first, last int
	at          text.Range
	is          uint8   // isDirective, isMild, or both
	source      bool    // it is of a passage to answer from
	given       float64 // how much of it came back, 0 to 1
}

// slot is one entry of the table of what instructs: a term or two neighbours.
type slot struct {
	key   uint64
	term  int  // the first of the instructions' that has it
	seen  bool // the answer has it
	known bool // others said it
}

// comparison is the memory of one search.
type comparison struct {
	instructions, answer []term
	given, said          []sentence
	slots                []slot
	ranges               []text.Range
	word                 []byte
}

var comparisons = sync.Pool{New: func() any { return new(comparison) }}

// leak is what was found of the instructions.
type leak struct {
	overlap float64 // how much came back, 0 to 1
	cue     float64 // how much the answer speaks like one that gives its instructions away, 0 to 1
	pieces  []analyzers.Evidence
}

// score is the log-odds, and probability what they are.
func (l *leak) score() float64 { return leakBias + leakOverlap*l.overlap + leakCue*l.cue }

func probability(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }

// leaked compares what was said with the instructions among what was given; false when there are none, or nothing was said.
func leaked(given, said []analyzers.Text) (l leak, ok bool) {
	c := comparisons.Get().(*comparison)
	defer comparisons.Put(c)
	c.instructions, c.answer, c.given, c.said = c.instructions[:0], c.answer[:0], c.given[:0], c.said[:0]
	for i := range given {
		if given[i].Origin == analyzers.Instructions {
			c.instructions, c.given = c.read(c.instructions, c.given, given, i, maxInstructionTerms)
			ok = true
		}
	}
	answered := false
	for i := range said {
		if said[i].Origin == analyzers.Answer {
			answered = true
			c.answer, c.said = c.read(c.answer, c.said, said, i, maxAnswerTerms)
			l.cue = max(l.cue, cue(said[i].Content))
		}
	}
	if !ok || !answered {
		return leak{}, false
	}
	c.index()
	if c.mark() {
		if l.overlap = c.weigh(); l.overlap >= evidenceOverlap/2 {
			c.discount(given)
			l.overlap = c.weigh()
		}
	}
	if lone := short(&l, given, said); lone && l.overlap < evidenceOverlap && elsewhere(said) {
		l.cue /= 2
	}
	if len(l.pieces) == 0 && l.overlap >= evidenceOverlap {
		c.evidence(&l, given, said)
	}
	if l.cue >= 0.5 && len(l.pieces) == 0 {
		announced(&l, said)
	}
	return l, true
}

// evidenceOverlap is the overlap from which on passages are told.
const evidenceOverlap = 0.2

// read appends the terms and sentences of a text.
func (c *comparison) read(dst []term, sentences []sentence, texts []analyzers.Text, i, limit int) ([]term, []sentence) {
	content := texts[i].Content
	c.ranges = text.Sentences(c.ranges[:0], content)
	sources := false
	for _, r := range c.ranges {
		if len(dst) >= limit {
			break
		}
		if line := content[r.Start:r.End]; begins(line) {
			sources = true
		} else if sources && closes(line) {
			sources = false
		}
		s := sentence{text: i, first: len(dst), at: r, source: sources}
		number := len(sentences)
		c.word = text.Words(content[r.Start:r.End], c.word, func(w []byte, at text.Range) bool {
			is := vocabulary[string(w)]
			s.is |= is & (isDirective | isMild)
			dst = appendTerms(dst, w, is, r.Start+at.Start, r.Start+at.End, i, number)
			return len(dst) < limit
		})
		s.last = len(dst)
		sentences = append(sentences, s)
	}
	return dst, sentences
}

// begins says whether a line begins passages to answer from: "Context:", "passage 1: …", "<documents>", "## Knowledge".
func begins(line string) bool {
	const reach = 64 // of a heading
	head := line[:min(len(line), reach)]
	switch {
	case head[0] == '<' && !strings.HasPrefix(head, "</"):
		if end := strings.IndexByte(head, '>'); end > 0 {
			return sourceWords.last(lower(head[:end])) >= 0
		}
		return false
	case head[0] == '#':
		return sourceWords.last(lower(head)) >= 0
	}
	colon := strings.IndexByte(head, ':')
	if colon < 0 {
		return len(line) <= 2*reach && line[len(line)-1] == ':' && sourceWords.last(lower(line)) >= 0
	}
	if colon == len(line)-1 {
		return sourceWords.last(lower(line)) >= 0
	}
	at := sourceWords.last(lower(head[:colon]))
	return at >= 0 && at < 3 && colon < 24 // its name, perhaps a number, then the passage itself
}

// closes says whether a line ends them.
func closes(line string) bool {
	return strings.HasPrefix(line, "</") || line[0] == '#' || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "===")
}

func lower(s string) string { return strings.ToLower(s) }

// appendTerms appends what a word says; nothing for one that every text has.
func appendTerms(dst []term, w []byte, is uint8, start, end, of, number int) []term {
	if first, _ := utf8.DecodeRune(w); first >= 0x2E80 { // scripts without spaces
		previous := uint64(0)
		for i, c := range string(w) {
			h := mix(uint64(c)) //nolint:gosec // a decoded rune is not negative
			if previous != 0 {
				dst = append(dst, term{previous ^ h<<1, 0.7, start, end, of, number})
			}
			previous = h
			if i > 64*utf8.UTFMax {
				break
			}
		}
		return dst
	}
	weight := float32(1)
	switch {
	case is&isStop != 0:
		return dst
	case is&isPrompt != 0:
		weight = 0.3
	case len(w) == 1:
		weight = 0.4
	}
	return append(dst, term{hash(stem(w)), weight, start, end, of, number})
}

// stem takes off the endings of English that a paraphrase changes; it need not be a word.
func stem(w []byte) []byte {
	for _, ending := range [...]string{"'s", "ing", "ers", "er", "ed", "es", "s", "ly", "e"} {
		if n := len(w) - len(ending); n >= 3 && string(w[n:]) == ending {
			return w[:n]
		}
	}
	return w
}

func hash(w []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range w {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h | 1 // 0 is no key
}

// pair is the key of two neighbours in either order.
func pair(a, b uint64) uint64 { return mix(a + b + 0x9e3779b97f4a7c15) }

// index makes the table of the instructions.
func (c *comparison) index() {
	size := 64
	for size < 4*len(c.instructions) {
		size *= 2
	}
	c.slots = slices.Grow(c.slots[:0], size)[:size]
	clear(c.slots)
	for i := range c.instructions {
		t := &c.instructions[i]
		c.put(t.hash, i)
		if i > 0 && c.instructions[i-1].sentence == t.sentence {
			c.put(pair(c.instructions[i-1].hash, t.hash), i)
		}
	}
}

func (c *comparison) put(key uint64, i int) {
	if s := c.slot(key); s.key == 0 {
		*s = slot{key: key, term: i}
	}
}

// slot is where a key is, or would be.
func (c *comparison) slot(key uint64) *slot {
	mask := uint64(len(c.slots) - 1) //nolint:gosec // a length
	for at := key >> 1; ; at++ {
		if s := &c.slots[at&mask]; s.key == key || s.key == 0 {
			return s
		}
	}
}

// mark marks what the answer has; false when that is nothing.
func (c *comparison) mark() (any bool) {
	c.pairs(c.answer, func(s *slot) { s.seen, any = true, true })
	return any
}

// pairs calls yield for every slot that the terms have: alone, with the next, and with the one behind that.
func (c *comparison) pairs(terms []term, yield func(s *slot)) {
	for i := range terms {
		t := &terms[i]
		s := c.slot(t.hash)
		if s.key == 0 {
			continue
		}
		yield(s)
		for j := i + 1; j <= i+2 && j < len(terms) && terms[j].text == t.text; j++ {
			if p := c.slot(pair(t.hash, terms[j].hash)); p.key != 0 {
				yield(p)
			}
		}
	}
}

// discount marks what others than the operator said.
func (c *comparison) discount(given []analyzers.Text) {
	left := maxAnswerTerms
	var terms []term
	var sentences []sentence
	for i := range given {
		switch given[i].Origin {
		case analyzers.User, analyzers.Document, analyzers.ToolResult:
			terms, sentences = c.read(terms[:0], sentences[:0], given, i, left)
			c.pairs(terms, func(s *slot) { s.known = true })
			if left -= len(terms); left <= 0 {
				return
			}
		}
	}
}

// weigh says how much of the instructions came back, 0 to 1.
func (c *comparison) weigh() float64 {
	directive := uint8(isMild)
	for i := range c.given {
		if s := &c.given[i]; s.is&isDirective != 0 && !s.source && s.last-s.first >= minTerms {
			directive = isDirective
		}
	}
	var rules, facts, all float64 // words that came back, and that there are
	for i := range c.given {
		s := &c.given[i]
		s.given = 0
		if s.source || s.last-s.first < minTerms {
			continue
		}
		share, weight := c.back(s)
		s.given = share
		if s.is&directive != 0 {
			rules += share * weight
			all += weight
		} else {
			facts += share * weight * factWeight
			all += weight * factWeight
		}
	}
	if all == 0 || rules == 0 {
		return 0
	}
	back := rules + math.Min(facts, rules)
	return math.Max(1-math.Exp(-back/saturation*(0.6+0.8*c.reverse())), back/all*math.Min(1, back/3))
}

// minTerms is how many words that say something a sentence must have to be known again.
const minTerms = 3

// back says how much of a sentence came back that nobody else said, 0 to 1, and the weight of its words.
func (c *comparison) back(s *sentence) (share, weight float64) {
	var matched, known float64
	terms := c.instructions[s.first:s.last]
	for j := range terms {
		w := float64(terms[j].weight)
		weight += w
		alone := c.slot(terms[j].hash)
		with, knew := false, false
		for _, k := range [...]int{j - 1, j + 1} {
			if k < 0 || k >= len(terms) {
				continue
			}
			if p := c.slot(pair(terms[k].hash, terms[j].hash)); p.key != 0 && p.seen {
				with = true
				knew = knew || p.known
			}
		}
		switch {
		case with:
			matched += w
		case alone.seen:
			matched += loneWord * w
			knew = alone.known
		}
		if knew {
			known += w
		}
	}
	if weight < 1.5 {
		return 0, weight
	}
	return math.Max(0, matched/weight-contained) / (1 - contained) * (1 - known/weight), weight
}

// reverse is the share of the answer that is of the instructions' sentences that came back.
func (c *comparison) reverse() float64 {
	var of, all float64
	for i := range c.answer {
		w := float64(c.answer[i].weight)
		all += w
		if s := c.slot(c.answer[i].hash); s.key != 0 && c.given[c.instructions[s.term].sentence].given > 0 {
			of += w
		}
	}
	if all == 0 {
		return 0
	}
	return of / all
}

// evidence tells which sentences of the answer hold what came back, and of which instruction: those that hold much of it, or
// else the one that holds most.
func (c *comparison) evidence(l *leak, given, said []analyzers.Text) {
	const much = 0.7 // of a sentence's words, or pairs of them
	most, best, bestSource := 0.0, -1, -1
	for i := range c.said {
		s := &c.said[i]
		source, weight := -1, 0.0
		c.pairs(c.answer[s.first:s.last], func(x *slot) {
			if of := c.instructions[x.term].sentence; c.given[of].given > 0 && !x.known {
				weight++
				source = of
			}
		})
		if source < 0 {
			continue
		}
		share := weight / float64(s.last-s.first)
		if s.last-s.first >= 2 && share >= much && len(l.pieces) < analyzers.MaxEvidence {
			l.pieces = append(l.pieces, c.piece(i, source, given, said))
		}
		if weight > most {
			most, best, bestSource = weight, i, source
		}
	}
	if len(l.pieces) == 0 && best >= 0 {
		l.pieces = append(l.pieces, c.piece(best, bestSource, given, said))
	}
}

func (c *comparison) piece(i, source int, given, said []analyzers.Text) analyzers.Evidence {
	s, from := &c.said[i], &c.given[source]
	passage := masked(&given[from.text], from.at.Start, from.at.End)
	return analyzers.Evidence{
		Reason: reasonInstruction, Text: "Says what the instructions say.", Score: math.Min(1, from.given),
		Passage: masked(&said[s.text], s.at.Start, s.at.End), Source: &passage,
	}
}

// cue says how much an answer speaks like one that gives its instructions away, 0 to 1. One that only declines, or asks for
// a password, gives nothing away.
func cue(answer string) float64 {
	const brief = 250 // bytes
	if len(answer) <= brief && declining.last(strings.ToLower(answer)) >= 0 {
		return 0
	}
	var seen [4]uint64
	n := 0
	cues.automaton().find(answer, func(k uint16, end int) bool {
		at := end - len(cues.list[k])
		if seen[k/64]&(1<<(k%64)) == 0 && (at == 0 || class[answer[at-1]]&isLetter == 0) {
			seen[k/64] |= 1 << (k % 64)
			n++
		}
		return n < 8
	})
	return 1 - math.Exp(-float64(n)/2)
}

// announced tells where an answer begins to speak of its instructions.
func announced(l *leak, said []analyzers.Text) {
	for i := range said {
		if said[i].Origin != analyzers.Answer {
			continue
		}
		start, end := -1, 0
		cues.automaton().find(said[i].Content, func(k uint16, to int) bool {
			start, end = to-len(cues.list[k]), to
			return false
		})
		if start >= 0 {
			l.pieces = append(l.pieces, analyzers.Evidence{
				Reason: reasonAnnounced, Text: "Speaks of its instructions.", Score: l.cue, Passage: masked(&said[i], start, end),
			})
			return
		}
	}
}
