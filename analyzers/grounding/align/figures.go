package align

// What was found becomes figures: of a sentence, of what stands around it, and of the answer.

import "math/bits"

// put writes what a pass over the sentence added up.
func (a *Aligner) put(i int, s *sentence, t *tally, out *Sentence) {
	f := &out.Features
	all := max(t.all, 0.1)
	f[fWords], f[fContent] = logOf(float32(t.words)), logOf(float32(t.content))
	f[fNew], f[fNewSum], f[fNewer], f[fNewerSum] = t.fresh/all, logOf(t.fresh), t.newer/all, logOf(t.newer)
	f[fNewCount], f[fNewMax], f[fNewAsked] = float32(t.newCount), t.maxNew, t.freshAsked/all
	f[fPairs], f[fTriads], f[fQuads] = share(t.newPairs, t.pairs), share(t.newTriads, t.triads), share(t.newQ, t.quads)
	f[fSkips] = share(t.newSkips, t.skips)
	f[fCopied], f[fCopiedRun] = share(t.longest, t.pairs), logOf(float32(t.longest))
	f[fNewRun] = float32(t.longestNew)
	f[fApart] = float32(t.near - t.together)
	f[fTogether] = 1
	if t.near > 0 {
		f[fTogether] = share(t.together, t.near)
	}
	f[fNames] += float32(t.newNames)
	f[fNewNames], f[fNewNamesQ] = float32(t.newNames), float32(t.newNamesQ)
	f[fAsked] = t.asked / all
	n := len(a.answer.sentences)
	f[fIndex], f[fPosition], f[fSentences] = float32(min(i, 20)), float32(i)/float32(n), float32(min(n, 30))
	f[fLast], f[fListed], f[fHeading] = flag(i == n-1), flag(s.listed), flag(s.heading)
	for k, c := range classFeatures {
		f[fHedge+k] = float32(t.counts[bits.TrailingZeros32(uint32(c))])
	}
	f[fAbstains] = flag(abstains(s))
	if f[fAbstains] > 0 && a.asking >= allAsked && len(a.answer.sentences) <= 2 && len(a.near) > 0 {
		out.whole(Denied, s, &a.src.sentences[a.near[0]])
	}
	f[fClauseSum], f[fClause], f[fLastClause], f[fClauses] = logOf(t.worst), t.worstShare, t.lastShare, float32(t.clauses)
	f[fExampleNew] = logOf(t.exampleNew)
	f[fRepeats], f[fNewRepeats] = t.repeats/all, t.freshRepeats/max(t.fresh, 0.1)
	f[fSourceWords], f[fAnswerWords] = logOf(float32(len(a.src.words))), logOf(float32(len(a.answer.words)))
	f[fFirstNew], f[fLastNew], f[fQuotedNew] = flag(t.firstNew), flag(t.lastNew), float32(t.quotedNew)
	f[fCut] = flag(a.answer.sentences[i].cut)
	f[fRare] = all / float32(max(t.content, 1))
	out.fresh, out.newer, out.all = t.fresh, t.newer, t.all
	a.citations(s, out)
}

var classFeatures = [...]class{
	hedge, advice, conclusion, sourceNoun, saying, example, pronoun, causal, contrast, unable, greeting, quantifier, person, unit,
}

// neighbours fills what sentences say of each other.
func (a *Aligner) neighbours() {
	var fresh, newer, all, before float32
	for i := range a.Sentences {
		s := &a.Sentences[i]
		fresh, newer, all = fresh+s.fresh, newer+s.newer, all+s.all
	}
	abstained := float32(0)
	for i := range a.Sentences {
		s := &a.Sentences[i]
		f := &s.Features
		f[fAround] = newer / max(all, 0.1)
		f[fNewBefore] = logOf(before)
		before += s.newer
		f[fAbstained] = abstained
		abstained = max(abstained, f[fAbstains])
		if i == 0 {
			f[fBefore] = -1
			f[fJump] = -1
			continue
		}
		o := &a.Sentences[i-1]
		f[fBefore] = o.Features[fNewer]
		o.Features[fBehind] = f[fNewer]
		f[fJump] = -1
		if s.best >= 0 && o.best >= 0 {
			f[fJump] = float32(min(max(s.best-o.best, o.best-s.best), 20))
			f[fSameBlock] = flag(s.block == o.block)
		}
	}
	will := float32(0)
	for i := len(a.Sentences) - 1; i >= 0; i-- {
		f := &a.Sentences[i].Features
		f[fWillAbstain] = will
		will = max(will, f[fAbstains])
		if i == len(a.Sentences)-1 {
			f[fBehind] = -1
		}
	}
}

// means are figures of an answer that are the mean of a figure of its sentences, sums those that are the sum.
var (
	means = [...][2]int{
		{gPairs, fPairs},
		{gTriads, fTriads},
		{gSkips, fSkips},
		{gBest, fBestTwo},
		{gTogether, fTogether},
		{gListed, fListed},
		{gAsked, fAsked},
		{gTaken, fTaken},
	}
	sums = [...][2]int{
		{gNewNumbers, fNewNumbersQ},
		{gNewNames, fNewNames},
		{gOtherNumbers, fOtherNumbers},
		{gSwapped, fSwapped},
		{gAbstains, fAbstains},
		{gAdvice, fAdvice},
		{gHedge, fHedge},
		{gExample, fExample},
		{gGreeting, fGreeting},
		{gCites, fCites},
		{gDerived, fDerived},
	}
)

// summarise fills the figures of the answer.
func (a *Aligner) summarise() {
	g := &a.Answer
	*g = [NumAnswer]float32{}
	n := len(a.Sentences)
	g[gSentences], g[gWords] = logOf(float32(n)), logOf(float32(len(a.answer.words)))
	g[gSourceWords], g[gQuestionWords] = logOf(float32(len(a.src.words))), logOf(float32(len(a.asked.words)))
	g[gBestMin] = 1
	var all, fresh, newer float32
	for i := range a.Sentences {
		s := &a.Sentences[i]
		f := &s.Features
		all, fresh, newer = all+s.all, fresh+s.fresh, newer+s.newer
		g[gNewMax] = max(g[gNewMax], f[fNewerSum])
		g[gClause] = max(g[gClause], f[fClauseSum])
		g[gBestMin] = min(g[gBestMin], f[fBestTwo])
		for _, m := range means {
			g[m[0]] += f[m[1]] / float32(n)
		}
		for _, m := range sums {
			g[m[0]] += f[m[1]]
		}
	}
	if n > 0 {
		g[gAbstainsLast] = a.Sentences[n-1].Features[fAbstains]
	}
	g[gNew], g[gNewer], g[gNewSum], g[gNewerSum] = fresh/max(all, 0.1), newer/max(all, 0.1), logOf(fresh), logOf(newer)
	for i := range a.asked.words {
		if a.asked.words[i].class&asks != 0 {
			g[gHow] = 1
		}
	}
}

func share(n, of int) float32 {
	if of == 0 {
		return 0
	}
	return float32(n) / float32(of)
}

func flag(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
