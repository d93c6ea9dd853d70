package behaviour

// What can be told of an answer's words without understanding them: its language, and how much it repeats itself.

import (
	"slices"
	"strings"
	"sync"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/language"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// Limits of what is read.
const (
	maxWords       = 8192 // of an answer
	languageSample = 4096 // bytes of it that tell its language
	longWord       = 24   // bytes a word on average from which on a script writes no spaces, or something is no language
	phraseWords    = 4    // words of a sequence
	phraseRunes    = 12   // characters of one, where there are no words
	leastPhrases   = 16   // sequences below which repeating says nothing
)

// sequences is the memory of one search.
type sequences struct {
	units []uint64 // words or characters, hashed
	slots []uint64 // the sequences that were seen; 0 is none
	word  []byte
}

var searches = sync.Pool{New: func() any { return new(sequences) }}

// wording tells the language and the repetition of what was said.
func wording(said []analyzers.Text) []analyzers.Signal {
	q := searches.Get().(*sequences)
	defer searches.Put(q)
	q.units = q.units[:0]
	var tally language.Tally
	read, words, letters := 0, 0, 0
	for i := range said {
		t := &said[i]
		if t.Origin != analyzers.Answer && t.Origin != analyzers.Refused {
			continue
		}
		fences(t.Content, func(part string, code bool) {
			if left := languageSample - read; !code && left > 0 {
				tally.Letters(part[:min(left, len(part))])
				read += len(part)
			}
			q.word = text.Words(part, q.word, func(w []byte, at text.Range) bool {
				if !code && at.Start < languageSample {
					tally.Word(w)
				}
				words++
				letters += len(w)
				q.units = append(q.units, hash(w))
				return words < maxWords
			})
		})
	}
	signals := []analyzers.Signal{{Name: SignalRepetition, Score: q.repeated(said, words, letters)}}
	label, score := tally.Language()
	return append(signals, analyzers.Signal{Name: SignalLanguage, Score: score, Label: label})
}

// fences calls yield for the parts of a text within and without Markdown fences: code is in no language of people.
func fences(s string, yield func(part string, code bool)) {
	for code := false; ; code = !code {
		part, rest, more := strings.Cut(s, "```")
		yield(part, code)
		if !more {
			return
		}
		s = rest
	}
}

// repeated is the share of sequences that came before.
func (q *sequences) repeated(said []analyzers.Text, words, letters int) float64 {
	n := phraseWords
	if words == 0 || letters/words > longWord {
		n = phraseRunes
		q.units = q.units[:0]
		for i := range said {
			if said[i].Origin != analyzers.Answer && said[i].Origin != analyzers.Refused {
				continue
			}
			for _, c := range said[i].Content {
				if len(q.units) >= maxWords {
					break
				}
				q.units = append(q.units, mix(uint64(c)+1)) //nolint:gosec // a decoded rune is not negative
			}
		}
	}
	all := len(q.units) - n + 1
	if all < leastPhrases {
		return 0
	}
	size := 64
	for size < 2*all {
		size *= 2
	}
	q.slots = slices.Grow(q.slots[:0], size)[:size]
	clear(q.slots)
	again := 0
	for i := range all {
		h := uint64(0)
		for _, u := range q.units[i : i+n] {
			h = mix(h*31 + u)
		}
		if q.put(h) {
			again++
		}
	}
	return float64(again) / float64(all)
}

// put notes a sequence, and says whether it was known.
func (q *sequences) put(h uint64) bool {
	mask := uint64(len(q.slots) - 1) //nolint:gosec // a length
	for at := h >> 1; ; at++ {
		switch s := &q.slots[at&mask]; *s {
		case h:
			return true
		case 0:
			*s = h
			return false
		}
	}
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
	return h | 1 // 0 is no sequence
}
