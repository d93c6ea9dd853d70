package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

// defaultPatience is how long one lane may take for the traces of one call of Score before the others go on without it.
const defaultPatience = 30 * time.Second

var discard = slog.New(slog.DiscardHandler)

// Scorer scores stored traces and stores what analyzers say of them.
type Scorer struct {
	store  Store
	lanes  []*lane
	policy *Policy
	log    *slog.Logger
	m      *metrics
	batch  *store.SignalBatch

	second *opinions // nil: none

	patience time.Duration
}

// lane is the way of one analyzer, beside those of the others.
type lane struct {
	analyzers.Analyzer
	about analyzers.Description
	busy  atomic.Bool // from an earlier call, which did not return in time
	fails uint64      // spans that it could not score; of the goroutine that has the lane
}

// NewScorer makes a scorer of the analyzers that the policy has on.
func NewScorer(st Store, list []analyzers.Analyzer, opts Options) (*Scorer, error) {
	m, err := newMetrics(opts.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Scorer{store: st, policy: opts.Policy, log: opts.Logger, m: m, batch: st.NewSignalBatch(), second: newOpinions(opts.Second), patience: defaultPatience}
	if s.policy == nil {
		s.policy = &Policy{}
	}
	if s.log == nil {
		s.log = discard
	}
	for _, a := range list {
		s.lanes = append(s.lanes, &lane{Analyzer: a, about: a.Describe()})
	}
	return s, nil
}

// call is one span to score.
type call struct {
	in   analyzers.Input
	of   *store.StoredSpan
	hash uint64 // of its trace: the sample
}

// scored is what a lane says of a call.
type scored struct {
	call   *call
	lane   *lane
	signal analyzers.Signal
}

// Score scores traces of a project, at most store.MaxAnswerTraces, and stores the signals. Repeating it changes nothing. Its
// errors are those of the store; what an analyzer cannot do is counted and logged. It is for one goroutine at a time.
func (s *Scorer) Score(ctx context.Context, project string, traces []store.AnswerTrace) error {
	found, err := s.store.Answers(ctx, project, traces)
	if err != nil {
		return err
	}
	cut := slices.ContainsFunc(found, func(t store.TraceAnswers) bool { return t.Truncated })
	if cut && len(traces) > 1 { // too much at once
		half := len(traces) / 2
		if err := s.Score(ctx, project, traces[:half]); err != nil {
			return err
		}
		return s.Score(ctx, project, traces[half:])
	}
	if cut {
		s.m.truncated.Inc()
	}
	calls := callsOf(found)
	if len(calls) == 0 {
		return nil
	}
	s.m.calls.Add(float64(len(calls)))
	return s.insert(ctx, s.run(ctx, calls))
}

// callsOf are the spans that answer: model calls, and an agent that shows none of its own.
func callsOf(traces []store.TraceAnswers) (calls []*call) {
	for i := range traces {
		t := &traces[i]
		all := make([]genai.Span, len(t.Spans))
		models := false
		for j := range t.Spans {
			all[j] = t.Spans[j].Span
			models = models || all[j].Operation.HasMessages()
		}
		for j := range all {
			o := &all[j]
			agent := o.Operation == genai.OpInvokeAgent && !models
			if o.Operation.HasMessages() && !o.Usage.Rollup || agent {
				calls = append(calls, &call{analyzers.Input{Span: o, Trace: all}, &t.Spans[j], sampleOf(t.ID)})
			}
		}
	}
	return calls
}

// run has every lane score the calls, beside each other, and waits for them, for some time.
func (s *Scorer) run(ctx context.Context, calls []*call) []scored {
	done := make(chan []scored, len(s.lanes))
	started := 0
	for _, l := range s.lanes {
		if !l.busy.CompareAndSwap(false, true) {
			s.m.missed.WithLabelValues(l.about.Name, "stuck").Add(float64(len(calls)))
			continue
		}
		started++
		go func() {
			defer l.busy.Store(false)
			done <- s.along(ctx, l, calls)
		}()
	}
	var all []scored
	end := time.NewTimer(s.patience)
	defer end.Stop()
	for ; started > 0; started-- {
		select {
		case part := <-done:
			all = append(all, part...)
		case <-end.C:
			s.log.Error("an analyzer does not return; the others go on without it", "analyzers", s.stuck())
			return all
		}
	}
	return all
}

func (s *Scorer) stuck() (names []string) {
	for _, l := range s.lanes {
		if l.busy.Load() {
			names = append(names, l.about.Name)
		}
	}
	return names
}

// along scores the calls with one analyzer.
func (s *Scorer) along(ctx context.Context, l *lane, calls []*call) (out []scored) {
	began := time.Now()
	var signals []analyzers.Signal
	n := 0
	for _, c := range calls {
		rule := s.policy.of(l.about.Name, c.of.Project, c.of.Service.Name)
		if ctx.Err() != nil || !rule.takes(c.hash) {
			continue
		}
		var err error
		if signals, err = s.one(ctx, l, c, rule.Budget, signals[:0]); err != nil {
			s.fail(l, c, err)
			continue
		}
		n++
		for _, g := range signals {
			if cal := s.policy.calibration(c.of.Project, g.Name); cal != nil {
				g.Probability = cal.Probability(g.Score)
			}
			out = append(out, scored{c, l, g})
		}
	}
	s.m.seconds.WithLabelValues(l.about.Name).Add(time.Since(began).Seconds())
	s.m.scored.WithLabelValues(l.about.Name).Add(float64(n))
	return out
}

// errPanic is a bug of an analyzer, met on one span.
var errPanic = errors.New("panic")

// one scores one call within its budget.
func (s *Scorer) one(ctx context.Context, l *lane, c *call, budget time.Duration, dst []analyzers.Signal) (out []analyzers.Signal, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(budget, DefaultBudget))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return l.Analyze(ctx, &c.in, dst)
}

func (s *Scorer) fail(l *lane, c *call, err error) {
	reason := "error"
	switch {
	case errors.Is(err, errPanic):
		reason = "panic"
	case errors.Is(err, context.DeadlineExceeded):
		reason = "budget"
	case errors.Is(err, context.Canceled):
		return // the range is scored again
	}
	s.m.missed.WithLabelValues(l.about.Name, reason).Inc()
	// The first, second, fourth, eighth … are enough to look at; the metric has them all.
	if l.fails++; bits.OnesCount64(l.fails) == 1 {
		s.log.Warn("an analyzer could not score a span", "analyzer", l.about.Name, "reason", reason, "failures", l.fails,
			"trace", c.of.TraceID, "span", c.of.SpanID, "error", err)
	}
}

// insert stores signals.
func (s *Scorer) insert(ctx context.Context, all []scored) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.batch.Reset()
	now := time.Now()
	for i := range all {
		of := all[i].call.of
		s.batch.Add(of, row(of.SpanID, all[i].lane.about, &all[i].signal, now))
	}
	if err := s.store.InsertSignals(ctx, s.batch, ""); err != nil {
		return err
	}
	s.consider(all)
	return nil
}

// evidenceJSON is a list as it is stored, of MaxEvidence pieces at most.
func evidenceJSON(list []analyzers.Evidence) string {
	text, err := json.Marshal(list[:min(len(list), analyzers.MaxEvidence)])
	if err != nil || len(list) == 0 {
		return "[]"
	}
	return string(text)
}

// sampleOf is a number in [0, 2⁶⁴) that is the same for all spans of a trace, on every machine: an id is random from its end
// (W3C Trace Context Level 2, random-trace-id flag).
func sampleOf(id genai.TraceID) (n uint64) {
	for _, b := range id[8:] {
		n = n<<8 | uint64(b)
	}
	return n * 0x9e3779b97f4a7c15 // for ids that count up
}
