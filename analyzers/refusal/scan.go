package refusal

// Units of text, and the search for cues among them. A unit is a word in scripts that put spaces between words and one character in
// those that do not, or, as Korean, glue so much to their words that characters serve better.

import (
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"
)

// scanner cuts text into units.
type scanner struct {
	text       string
	start, end int    // of the unit in text
	unit       []byte // the unit, folded
	char       rune   // the unit, when it is a character alone; else 0
}

func (s *scanner) reset(text string) {
	s.text, s.start, s.end = text, 0, 0
}

// next finds the next unit. A word keeps the apostrophes and hyphens within it, but for the elided articles and pronouns of Romance
// languages (l'aide, d'aider, n'ai), which are units of their own.
func (s *scanner) next() bool {
	text, i := s.text, s.end
	s.unit, s.char = s.unit[:0], 0
	for i < len(text) {
		b := text[i]
		if b < utf8.RuneSelf {
			if class[b] != 0 {
				break
			}
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(text[i:])
		if alone(c) {
			s.unit, s.char = utf8.AppendRune(s.unit, c), c
			s.start, s.end = i, i+n
			return true
		}
		if isLetter(c) {
			break
		}
		i += n
	}
	s.start = i
	for i < len(text) {
		b := text[i]
		if b < utf8.RuneSelf && class[b] != 0 {
			s.unit = append(s.unit, class[b])
			i++
			continue
		}
		c, n := rune(b), 1
		if b >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(text[i:])
			if alone(c) {
				break
			}
			if isLetter(c) {
				s.unit = appendFolded(s.unit, c)
				i += n
				continue
			}
		}
		joint := joins(c)
		if joint == 0 || i+n >= len(text) || !begins(text[i+n:]) {
			break
		}
		if joint == '\'' && elided(s.unit) {
			i += n
			break
		}
		s.unit = append(s.unit, joint)
		i += n
	}
	s.end = i
	return s.end > s.start
}

// class maps the ASCII letters and digits to their lower case and the rest to 0.
var class = func() (t [utf8.RuneSelf]byte) {
	for b := range t {
		if c := rune(b); 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			t[b] = byte(b)
		} else if 'A' <= c && c <= 'Z' {
			t[b] = byte(b) + 'a' - 'A'
		}
	}
	return t
}()

func joins(c rune) byte {
	switch c {
	case '\'', '’', 'ʼ':
		return '\''
	case '-', '‑':
		return '-'
	}
	return 0
}

func begins(s string) bool {
	if s[0] < utf8.RuneSelf {
		return class[s[0]] != 0
	}
	c, _ := utf8.DecodeRuneInString(s)
	return isLetter(c) && !alone(c)
}

func elided(unit []byte) bool {
	switch string(unit) {
	case "l", "d", "n", "j", "s", "c", "m", "t", "qu", "un", "dell", "all", "nell":
		return true
	}
	return false
}

func isLetter(c rune) bool {
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c))
}

// alone says that a character is a unit by itself: Han, kana, Hangul, Thai, Lao, Khmer and Burmese.
func alone(c rune) bool {
	switch {
	case c < 0x0E00:
		return false
	case c <= 0x0EFF, 0x1000 <= c && c <= 0x109F, 0x1780 <= c && c <= 0x17FF:
		return isLetter(c)
	case c < 0x3005:
		return false
	case c <= 0x3007, 0x3041 <= c && c <= 0x309F, 0x30A1 <= c && c <= 0x30FA, 0x30FC <= c && c <= 0x30FF,
		0x3400 <= c && c <= 0x4DBF, 0x4E00 <= c && c <= 0x9FFF, 0xF900 <= c && c <= 0xFAFF, 0x20000 <= c && c <= 0x323AF, // Han
		0xAC00 <= c && c <= 0xD7A3: // Hangul
		return true
	}
	return false
}

// appendFolded appends a letter in lower case, without the marks and variants that Arabic may leave out or write otherwise.
func appendFolded(dst []byte, c rune) []byte {
	switch c {
	case 'ـ', 'ً', 'ٌ', 'ٍ', 'َ', 'ُ', 'ِ', 'ّ', 'ْ', 'ٰ':
		return dst
	case 'أ', 'إ', 'آ', 'ٱ':
		c = 'ا'
	case 'ى':
		c = 'ي'
	case 'ة':
		c = 'ه'
	case 'ё', 'Ё':
		c = 'е'
	default:
		c = unicode.ToLower(c)
	}
	return utf8.AppendRune(dst, c)
}

// unit is a unit of a sentence.
type unit struct {
	start, end int // in the sentence
	key        int
	stems      [2]int // the range of its stems' keys in search.stems
	hits       [2]int // the range of the words that begin with it in search.hits
}

// hit is a word of the lexicon and how many units it takes.
type hit struct {
	word  int
	units int
}

// found is a cue that a sentence says, with its bytes there.
type found struct {
	*cue
	start, end int
}

// search holds the memory of looking for cues. The zero value is ready.
type search struct {
	scan  scanner
	units []unit
	stems []int
	hits  []hit
	found []found
	seen  []int // by cue: the look that found it last
	looks int
	steps int // words that were compared with elements, since the beginning; a measure of work
}

// look finds the cues of a sentence, each once, at its first place. The work at a unit is bounded by the lexicon alone. The
// result is good until the next look.
func (s *search) look(l *lexicon, sentence string) []found {
	s.found = s.found[:0]
	s.looks++
	if len(s.seen) < len(l.cues) {
		s.seen = make([]int, len(l.cues))
	}
	s.cut(l, sentence)
	for at := range s.units {
		u := &s.units[at]
		for _, h := range s.hits[u.hits[0]:u.hits[1]] {
			for _, n := range l.begins[h.word] {
				c := &l.cues[n]
				if s.seen[n] == s.looks || c.first && at > 0 {
					continue
				}
				if end := s.match(c, at, h.units); end > 0 {
					s.seen[n] = s.looks
					s.found = append(s.found, found{c, u.start, s.units[end-1].end})
				}
			}
		}
	}
	return s.found
}

// cut finds the units of a sentence and the words that begin at each.
func (s *search) cut(l *lexicon, sentence string) {
	s.units, s.hits, s.stems = s.units[:0], s.hits[:0], s.stems[:0]
	s.scan.reset(sentence)
	for s.scan.next() {
		first := len(s.stems)
		s.stemmed(l, s.scan.unit)
		s.units = append(s.units, unit{
			start: s.scan.start, end: s.scan.end, key: l.find(&s.scan), stems: [2]int{first, len(s.stems)},
		})
	}
	for at := range s.units {
		u := &s.units[at]
		first := len(s.hits)
		if u.key != 0 {
			s.words(l, u.key, at)
		}
		for _, key := range s.stems[u.stems[0]:u.stems[1]] {
			s.words(l, key, at)
		}
		u.hits = [2]int{first, len(s.hits)}
	}
}

// stemmed appends the keys of the stems that a unit begins with.
func (s *search) stemmed(l *lexicon, unit []byte) {
	if len(unit) == 0 {
		return // a lone mark that folding drops
	}
	sizes := l.stemSizes[unit[0]]
	for ; sizes != 0; sizes &= sizes - 1 {
		n := bits.TrailingZeros64(sizes)
		if n > len(unit) {
			return
		}
		if key := l.stems[string(unit[:n])]; key != 0 {
			s.stems = append(s.stems, key)
		}
	}
}

// words appends the words that begin with a key at a unit.
func (s *search) words(l *lexicon, key, at int) {
next:
	for i := range l.starts[key] {
		w := &l.starts[key][i]
		if at+len(w.rest) >= len(s.units) {
			continue
		}
		for j, k := range w.rest {
			u := &s.units[at+1+j]
			if u.key != k && !slices.Contains(s.stems[u.stems[0]:u.stems[1]], k) {
				continue next
			}
		}
		s.hits = append(s.hits, hit{w.id, 1 + len(w.rest)})
	}
}

// match finds whether a cue is said from a unit on, whose first element takes n units, and gives the unit behind it or 0. Bit i of
// reach says that what was matched so far may end before unit at+i.
func (s *search) match(c *cue, at, n int) int {
	reach := uint64(1) << n
	for i := 1; i < len(c.elements); i++ {
		e := &c.elements[i]
		if e.not {
			reach &^= s.forbidden(e, at, reach)
		} else {
			from := reach
			for range e.gap {
				from |= from << 1
			}
			reach = 0
			for ; from != 0; from &= from - 1 {
				off := bits.TrailingZeros64(from)
				reach |= s.step(e, at+off, off)
			}
		}
		if reach == 0 {
			return 0
		}
	}
	return at + bits.TrailingZeros64(reach)
}

// forbidden gives the places of reach behind which a word of a negative element begins, at once or within its gap.
func (s *search) forbidden(e *element, at int, reach uint64) uint64 {
	var bad uint64
	for b := reach; b != 0; b &= b - 1 {
		off := bits.TrailingZeros64(b)
		for k := 0; k <= e.gap; k++ {
			if s.step(e, at+off+k, 0) != 0 {
				bad |= 1 << off
			}
		}
	}
	return bad
}

// step gives the places behind the words of an element that begin at a unit, as bits counted from the cue's beginning.
func (s *search) step(e *element, at, off int) uint64 {
	if at >= len(s.units) {
		return 0
	}
	var reach uint64
	u := &s.units[at]
	for _, h := range s.hits[u.hits[0]:u.hits[1]] {
		s.steps++
		if w := h.word >> 6; w < len(e.words) && e.words[w]>>(h.word&63)&1 != 0 && off+h.units < window {
			reach |= 1 << (off + h.units)
		}
	}
	return reach
}
