package dialect

import (
	"math"
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// tokensTo fills a count; of several spellings the first key wins, zero included. Every count is
// kept as reported.
func tokensTo(field func(*genai.Usage) *genai.Tokens) taker {
	return func(r *reading, k key, v wire.Value) bool {
		n, ok := r.tokens(k, v)
		if !ok {
			return false
		}
		r.report(keys[k].name, n)
		to := field(&r.dst.Usage)
		if !to.Known {
			*to = genai.Count(n)
		}
		r.disagree = r.disagree || to.N != n
		return true
	}
}

// tokens reads a number of tokens. "" stands for unknown; what cannot be a count (-1, NaN, a
// half) is left out and warned about, for a sum would hide it.
func (r *reading) tokens(k key, v wire.Value) (int64, bool) {
	if v.Kind() == wire.KindEmpty || v.Kind() == wire.KindString && len(v.Str()) == 0 {
		return 0, false
	}
	before := len(r.dst.Warnings)
	n, ok := r.whole(k, v)
	if ok && n >= 0 && n <= maxExact {
		return n, true
	}
	if len(r.dst.Warnings) == before { // of a wrong type whole has warned already
		r.warn(genai.WarnCountImplausible, keys[k].name, "this cannot be a number of tokens; the count is left out")
	}
	return 0, false
}

// report keeps a count as it was sent, once.
func (r *reading) report(name string, n int64) {
	u := &r.dst.Usage
	for i := range u.Reported {
		if u.Reported[i].Key == name && u.Reported[i].N == n {
			return
		}
	}
	if len(u.Reported) < maxReported {
		u.Reported = append(u.Reported, genai.ReportedCount{Key: name, N: n})
	}
}

// maxReported bounds the reported counts of one span: twice the spellings that are known.
const maxReported = 64

func takeReported(r *reading, k key, v wire.Value) bool {
	n, ok := r.tokens(k, v)
	if ok {
		r.report(keys[k].name, n)
	}
	return ok
}

func takeTotal(r *reading, k key, v wire.Value) bool {
	if !takeReported(r, k, v) {
		return false
	}
	n, _ := r.whole(k, v)
	if !r.total.Known {
		r.total = genai.Count(n)
	}
	return true
}

// takeReasoningDetail reads what the AI SDK 7 sends on its calls and repeats on its steps, which
// have no usage of their own.
func takeReasoningDetail(r *reading, k key, v wire.Value) bool {
	u := &r.dst.Usage
	if !u.Known() {
		return false
	}
	n, ok := r.tokens(k, v)
	if !ok {
		return false
	}
	if !u.Reasoning.Known {
		u.Reasoning = genai.Count(n)
	}
	r.report(keys[k].name, n)
	return true
}

// settleUsage makes the input count include what a cache served, and marks the counts of spans
// that call no model. Where the dialect does not say whether its count includes the cached tokens,
// the numbers may: a sum cannot be smaller than its parts.
func (r *reading) settleUsage() {
	u := &r.dst.Usage
	u.Rollup = u.Rollup || u.Known() && r.dst.Operation != "" && !r.dst.Operation.IsInference()
	cached := u.CacheRead.N + u.CacheWrite.N
	switch {
	case !u.Input.Known || cached == 0 || u.Rule != genai.CacheNone:
	case r.cachedOutside:
		u.Input.N += cached
		u.Rule = genai.CacheByDialect
	case cached > u.Input.N:
		u.Input.N += cached
		u.Rule = genai.CacheBySum
		r.warn(genai.WarnTokensDisagree, "usage.input", "the cached tokens are more than the input count, so it leaves them out; they were added")
	case r.total.Known && u.Output.Known && r.total.N == u.Input.N+cached+u.Output.N:
		u.Input.N += cached
		u.Rule = genai.CacheBySum
		r.warn(genai.WarnTokensDisagree, "usage.input", "the total counts the cached tokens beside the input count, so it leaves them out; they were added")
	default:
		u.Rule = genai.CacheIncluded
	}
	if u.Reasoning.N > u.Output.N && u.Output.Known {
		r.warn(genai.WarnTokensDisagree, "usage.reasoning", "there are more reasoning tokens than output tokens")
	}
	r.disagree = r.disagree || r.total.Known && !addsUp(u, r.total.N)
	if r.disagree {
		r.warn(genai.WarnTokensDisagree, "usage", "two counts of the same thing differ; all are kept as reported")
	}
}

// addsUp says whether a total is what the settled counts come to, with or without the cached tokens that were added. Of one
// count alone nothing is said.
func addsUp(u *genai.Usage, total int64) bool {
	if !u.Input.Known || !u.Output.Known || total == u.Total() {
		return true
	}
	added := u.Rule == genai.CacheByDialect || u.Rule == genai.CacheBySum
	return added && total == u.Total()-u.CacheRead.N-u.CacheWrite.N
}

// takeCost reads a price.
func takeCost(r *reading, k key, v wire.Value) bool {
	f, ok := r.number(k, v)
	return ok && r.cost(f)
}

// cost fills the price in US dollars, and says whether the field holds it. Zero means that the sender
// knew no price.
func (r *reading) cost(f float64) bool {
	c := &r.dst.Cost
	if f < 0 || math.IsInf(f, 0) {
		return false
	}
	if f == 0 {
		return true
	}
	amount := decimal(f)
	if c.Amount == "" {
		*c = genai.Cost{Amount: amount, Currency: "USD", Source: "reported"}
	}
	return c.Amount == amount
}

// exactDigits is how many decimal digits a float64 keeps whatever the number: those beyond are noise
// of the sender's arithmetic (0.000022349999999999998).
const exactDigits = 15

// decimal is f rounded to the digits that it keeps, without an exponent.
func decimal(f float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'e', exactDigits-1, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
