package loadgen

import (
	_ "embed"
	"encoding/binary"
	"math/rand/v2"
	"strings"
)

// wordList is the vocabulary, most frequent first on the first line; '#' stands for a digit.
//
//go:embed words.txt
var wordList string

const (
	longestExact = 10      // a text's last word is at most this long
	cellBytes    = 16      // a word with its space: copied whole, so that the copy has no loop
	drawTable    = 1 << 16 // one word is one 16-bit draw
	wordsPerDraw = 3       // words from one 64-bit random number
	zipfOffset   = 2.7     // Mandelbrot's correction of Zipf's law: the first words are flatter than 1/rank
)

// vocabulary writes text of an exact length with natural word frequencies (Zipf–Mandelbrot). The text
// compresses about as far as prose does (TestTextCompressesLikeProse); it needs no escaping in JSON.
type vocabulary struct {
	cells  [][cellBytes]byte
	length []uint8
	digits []bool               // the cell holds '#'
	draw   []uint16             // cell by 16-bit random number
	exact  [cellBytes + 1][]int // cells by length without the space, to end a text
}

func newVocabulary() *vocabulary {
	v := &vocabulary{draw: make([]uint16, 0, drawTable)}
	var weights []float64
	total := 0.0
	for rank, word := range expand(wordList) {
		var cell [cellBytes]byte
		copy(cell[:], word+" ")
		v.cells = append(v.cells, cell)
		v.length = append(v.length, uint8(len(word)+1)) //nolint:gosec // words.txt holds short words
		v.digits = append(v.digits, strings.Contains(word, "#"))
		v.exact[len(word)] = append(v.exact[len(word)], rank)
		w := 1 / (float64(rank) + zipfOffset)
		weights = append(weights, w)
		total += w
	}
	for i, w := range weights {
		n := max(1, int(w/total*drawTable))
		for ; n > 0 && len(v.draw) < drawTable; n-- {
			v.draw = append(v.draw, uint16(i))
		}
	}
	for i := 0; len(v.draw) < drawTable; i++ {
		v.draw = append(v.draw, uint16(i%len(v.cells))) //nolint:gosec // an index of a table that is shorter
	}
	return v
}

// expand reads the list and adds the regular endings of its longer words after all base forms, so
// that the tail of the distribution is as long as a text's. Every word fits a cell with its space.
func expand(list string) []string {
	lines := strings.Split(strings.TrimSpace(list), "\n")
	seen := map[string]bool{}
	var words []string
	add := func(w string) {
		if len(w) < cellBytes && !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	for _, line := range lines {
		for w := range strings.FieldsSeq(line) {
			add(w)
		}
	}
	base := len(words)
	for _, ending := range []string{"s", "ed", "ing", "er", "ly", "able"} {
		for _, w := range words[:base] {
			if len(w) > 3 && !strings.ContainsAny(w, "#-") && w[0] >= 'a' {
				if strings.HasSuffix(w, "e") && ending != "s" && ending != "ly" {
					w = w[:len(w)-1]
				}
				add(w + ending)
			}
		}
	}
	return words
}

// fill overwrites dst with text. Equal states of rng give equal text.
func (v *vocabulary) fill(dst []byte, rng *rand.PCG) {
	i, capital := 0, true
	for len(dst)-i > wordsPerDraw*(cellBytes+1)+cellBytes {
		// Three words from the lower 48 bits; the upper 16 say whether each ends a sentence.
		r := rng.Uint64()
		ends := r >> 48
		for range wordsPerDraw {
			w := v.draw[uint16(r)]
			copy(dst[i:i+cellBytes], v.cells[w][:])
			if v.digits[w] {
				fillDigits(dst[i:i+int(v.length[w])], rng)
			}
			if capital && dst[i] >= 'a' {
				dst[i] &^= 'a' - 'A'
			}
			i += int(v.length[w])
			if capital = ends&15 == 0; capital { // one word in sixteen
				dst[i-1], dst[i] = '.', ' '
				i++
			}
			r >>= 16
			ends >>= 4
		}
	}
	v.finish(dst[i:], rng)
}

// finish writes the end of a text: drawn words while there is room, then one that fits exactly.
func (v *vocabulary) finish(rest []byte, rng *rand.PCG) {
	for len(rest) > longestExact {
		w := v.draw[uint16(rng.Uint64())] //nolint:gosec // its low bits are the draw
		n := copy(rest, v.cells[w][:v.length[w]])
		fillDigits(rest[:n], rng)
		rest = rest[n:]
	}
	if len(rest) == 0 {
		return
	}
	if fit := v.exact[len(rest)]; len(fit) > 0 {
		copy(rest, v.cells[fit[rng.Uint64()%uint64(len(fit))]][:])
		fillDigits(rest, rng)
		return
	}
	for j := range rest {
		rest[j] = "etaoin"[rng.Uint64()%6]
	}
}

func fillDigits(b []byte, rng *rand.PCG) {
	r := rng.Uint64()
	for j, c := range b {
		if c == '#' {
			b[j] = '0' + byte(r%10)
			r /= 10
		}
	}
}

const hexDigits = "0123456789abcdef"

// fillHex overwrites dst with random lower-case hexadecimal digits.
func fillHex(dst []byte, rng *rand.PCG) {
	var b [8]byte
	for i := range dst {
		if i%16 == 0 {
			binary.LittleEndian.PutUint64(b[:], rng.Uint64())
		}
		c := b[i%16/2]
		if i%2 == 0 {
			c >>= 4
		}
		dst[i] = hexDigits[c&15]
	}
}
