package align

// The source side of a comparison: which words stand where, which stand beside each other.

// source is a page that can be asked for words.
type source struct {
	page
	slots  []slot  // open addressing over stems, a power of two long
	next   []int32 // at a word: the word before it with the same stem, or -1
	pairs  bitset  // of adjacent words
	triads bitset
	quads  bitset
	skips  bitset    // of content words up to four content words apart
	fronts bitset    // first five bytes of words
	totals []float32 // at a sentence: idf of its content words
}

type slot struct {
	stem  uint32
	last  int32 // word + 1; 0 is an empty slot
	count int32
}

// maxVisits bounds the places of one stem that are looked at, so that a word that stands everywhere costs no more than others.
const maxVisits = 24

// index makes the page ready to be asked.
func (c *source) index() {
	n := 64
	for n < 2*len(c.words) {
		n *= 2
	}
	c.slots = cleared(c.slots, n)
	c.next = grown(c.next, len(c.words))
	c.totals = cleared(c.totals, len(c.sentences))
	for _, b := range []*bitset{&c.pairs, &c.triads, &c.quads, &c.skips, &c.fronts} {
		b.reset(16 * len(c.words))
	}
	var h [3]uint32   // hashes of the words before
	var run [4]uint32 // content words before
	sentence := int32(-1)
	for i := range c.words {
		w := &c.words[i]
		if w.sentence != sentence {
			sentence = w.sentence
			h, run = [3]uint32{}, [4]uint32{}
		}
		s := c.slot(w.stem)
		c.next[i] = s.last - 1
		s.stem, s.last = w.stem, int32(i)+1
		s.count++
		c.pairs.set(pair(h[0], w.stem))
		c.triads.set(pair(pair(h[1], h[0]), w.stem))
		c.quads.set(pair(pair(pair(h[2], h[1]), h[0]), w.stem))
		h[2], h[1], h[0] = h[1], h[0], w.stem
		if w.front != 0 {
			c.fronts.set(w.front)
		}
		if w.marks&(content|isNumber) != 0 {
			for _, r := range run {
				c.skips.set(pair(min(r, w.stem), max(r, w.stem)))
			}
			run[3], run[2], run[1], run[0] = run[2], run[1], run[0], w.stem
			c.totals[sentence] += w.idf
		}
	}
}

// slot is where a stem is kept or would be.
func (c *source) slot(stem uint32) *slot {
	mask := uint32(len(c.slots) - 1)
	for i := (stem * 0x9E3779B1) >> 7 & mask; ; i = (i + 1) & mask {
		if s := &c.slots[i]; s.last == 0 || s.stem == stem {
			return s
		}
	}
}

// last is the last word with a stem, or -1.
func (c *source) last(stem uint32) int32 {
	if len(c.slots) == 0 {
		return -1
	}
	return c.slot(stem).last - 1
}

// pair is a hash of two hashes in order.
func pair(a, b uint32) uint32 {
	h := (a ^ 0x85EBCA6B) * 0xC2B2AE35
	h ^= h >> 15
	return (h + b) * 0x27D4EB2F
}

// bitset is a set of hashes that now and then holds one that was not put in.
type bitset struct {
	bits []uint64
	mask uint32
}

func (b *bitset) reset(size int) {
	n := 16
	for n*64 < size {
		n *= 2
	}
	b.bits = cleared(b.bits, n)
	b.mask = uint32(n*64 - 1)
}

func (b *bitset) set(h uint32) {
	h ^= h >> 16
	h &= b.mask
	b.bits[h/64] |= 1 << (h % 64)
}

func (b *bitset) has(h uint32) bool {
	h ^= h >> 16
	h &= b.mask
	return b.bits[h/64]&(1<<(h%64)) != 0
}

// cleared is a slice of n zero values, in s's memory when it is large enough.
func cleared[T any](s []T, n int) []T {
	s = grown(s, n)
	clear(s)
	return s
}

// grown is a slice of n values, whatever they are, in s's memory when it is large enough.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
