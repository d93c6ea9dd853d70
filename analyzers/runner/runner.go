// Package runner has analyzers score what comes in.
//
// It reads the log behind the writer, under a position of its own: a range is done when its spans are stored, scored, and
// their signals stored too. A range that a kill interrupts is scored again, with the same rows. Whether an analyzer is slow,
// fails, panics or never returns, neither the others nor storage wait for it: each has a lane and a budget for each span, and
// a runner that would fill the log leaves records out, counts them and says which.
//
// It knows the log, the store and the interface of analyzers; no detector and no SQL.
package runner

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// ReaderName is the name under which the runner keeps its position in the log.
const ReaderName = "analyzer"

// The defaults of Options.
const (
	// DefaultLogShare is how much of the log, as a share of its limit, may wait for the runner until it leaves out what is stored and
	// not scored. The log keeps what the runner has not read, so that one that falls behind for ever would have ingest refuse.
	DefaultLogShare = 0.5

	// fetchRecords and fetchBytes bound one range.
	fetchRecords = 256
	fetchBytes   = 16 << 20

	// pollEvery is how often the runner looks whether the writer has stored a range.
	pollEvery = 100 * time.Millisecond

	// Back-off between attempts while the log or the store does not answer.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second

	// recordSlack is how long before a log record a call may have ended that the record belongs to.
	recordSlack = time.Minute
)

// Options tune the runner. Zero fields mean the defaults.
type Options struct {
	Policy     *Policy // what is scored; nil: everything
	LogShare   float64
	Second     SecondOpinion // nil: none
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are counted and not exported
}

// Store is what the runner needs of the store.
type Store interface {
	Answers(ctx context.Context, project string, traces []store.AnswerTrace) ([]store.TraceAnswers, error)
	NewSignalBatch() *store.SignalBatch
	InsertSignals(ctx context.Context, b *store.SignalBatch, token string) error
}

// Runner scores what the log brings. One process at a time works under ReaderName.
type Runner struct {
	*Scorer
	log    spanlog.Log
	behind string // the reader that stores what is to be scored
	opts   Options

	// mu guards everything below.
	mu      sync.Mutex
	failing error
}

// New makes a runner; Run starts it. behind names the reader of the log that stores spans.
func New(log spanlog.Log, behind string, st Store, list []analyzers.Analyzer, opts Options) (*Runner, error) {
	opts.LogShare = cmp.Or(opts.LogShare, DefaultLogShare)
	if opts.Logger == nil {
		opts.Logger = discard
	}
	scorer, err := NewScorer(st, list, opts)
	if err != nil {
		return nil, err
	}
	return &Runner{Scorer: scorer, log: log, behind: behind, opts: opts}, nil
}

// Ready is nil while signals go in, else why the last attempt failed.
func (r *Runner) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failing
}

// Run works until ctx is done, then returns nil. It returns an error only when another process has taken the reader over
// or the log was closed.
func (r *Runner) Run(ctx context.Context) error {
	err := r.run(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the context caused it
	}
	return err
}

func (r *Runner) run(ctx context.Context) error {
	var reader spanlog.Reader
	err := r.retry(ctx, "open the log", func() (err error) {
		if err = r.log.Register(ctx, ReaderName, spanlog.StartFirst); err == nil {
			reader, err = r.log.Reader(ctx, ReaderName)
		}
		return err
	})
	if err != nil {
		return err
	}
	var pending *spanlog.Intent
	if err := r.retry(ctx, "read the pending range", func() (err error) {
		pending, err = reader.Pending(ctx)
		return err
	}); err != nil {
		return err
	}
	if pending != nil {
		if err := r.again(ctx, reader, *pending); err != nil {
			return err
		}
	}
	if r.second != nil {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { r.opine(ctx) })
		defer wg.Wait()
		defer cancel()
	}
	for {
		if err := r.next(ctx, reader); err != nil {
			return err
		}
	}
}

// again scores the range that an earlier run had begun.
func (r *Runner) again(ctx context.Context, reader spanlog.Reader, in spanlog.Intent) error {
	t := touched{}
	if err := r.retry(ctx, "read the pending range", func() error {
		clear(t)
		return reader.Range(ctx, in.First, in.Last, func(e spanlog.Entry) error {
			t.add(e)
			return nil
		})
	}); err != nil {
		return err
	}
	return r.finish(ctx, reader, in, t)
}

// next scores the next range, or leaves records out when there are too many.
func (r *Runner) next(ctx context.Context, reader spanlog.Reader) error {
	var entries []spanlog.Entry
	if err := r.retry(ctx, "read the log", func() (err error) {
		entries, err = reader.Fetch(ctx, reader.Position()+1, fetchRecords, fetchBytes)
		return err
	}); err != nil {
		return err
	}
	last := entries[len(entries)-1].Seq
	to, err := r.stored(ctx, last)
	if err != nil {
		return err
	}
	t := touched{}
	in := spanlog.Intent{First: entries[0].Seq, Last: last, Token: fmt.Sprintf("signals-%d-%d", entries[0].Seq, last), Attempt: 1}
	if to > last {
		in.Last = to // what was fetched is left out, too: it is the smaller part
		r.m.skipped.Add(float64(to - in.First + 1))
		r.opts.Logger.Warn("analyzers are too far behind; records are left out, score them with `tiltmeter analyze`",
			"records", to-in.First+1, "since", entries[0].ReceivedAt)
	} else {
		for i := range entries {
			t.add(entries[i])
		}
	}
	if err := r.retry(ctx, "note the range", func() error { return reader.Begin(ctx, in) }); err != nil {
		return err
	}
	return r.finish(ctx, reader, in, t)
}

// stored waits until the writer is done with the log up to last. When too much of the log waits for the runner, it is the position up to which
// records are to be left out.
func (r *Runner) stored(ctx context.Context, last uint64) (to uint64, err error) {
	for {
		var st spanlog.Status
		if err := r.retry(ctx, "ask how far the writer is", func() (err error) {
			st, err = r.log.Status(ctx)
			return err
		}); err != nil {
			return 0, err
		}
		var written, waiting uint64
		for _, s := range st.Readers {
			switch s.Name {
			case r.behind:
				written = s.Position
			case ReaderName:
				waiting = s.Pending
				r.m.lag.Set(s.Lag.Seconds())
			}
		}
		switch {
		case written < last:
		case st.MaxBytes > 0 && float64(st.Bytes)*float64(waiting)/float64(max(1, st.Messages)) > r.opts.LogShare*float64(st.MaxBytes):
			return written, nil
		default:
			return last, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

func (r *Runner) finish(ctx context.Context, reader spanlog.Reader, in spanlog.Intent, t touched) error {
	for _, project := range t.projects() {
		for part := range slices.Chunk(t.traces(project), store.MaxAnswerTraces) {
			if err := r.retry(ctx, "score", func() error { return r.Score(ctx, project, part) }); err != nil {
				return err
			}
		}
	}
	if err := r.retry(ctx, "commit the range", func() error { return reader.Commit(ctx, in) }); err != nil {
		return err
	}
	r.m.lag.Set(0) // until the next range is looked at
	return nil
}

// retry repeats do with back-off until it succeeds, the context ends, or the error is one that no waiting can mend.
func (r *Runner) retry(ctx context.Context, what string, do func() error) error {
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		err := do()
		if err == nil || ctx.Err() != nil || spanlog.Final(err) {
			r.report(what, nil)
			return err
		}
		r.report(what, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
}

// report remembers why the runner waits, and says so once.
func (r *Runner) report(what string, err error) {
	r.mu.Lock()
	was := r.failing
	r.failing = nil
	if err != nil {
		r.failing = fmt.Errorf("%s: %w", what, err)
	}
	now := r.failing
	r.mu.Unlock()
	switch {
	case now != nil && was == nil:
		r.opts.Logger.Warn("analyzers wait; spans stay in the log", "error", now)
	case now == nil && was != nil:
		r.opts.Logger.Info("analyzers go on", "after", was)
	}
}

// touched are the traces that a range brings something of, by project.
type touched map[string]map[genai.TraceID]*store.AnswerTrace

// add notes the spans and log records of a request. What cannot be walked is no matter here: the writer puts it away.
func (t touched) add(e spanlog.Entry) {
	if e.Err != nil {
		return
	}
	switch e.Signal {
	case spanlog.SignalTraces:
		for r := wire.ReadTraces(e.Payload); r.Next(); {
			s := r.Span()
			t.touch(e.Project, s.TraceID, s.SpanID, time.Unix(0, int64(s.EndUnixNano))) //nolint:gosec // as sent; see below
		}
	case spanlog.SignalLogs:
		for r := wire.ReadLogs(e.Payload); r.Next(); {
			if l := r.Record(); l.TraceID != (genai.TraceID{}) {
				at := cmp.Or(l.TimeUnixNano, l.ObservedUnixNano)
				t.touch(e.Project, l.TraceID, l.SpanID, time.Unix(0, int64(at)).Add(-recordSlack)) //nolint:gosec // as sent
			}
		}
	}
}

// touch notes that something of a trace is new. A time that cannot be delays nothing: what is new is asked for by name.
func (t touched) touch(project string, trace genai.TraceID, span genai.SpanID, at time.Time) {
	by := t[project]
	if by == nil {
		by = map[genai.TraceID]*store.AnswerTrace{}
		t[project] = by
	}
	one := by[trace]
	if one == nil {
		one = &store.AnswerTrace{ID: trace, Since: at, Spans: map[genai.SpanID]bool{}}
		by[trace] = one
	}
	if at.Before(one.Since) {
		one.Since = at
	}
	one.Spans[span] = true
}

func (t touched) projects() []string {
	list := make([]string, 0, len(t))
	for p := range t {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// traces are those of a project, in an order that does not change.
func (t touched) traces(project string) []store.AnswerTrace {
	list := make([]store.AnswerTrace, 0, len(t[project]))
	for _, one := range t[project] {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b store.AnswerTrace) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return list
}
