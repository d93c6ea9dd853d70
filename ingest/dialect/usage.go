package dialect

import (
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// tokensTo fills a count; of several spellings the first key wins, zero included. Every count is
// kept as reported.
func tokensTo(field func(*genai.Usage) *genai.Tokens) taker {
	return func(r *reading, k key, v wire.Value) bool {
		n, ok := r.whole(k, v)
		if !ok || n < 0 || n > maxExact { // -1 stands for unknown
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
	n, ok := r.whole(k, v)
	if !ok || n < 0 {
		return false
	}
	r.report(keys[k].name, n)
	return true
}

func takeTotal(r *reading, k key, v wire.Value) bool {
	if !takeReported(r, k, v) {
		return false
	}
	n, _ := r.whole(k, v)
	r.total = genai.Count(n)
	return true
}

// takeReasoningDetail reads what the AI SDK 7 sends on its calls and repeats on its steps, which
// have no usage of their own.
func takeReasoningDetail(r *reading, k key, v wire.Value) bool {
	u := &r.dst.Usage
	if !u.Known() {
		return false
	}
	n, ok := r.whole(k, v)
	if !ok || n < 0 {
		return false
	}
	if !u.Reasoning.Known {
		u.Reasoning = genai.Count(n)
	}
	r.report(keys[k].name, n)
	return true
}

// settleUsage makes the input count include what a cache served. Senders before 1.40, and
// Strands with Anthropic's models, leave that out; a sum cannot be smaller than its parts, so it
// shows in the numbers.
func (r *reading) settleUsage() {
	u := &r.dst.Usage
	cached := u.CacheRead.N + u.CacheWrite.N
	switch {
	case !u.Input.Known:
	case cached > u.Input.N:
		u.Input.N += cached
		r.warn(genai.WarnTokensDisagree, "usage.input", "the cached tokens are more than the input count, so it leaves them out; they were added")
	case cached > 0 && r.total.Known && u.Output.Known && r.total.N == u.Input.N+cached+u.Output.N:
		u.Input.N += cached
		r.warn(genai.WarnTokensDisagree, "usage.input", "the total counts the cached tokens beside the input count, so it leaves them out; they were added")
	}
	if u.Reasoning.N > u.Output.N && u.Output.Known {
		r.warn(genai.WarnTokensDisagree, "usage.reasoning", "there are more reasoning tokens than output tokens")
	}
	if r.total.Known && u.Input.Known && u.Output.Known && r.total.N != u.Total() {
		r.disagree = true
	}
	if r.disagree {
		r.warn(genai.WarnTokensDisagree, "usage", "two counts of the same thing differ; all are kept as reported")
	}
}

// takeCost reads a price. Zero means that the sender knew no price.
func takeCost(r *reading, k key, v wire.Value) bool {
	f, ok := r.number(k, v)
	if !ok || f < 0 {
		return false
	}
	if f > 0 && r.dst.Cost.Amount == "" {
		r.dst.Cost = genai.Cost{Amount: strconv.FormatFloat(f, 'f', -1, 64), Currency: "USD", Source: "reported"}
	}
	return true
}
