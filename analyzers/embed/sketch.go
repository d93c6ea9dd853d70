package embed

// The two built-in sketches: words, and parts of words, hashed into signed dimensions (Weinberger et al. 2009).
//
// What decides about drift is the representation and not the test; each choice here was measured by the power of a permutation
// test with the linear kernel, and is in docs/adr.

import (
	_ "embed"
	"math"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// Dimensions is how many the built-in sketches have.
const Dimensions = 1 << 14

// gram is how many characters the parts of words have, the word's two borders counted as characters.
const gram = 4

//go:embed stopwords.txt
var stopwordsFile string

// stopwords holds the hashes of the words of stopwords.txt.
var stopwords = func() map[uint64]struct{} {
	set := map[uint64]struct{}{}
	for line := range strings.Lines(stopwordsFile) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		_, words, _ := strings.Cut(line, ":")
		for word := range strings.FieldsSeq(words) {
			set[xxhash.Sum64String(word)] = struct{}{}
		}
	}
	return set
}()

// Sketcher makes sketches. It holds memory that is used again, so that each goroutine has its own. The zero value is ready.
type Sketcher struct {
	style, topic counts
	buf, word    []byte
}

// Sketch makes the two sketches of a text, in their memory. Time is linear in the text, and invalid UTF-8 is passed over.
func (k *Sketcher) Sketch(s string, style, topic *Vector) {
	k.buf = text.Words(s, k.buf, func(word []byte, _ text.Range) bool {
		k.add(word)
		return true
	})
	k.addMarks(s)
	k.style.vector(Style, style)
	k.topic.vector(Topic, topic)
}

// add counts a word, which is cut where it changes to or from a script without spaces.
func (k *Sketcher) add(word []byte) {
	spaced, start := true, 0
	for i := 0; i < len(word); {
		c, n := rune(word[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(word[i:])
		}
		if now := !unspaced(c); now != spaced {
			k.addRun(word[start:i], spaced)
			spaced, start = now, i
		}
		i += n
	}
	k.addRun(word[start:], spaced)
}

func (k *Sketcher) addRun(run []byte, isWord bool) {
	switch {
	case len(run) == 0:
	case isWord:
		k.addWord(run)
	default:
		k.addCharacters(run)
	}
}

// addWord counts a word, and for its topic the parts of it, which inflections and compounds share.
func (k *Sketcher) addWord(word []byte) {
	// Stop words are looked up before digits are folded; none holds one.
	h := xxhash.Sum64(word)
	if _, stop := stopwords[h]; stop {
		k.style.add(h)
		return
	}
	folded, digits := fold(k.word[:0], word)
	k.word = folded
	if digits {
		h = xxhash.Sum64(folded[1 : len(folded)-1])
	}
	k.style.add(h)
	k.topic.add(h)
	var starts [gram]int // where the last characters begin, in turn
	for i, seen := 0, 0; i < len(folded); {
		starts[seen%gram] = i
		n := 1
		if folded[i] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(folded[i:])
		}
		i += n
		if seen++; seen >= gram {
			k.topic.add(part(xxhash.Sum64(folded[starts[seen%gram]:i])))
		}
	}
}

// part is the hash of a part of a word, from other bits than that of a word, so that "part" as one and as the other fall into
// dimensions of their own.
func part(h uint64) uint64 { return bits.RotateLeft64(h, 32) }

// fold appends the word between its borders, with all digits made 0, since numbers are rarely the topic.
func fold(dst, word []byte) (folded []byte, digits bool) {
	dst = append(dst, '^')
	for i := 0; i < len(word); {
		c, n := rune(word[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(word[i:])
		}
		switch {
		case '0' <= c && c <= '9' || c >= utf8.RuneSelf && unicode.IsDigit(c):
			dst = append(dst, '0')
			digits = true
		default:
			dst = append(dst, word[i:i+n]...)
		}
		i += n
	}
	return append(dst, '$'), digits
}

// addCharacters counts each two characters that follow each other, or the one there is. Those of Hiragana alone are
// inflections and particles: style and no topic.
func (k *Sketcher) addCharacters(run []byte) {
	_, first := utf8.DecodeRune(run)
	if first == len(run) {
		k.addPair(run)
		return
	}
	for from, to := 0, first; to < len(run); {
		_, n := utf8.DecodeRune(run[to:])
		k.addPair(run[from : to+n])
		from, to = to, to+n
	}
}

func (k *Sketcher) addPair(pair []byte) {
	h := xxhash.Sum64(pair)
	k.style.add(h)
	a, _ := utf8.DecodeRune(pair)
	b, _ := utf8.DecodeLastRune(pair)
	if !hiragana(a) || !hiragana(b) {
		k.topic.add(h)
	}
}

// addMarks counts punctuation and line breaks, which are style.
func (k *Sketcher) addMarks(s string) {
	for i := range len(s) {
		if h := marks[s[i]]; h != 0 {
			k.style.add(h)
		}
	}
}

// marks holds the hashes of ASCII punctuation and the line feed; 0 for every other byte.
var marks = func() (table [256]uint64) {
	for c := range byte(utf8.RuneSelf) {
		if c == '\n' || unicode.In(rune(c), unicode.P, unicode.S) {
			table[c] = xxhash.Sum64([]byte{c})
		}
	}
	return table
}()

// unspaced says whether a character is of a script that is written without spaces between words: Thai, Lao, Myanmar, Khmer, Kana,
// Han. The ranges are written out, so that a new version of Unicode changes no vector.
func unspaced(c rune) bool {
	switch {
	case c < 0x0E00:
		return false
	case c <= 0x0EFF, 0x1000 <= c && c <= 0x109F, 0x1780 <= c && c <= 0x17FF, 0x3005 <= c && c <= 0x3007, 0x3040 <= c && c <= 0x30FF, 0x31F0 <= c && c <= 0x31FF,
		0x3400 <= c && c <= 0x4DBF, 0x4E00 <= c && c <= 0x9FFF, 0xF900 <= c && c <= 0xFAFF, 0xFF66 <= c && c <= 0xFF9F, 0x20000 <= c && c <= 0x3FFFF:
		return true
	}
	return false
}

// hiragana says whether a character is one.
func hiragana(c rune) bool { return 0x3040 <= c && c <= 0x309F }

// counts are the features of a text by dimension, with their signs.
type counts struct {
	of   [Dimensions]int32
	used [Dimensions / 64]uint64 // a bit for each dimension that was counted
}

// add counts a feature: the lowest bits of its hash are the dimension, the highest is the sign.
func (c *counts) add(h uint64) {
	d := h % Dimensions
	c.of[d] += 1 - 2*int32(h>>63)
	c.used[d/64] |= 1 << (d % 64)
}

// vector makes the vector, in v's memory, and forgets the counts. A feature that comes n times weighs √n: the second time it says
// less than the first. (The square root is exact on every machine; a logarithm is not.)
func (c *counts) vector(kind Kind, v *Vector) {
	v.Kind = kind
	if v.Indices == nil { // nil would mean that it is dense
		v.Indices = []uint16{}
	}
	v.Indices, v.Values = v.Indices[:0], v.Values[:0]
	squares := int64(0) // of the weights: the counts themselves
	for i, word := range c.used {
		for ; word != 0; word &= word - 1 {
			n := c.of[i*64+bits.TrailingZeros64(word)]
			squares += int64(max(n, -n))
		}
	}
	norm := math.Sqrt(float64(squares))
	for i, word := range c.used {
		for ; word != 0; word &= word - 1 {
			d := i*64 + bits.TrailingZeros64(word)
			n := float64(c.of[d])
			c.of[d] = 0
			if x := fixed(math.Copysign(math.Sqrt(math.Abs(n)), n) / norm); n != 0 && x != 0 {
				v.Indices = append(v.Indices, uint16(d)) //nolint:gosec // below Dimensions
				v.Values = append(v.Values, x)
			}
		}
	}
	c.used = [Dimensions / 64]uint64{}
}
