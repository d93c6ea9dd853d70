package api

// What analyzers say of spans: of one trace with the evidence, and summed up with an interval for each rate.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

const (
	// rateLevel is the share of intervals that hold the true rate.
	rateLevel = 0.95
	// maxSignalName is above the longest name of a signal.
	maxSignalName = 128
)

// signalService answers SignalService.
type signalService struct {
	pb.UnimplementedSignalServiceServer
	store     Store
	analyzers []analyzers.Description
	measured  func(project, signal string) *stats.Confusion
	scoring   bool
	limits    Limits
	now       func() time.Time
}

func (s *signalService) GetSignalCatalog(context.Context, *pb.GetSignalCatalogRequest) (*pb.SignalCatalog, error) {
	return &pb.SignalCatalog{Scoring: s.scoring, Analyzers: each(s.analyzers, func(a *analyzers.Description) *pb.AnalyzerInfo {
		return &pb.AnalyzerInfo{Name: a.Name, Version: clamp32(a.Version), Signals: each(a.Signals, func(d *analyzers.SignalDescription) *pb.SignalInfo {
			return &pb.SignalInfo{Name: d.Name, Meaning: d.Means, Unit: d.Unit, Labels: d.Labels, Detects: d.Detects}
		})}
	})}, nil
}

func (s *signalService) ListTraceSignals(ctx context.Context, r *pb.ListTraceSignalsRequest) (*pb.ListSignalsResponse, error) {
	project, trace, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	list, more, err := s.store.Signals(ctx, project, trace, genai.SpanID{})
	if err != nil {
		return nil, missing(err, "trace", trace.String(), project)
	}
	return signalsProto(list, more)
}

func (s *signalService) ListSpanSignals(ctx context.Context, r *pb.ListSpanSignalsRequest) (*pb.ListSignalsResponse, error) {
	project, trace, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	id, err := genai.ParseSpanID(r.GetSpanId())
	if err != nil {
		return nil, invalid("span_id", "%v", err)
	}
	list, more, err := s.store.Signals(ctx, project, trace, id)
	if err != nil {
		return nil, missing(err, "trace", trace.String(), project)
	}
	return signalsProto(list, more)
}

func signalsProto(list []store.Signal, more bool) (*pb.ListSignalsResponse, error) {
	out := &pb.ListSignalsResponse{Truncated: more}
	for i := range list {
		g := &list[i]
		var evidence []analyzers.Evidence
		if err := json.Unmarshal([]byte(g.Evidence), &evidence); err != nil {
			return nil, fmt.Errorf("read evidence of %s of span %s: %w", g.Name, g.SpanID, err)
		}
		out.Signals = append(out.Signals, &pb.Signal{
			SpanId: g.SpanID.String(), Name: validText(g.Name), Analyzer: validText(g.Analyzer), AnalyzerVersion: clamp32(g.Version),
			Score: g.Score, Probability: g.Probability, Label: validText(g.Label), Evidence: each(evidence, evidenceProto), ScoredAt: timestamp(g.ScoredAt),
		})
	}
	return out, nil
}

func evidenceProto(e *analyzers.Evidence) *pb.Evidence {
	p := &pb.Evidence{Reason: validText(e.Reason), Text: validText(e.Text), Score: e.Score, Passage: passageProto(&e.Passage)}
	if e.Source != nil {
		p.Source = passageProto(e.Source)
	}
	return p
}

// passageProto is unset for a passage that is nowhere: the evidence is of the span as a whole.
func passageProto(p *analyzers.Passage) *pb.Passage {
	if p.Field == "" {
		return nil
	}
	return &pb.Passage{
		SpanId: p.SpanID.String(), Field: validText(string(p.Field)), Index: clamp32(p.Index), Part: clamp32(p.Part),
		Start: clamp32(p.Start), End: clamp32(p.End), Quote: validText(p.Quote),
	}
}

// signalRequest is what the requests that sum signals up have in common.
type signalRequest interface {
	GetProject() string
	GetStartTime() *timestamppb.Timestamp
	GetEndTime() *timestamppb.Timestamp
	GetFilter() []string
	GetSignal() string
}

func (s *signalService) query(ctx context.Context, r signalRequest) (q store.SignalQuery, err error) {
	if q.Project, err = projectOf(ctx, r.GetProject()); err != nil {
		return q, err
	}
	w, err := resolveWindow(r.GetStartTime(), r.GetEndTime(), s.now())
	if err != nil {
		return q, err
	}
	q.From, q.To, q.Signal = w.from, w.to, r.GetSignal()
	if len(q.Signal) > maxSignalName {
		return q, invalid("signal", "the name has %d bytes, at most %d are read", len(q.Signal), maxSignalName)
	}
	q.Filter, err = s.limits.filterOf(r.GetFilter())
	return q, err
}

func (s *signalService) GetSignalSeries(ctx context.Context, r *pb.GetSignalSeriesRequest) (*pb.GetSignalSeriesResponse, error) {
	q, err := s.query(ctx, r)
	if err != nil {
		return nil, err
	}
	step := histogramStep(q.To.Sub(q.From), defaultBuckets)
	if asked := r.GetStep(); asked != nil {
		if step = asked.AsDuration(); step < time.Second || step%time.Second != 0 {
			return nil, invalid("step", "step is %s, but must be a number of whole seconds", step)
		}
		if n := (q.To.Sub(q.From) + step - 1) / step; n > maxBuckets {
			return nil, invalid("step", "the time has %d steps of %s, but at most %d are summed up: choose a longer step", n, step, maxBuckets)
		}
	}
	rows, more, err := s.store.SignalSeries(ctx, q, step)
	if err != nil {
		return nil, err
	}
	out := &pb.GetSignalSeriesResponse{Step: durationpb.New(step), Truncated: more}
	for group := range bySignal(rows) {
		total := store.SignalCounts{Low: math.Inf(1), High: math.Inf(-1), Labels: map[string]int64{}}
		series := &pb.SignalSeries{Signal: validText(group[0].Signal)}
		about := s.about(q.Project, group)
		for i := range group {
			add(&total, &group[i])
			sum := sumProto(&group[i], about)
			sum.StartTime = timestamp(group[i].Start)
			series.Steps = append(series.Steps, sum)
		}
		series.Total = sumProto(&total, about)
		out.Series = append(out.Series, series)
	}
	return out, nil
}

func (s *signalService) GetSignalBreakdown(ctx context.Context, r *pb.GetSignalBreakdownRequest) (*pb.GetSignalBreakdownResponse, error) {
	q, err := s.query(ctx, r)
	if err != nil {
		return nil, err
	}
	if fields := store.SignalFields(); !slices.Contains(fields, r.GetBy()) {
		return nil, invalid("by", "%q is no field that signals are broken down by: want one of %s", r.GetBy(), strings.Join(fields, ", "))
	}
	rows, more, err := s.store.SignalBreakdown(ctx, q, r.GetBy())
	if err != nil {
		return nil, err
	}
	out := &pb.GetSignalBreakdownResponse{Truncated: more}
	for group := range bySignal(rows) {
		about := s.about(q.Project, group)
		out.Breakdowns = append(out.Breakdowns, &pb.SignalBreakdown{
			Signal: validText(group[0].Signal),
			Values: each(group, func(c *store.SignalCounts) *pb.SignalSum { return sumProto(c, about) }),
		})
	}
	return out, nil
}

// bySignal parts rows that are sorted by their signals.
func bySignal(rows []store.SignalCounts) func(func([]store.SignalCounts) bool) {
	return func(yield func([]store.SignalCounts) bool) {
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].Signal == rows[0].Signal {
				n++
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// about is what is known of a signal: whether it has a rate, and how its detector errs.
type about struct {
	detects  bool
	measured *stats.Confusion // nil: not known
}

func (s *signalService) about(project string, group []store.SignalCounts) (a about) {
	if a.detects = s.detects(group); a.detects && s.measured != nil {
		a.measured = s.measured(project, group[0].Signal)
	}
	return a
}

// detects reports whether a signal has a rate: it is known to detect something, or one of an analyzer of former days that did.
func (s *signalService) detects(group []store.SignalCounts) bool {
	for i := range s.analyzers {
		for _, d := range s.analyzers[i].Signals {
			if d.Name == group[0].Signal {
				return d.Detects
			}
		}
	}
	return slices.ContainsFunc(group, func(c store.SignalCounts) bool { return c.Probability > 0 })
}

func add(to, c *store.SignalCounts) {
	to.Count, to.Found = to.Count+c.Count, to.Found+c.Found
	to.Probability, to.Score, to.Squares = to.Probability+c.Probability, to.Score+c.Score, to.Squares+c.Squares
	to.Low, to.High = min(to.Low, c.Low), max(to.High, c.High)
	for label, n := range c.Labels {
		to.Labels[label] += n
	}
}

// sumProto is of one span or more.
func sumProto(c *store.SignalCounts, a about) *pb.SignalSum {
	n := float64(c.Count)
	mean := c.Score / n
	sum := &pb.SignalSum{
		Value: validText(c.Value), Spans: c.Count, MeanProbability: c.Probability / n, MeanScore: mean,
		Deviation: math.Sqrt(max(0, c.Squares/n-mean*mean)), LeastScore: c.Low, GreatestScore: c.High,
	}
	if a.detects {
		i := stats.Wilson(int(c.Found), int(c.Count), rateLevel)
		sum.Rate = &pb.Rate{Found: c.Found, Share: float64(c.Found) / n, Low: i.Low, High: i.High}
	}
	if m := a.measured; m != nil {
		share := stats.RoganGladen(float64(c.Found)/n, m.Recall(), m.Specificity())
		if i := stats.RoganGladenInterval(int(c.Found), int(c.Count), *m, rateLevel); !math.IsNaN(share) {
			sum.CorrectedRate = &pb.CorrectedRate{Share: share, Low: min(share, i.Low), High: max(share, i.High), Sensitivity: m.Recall(), Specificity: m.Specificity()}
		}
	}
	for label, n := range c.Labels {
		sum.Labels = append(sum.Labels, &pb.LabelCount{Label: validText(label), Spans: n})
	}
	slices.SortFunc(sum.Labels, func(a, b *pb.LabelCount) int {
		return cmp.Or(cmp.Compare(b.GetSpans(), a.GetSpans()), strings.Compare(a.GetLabel(), b.GetLabel()))
	})
	return sum
}
