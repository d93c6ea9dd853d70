package pricing

import "github.com/tiltmeter/tiltmeter/genai"

// compute fills out with what the call costs by the prices of e, or with the reason why that is unknown.
// It returns nothing: a result taken from bill would move out to the heap.
func (out *Priced) compute(e *Entry, c *Call) {
	u := &c.Usage
	s, ok := split(u)
	if !ok {
		out.Unknown = UsageDisagrees
		return
	}
	b := bill{out: out, rates: e.Rates(u.Input.N)}
	input, output, cacheRead := TierInput, TierOutput, TierCacheRead
	if c.Batch {
		input, output, cacheRead = TierBatchInput, TierBatchOutput, TierBatchCacheRead
		if s.cacheWrite|s.cacheWrite1h|s.inputAudio|s.inputImage|s.outputAudio|s.outputImage != 0 {
			b.fail(NoTierPrice) // what batches take off them is in no book
		}
	}
	b.whole(u.Input, input, TierInput)
	b.whole(u.Output, output, TierOutput)
	// A model without a price for a part of its input or output has one price for all of it. Not so
	// where it has one for a shorter cache, nor for batches, whose discount differs.
	write := b.or(TierCacheWrite, input)
	longWrite := TierCacheWrite1h
	if write == input {
		longWrite = b.or(TierCacheWrite1h, input)
	}
	reasoning := b.or(TierReasoning, output)
	if c.Batch {
		reasoning = output
	} else {
		cacheRead = b.or(cacheRead, input)
	}
	b.charge(input, s.text)
	b.charge(cacheRead, s.cacheRead)
	b.charge(write, s.cacheWrite)
	b.charge(longWrite, s.cacheWrite1h)
	b.charge(b.or(TierInputAudio, input), s.inputAudio)
	b.charge(b.or(TierInputImage, input), s.inputImage)
	b.charge(output, s.answer)
	b.charge(reasoning, s.reasoning)
	b.charge(b.or(TierOutputAudio, output), s.outputAudio)
	b.charge(b.or(TierOutputImage, output), s.outputImage)
	b.units(u)
}

// bill adds parts up and keeps the first reason why that cannot be done.
type bill struct {
	out   *Priced
	rates *Rates
}

func (b *bill) fail(why Reason) {
	if b.out.Unknown == "" {
		b.out.Unknown = why
	}
}

// whole checks that a count is known where it costs money. A model of embeddings has no price of
// output and needs no count of it.
func (b *bill) whole(n genai.Tokens, tier, plain Tier) {
	if n.Known {
		return
	}
	p, ok := b.rates.Get(tier)
	if p > 0 || !ok && b.rates.has(plain) {
		b.fail(NoUsage)
	}
}

// or is the tier if it has a price, else the other one.
func (b *bill) or(tier, other Tier) Tier {
	if b.rates.has(tier) {
		return tier
	}
	return other
}

// charge adds n units of a tier.
func (b *bill) charge(tier Tier, n int64) {
	if n == 0 || b.out.Unknown != "" {
		return
	}
	price, ok := b.rates.Get(tier)
	if !ok {
		b.fail(NoTierPrice)
		return
	}
	amount := price.times(n)
	if tier == TierSecond {
		amount = price.thousandths(n)
	}
	total, ok := b.out.Total.add(amount)
	if !ok {
		b.fail(TooLarge)
		return
	}
	b.out.Total = total
	for i := range b.out.n { // several kinds of unit at one price
		if part := &b.out.parts[i]; part.Tier == tier {
			part.N += n
			part.Amount, _ = part.Amount.add(amount) // no more than the total
			return
		}
	}
	b.out.parts[b.out.n] = Part{tier, n, amount}
	b.out.n++
}

// units adds what is not counted in tokens. A model that has prices of tokens, too, is charged for
// what was counted; one that has not must have been.
func (b *bill) units(u *Usage) {
	tokens := b.rates.has(TierInput) || b.rates.has(TierOutput)
	if b.rates.has(TierRequest) {
		b.charge(TierRequest, 1)
	}
	for _, unit := range [...]struct {
		tier Tier
		n    genai.Tokens
	}{{TierImage, u.Images}, {TierSecond, u.Milliseconds}} {
		switch {
		case !b.rates.has(unit.tier):
		case unit.n.Known:
			b.charge(unit.tier, unit.n.N)
		case !tokens:
			b.fail(NoUsage)
		}
	}
}

// shares are the disjoint parts of a usage.
type shares struct {
	text, cacheRead, cacheWrite, cacheWrite1h, inputAudio, inputImage int64
	answer, reasoning, outputAudio, outputImage                       int64
}

// split takes a usage apart; false when its parts do not fit into the whole. The parts of an unknown
// whole are left out: whether that matters is for bill.whole to say.
func split(u *Usage) (s shares, ok bool) {
	if u.Input.Known {
		s.text = u.Input.N
		s.cacheRead, s.inputAudio, s.inputImage = u.CacheRead.N, u.InputAudio.N, u.InputImage.N
		s.cacheWrite1h = u.CacheWrite1h.N
		if u.CacheWrite.Known {
			s.cacheWrite = u.CacheWrite.N - u.CacheWrite1h.N
		}
	}
	if u.Output.Known {
		s.answer = u.Output.N
		s.reasoning, s.outputAudio, s.outputImage = u.Reasoning.N, u.OutputAudio.N, u.OutputImage.N
	}
	for _, n := range [...]int64{s.cacheRead, s.cacheWrite, s.cacheWrite1h, s.inputAudio, s.inputImage} {
		if n < 0 || n > s.text {
			return s, false
		}
		s.text -= n
	}
	for _, n := range [...]int64{s.reasoning, s.outputAudio, s.outputImage} {
		if n < 0 || n > s.answer {
			return s, false
		}
		s.answer -= n
	}
	return s, s.text >= 0 && s.answer >= 0 && u.Images.N >= 0 && u.Milliseconds.N >= 0
}
