package leakage

// What stands around a value, and says what it is.

import (
	"strings"
	"sync"
)

// contextBefore and contextAfter are how many bytes around a value are searched for a word that says what it is.
const (
	contextBefore = 56
	contextAfter  = 20
)

// maxWhole is the length of words up to which the whole word must stand there; longer ones may have endings.
const maxWhole = 4

// words are lower-case words that say what a value is.
type words struct {
	list      []string
	automaton func() *automaton // once, when they are needed first
}

func newWords(list ...string) *words {
	return &words{list, sync.OnceValue(func() *automaton { return newAutomaton(list) })}
}

// last is where the last of the words in text begins, or -1.
func (w *words) last(text string) (last int) {
	last = -1
	w.automaton().find(text, func(k uint16, end int) bool {
		n := len(w.list[k])
		at := end - n
		if (at == 0 || class[text[at-1]]&isLetter == 0) && (n > maxWhole || end == len(text) || class[text[end]]&isLetter == 0) {
			last = max(last, at)
		}
		return true
	})
	return last
}

// near says whether one of the words stands within reach before start or behind end.
func (f *finder) near(start, end int, w *words) bool {
	return f.before(start, contextBefore, w) || f.behind(end, w)
}

// behind says whether one of the words stands directly behind end.
func (f *finder) behind(end int, w *words) bool {
	return w.last(f.s[end:min(len(f.s), end+contextAfter)]) >= 0
}

// before says whether one of the words stands in the bytes before start, behind the last paragraph.
func (f *finder) before(start, reach int, w *words) bool { return f.distance(start, reach, w) < reach }

// distance is how many bytes before start the last of the words begins, or reach when none does.
func (f *finder) distance(start, reach int, w *words) int {
	from := max(0, start-reach)
	for from > 0 && from < start && class[f.s[from-1]]&(isDigit|isLetter) != 0 && class[f.s[from]]&(isDigit|isLetter) != 0 {
		from++ // not within a word
	}
	if at := strings.LastIndex(f.s[from:start], "\n\n"); at >= 0 {
		from += at + 2
	}
	if at := w.last(f.s[from:start]); at >= 0 {
		return start - from - at
	}
	return reach
}
