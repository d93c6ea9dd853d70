package writer

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/store"
)

// Price fills dst with what p says of a span, in the memory that dst has: of a model call, and of whatever else
// has tokens, for an agent whose calls were not recorded stands for them. Of other spans, and without a
// Pricer, it is the zero Price. It allocates nothing for models that p knows.
func Price(dst *store.Price, p *pricing.Pricer, s *genai.Span) {
	*dst = store.Price{Parts: dst.Parts[:0]}
	if p == nil || !s.Operation.IsInference() && !s.Usage.Known() {
		return
	}
	call := pricing.CallOf(s)
	priced := p.Price(&call)
	dst.Source, dst.Unknown = priced.Source(), string(priced.Unknown)
	if dst.Source == "" || dst.Source == store.SourceReported {
		return
	}
	dst.High, dst.Low = priced.Total.Picodollars()
	dst.Currency = pricing.Currency
	rates := priced.Entry.Rates(s.Usage.Input.N)
	for _, part := range priced.Parts() {
		price, _ := rates.Get(part.Tier) // it was charged
		dst.Parts = append(dst.Parts, store.PricePart{Tier: part.Tier.String(), N: part.N, Price: uint64(price)})
	}
}
