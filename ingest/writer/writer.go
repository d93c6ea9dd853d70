// Package writer carries spans from the log to the store, each exactly once in effect.
//
// It reads the log in ranges, walks and normalises what the receivers walked before, and inserts
// one batch a range. The range and a token are written down before the insert, so that a process
// that is killed at any instruction repeats that same range under that same token, which the store
// drops if it had it. What cannot be read, and what ClickHouse refuses for good, goes to the dead
// letters with its reason; nothing else waits for it.
//
// It knows the log, the dialects, the prices and the store's batch; no SQL and no receiver.
package writer

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// ReaderName is the name under which the writer keeps its position in the log.
const ReaderName = "writer"

// The defaults of Options.
const (
	// DefaultRows is where the engine's cost of a row has fallen by half against 10,000 rows; beyond
	// it batches cost memory and time to the page more than they save.
	DefaultRows = 50_000
	// DefaultBytes of payload in one batch: with two batches under way and about three times
	// their bytes in columns, this bounds the writer's memory to some 400 MiB.
	DefaultBytes = 64 << 20
	// DefaultFlushEvery is how long the first span of a batch waits for others.
	DefaultFlushEvery = time.Second

	// fetchRecords and fetchBytes bound one read from the log, so that a batch ends close to its target.
	fetchRecords = 512
	fetchBytes   = 8 << 20

	// Back-off between attempts while the store does not take a batch.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second

	// keepBytes is the largest batch whose memory is kept for the next one.
	keepBytes = 256 << 20

	// restAfter is how long nothing must come until the memory of batches is given back.
	restAfter = 10 * time.Second
)

// Options tune the writer. Zero fields mean the defaults.
type Options struct {
	Rows       int             // spans and log records in one batch, at most (a single request may exceed it)
	Bytes      int             // payload bytes in one batch, at most (a single request may exceed it)
	FlushEvery time.Duration   // how long the first record of a batch waits for others
	Prices     *pricing.Pricer // of model calls; nil: what their senders say counts
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are counted and not exported
}

// Store is what the writer needs of the store. The inserts are as [store.Store.Insert] promises:
// repeated with the same rows and token they change nothing.
type Store interface {
	NewBatch() *store.Batch
	TTLDays() int
	Insert(ctx context.Context, b *store.Batch, token string) error
	InsertTable(ctx context.Context, b *store.Batch, table, token string) error
	Untouched(ctx context.Context, b *store.Batch, table, token string, received time.Time) (bool, error)
}

// Writer moves records from the log to the store. One process at a time works under ReaderName.
type Writer struct {
	log    spanlog.Log
	store  Store
	norm   *dialect.Normalizer
	span   func(*genai.Span, *wire.Resource, *wire.Scope, *wire.Span) // norm's; tests put a fault there
	opts   Options
	logger *slog.Logger
	m      *metrics

	// mu guards everything below.
	mu      sync.Mutex
	failing map[string]error // why the last attempt at something failed, by what it was
}

// New makes a writer; Run starts it.
func New(log spanlog.Log, st Store, norm *dialect.Normalizer, opts Options) (*Writer, error) {
	if opts.Rows <= 0 {
		opts.Rows = DefaultRows
	}
	if opts.Bytes <= 0 {
		opts.Bytes = DefaultBytes
	}
	if opts.FlushEvery <= 0 {
		opts.FlushEvery = DefaultFlushEvery
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(opts.Registerer)
	if err != nil {
		return nil, err
	}
	return &Writer{
		log: log, store: st, norm: norm, span: norm.Span, opts: opts, logger: opts.Logger, m: m, failing: map[string]error{},
	}, nil
}

// Ready is nil while batches go in, else why the last attempt failed.
func (w *Writer) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failing[doStore]; err != nil {
		return err
	}
	for _, err := range w.failing {
		return err
	}
	return nil
}

// Run works until ctx is done, then returns nil; what was read and not yet inserted is read again
// by the next run. It returns an error only when another process has taken the reader over
// or the log was closed.
func (w *Writer) Run(ctx context.Context) error {
	r, err := w.open(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	if err := w.repeatPending(ctx, r); err != nil {
		return stopped(ctx, err)
	}
	return stopped(ctx, w.pump(ctx, r))
}

// Finish inserts the range that an earlier run had begun, if there is one, and nothing else: then no insert is left that
// would be repeated.
func (w *Writer) Finish(ctx context.Context) error {
	r, err := w.open(ctx)
	if err != nil {
		return err
	}
	return w.repeatPending(ctx, r)
}

// stopped hides the error that a cancelled context causes.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	return err
}

func (w *Writer) open(ctx context.Context) (spanlog.Reader, error) {
	var r spanlog.Reader
	err := w.retry(ctx, "open the log", func() (err error) {
		if err = w.log.Register(ctx, ReaderName, spanlog.StartFirst); err == nil {
			r, err = w.log.Reader(ctx, ReaderName)
		}
		return err
	})
	return r, err
}

// repeatPending finishes the range that an earlier run had begun.
func (w *Writer) repeatPending(ctx context.Context, r spanlog.Reader) error {
	var in *spanlog.Intent
	if err := w.retry(ctx, "read the pending range", func() (err error) {
		in, err = r.Pending(ctx)
		return err
	}); err != nil || in == nil {
		return err
	}
	w.logger.Info("repeating the range that was under way", "first", in.First, "last", in.Last, "token", in.Token)
	p, err := readPlan(in)
	if err != nil {
		return err
	}
	b := w.newBatch()
	if p.Days == 0 {
		p.Days = b.days
	}
	b.days = p.Days
	if p.Split == nil {
		if err := w.retry(ctx, "read the pending range", func() error {
			b.reset()
			return r.Range(ctx, in.First, in.Last, func(e spanlog.Entry) error {
				w.add(b, e)
				return nil
			})
		}); err != nil {
			return err
		}
	}
	b.first, b.last = in.First, in.Last
	return w.insert(ctx, r, b, *in, p)
}

// pump reads ahead by one batch while the one before it is inserted.
func (w *Writer) pump(ctx context.Context, r spanlog.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	full, free := make(chan *batch), make(chan *batch, 2)
	free <- w.newBatch()
	free <- w.newBatch()

	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(full)
		if err := w.collect(ctx, r, r.Position()+1, free, full); err != nil {
			cancel(err)
		}
	})
	defer wg.Wait()
	defer cancel(nil)
	for b := range full {
		in := spanlog.Intent{First: b.first, Last: b.last, Token: rand.Text(), Attempt: 1}
		p := plan{Days: b.days}
		if err := w.retry(ctx, "note the range", func() error { return p.begin(ctx, r, &in) }); err != nil {
			return err
		}
		if err := w.insert(ctx, r, b, in, p); err != nil {
			return err
		}
		b.reset()
		free <- b
	}
	return context.Cause(ctx)
}

// collect fills batches from position next on and hands them over in order.
func (w *Writer) collect(ctx context.Context, r spanlog.Reader, next uint64, free chan *batch, full chan<- *batch) error {
	for {
		var b *batch
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		var err error
		if next, err = w.fill(ctx, r, next, b, free); err != nil {
			return err
		}
		select {
		case full <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fill reads records from position next on until the batch is large enough, or FlushEvery after
// the first record. It returns the position after the last one.
func (w *Writer) fill(ctx context.Context, r spanlog.Reader, next uint64, b *batch, free chan *batch) (uint64, error) {
	entries, err := w.first(ctx, r, next, b, free)
	if err != nil {
		return next, err
	}
	b.first = entries[0].Seq
	wait, cancel := context.WithTimeout(ctx, w.opts.FlushEvery)
	defer cancel()
	for len(entries) > 0 {
		for _, e := range entries {
			w.add(b, e)
			b.last, next = e.Seq, e.Seq+1
		}
		if b.rows.Rows() >= w.opts.Rows || b.bytes >= w.opts.Bytes {
			break
		}
		if entries, err = w.fetch(ctx, wait, r, next, w.opts.Bytes-b.bytes); err != nil {
			return next, err
		}
	}
	return next, nil
}

// first waits for the records that begin a batch, and rests meanwhile.
func (w *Writer) first(ctx context.Context, r spanlog.Reader, next uint64, b *batch, free chan *batch) ([]spanlog.Entry, error) {
	for rested := false; !rested; rested = w.rest(b, free) {
		wait, cancel := context.WithTimeout(ctx, restAfter)
		entries, err := w.fetch(ctx, wait, r, next, w.opts.Bytes)
		cancel()
		if err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	return w.fetch(ctx, ctx, r, next, w.opts.Bytes)
}

// rest gives the memory of the batches back to the system. It is false while one of them is on its way.
func (w *Writer) rest(b *batch, free chan *batch) bool {
	select {
	case other := <-free:
		*b, *other = *w.newBatch(), *w.newBatch()
		free <- other
	default:
		*b = *w.newBatch()
		return false
	}
	debug.FreeOSMemory()
	return true
}

// fetch reads what the log has from next on. It returns nothing when wait ends before ctx does.
func (w *Writer) fetch(ctx, wait context.Context, r spanlog.Reader, next uint64, room int) (entries []spanlog.Entry, err error) {
	err = w.retry(ctx, "read the log", func() error {
		entries, err = r.Fetch(wait, next, fetchRecords, min(room, fetchBytes))
		if err != nil && ctx.Err() == nil && wait.Err() != nil {
			return nil //nolint:nilerr // nothing came in time
		}
		return err
	})
	return entries, err
}

// insert stores a batch under the intent's token, puts away what could not be read, and commits. A
// batch that ClickHouse refuses is stored in parts, without what is refused in it.
func (w *Writer) insert(ctx context.Context, r spanlog.Reader, b *batch, in spanlog.Intent, p plan) error {
	began, rows := time.Now(), b.rows.Rows()
	if p.Split == nil && rows > 0 {
		refused, err := w.attempt(ctx, b, in.Token, maxRefusals, always, func() error { return w.store.Insert(ctx, b.rows, in.Token) })
		if err != nil {
			return err
		}
		if refused != nil {
			w.logger.Warn("ClickHouse refuses a batch; storing it in parts", "first", in.First, "last", in.Last, "error", refused)
			p.Split = &split{Table: refused.Table, From: in.First, Size: max(1, (in.Last-in.First+1)/growth)}
			if err := w.retry(ctx, "note a part of the range", func() error { return p.begin(ctx, r, &in) }); err != nil {
				return err
			}
		}
	}
	if p.Split != nil {
		if err := w.divide(ctx, r, b, in, p); err != nil {
			return err
		}
	} else {
		if err := w.putAway(ctx, b.dead); err != nil {
			return err
		}
		w.m.stored(b)
	}
	if err := w.retry(ctx, "commit the range", func() error { return r.Commit(ctx, in) }); err != nil {
		return err
	}
	w.m.inserted(rows, time.Since(began))
	return nil
}

// doStore is what retry is told of the inserts: what /readyz shows first.
const doStore = "store a batch"

// retry repeats do with back-off until it succeeds, the context ends, or the error is one that
// no waiting can mend. The spans stay in the log meanwhile, so patience costs nothing but lag.
func (w *Writer) retry(ctx context.Context, what string, do func() error) error {
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		err := do()
		if err == nil || ctx.Err() != nil || spanlog.Final(err) {
			w.report(what, nil)
			return err
		}
		w.report(what, err)
		w.m.retries.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
}

// report remembers why the writer waits and says so once, not at every attempt. Reading the log goes
// well while an insert does not: neither speaks for the other.
func (w *Writer) report(what string, err error) {
	w.mu.Lock()
	was := w.failing[what]
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		w.failing[what] = err
	} else {
		delete(w.failing, what)
	}
	w.mu.Unlock()
	switch {
	case err != nil && was == nil:
		w.logger.Warn("waiting; spans stay in the log", "error", err)
	case err == nil && was != nil:
		w.logger.Info("going on", "after", was)
	}
}
