package loadgen

import (
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Measure is Run without printing: it returns the report, also beside an error when there is one.
func Measure(ctx context.Context, o Options) (*Report, error) {
	o.complete()
	if err := o.validate(); err != nil {
		return nil, err
	}
	roots, err := readRoots(o.CA)
	if err != nil {
		return nil, err
	}
	senders, err := dial(&o, roots)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range senders {
			_ = s.close() // nothing is in flight any more
		}
	}()
	r := &run{o: &o, gen: NewGenerator(o.Seed, o.Batch, o.Spans, o.Concurrency), senders: senders}
	if o.Ledger != "" {
		if r.ledger, err = openLedger(o.Ledger); err != nil {
			return nil, err
		}
	}
	var v *verifier
	if o.Verify != "" {
		if v, err = newVerifier(ctx, &o, r.gen.ids, roots); err != nil {
			return nil, err
		}
		r.verify = v
	}
	rep, err := r.do(ctx)
	if r.ledger != nil {
		err = errors.Join(err, r.ledger.close())
	}
	if err == nil && v != nil {
		rep.Verify, err = v.check(ctx)
	}
	return rep, err
}

func dial(o *Options, roots *x509.CertPool) ([]sender, error) {
	var out []sender
	for range o.Connections {
		if o.HTTP {
			out = append(out, newHTTPSender(o, roots))
			continue
		}
		s, err := newGRPCSender(o, roots)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// run is one measurement. Workers draw request numbers in order; at a rate the number alone says when
// a request is due.
type run struct {
	o       *Options
	gen     *Generator
	senders []sender
	ledger  *ledger
	verify  *verifier

	start time.Time
	next  atomic.Uint64
}

// Latencies are recorded from 1 µs to 10 min with three digits.
const (
	lowestLatency  = int64(time.Microsecond)
	highestLatency = int64(10 * time.Minute)
	latencyDigits  = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestLatency, highestLatency, latencyDigits)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	// RecordValue refuses only values above the highest, which the bound prevents.
	_ = h.RecordValue(min(max(int64(d), lowestLatency), highestLatency))
}

func (r *run) do(ctx context.Context) (*Report, error) {
	r.start = time.Now()
	tallies := make([]*tally, r.o.Concurrency)
	errs := make([]error, r.o.Concurrency)
	var wg sync.WaitGroup
	for i := range tallies {
		tallies[i] = newTally()
		wg.Go(func() { errs[i] = r.work(ctx, r.senders[i%len(r.senders)], tallies[i]) })
	}
	wg.Wait()
	return r.report(tallies, time.Since(r.start)), errors.Join(errs...)
}

// due says when request seq falls due, and whether it belongs to the run at all.
func (r *run) due(seq uint64) (time.Time, bool) {
	at := time.Now()
	select {
	case <-r.o.Stop:
		return at, false
	default:
	}
	if r.o.Rate > 0 {
		at = r.start.Add(time.Duration(float64(seq) * float64(r.o.Batch) / r.o.Rate * float64(time.Second)))
	}
	if r.o.Spans > 0 && seq >= uint64((r.o.Spans+int64(r.o.Batch)-1)/int64(r.o.Batch)) { //nolint:gosec // never negative
		return at, false
	}
	return at, r.o.Duration == 0 || at.Sub(r.start) < r.o.Duration
}

// work sends requests until the run is over. Latency counts from the moment a request was due, also
// when no worker was free then: a server that stalls makes the requests behind the stall late, and
// a generator that waits with them would not see it ("coordinated omission": Gil Tene, How NOT to
// Measure Latency, 2013). Requests that are due and still unsent at the end of the time for
// retries are counted with the latency they had by then.
func (r *run) work(ctx context.Context, s sender, t *tally) error {
	for ctx.Err() == nil {
		seq := r.next.Add(1) - 1
		due, ok := r.due(seq)
		if !ok {
			return nil
		}
		p := r.gen.make(seq, due)
		if r.o.Rate > 0 {
			if !r.waitUntil(ctx, due) {
				p.release()
				return nil
			}
			if r.o.Duration > 0 && time.Since(r.start) > r.o.Duration+r.o.RetryFor {
				t.unsent++
				record(t.latency, time.Since(due))
				p.release()
				continue
			}
		} else {
			due = time.Now() // making the request is not the server's latency
		}
		err := r.request(ctx, s, p, due, t)
		p.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// waitUntil reports false when the run was ended before that moment.
func (r *run) waitUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.o.Stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// request sends p until it is answered for good and tallies what happened.
func (r *run) request(ctx context.Context, s sender, p *payload, due time.Time, t *tally) error {
	sent := time.Now()
	if r.o.DropFirst {
		r.drop(ctx, s, p)
		t.dropped++
	}
	a, ambiguous, err := r.attempts(ctx, s, p, t)
	ambiguous = ambiguous || r.o.DropFirst
	now := time.Now()
	record(t.latency, now.Sub(due))
	if err != nil {
		if ambiguous {
			t.unknown++
			t.unknownSpans += int64(p.tmpl.spans)
			return r.note(Unknown, p)
		}
		t.failed++
		return nil
	}
	record(t.service, now.Sub(sent))
	t.acked++
	t.spans += int64(p.tmpl.spans) - a.rejected
	t.bytes += int64(len(p.bytes))
	if a.rejected > 0 {
		// Which spans were refused is not said: the request cannot be checked span by span.
		t.rejected += a.rejected
		t.errors["rejected: "+a.message]++
		return nil
	}
	if err := r.note(Acked, p); err != nil {
		return err
	}
	if r.o.RetryAll {
		t.resent++
		if _, _, err := r.attempts(ctx, s, p, t); err != nil {
			t.resendFailed++
		}
	}
	return nil
}

func (r *run) note(o Outcome, p *payload) error {
	if r.ledger == nil && r.verify == nil {
		return nil
	}
	entries := r.gen.entries(p)
	if r.verify != nil {
		r.verify.note(o, entries)
	}
	if r.ledger != nil {
		return r.ledger.write(o, p.seq, entries)
	}
	return nil
}

// With DropFirst the first attempt is hung up on this long after its bytes have gone, drawn evenly: from
// when a server begins on it to about when it answers, so that it is met at every stage of its work.
const (
	minHangUp = time.Millisecond
	maxHangUp = 20 * time.Millisecond
)

// drop sends p and hangs up soon after its bytes have gone. What the server answers is not looked at.
func (r *run) drop(ctx context.Context, s sender, p *payload) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	hangUp := minHangUp + time.Duration(rand.Int64N(int64(maxHangUp-minHangUp))) //nolint:gosec // a moment, no secret
	_, _ = s.send(ctx, p, func() { time.AfterFunc(hangUp, cancel) })
}

// attempts sends p and retries as OTLP exporters must. ambiguous: an attempt ended without an answer, so
// the server may hold the spans although the last error says no.
func (r *run) attempts(ctx context.Context, s sender, p *payload, t *tally) (a answer, ambiguous bool, err error) {
	giveUp := time.Now().Add(r.o.RetryFor)
	for n := 1; ; n++ {
		attempt, cancel := context.WithTimeout(ctx, r.o.Timeout)
		a, err = s.send(attempt, p, nil)
		cancel()
		if err == nil {
			return a, false, nil
		}
		failure, ok := errors.AsType[*sendError](err)
		if !ok {
			failure = &sendError{code: "client", message: err.Error()}
		}
		t.errors[failure.code]++
		ambiguous = ambiguous || failure.ambiguous
		wait := backoff(failure, n)
		if !failure.retry || time.Now().Add(wait).After(giveUp) || sleep(ctx, wait) != nil {
			return a, ambiguous, failure
		}
		t.retries++
		if failure.delay > 0 {
			t.obeyed++
		}
	}
}
