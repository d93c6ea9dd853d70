package loadgen

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

// poolTemplates is how many different requests are drawn before the run. Each is about 280 KB at the
// default batch; texts, ids and times are new in every request, so few shapes are enough.
const poolTemplates = 48

// Generator makes OTLP requests. Request seq of a seed is always the same but for its base time.
// It is safe for concurrent use.
type Generator struct {
	words *vocabulary
	ids   idSource
	pool  []*template
	free  chan *payload
	tail  *template // the last request of a run with a total, nil when batches divide it
	last  uint64    // seq of the tail
}

// NewGenerator draws the pool. total is the number of spans of the run, 0 for no end.
func NewGenerator(seed uint64, batch int, total int64, inFlight int) *Generator {
	g := &Generator{words: newVocabulary(), ids: idSource{seed}, free: make(chan *payload, inFlight+1)}
	rng := rand.New(rand.NewPCG(seed, 0x7465_6d70_6c61_7465)) //nolint:gosec // traffic, no secret
	for range poolTemplates {
		g.pool = append(g.pool, buildTemplate(rng, batch))
	}
	if rest := int(total % int64(batch)); total > 0 && rest > 0 {
		g.tail, g.last = buildTemplate(rng, rest), uint64(total/int64(batch)) //nolint:gosec // never negative
	}
	return g
}

// payload is an encoded request. Its bytes belong to everyone who holds a reference and are written
// again only when the last one has been released: a transport may read them after a call has timed out.
type payload struct {
	seq   uint64
	tmpl  *template
	bytes []byte
	refs  atomic.Int32
	home  chan *payload
}

func (p *payload) retain() { p.refs.Add(1) }

func (p *payload) release() {
	if p.refs.Add(-1) == 0 {
		select {
		case p.home <- p:
		default: // more in flight than announced: the collector takes it
		}
	}
}

// make returns request seq with one reference held. Its spans end at base or before.
func (g *Generator) make(seq uint64, base time.Time) *payload {
	t := g.pool[mix(seq^g.ids.seed)%uint64(len(g.pool))]
	if g.tail != nil && seq == g.last {
		t = g.tail
	}
	var p *payload
	select {
	case p = <-g.free:
	default:
		p = &payload{home: g.free}
	}
	p.refs.Store(1)
	p.seq, p.tmpl = seq, t
	if cap(p.bytes) < len(t.bytes) {
		p.bytes = make([]byte, len(t.bytes), len(t.bytes)+len(t.bytes)/4)
	}
	p.bytes = p.bytes[:len(t.bytes)]
	t.write(p.bytes, g.words, g.ids, seq, base.UnixNano())
	return p
}

// Request returns the encoded request seq, whose spans end at base or before, in memory of its own.
func (g *Generator) Request(seq uint64, base time.Time) []byte {
	return g.make(seq, base).bytes // never released, so never written again
}

// Entry is what one trace of a request adds to the ledger.
type Entry struct {
	TraceID [16]byte
	Spans   int
	Hash    uint64 // SpanSetHash of its span ids
}

// entries lists the traces of a request.
func (g *Generator) entries(p *payload) []Entry {
	out := make([]Entry, 0, p.tmpl.traces)
	for n, ts := range p.tmpl.traceSpans {
		e := Entry{TraceID: g.ids.trace(p.seq, n), Spans: len(ts.spans)}
		for _, s := range ts.spans {
			e.Hash += hashSpan(g.ids.span(p.seq, s))
		}
		out = append(out, e)
	}
	return out
}

// SpanSetHash is the sum of the xxHash64 of each span id (8 bytes, big endian), modulo 2^64. It does
// not depend on the order and changes when a span is missing or there twice.
func SpanSetHash(spanIDs [][8]byte) uint64 {
	var sum uint64
	for _, id := range spanIDs {
		sum += hashSpan(id)
	}
	return sum
}

func hashSpan(id [8]byte) uint64 {
	return xxhash.Sum64(id[:])
}
