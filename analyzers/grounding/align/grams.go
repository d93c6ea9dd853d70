package align

// Grams appends hashes of the words of sentence i of the answer: its stems, pairs of them, and how it begins. Figures are one
// word, so that a fit learns phrases and not facts.
func (a *Aligner) Grams(dst []uint32, i int) []uint32 {
	const single, double, opening = 11, 12, 13
	p, s := &a.answer, &a.answer.sentences[i]
	before := uint32(1)
	for k := s.first; k < s.last; k++ {
		w := &p.words[k]
		st := w.stem
		if m := w.marks & (isListed | isNumber | cites); m != 0 {
			st = uint32(m)
		}
		dst = append(dst, pair(single, st), pair(pair(double, before), st))
		if n := k - s.first; n < 3 {
			dst = append(dst, pair(pair(opening, uint32(n)), st))
		}
		before = st
	}
	return dst
}
