package align

// One sentence against the sources.

import (
	"math/bits"
)

// fact is a distinct content word of the sentence at hand.
type fact struct {
	word  int32
	stem  uint32
	idf   float32
	known bool
}

// maxFacts bounds the distinct words by which passages are found: a bit of a mask each.
const maxFacts = 64

// tally is what one pass over a sentence adds up.
type tally struct {
	words, content                 int
	all, fresh, newer, freshAsked  float32 // weights
	asked, repeats, freshRepeats   float32
	maxNew                         float32
	newCount, newRun, longestNew   int
	pairs, newPairs                int
	triads, newTriads, quads, newQ int
	run, longest                   int
	skips, newSkips                int
	near, together                 int
	clause                         clause
	clauses                        int
	worst, worstShare, lastShare   float32
	afterExample                   bool
	exampleNew                     float32
	newNames, newNamesQ            int
	quotedNew                      int
	firstNew, lastNew              bool
	counts                         [20]int8
}

type clause struct {
	all, fresh float32
	content    int
}

// compare fills what sentence i says by itself.
func (a *Aligner) compare(i int, out *Sentence) {
	p, s := &a.answer, &a.answer.sentences[i]
	out.Place = Place{int(s.text), int(s.start), int(s.end)}
	out.Best.Text = -1
	var t tally
	a.facts = a.facts[:0]
	a.walk(s, &t, out)
	best := a.nearest(out)
	a.numbers(s, best, out)
	a.addresses(i, s, out)
	a.meanings(s, best, out)
	a.put(i, s, &t, out)
	for w := s.first; w < s.last; w++ {
		if p.words[w].marks&(content|isNumber) != 0 {
			sl := a.earlier.slot(p.words[w].stem)
			sl.stem, sl.last = p.words[w].stem, 1
		}
	}
}

// walk adds up over the words of a sentence.
func (a *Aligner) walk(s *sentence, t *tally, out *Sentence) {
	words := a.answer.words
	var h [3]uint32
	var run [2]uint32
	known := int32(-1) // the content word before, when it was known
	gap := int32(-1)   // the known content word before one that is not
	for i := s.first; i < s.last; i++ {
		w := &words[i]
		if w.marks&isListed != 0 {
			continue
		}
		t.words++
		for c := w.class &^ stop; c != 0; c &= c - 1 {
			if k := bits.TrailingZeros32(uint32(c)); k < len(t.counts) && t.counts[k] < 100 {
				t.counts[k]++
			}
		}
		a.grams(t, &h, w.stem)
		if w.marks&begins != 0 {
			t.endClause()
		}
		if w.class&example != 0 {
			t.afterExample = true
		}
		if w.marks&(content|isNumber) == 0 || w.marks&cites != 0 {
			continue
		}
		last := a.src.last(w.stem)
		a.contentWord(t, w, i, last >= 0)
		for _, r := range run {
			if r != 0 {
				t.skips++
				if !a.src.skips.has(pair(min(r, w.stem), max(r, w.stem))) {
					t.newSkips++
				}
			}
		}
		run[1], run[0] = run[0], w.stem
		if last >= 0 {
			if known >= 0 {
				t.near++
				if a.within(words[known].stem, w.stem) {
					t.together++
				}
			}
			if gap >= 0 && a.within(words[gap].stem, w.stem) {
				out.Features[fInserted]++
			}
			known, gap = i, -1
		} else {
			gap, known = known, -1
		}
		if w.marks&isName != 0 {
			a.name(i, last >= 0, s, out)
		}
	}
	t.endClause()
}

// name holds a word that is written like a name against the sources.
func (a *Aligner) name(i int32, known bool, s *sentence, out *Sentence) {
	const maxChecked = 8
	w := &a.answer.words[i]
	switch {
	case known:
		if out.Features[fNames]++; out.Features[fNames] <= maxChecked && !a.fits(i, w.stem, s) {
			out.Features[fOtherNames]++
			out.note(OtherName, s, w, nil, nil)
		}
	case a.asked.last(w.stem) < 0 && w.class&month == 0 && (w.front == 0 || !a.src.fronts.has(w.front)):
		out.note(NewName, s, w, nil, nil)
	}
}

// grams counts the runs of words that end in stem.
func (a *Aligner) grams(t *tally, h *[3]uint32, stem uint32) {
	src := &a.src
	if h[0] != 0 {
		t.pairs++
		if !src.pairs.has(pair(h[0], stem)) {
			t.newPairs++
			t.run = 0
		} else {
			t.run++
			t.longest = max(t.longest, t.run)
		}
	}
	if h[1] != 0 {
		t.triads++
		if !src.triads.has(pair(pair(h[1], h[0]), stem)) {
			t.newTriads++
		}
	}
	if h[2] != 0 {
		t.quads++
		if !src.quads.has(pair(pair(pair(h[2], h[1]), h[0]), stem)) {
			t.newQ++
		}
	}
	h[2], h[1], h[0] = h[1], h[0], stem
}

// contentWord counts a word that says something.
func (a *Aligner) contentWord(t *tally, w *word, i int32, known bool) {
	asked := a.asked.last(w.stem) >= 0
	repeated := a.earlier.slot(w.stem).last != 0
	t.content++
	t.all += w.idf
	t.clause.all += w.idf
	t.clause.content++
	if asked {
		t.asked += w.idf
	}
	if repeated {
		t.repeats += w.idf
	}
	if len(a.facts) < maxFacts && !a.hasFact(w.stem) {
		a.facts = append(a.facts, fact{i, w.stem, w.idf, known})
	}
	if t.content == 1 {
		t.firstNew = !known
	}
	t.lastNew = !known
	if known {
		t.newRun = 0
		return
	}
	t.newCount++
	t.fresh += w.idf
	t.maxNew = max(t.maxNew, w.idf)
	t.newRun++
	t.longestNew = max(t.longestNew, t.newRun)
	if !asked {
		t.freshAsked += w.idf
	}
	if repeated {
		t.freshRepeats += w.idf
	}
	if w.front == 0 || !a.src.fronts.has(w.front) {
		t.newer += w.idf
		t.clause.fresh += w.idf
		if t.afterExample {
			t.exampleNew += w.idf
		}
	}
	if w.marks&isName != 0 {
		t.newNames++
		if !asked {
			t.newNamesQ++
		}
	}
	if w.marks&isQuoted != 0 {
		t.quotedNew++
	}
}

func (a *Aligner) hasFact(stem uint32) bool {
	for i := range a.facts {
		if a.facts[i].stem == stem {
			return true
		}
	}
	return false
}

func (t *tally) endClause() {
	c := &t.clause
	if c.content == 0 {
		return
	}
	t.clauses++
	t.lastShare = c.fresh / c.all
	t.worst = max(t.worst, c.fresh)
	if c.content >= 2 {
		t.worstShare = max(t.worstShare, t.lastShare)
	}
	*c = clause{}
}

// within reports whether two stems stand within twelve words of each other in a source.
func (a *Aligner) within(x, y uint32) bool {
	const reach = 12
	i, j := a.src.last(x), a.src.last(y)
	for n := 0; i >= 0 && j >= 0 && n < 2*maxVisits; n++ {
		switch {
		case i-j > reach:
			i = a.src.next[i]
		case j-i > reach:
			j = a.src.next[j]
		default:
			return true
		}
	}
	return false
}

// visit finds the source sentences that hold any of the facts: touched, and of each masks and cover. It returns the facts' weight.
// Whoever calls it clears them with leave.
func (a *Aligner) visit() (total float32) {
	src := &a.src
	a.touched = a.touched[:0]
	for k := range a.facts {
		x := &a.facts[k]
		total += x.idf
		sentence := int32(-1)
		n := 0
		for w := src.last(x.stem); w >= 0 && n < maxVisits; w = src.next[w] {
			if s := src.words[w].sentence; s != sentence {
				sentence = s
				n++
				if a.masks[s] == 0 {
					a.touched = append(a.touched, s)
				}
				a.masks[s] |= 1 << k
				a.cover[s] += x.idf
			}
		}
	}
	return total
}

func (a *Aligner) leave() {
	for _, s := range a.touched {
		a.masks[s], a.cover[s] = 0, 0
	}
}

// top is the visited sentence with the highest cover, the first of equals, or -1.
func (a *Aligner) top() int32 {
	best := int32(-1)
	for _, s := range a.touched {
		if best < 0 || a.cover[s] > a.cover[best] || a.cover[s] == a.cover[best] && s < best {
			best = s
		}
	}
	return best
}

// nearest finds the source sentence that holds most of the facts, and fills what follows from it. It returns -1 when none holds any.
func (a *Aligner) nearest(out *Sentence) int32 {
	f, src := &out.Features, &a.src
	total := a.visit()
	defer a.leave()
	a.blocks = cleared(a.blocks, len(src.blocks))
	all := uint64(0)
	for _, s := range a.touched {
		a.blocks[src.sentences[s].block] |= a.masks[s]
		all |= a.masks[s]
	}
	out.best, out.block = -1, -1
	best := a.top()
	if best < 0 || total <= 0 {
		return -1
	}
	second := float32(0)
	for _, s := range a.touched {
		if s != best && a.masks[s] != a.masks[best] {
			second = max(second, a.cover[s])
		}
	}
	two := max(a.weigh(a.masks[best]|a.masks[best+1]), a.weigh(a.masks[best]|a.masks[max(best-1, 0)]))
	block := float32(0)
	for _, m := range a.blocks {
		if m != 0 {
			block = max(block, a.weigh(m))
		}
	}
	f[fBest] = a.cover[best] / total
	f[fBestTwo] = two / total
	f[fBestBlock] = block / total
	f[fMargin] = (a.cover[best] - second) / total
	f[fSpread] = (a.weigh(all) - a.cover[best]) / total
	f[fTaken] = min(a.cover[best]/max(src.totals[best], 0.1), 1)
	s := &src.sentences[best]
	out.Best = Place{int(s.text), int(s.start), int(s.end)}
	out.Cover = f[fBest]
	out.best, out.block = best, s.block
	return best
}

// focus finds the source sentences that are nearest to the question: where an answer of a bare number comes from.
func (a *Aligner) focus() {
	a.facts, a.near = a.facts[:0], a.near[:0]
	for i := range a.asked.words {
		w := &a.asked.words[i]
		if len(a.facts) == maxFacts {
			break
		}
		if w.marks&(content|isNumber) != 0 && !a.hasFact(w.stem) {
			a.facts = append(a.facts, fact{int32(i), w.stem, w.idf, false})
		}
	}
	a.asking = 0
	if total := a.visit(); total > 0 && a.top() >= 0 {
		a.asking = a.cover[a.top()] / total
	}
	for range maxNear {
		best := a.top()
		if best < 0 || a.cover[best] <= 0 {
			break
		}
		a.near = append(a.near, best)
		a.cover[best] = -1
	}
	a.leave()
}

// maxNear bounds the sentences near the question.
const maxNear = 6

// weigh is the weight of the facts of a mask.
func (a *Aligner) weigh(m uint64) (w float32) {
	for ; m != 0; m &= m - 1 {
		w += a.facts[bits.TrailingZeros64(m)].idf
	}
	return w
}

// meanings looks for words that stand where the sources have others: swaps, opposites, denials.
func (a *Aligner) meanings(s *sentence, best int32, out *Sentence) {
	f, words, src := &out.Features, a.answer.words, &a.src
	for i := s.first + 1; i+1 < s.last; i++ {
		w := &words[i]
		if w.marks&(content|isNumber) == 0 {
			continue
		}
		l, r := words[i-1].stem, words[i+1].stem
		if src.pairs.has(pair(l, w.stem)) || src.pairs.has(pair(w.stem, r)) {
			continue
		}
		n := 0
		for k := src.last(l); k >= 0 && n < maxVisits; k = src.next[k] {
			n++
			if int(k)+2 < len(src.words) && src.words[k+1].stem != w.stem && src.words[k+2].stem == r && src.words[k+2].sentence == src.words[k].sentence {
				f[fSwapped]++
				if w.marks&isNumber == 0 {
					out.note(Swapped, s, w, &src.words[k+1], src)
				}
				break
			}
		}
	}
	if best < 0 {
		return
	}
	b := &src.sentences[best]
	f[fNegations] = float32(s.negations)
	if out.Cover >= 0.4 {
		f[fDenies] = float32(max(s.negations-b.negations, 0))
		f[fAsserts] = float32(max(b.negations-s.negations, 0))
	}
	alike := min(out.Cover, f[fTaken])
	same := alike >= sameSentence
	if same && (s.negations-b.negations)%2 != 0 {
		out.whole(Negated, s, b)
	}
	if same && a.roles(s, b) {
		f[fRoles]++
		out.whole(Roles, s, b)
	}
	for i := s.first; i < s.scanned(); i++ {
		o, ok := opposites[words[i].stem]
		if !ok || a.stands(b, words[i].stem) >= 0 {
			continue
		}
		if k := a.stands(b, o); k >= 0 {
			f[fOpposites]++
			if alike >= sameButOne {
				out.note(Opposite, s, &words[i], &src.words[k], src)
			}
		}
	}
}

// stands is the first word of source sentence b with a stem, or -1.
func (a *Aligner) stands(b *sentence, stem uint32) int32 {
	for k := b.first; k < b.scanned(); k++ {
		if a.src.words[k].stem == stem {
			return k
		}
	}
	return -1
}

// maxScanned bounds the words of a sentence that are held against every word of another: no sentence of prose is longer.
const maxScanned = 256

// scanned is where the words end that are held against every word of another sentence.
func (s *sentence) scanned() int32 { return min(s.last, s.first+maxScanned) }

// sameSentence is the share of words from which on two sentences are taken to speak of the same.
// Both ways: most of either must stand in the other.
const sameSentence = 0.9

// sameButOne is the same for sentences of which each has a word that the other has the opposite of.
const sameButOne = 0.7

// borneOut is the share of a sentence's words from which on a passage is taken to say it.
const borneOut = 0.6

// allAsked is the share of the question's words from which on one source sentence is taken to answer it.
const allAsked = 0.95

// roles reports whether two names that stand around a word in source sentence b stand around it the other way in s: who did
// what to whom. A sentence that turns a verb into its passive changes them rightly, and is passed over.
func (a *Aligner) roles(s, b *sentence) bool {
	const reach = 8
	words, src := a.answer.words, a.src.words
	for i := s.first; i < s.scanned(); i++ {
		if words[i].marks&isName == 0 {
			continue
		}
		verb := int32(-1)
		for k := i + 1; k < min(i+reach, s.last); k++ {
			w := &words[k]
			if w.marks&content != 0 && w.marks&isName == 0 && verb < 0 {
				verb = k
			}
			if w.marks&isName == 0 || verb < 0 || w.stem == words[i].stem {
				continue
			}
			if a.order(b, words[k].stem, words[verb].stem, words[i].stem, src) && !a.order(b, words[i].stem, words[verb].stem, words[k].stem, src) &&
				passive(words[i:k]) == passive(src[b.first:b.scanned()]) {
				return true
			}
			break
		}
	}
	return false
}

// order reports whether x, y and z stand in this order in a source sentence.
func (a *Aligner) order(b *sentence, x, y, z uint32, src []word) bool {
	want := [...]uint32{x, y, z}
	n := 0
	for k := b.first; k < b.scanned() && n < len(want); k++ {
		if src[k].stem == want[n] {
			n++
		}
	}
	return n == len(want)
}

var by = hash([]byte("by"))

func passive(words []word) bool {
	for i := range words {
		if words[i].stem == by {
			return true
		}
	}
	return false
}

// abstains reports whether a sentence says that the sources do not say.
func abstains(s *sentence) bool {
	c := s.classes
	return c&negation != 0 && c&saying != 0 && c&sourceNoun != 0 || c&unable != 0 && c&(sourceNoun|saying) != 0
}

// maxCited bounds the citations of a sentence that are looked up.
const maxCited = 8

// citations holds the passages that a sentence cites against those that bear it out.
func (a *Aligner) citations(s *sentence, out *Sentence) {
	f := &out.Features
	for i := s.first; i < s.last; i++ {
		w := &a.answer.words[i]
		if w.marks&cites == 0 || w.marks&isNumber == 0 {
			continue
		}
		if f[fCites] >= maxCited {
			break
		}
		n := int32(-1)
		for k := s.nums; k < s.nume; k++ {
			if a.answer.numbers[k].word == i {
				n = int32(a.answer.numbers[k].value)
			}
		}
		f[fCites]++
		found, cited := false, float32(0)
		for b := range a.src.blocks {
			if a.src.blocks[b].number == n {
				found = true
				cited = max(cited, a.weigh(a.blocks[b]))
			}
		}
		if !found {
			if len(a.src.blocks) > 1 {
				out.note(NewCitation, s, w, nil, nil)
			}
			continue
		}
		total := float32(0)
		for k := range a.facts {
			total += a.facts[k].idf
		}
		if total > 0 {
			f[fCited] = max(f[fCited], cited/total)
		}
	}
	if f[fCited] > 0 {
		f[fCitedShort] = f[fBestBlock] - f[fCited]
	}
	if f[fCites] == 1 && f[fBestBlock] >= borneOut && f[fBestBlock]-f[fCited] >= 0.4 {
		out.whole(OtherPassage, s, nil)
	}
}

// note keeps a finding when none is plainer.
func (out *Sentence) note(k Kind, s *sentence, w, other *word, src *source) {
	if out.Finding.Kind != None && out.Finding.Kind <= k {
		return
	}
	out.Finding = Finding{Kind: k, Place: Place{int(s.text), int(w.start), int(w.end)}, Other: Place{Text: -1}}
	if other != nil {
		out.Finding.Other = Place{int(src.sentences[other.sentence].text), int(other.start), int(other.end)}
	}
}

// whole keeps a finding about all of a sentence, and the source sentence b, when none is plainer.
func (out *Sentence) whole(k Kind, s, b *sentence) {
	if out.Finding.Kind != None && out.Finding.Kind <= k {
		return
	}
	out.Finding = Finding{Kind: k, Place: Place{int(s.text), int(s.start), int(s.end)}, Other: Place{Text: -1}}
	if b != nil {
		out.Finding.Other = Place{int(b.text), int(b.start), int(b.end)}
	}
}
