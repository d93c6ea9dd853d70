package writer

import (
	"errors"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// Rereader makes of stored spans what the writer would make of them today (store.Rereader). It is for one
// goroutine at a time.
type Rereader struct {
	norm   *dialect.Normalizer
	prices *pricing.Pricer
	span   genai.Span
	price  store.Price
}

// NewRereader makes a Rereader; prices may be nil.
func NewRereader(norm *dialect.Normalizer, prices *pricing.Pricer) *Rereader {
	return &Rereader{norm: norm, prices: prices}
}

// Read adds the span to the batch. An error says that today's dialects cannot read it.
func (r *Rereader) Read(b *store.Batch, project string, raw *store.RawSpan) (err error) {
	defer recovered(&err)
	// Of its own memory: the span aliases it, and the batch tells resources apart by where they lie.
	group := field(field(nil, 1, raw.Scope), 2, raw.Span)
	in := wire.ReadTraces(field(nil, 1, field(field(nil, 1, raw.Resource), 2, group)))
	if !in.Next() {
		return errors.New("a stored span cannot be read: its raw form is no span")
	}
	r.norm.Span(&r.span, in.Resource(), in.Scope(), in.Span())
	r.span.Project = project
	Price(&r.price, r.prices, &r.span)
	b.AddPriced(&r.span, &r.price)
	return nil
}

// Price fills dst with what a call costs.
func (r *Rereader) Price(dst *store.Price, s *genai.Span) { Price(dst, r.prices, s) }
