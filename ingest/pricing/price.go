package pricing

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Usage is what a call used. As in genai.Usage, CacheRead, CacheWrite, InputAudio and InputImage are
// parts of Input, and Reasoning, OutputAudio and OutputImage parts of Output. Audio and image tokens that
// a cache held are counted as CacheRead alone.
type Usage struct {
	Input, Output           genai.Tokens
	CacheRead, CacheWrite   genai.Tokens
	CacheWrite1h            genai.Tokens // the part of CacheWrite that stays for an hour
	Reasoning               genai.Tokens
	InputAudio, OutputAudio genai.Tokens
	InputImage, OutputImage genai.Tokens
	Images                  genai.Tokens // images, where a model is priced by them
	Milliseconds            genai.Tokens // of audio or video, where a model is priced by them
}

// UsageOf takes the counts that the canonical span has.
func UsageOf(u *genai.Usage) Usage {
	return Usage{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite, Reasoning: u.Reasoning}
}

// Call is one model call to be priced.
type Call struct {
	Provider      string // canonical; "" when the sender named none
	ResponseModel string // what served the call; the request's model counts when it is ""
	RequestModel  string
	Time          time.Time // when it began; zero: the newest prices
	Batch         bool      // sent through the vendor's batch API
	Usage         Usage
	Reported      genai.Cost // what the sender says it cost
}

// CallOf is the call that a span describes.
func CallOf(s *genai.Span) Call {
	return Call{
		Provider: s.Provider, ResponseModel: s.ResponseModel, RequestModel: s.RequestModel,
		Time: s.Start, Usage: UsageOf(&s.Usage), Reported: s.Cost,
	}
}

// Part is what the units of one tier cost.
type Part struct {
	Tier   Tier
	N      int64 // tokens, images, requests; of TierSecond milliseconds
	Amount Decimal
}

// maxParts is how many tiers one call can use.
const maxParts = 13

// Priced is what a call cost.
type Priced struct {
	Unknown  Reason     // why the book gives no amount; "" when it does
	Total    Decimal    // the sum of the parts
	Entry    *Entry     // the prices that it was computed from; nil when unknown
	Reported genai.Cost // what the sender said; Amount is "" when that is nothing, or zero
	parts    [maxParts]Part
	n        int
	prefer   Prefer
}

// Parts are the tiers that were used, those that cost nothing included. The slice shares p's memory.
func (p *Priced) Parts() []Part { return p.parts[:p.n] }

// Known reports whether the book gave an amount.
func (p *Priced) Known() bool { return p.Unknown == "" }

// Cost is the cost to store: the sender's or the book's, as the Pricer prefers, else the one that there
// is, else the zero Cost, which is unknown.
func (p *Priced) Cost() genai.Cost {
	switch source := p.Source(); source {
	case "":
		return genai.Cost{}
	case sourceReported:
		return p.Reported
	default:
		return genai.Cost{Amount: p.Total.String(), Currency: Currency, Source: source}
	}
}

// Source is whose cost Cost is: "reported" for the sender's, the book's name, or "" when it is unknown.
func (p *Priced) Source() string {
	switch {
	case p.Reported.Amount != "" && (p.prefer == PreferReported || !p.Known()):
		return sourceReported
	case !p.Known():
		return ""
	}
	return p.Entry.Book
}

const sourceReported = "reported"

// Prefer says whose cost counts when the sender gave one and the book has one, too.
type Prefer uint8

const (
	// PreferBook takes the book's, so that all costs come from the same prices and can be computed again.
	// Instrumentations have price lists of their own, many without caches: OpenLIT gives 0.00002235 dollars
	// for a call with 32 of 57 tokens cached that cost 0.00001995.
	PreferBook Prefer = iota
	// PreferReported takes the sender's, where it knows what was really paid.
	PreferReported
)

// defaultModels is how many pairs of provider and model are remembered: more than any installation calls,
// few enough for a sender who makes models up.
const defaultModels = 4096

// maxRememberedBytes is how long provider and model together may be to be remembered; an ARN has about 120.
// Longer ones, which nobody names a model, are looked up each time.
const maxRememberedBytes = 512

// Options is what New needs; the zero value is good.
type Options struct {
	Prefer Prefer
	// Models is how many pairs of provider and model are remembered with their prices. When there are
	// more, all are forgotten and looked up again. Default 4,096.
	Models int
	// Registerer takes the metrics; nil: they are not exported.
	Registerer prometheus.Registerer
}

// Pricer prices calls by one book. It is safe for concurrent use.
type Pricer struct {
	book    *Book
	options Options
	counts  map[Reason]prometheus.Counter
	forgot  prometheus.Counter

	mu     sync.RWMutex // guards what follows
	routes map[key]found
}

// found is what the book says of a model.
type found struct {
	route route
	why   Reason
}

// New makes a Pricer.
func New(book *Book, o Options) *Pricer {
	if o.Models <= 0 {
		o.Models = defaultModels
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_pricing_calls_total",
		Help: "Model calls priced by the book: \"priced\", or why the cost is unknown.",
	}, []string{"result"})
	p := &Pricer{
		book: book, options: o, routes: map[key]found{}, counts: map[Reason]prometheus.Counter{"": calls.WithLabelValues("priced")},
		forgot: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_pricing_models_forgotten_total",
			Help: "How often all remembered models were forgotten, because there were more than the limit.",
		}),
	}
	for _, r := range Reasons {
		p.counts[r] = calls.WithLabelValues(string(r))
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(calls, p.forgot)
	}
	return p
}

// Book is the book that p prices by.
func (p *Pricer) Book() *Book { return p.book }

// Price says what a call cost. It allocates nothing for a model that was asked for before. The
// same call gives the same answer from the same book whenever it is asked, so this is also how
// stored calls are priced again: by provider, model, counts and time.
func (p *Pricer) Price(c *Call) Priced {
	out := Priced{prefer: p.options.Prefer}
	if !isZero(c.Reported.Amount) {
		out.Reported = c.Reported
	}
	model := c.ResponseModel
	if model == "" {
		model = c.RequestModel
	}
	route, why := p.route(c.Provider, model)
	if out.Unknown = why; why == "" {
		out.Entry, out.Unknown = route.at(c.Time)
	}
	if out.Unknown == "" {
		out.compute(out.Entry, c)
	}
	if out.Unknown != "" {
		out.Total, out.Entry, out.n = Decimal{}, nil, 0
	}
	p.counts[out.Unknown].Inc()
	return out
}

// isZero reports whether a decimal number is zero or no number: a sender that gives 0 knew no price.
func isZero(amount string) bool { return !strings.ContainsAny(amount, "123456789") }

func (p *Pricer) route(provider, model string) (route, Reason) {
	k := key{provider, model}
	p.mu.RLock()
	f, ok := p.routes[k]
	p.mu.RUnlock()
	if ok {
		return f.route, f.why
	}
	f.route, f.why = p.book.route(provider, model)
	if len(provider)+len(model) > maxRememberedBytes {
		return f.route, f.why
	}
	k = key{strings.Clone(provider), strings.Clone(model)} // the caller's strings may hold a whole request
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.routes) >= p.options.Models {
		clear(p.routes)
		p.forgot.Inc()
	}
	p.routes[k] = f
	return f.route, f.why
}
