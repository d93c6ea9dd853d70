package refusal

// Cues as word patterns, and finding them: the form of lang/*.cues, which lang/en.cues describes, becomes a lexicon, which
// finds every cue of every language in one pass over the units of a sentence.

import (
	"bufio"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of cue files. They keep the search for a cue within one machine word and the work at each unit bounded.
const (
	maxGap      = 12   // units that may stand between two elements
	maxElements = 8    // elements of a cue
	maxWords    = 8192 // different words of all files
	maxStem     = 63   // bytes of the beginning of a word
	maxUnits    = 32   // units of a word
	maxKeys     = 1<<16 - 1
	window      = 64 // units that a cue may span from its beginning
)

// kind is what a cue is a sign of.
type kind int

// word is a word of a cue file: a sequence of unit keys.
type word struct {
	id   int
	rest []int // keys of the units after the first
}

// element is one place of a cue: one of words, after at most gap other units. A negative element takes no place: none of its words
// may begin there or within the gap.
type element struct {
	words []uint64 // a set of word ids
	gap   int
	not   bool
}

// cue is one pattern.
type cue struct {
	kind     kind
	strength float64
	first    bool // only where a sentence begins
	elements []element
}

// lexicon holds cues. It is immutable once parsed.
type lexicon struct {
	kinds []string

	keys      map[string]int        // of whole units
	known     [sketches / 64]uint64 // a bit for each sketch of a key: most units are no key, and need not be looked up
	chars     map[rune]int          // the keys of units that are one character alone
	stems     map[string]int        // of beginnings of units
	stemSizes [256]uint64           // by the first byte of a stem: the sizes of stems, a bit each
	words     map[string]int        // as written in the files
	starts    [][]word              // by key of the first unit
	cues      []cue
	begins    [][]int // by word id: the cues whose first element has it
}

func newLexicon(kinds []string) *lexicon {
	return &lexicon{kinds: kinds, keys: map[string]int{}, chars: map[rune]int{}, stems: map[string]int{}, words: map[string]int{}}
}

// add reads a cue file. An error names the line and what is wrong with it.
func (l *lexicon) add(text string) error {
	classes := map[string][]string{}
	in := bufio.NewScanner(strings.NewReader(text))
	for n := 1; in.Scan(); n++ {
		line, _, _ := strings.Cut(in.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := l.line(line, classes); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return in.Err()
}

func (l *lexicon) line(line string, classes map[string][]string) error {
	name, rest, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("%q is neither \"= class: words\" nor \"kind: pattern\"", line)
	}
	if class, is := strings.CutPrefix(name, "="); is {
		words, err := expand(strings.Fields(rest), classes)
		if err != nil {
			return err
		}
		class = strings.TrimSpace(class)
		if classes[class] != nil {
			return fmt.Errorf("class %q is there already", class)
		}
		if len(words) == 0 {
			return fmt.Errorf("class %q is empty", class)
		}
		classes[class] = words
		return nil
	}
	c, err := l.cue(name, rest, classes)
	if err != nil {
		return err
	}
	n := len(l.cues)
	l.cues = append(l.cues, c)
	each(c.elements[0].words, func(id int) { l.begins[id] = append(l.begins[id], n) })
	return nil
}

// expand replaces classes by their words.
func expand(words []string, classes map[string][]string) ([]string, error) {
	var all []string
	for _, w := range words {
		if class, ok := strings.CutPrefix(w, "@"); ok {
			known := classes[class]
			if known == nil {
				return nil, fmt.Errorf("there is no class %q above", class)
			}
			all = append(all, known...)
			continue
		}
		all = append(all, w)
	}
	return all, nil
}

func (l *lexicon) cue(head, pattern string, classes map[string][]string) (cue, error) {
	c := cue{strength: 1}
	fields := strings.Fields(head)
	if len(fields) == 2 {
		s, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || !(s > 0 && s <= 1) {
			return c, fmt.Errorf("strength %q is not in (0, 1]", fields[1])
		}
		c.strength = s
	} else if len(fields) != 1 {
		return c, fmt.Errorf("%q is not a kind with at most one strength", head)
	}
	k := slices.Index(l.kinds, fields[0])
	if k < 0 {
		return c, fmt.Errorf("there is no kind %q", fields[0])
	}
	c.kind = kind(k)
	gap := 0
	for i, f := range strings.Fields(pattern) {
		if f == "^" && i == 0 {
			c.first = true
			continue
		}
		if digits, ok := strings.CutPrefix(f, "*"); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > maxGap {
				return c, fmt.Errorf("%q does not say how many units may stand between, 1 to %d", f, maxGap)
			}
			if gap > 0 {
				return c, fmt.Errorf("pattern %q has two gaps in a row", pattern)
			}
			gap = n
			continue
		}
		e, err := l.element(f, classes)
		if err != nil {
			return c, err
		}
		e.gap, gap = gap, 0
		c.elements = append(c.elements, e)
	}
	switch {
	case len(c.elements) == 0 || c.elements[0].not:
		return c, fmt.Errorf("pattern %q does not begin with words", pattern)
	case c.elements[0].gap > 0 || gap > 0:
		return c, fmt.Errorf("pattern %q has a gap at an end", pattern)
	case len(c.elements) > maxElements:
		return c, fmt.Errorf("pattern %q has more than %d elements", pattern, maxElements)
	}
	return c, nil
}

func (l *lexicon) element(f string, classes map[string][]string) (element, error) {
	var e element
	f, e.not = strings.CutPrefix(f, "!")
	words, err := expand(strings.Split(f, "/"), classes)
	if err != nil {
		return e, err
	}
	for _, w := range words {
		id, err := l.word(w)
		if err != nil {
			return e, err
		}
		for len(e.words) <= id>>6 {
			e.words = append(e.words, 0)
		}
		e.words[id>>6] |= 1 << (id & 63)
	}
	return e, nil
}

// word is the id of a word as a file writes it.
func (l *lexicon) word(w string) (int, error) {
	if id, ok := l.words[w]; ok {
		return id, nil
	}
	whole, stem := strings.CutSuffix(w, "~")
	var units []string
	var s scanner
	s.reset(whole)
	for s.next() {
		units = append(units, string(s.unit))
	}
	if len(units) == 0 || units[0] == "" {
		return 0, fmt.Errorf("%q holds no letter or digit", w)
	}
	if len(l.words) == maxWords {
		return 0, fmt.Errorf("there are more than %d words", maxWords)
	}
	if len(units) > maxUnits {
		return 0, fmt.Errorf("%q has %d units, more than %d", w, len(units), maxUnits)
	}
	if len(l.starts)+len(units) > maxKeys {
		return 0, fmt.Errorf("the words have more than %d different units", maxKeys)
	}
	keys := make([]int, len(units))
	for i, u := range units {
		if !stem || i < len(units)-1 {
			keys[i] = l.whole(u)
			continue
		}
		if len(u) > maxStem {
			return 0, fmt.Errorf("stem %q is longer than %d bytes", w, maxStem)
		}
		keys[i] = l.key(l.stems, u)
		l.stemSizes[u[0]] |= 1 << len(u)
	}
	id := len(l.words)
	l.words[w] = id
	l.begins = append(l.begins, nil)
	l.starts[keys[0]] = append(l.starts[keys[0]], word{id, keys[1:]})
	return id, nil
}

// key is the number of a unit or stem; 0 is that of every unit that no cue knows.
func (l *lexicon) key(in map[string]int, unit string) int {
	if len(l.starts) == 0 {
		l.starts = append(l.starts, nil)
	}
	k, ok := in[unit]
	if !ok {
		k = len(l.starts)
		in[unit] = k
		l.starts = append(l.starts, nil)
	}
	return k
}

// whole is the key of a whole unit, which find can find from then on.
func (l *lexicon) whole(unit string) int {
	k := l.key(l.keys, unit)
	if c, n := utf8.DecodeRuneInString(unit); n == len(unit) {
		l.chars[c] = k
	}
	i := sketch([]byte(unit))
	l.known[i>>6] |= 1 << (i & 63)
	return k
}

// find is the key of the unit that a scanner is at, or 0.
func (l *lexicon) find(s *scanner) int {
	if s.char != 0 {
		return l.chars[s.char]
	}
	if i := sketch(s.unit); l.known[i>>6]>>(i&63)&1 == 0 {
		return 0
	}
	return l.keys[string(s.unit)]
}

// sketches is how many sketches there are.
const sketches = 1 << 16

// sketch is a number that different units rarely share: of their size, first bytes and last bytes.
func sketch(unit []byte) int {
	n := len(unit)
	if n == 0 {
		return 0
	}
	h := n
	for _, b := range [...]byte{unit[0], unit[n/2], unit[(n-1)/2], unit[n-1]} {
		h = h*61 + int(b)
	}
	return h & (sketches - 1)
}

// each calls f for the members of a set.
func each(set []uint64, f func(id int)) {
	for i, b := range set {
		for ; b != 0; b &= b - 1 {
			f(i<<6 + bits.TrailingZeros64(b))
		}
	}
}
