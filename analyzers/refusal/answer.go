package refusal

// What an answer says: which cues in which part of it, and the sentences that show it.

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// zone is a part of an answer. Sentences that are merely polite do not count.
type zone uint8

const (
	lead zone = iota // the first two sentences: where refusals are
	near             // the next six
	rest             // the others, but for the last two
	tail             // the last two
	zones
)

// Bounds of the zones, in sentences.
const (
	leadSentences = 2
	nearSentences = 8
	tailSentences = 2
)

func zoneOf(i, n int) zone {
	switch {
	case i < leadSentences:
		return lead
	case i < nearSentences:
		return near
	case i >= n-tailSentences:
		return tail
	}
	return rest
}

// maxSigns bounds the signs that an answer keeps for evidence: the first ones stay.
const maxSigns = 64

// maxEvidence bounds the sentences that are shown.
const maxEvidence = 4

// sign is a cue that an answer says.
type sign struct {
	kind       kind
	zone       zone
	strength   float64
	text       int // which of the span's texts
	start, end int // of the sentence
}

// answer is what is found in the texts of one message.
type answer struct {
	strength  [kinds][zones]float64 // of the strongest cue
	signs     []sign
	sentences int
	length    int // in letters of an alphabet
}

func (a *answer) reset() {
	*a = answer{signs: a.signs[:0]}
}

// read adds sentences of a text; what they are long is added by who calls.
func (a *answer) read(s *search, l *lexicon, index int, content string, sentences []text.Range) {
	n := a.sentences + len(sentences)
	for _, r := range sentences {
		z := zoneOf(a.sentences, n)
		sentence := r.Of(content)
		polite, says := false, false
		cues := s.look(l, sentence)
		silent := slices.ContainsFunc(cues, func(f found) bool { return f.kind == abstain })
		for _, f := range cues {
			if silent && f.kind == decline || quoted(sentence, f.start, f.end) {
				continue // that it cannot answer from its sources is no decline
			}
			switch f.kind {
			case opener:
				polite = true
			case redirect, persona:
			default:
				says = true
			}
			a.strength[f.kind][z] = max(a.strength[f.kind][z], f.strength)
			if len(a.signs) < maxSigns {
				a.signs = append(a.signs, sign{f.kind, z, f.strength, index, r.Start, r.End})
			}
		}
		if z != lead || says || !polite {
			a.sentences++
		}
	}
}

// quoted says whether the bytes [start, end) of a sentence stand within quotes that are not around the whole of it: then they are spoken of,
// not said.
func quoted(sentence string, start, end int) bool {
	if !hasQuotes(sentence[:start]) {
		return false
	}
	open, outside := false, false
	for _, c := range sentence[:start] {
		switch {
		case c == '"':
			open = !open
		case strings.ContainsRune("“「«„", c):
			open = true
		case strings.ContainsRune("”」»", c):
			open = false
		case !open && isLetter(c):
			outside = true
		}
	}
	if !open || outside {
		return open
	}
	behind := strings.IndexAny(sentence[end:], "\"”」»“")
	return behind >= 0 && strings.ContainsFunc(sentence[end+behind:], isLetter)
}

func hasQuotes(s string) bool {
	return strings.Contains(s, "\"") || strings.Contains(s, "“") || strings.Contains(s, "「") || strings.Contains(s, "«") || strings.Contains(s, "„")
}

// failed says whether the answer is the text of a technical error: it begins with one and is short.
func (a *answer) failed() bool {
	return a.strength[failure][lead] > 0 && a.strength[decline][lead] == 0 && a.length <= maxErrorLength
}

// maxErrorLength bounds the text of a technical error.
const maxErrorLength = 600

// length is how long a text is, counted so that what takes equally long to say is about equally long in every script: a letter of
// an alphabet is 1, a character beyond U+07FF, where the scripts of syllables and words are, 2.
func length(s string) int {
	n := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 0xE0:
			n += 2
		case b < 0x80 || b >= 0xC0:
			n++
		}
	}
	return n
}

// reasons are the evidence's vocabulary: by kind its name and what it says for a human. Kinds without one are no evidence.
var reasons = [kinds]struct{ name, text string }{
	decline:   {"declines", "Says that it will not or cannot do what was asked."},
	inability: {"lacks_means", "Says that it lacks the means, the knowledge or the nature."},
	policy:    {"cites_rules", "Names rules, principles or its purpose as the reason."},
	rebuke:    {"rebukes", "Judges the request, or remonstrates with who made it."},
	moral:     {"moralizes", "Judges the deed in place of an answer."},
	privacy:   {"protects_others", "Speaks of others' privacy or rights."},
	refute:    {"disputes_premise", "Denies what the request takes for granted."},
	apology:   {"apologizes", "Says sorry."},
	redirect:  {"redirects", "Offers something else, or sends elsewhere."},
	support:   {"consoles", "Consoles and names places of help."},
	abstain:   {"sources_silent", "Says that what it was given does not hold the answer."},
	failure:   {"error_text", "Is the text of a technical error."},
}

// evidence gives the sentences that weigh most for a label, in order of weight; a sentence once.
func (a *answer) evidence(texts []analyzers.Text, label string) []analyzers.Evidence {
	if label == LabelCompliance {
		return nil
	}
	weight := func(s *sign) float64 {
		switch label {
		case LabelInability:
			return only(s, inability)
		case LabelAbstains:
			return only(s, abstain)
		case LabelError:
			return only(s, failure)
		}
		return anyHead.weight(s)
	}
	slices.SortStableFunc(a.signs, func(x, y sign) int { return cmp.Compare(weight(&y), weight(&x)) })
	var all []analyzers.Evidence
	for i := range a.signs {
		s := &a.signs[i]
		w := weight(s)
		if w <= 0 || len(all) == maxEvidence {
			break
		}
		if reasons[s.kind].name == "" || shown(all, texts[s.text].Place, s) {
			continue
		}
		all = append(all, analyzers.Evidence{
			Reason: reasons[s.kind].name, Text: reasons[s.kind].text, Score: w, Passage: texts[s.text].Passage(s.start, s.end),
		})
	}
	return all
}

func only(s *sign, k kind) float64 {
	if s.kind == k {
		return s.strength
	}
	return 0
}

func shown(all []analyzers.Evidence, at analyzers.Place, s *sign) bool {
	return slices.ContainsFunc(all, func(e analyzers.Evidence) bool { return e.Place == at && e.Start == s.start })
}
