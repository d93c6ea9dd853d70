package store

import (
	"fmt"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Price is what a price book says of a span. The zero value says nothing: what the sender gave counts then.
type Price struct {
	// Source is whose cost counts: SourceReported for the sender's, which is the span's own, or the name of the
	// book, whose amount follows. "" is unknown.
	Source    string
	High, Low uint64 // the book's amount as 128 bits, in units of 10^-12 of Currency
	Currency  string // of the book, ISO 4217
	Unknown   string // why the book gives no amount; "" when it does, or when it was not asked
	Parts     []PricePart
}

// PricePart is what of a span's usage was paid at one price.
type PricePart struct {
	Tier  string // of the price book: input, output, cache_read …
	N     int64  // tokens, images, requests; milliseconds of what is paid by the second
	Price uint64 // of one of them, for a second of a thousand, in units of 10^-18
}

// SourceReported is the source of a cost that the sender gave.
const SourceReported = "reported"

// SpanCost is how a span's cost came about; the cost itself is the span's.
type SpanCost struct {
	Unknown  string     // why the price book gives no amount; "" when it does, or was not asked
	Reported genai.Cost // what the sender gave; Amount is "" for nothing
	Parts    []CostPart // of the book's amount; empty when the sender's counts
}

// CostPart is one summand of a cost.
type CostPart struct {
	Tier   string
	N      int64
	Amount string // exact decimal
}

// costColumns are what rows say of the cost that counts.
type costColumns struct {
	amount                    costCol
	currency, source, unknown lowCol
	parts                     stringCol
}

func (c *costColumns) columns() []namedColumn {
	return []namedColumn{
		{"cost", &c.amount},
		{"cost_currency", &c.currency},
		{"cost_source", &c.source},
		{"cost_unknown", &c.unknown},
		{"cost_parts", &c.parts},
	}
}

// add stores the cost that counts. The parts come apart: encodeParts writes where a row's detail is written.
func (c *costColumns) add(p *Price, own *reported) {
	counting := p.counting(own)
	c.amount.u64(counting.lo)
	c.amount.u64(counting.hi)
	c.currency.str(counting.currency)
	c.source.str(counting.source)
	c.unknown.str(p.Unknown)
}

// price stores what the span cost, and beside it what its sender says it did.
func (c *spanColumns) price(s *genai.Span, p *Price) {
	var own reported
	own.read(s.Cost)
	c.reported.u64(own.lo)
	c.reported.u64(own.hi)
	c.reportedCurrency.str(own.currency)
	c.cost.add(p, &own)
}

// money is an amount as columns hold it. No currency: there is none.
type money struct {
	lo, hi   uint64
	currency string
}

// reported is a sender's cost; none, too, when it cannot be read.
type reported struct{ money }

// counted is the cost that counts, and whose it is.
type counted struct {
	money
	source string
}

// counting is the cost that counts: the book's, or the sender's, or none.
func (p *Price) counting(own *reported) counted {
	switch {
	case p.Source != "" && p.Source != SourceReported:
		return counted{money{p.Low, p.High, p.Currency}, p.Source}
	case own.currency != "":
		return counted{own.money, SourceReported}
	}
	return counted{}
}

func (r *reported) read(c genai.Cost) {
	if c.Amount == "" {
		return
	}
	var ok bool
	if r.lo, r.hi, ok = parseCost(c.Amount); !ok {
		*r = reported{}
		return
	}
	if r.currency = c.Currency; r.currency == "" {
		r.currency = "USD"
	}
}

// encodeParts writes the summands of the book's amount, a protobuf message as detail is one. Amounts are left
// out: they are count by price, and the prices of a model are the same bytes in every call of it.
func (e *encoder) encodeParts(parts []PricePart) []byte {
	e.buf = e.buf[:0]
	for i := range parts {
		at := e.begin(1)
		e.str(1, parts[i].Tier)
		e.int(2, parts[i].N)
		e.buf = protowire.AppendTag(e.buf, 3, protowire.Fixed64Type)
		e.buf = protowire.AppendFixed64(e.buf, parts[i].Price)
		e.end(at)
	}
	return e.buf
}

func decodeParts(msg string) (parts []CostPart, err error) {
	var d decoder
	d.fields([]byte(msg), func(f fieldOf) { parts = append(parts, d.part(f.body)) })
	return parts, d.err
}

// tierSecond is the tier whose units are milliseconds, at a price for a second.
const tierSecond = "per_second"

func (d *decoder) part(msg []byte) CostPart {
	var part CostPart
	var price uint64
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			part.Tier = string(f.body)
		case 2:
			part.N = f.n
		case 3:
			price = f.bits
		}
	})
	hi, lo := bits.Mul64(price, uint64(max(part.N, 0)))
	if part.Tier == tierSecond {
		const milli = 1000
		rest := hi % milli
		hi /= milli
		lo, _ = bits.Div64(rest, lo, milli)
	}
	part.Amount = decimalText(hi, lo, attoScale)
	return part
}

// attoScale is that of prices: units of 10^-18.
const attoScale = 18

// decimalText is a number of 10^-scale as an exact decimal, without zeros behind the last digit.
func decimalText(hi, lo uint64, scale int) string {
	var b [48]byte
	at := len(b)
	seen := false // a digit of the fraction that is not zero
	for place := 0; place <= scale || hi != 0 || lo != 0; place++ {
		if place == scale && seen {
			at--
			b[at] = '.'
		}
		rest := hi % 10
		hi /= 10
		var digit uint64
		lo, digit = bits.Div64(rest, lo, 10)
		if place < scale && digit == 0 && !seen {
			continue
		}
		seen = seen || place < scale
		at--
		b[at] = '0' + byte(digit) //nolint:gosec // a remainder by ten
	}
	return string(b[at:])
}

// settle gives the span the cost that counts: the columns say whose, and detail has the sender's in its own words.
func (w *spanRow) settle(s *genai.Span) (err error) {
	w.Pricing = SpanCost{Unknown: w.unknown, Reported: s.Cost}
	if w.Pricing.Parts, err = decodeParts(w.parts); err != nil {
		return fmt.Errorf("decode the cost of span %s: %w", s.SpanID, err)
	}
	if w.cost.Source != SourceReported {
		s.Cost = w.cost
	}
	return nil
}
