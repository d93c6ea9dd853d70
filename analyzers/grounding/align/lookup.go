package align

// Whether the sources bear out a sentence's numbers: as they stand, near its words, or by one step of arithmetic.

// numbers checks the numbers of a sentence.
func (a *Aligner) numbers(s *sentence, best int32, out *Sentence) {
	f, p := &out.Features, &a.answer
	for i := s.nums; i < s.nume; i++ {
		n := &p.numbers[i]
		w := &p.words[n.word]
		if w.marks&cites != 0 {
			continue
		}
		if f[fNumbers]++; a.searches <= 0 {
			continue // neither borne out nor new
		}
		at := a.find(n, w.stem, &a.src)
		if at >= 0 {
			if !a.fits(n.word, a.src.words[at].stem, s) {
				f[fOtherNumbers]++
				out.note(OtherNumber, s, w, &a.src.words[at], &a.src)
			}
			continue
		}
		f[fNewNumbers]++
		f[fNewDigits] = max(f[fNewDigits], float32(n.digits))
		if a.find(n, w.stem, &a.asked) < 0 {
			f[fNewNumbersQ]++
			if w.class&numberWord != 0 {
				continue
			}
			if a.derive(i, s, best) {
				f[fDerived]++
			} else {
				out.note(NewNumber, s, w, nil, nil)
			}
		}
	}
}

// find is a word of c that says the number n, or -1.
func (a *Aligner) find(n *number, stem uint32, c *source) int32 {
	if at := c.last(stem); at >= 0 && n.plain == n.value {
		return at
	}
	if a.searches <= 0 {
		return -1
	}
	a.searches--
	for i := range c.numbers[:min(len(c.numbers), maxNumbers)] {
		if n.says(&c.numbers[i]) {
			return c.numbers[i].word
		}
	}
	return -1
}

// maxNumbers bounds the numbers of the sources that one number is held against, maxSearches the numbers of an answer that are; maxOperands
// bounds those that arithmetic is tried with.
const (
	maxNumbers  = 1024
	maxSearches = 1024
	maxOperands = 40
)

// fits reports whether a word that the sources have as stem stands there beside a word that it stands beside here.
func (a *Aligner) fits(at int32, stem uint32, s *sentence) bool {
	words := a.answer.words
	around := 0
	for k := max(at-3, s.first); k < min(at+4, s.last); k++ {
		w := &words[k]
		if k == at || w.marks&(content|isNumber) == 0 {
			continue
		}
		around++
		if a.within(stem, w.stem) {
			return true
		}
	}
	return around == 0
}

// derive reports whether number i of a sentence follows by one step from numbers beside it, of the question, or of the nearest
// passages; or repeats the number before it in another unit.
func (a *Aligner) derive(i int32, s *sentence, best int32) bool {
	p, src := &a.answer, &a.src
	n := &p.numbers[i]
	if i > s.nums && n.converts(&p.numbers[i-1]) {
		return true
	}
	a.operands = a.operands[:0]
	// Chance finds a step to a round number: the fewer digits it has, the fewer operands it may come from.
	room := min(4<<max(n.digits-1, 0), maxOperands)
	take := func(from []number) {
		for k := range from {
			if len(a.operands) < room && from[k].plain != n.plain && !from[k].year && (k == 0 || from[k].plain != from[k-1].plain) {
				a.operands = append(a.operands, from[k])
			}
		}
	}
	take(p.numbers[s.nums:i])
	if best >= 0 && len(a.facts) > 2 {
		take(src.numbers[src.sentences[best].nums:src.sentences[best].nume])
	}
	for _, k := range a.near {
		take(src.numbers[src.sentences[k].nums:src.sentences[k].nume])
	}
	take(a.asked.numbers[:min(len(a.asked.numbers), 4)])
	if n.derived(a.operands) != noStep {
		return true
	}
	for _, k := range a.near {
		if row := src.numbers[src.sentences[k].nums:src.sentences[k].nume]; len(row) <= maxOperands && n.ofRow(row) != noStep {
			return true
		}
	}
	return false
}
