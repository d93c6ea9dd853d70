package runner

import (
	"context"
	"errors"
	"time"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/judge"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

// maxOpinions is how many questions wait at most. Each keeps its trace in memory; those beyond it are not asked, and counted.
const maxOpinions = 64

// SecondOpinion is asked about some signals, beside the way of the data: it may take its time, and may have none.
type SecondOpinion interface {
	Describe() analyzers.Description
	Wants(g *analyzers.Signal) bool
	Ask(ctx context.Context, in *analyzers.Input, g *analyzers.Signal) (analyzers.Signal, error)
}

// opinions asks for second opinions in the background.
type opinions struct {
	of    SecondOpinion
	about analyzers.Description
	queue chan scored
}

func newOpinions(of SecondOpinion) *opinions {
	if of == nil {
		return nil
	}
	return &opinions{of, of.Describe(), make(chan scored, maxOpinions)}
}

// consider queues what the second opinion wants to be asked about.
func (s *Scorer) consider(all []scored) {
	if s.second == nil {
		return
	}
	for i := range all {
		if !s.second.of.Wants(&all[i].signal) {
			continue
		}
		select {
		case s.second.queue <- all[i]:
		default:
			s.m.missed.WithLabelValues(s.second.about.Name, "queue").Inc()
		}
	}
}

// opine asks what is queued until ctx is done.
func (s *Scorer) opine(ctx context.Context) {
	batch := s.store.NewSignalBatch()
	for {
		var q scored
		select {
		case <-ctx.Done():
			return
		case q = <-s.second.queue:
		}
		began := time.Now()
		g, err := s.second.of.Ask(ctx, &q.call.in, &q.signal)
		name := s.second.about.Name
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, judge.ErrBudget):
			s.m.missed.WithLabelValues(name, "questions").Inc()
			continue
		case errors.Is(err, judge.ErrRests):
			s.m.missed.WithLabelValues(name, "rests").Inc()
			continue
		case err != nil:
			s.m.missed.WithLabelValues(name, "error").Inc()
			s.log.Warn("no second opinion", "trace", q.call.of.TraceID, "span", q.call.of.SpanID, "error", err)
			continue
		}
		s.m.seconds.WithLabelValues(name).Add(time.Since(began).Seconds())
		s.m.scored.WithLabelValues(name).Inc()
		batch.Reset()
		batch.Add(q.call.of, row(q.call.of.SpanID, s.second.about, &g, time.Now()))
		if err := s.store.InsertSignals(ctx, batch, ""); err != nil && ctx.Err() == nil {
			s.m.missed.WithLabelValues(name, "store").Inc()
			s.log.Warn("a second opinion could not be stored", "trace", q.call.of.TraceID, "span", q.call.of.SpanID, "error", err)
		}
	}
}

// row is a signal as it is stored.
func row(span genai.SpanID, about analyzers.Description, g *analyzers.Signal, now time.Time) *store.Signal {
	return &store.Signal{
		SpanID: span, Name: g.Name, Analyzer: about.Name, Version: about.Version,
		Score: g.Score, Probability: g.Probability, Label: g.Label, Evidence: evidenceJSON(g.Evidence), ScoredAt: now,
	}
}
