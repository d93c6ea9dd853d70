// Package eval measures analyzers on labelled data and learns calibrations from it.
//
// A row becomes the span that it would be in production and goes through the analyzer as any span does, so that what is measured
// is what runs. Figures come with intervals, thresholds from other rows than those they are judged on.
//
// It knows rows, analyzers and statistics; no storage and no detector.
package eval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

const (
	// level is that of every interval.
	level = 0.95
	// rounds and seed are those of the bootstrap.
	rounds, seed = 1000, 1
	// deciles is how many groups of response length the stratified AUROC compares within.
	deciles = 10
	// bins is how many the calibration error has.
	bins = 10
	// folds is how many parts cross-validation has.
	folds = 5
	// half is the threshold on probabilities.
	half = 0.5
)

// Options say what is measured.
type Options struct {
	Signal string // its name; "": the one called like the analyzer
}

// Scored is what an analyzer said of a row.
type Scored struct {
	Row    *Row
	Signal *analyzers.Signal // nil: none
	Found  []analyzers.Evidence
	Micros float64 // what scoring took, microseconds
	Err    error
}

// Score scores every row.
func Score(ctx context.Context, a analyzers.Analyzer, rows []Row, o Options) ([]Scored, error) {
	about := a.Describe()
	name := cmp.Or(o.Signal, about.Name)
	if i := slices.IndexFunc(about.Signals, func(s analyzers.SignalDescription) bool { return s.Name == name }); i < 0 {
		var names []string
		for _, s := range about.Signals {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("%s gives no signal %q; it gives %v", about.Name, name, names)
	}
	out := make([]Scored, len(rows))
	var signals []analyzers.Signal
	for i := range rows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := &out[i]
		s.Row = &rows[i]
		in := rows[i].input(about.Name)
		began := time.Now()
		signals, s.Err = a.Analyze(ctx, &in, signals[:0])
		s.Micros = float64(time.Since(began).Nanoseconds()) / 1e3
		for j := range signals {
			s.add(signals[j].Evidence)
			if signals[j].Name == name {
				g := signals[j]
				s.Signal = &g
			}
		}
	}
	return out, nil
}

// add notes evidence, once if several signals rest on it.
func (s *Scored) add(list []analyzers.Evidence) {
	for _, e := range list {
		if !slices.ContainsFunc(s.Found, func(f analyzers.Evidence) bool { return f.Reason == e.Reason && f.Passage == e.Passage }) {
			s.Found = append(s.Found, e)
		}
	}
}

// Figure is a number that may be undefined: NaN, which is null in JSON.
type Figure float64

// MarshalJSON implements json.Marshaler.
func (f Figure) MarshalJSON() ([]byte, error) {
	if x := float64(f); !math.IsNaN(x) && !math.IsInf(x, 0) {
		return json.Marshal(x)
	}
	return []byte("null"), nil
}

// Rate is a share with its interval.
type Rate struct {
	Value Figure `json:"value"`
	Low   Figure `json:"low"`
	High  Figure `json:"high"`
}

func rate(k, n int) Rate {
	i := stats.Wilson(k, n, level)
	return Rate{Figure(float64(k) / float64(n)), Figure(i.Low), Figure(i.High)}
}

// Decision is what a threshold makes of labelled rows.
type Decision struct {
	Threshold Figure `json:"threshold"`
	On        string `json:"on"`   // what is compared with it: "score" or "probability"
	From      string `json:"from"` // where it was chosen
	Rows      int    `json:"rows"` // that are judged
	stats.Confusion
	Precision   Rate `json:"precision"`
	Recall      Rate `json:"recall"`
	FalseAlarms Rate `json:"false_alarms"` // of negatives
	F1          Rate `json:"f1"`
}

func decide(items []stats.Labelled, threshold float64, on, from string) Decision {
	c := stats.At(items, threshold)
	d := Decision{Threshold: Figure(threshold), On: on, From: from, Rows: len(items), Confusion: c}
	d.Precision = rate(c.TruePositives, c.TruePositives+c.FalsePositives)
	d.Recall = rate(c.TruePositives, c.TruePositives+c.FalseNegatives)
	d.FalseAlarms = rate(c.FalsePositives, c.FalsePositives+c.TrueNegatives)
	i := stats.Bootstrap(items, func(s []stats.Labelled) float64 { return stats.At(s, threshold).F1() }, rounds, level, seed)
	d.F1 = Rate{Figure(c.F1()), Figure(i.Low), Figure(i.High)}
	return d
}

// Report is what was measured. A figure that is not defined is NaN, and null in JSON.
type Report struct {
	Analyzer  string `json:"analyzer"`
	Version   int    `json:"version"`
	Signal    string `json:"signal"`
	Rows      int    `json:"rows"`
	Labelled  int    `json:"labelled"`
	Positives int    `json:"positives"`
	Failed    int    `json:"failed"`   // the analyzer gave an error
	Unjudged  int    `json:"unjudged"` // labelled rows of which the analyzer says nothing: they count as not found
	Found     Rate   `json:"found"`    // of all rows, with a probability of at least one half

	AUROC            Rate   `json:"auroc"`
	AUROCByLength    Rate   `json:"auroc_by_length"` // within deciles of the response's length
	CalibrationError Figure `json:"calibration_error"`
	Brier            Figure `json:"brier"`

	// Chosen is at the threshold with the best F1 on rows with split=train, judged on the others; where there are none of
	// either, each fold is judged at the threshold of the other four.
	Chosen *Decision `json:"chosen,omitempty"`
	Half   *Decision `json:"at_one_half,omitempty"` // a probability of one half, on all rows
	Best   *Decision `json:"best,omitempty"`        // the best that any threshold reaches on all rows: what it cannot exceed

	Kinds []Kind `json:"kinds,omitempty"` // of rows with typed spans

	MicrosMean   Figure `json:"microseconds_mean"`
	MicrosMedian Figure `json:"microseconds_median"`
	MicrosP99    Figure `json:"microseconds_p99"`
}

// Measure sums up what was scored.
func Measure(a analyzers.Analyzer, scored []Scored, o Options) Report {
	about := a.Describe()
	r := Report{Analyzer: about.Name, Version: about.Version, Signal: cmp.Or(o.Signal, about.Name), Rows: len(scored)}
	found := 0
	var items, probabilities []stats.Labelled
	var lengths []float64
	var rows []*Row
	micros := make([]float64, len(scored))
	for i := range scored {
		s := &scored[i]
		micros[i] = s.Micros
		if s.Err != nil {
			r.Failed++
		}
		if s.Signal != nil && s.Signal.Probability >= half {
			found++
		}
		if s.Row.Label == nil {
			continue
		}
		r.Labelled++
		item, probability := stats.Labelled{Score: math.Inf(-1), True: *s.Row.Label}, stats.Labelled{True: *s.Row.Label}
		if s.Signal != nil {
			item.Score, probability.Score = s.Signal.Score, s.Signal.Probability
		} else {
			r.Unjudged++
		}
		if item.True {
			r.Positives++
		}
		items, probabilities = append(items, item), append(probabilities, probability)
		lengths, rows = append(lengths, float64(len(s.Row.Response))), append(rows, s.Row)
	}
	r.Found = rate(found, len(scored))
	mean, median, p99 := times(micros)
	r.MicrosMean, r.MicrosMedian, r.MicrosP99 = Figure(mean), Figure(median), Figure(p99)
	r.Kinds = kindsOf(scored)
	r.AUROC, r.AUROCByLength = rankings(items, lengths)
	r.CalibrationError, r.Brier = Figure(stats.CalibrationError(probabilities, bins)), Figure(stats.Brier(probabilities))
	if r.Positives == 0 || r.Labelled == 0 {
		return r
	}
	r.Chosen = chosen(items, rows)
	atHalf := decide(probabilities, half, "probability", "fixed")
	threshold, _ := stats.BestF1(items)
	best := decide(items, threshold, "score", "all rows")
	r.Half, r.Best = &atHalf, &best
	return r
}

func rankings(items []stats.Labelled, lengths []float64) (whole, within Rate) {
	i := stats.Bootstrap(items, stats.AUROC, rounds, level, seed)
	whole = Rate{Figure(stats.AUROC(items)), Figure(i.Low), Figure(i.High)}
	type one struct {
		stats.Labelled
		group int
	}
	groups := stats.Quantiles(lengths, deciles)
	all := make([]one, len(items))
	for k := range items {
		all[k] = one{items[k], groups[k]}
	}
	stratified := func(list []one) float64 {
		items, groups := make([]stats.Labelled, len(list)), make([]int, len(list))
		for k := range list {
			items[k], groups[k] = list[k].Labelled, list[k].group
		}
		return stats.StratifiedAUROC(items, groups)
	}
	i = stats.Bootstrap(all, stratified, rounds/4, level, seed)
	return whole, Rate{Figure(stratified(all)), Figure(i.Low), Figure(i.High)}
}

// chosen judges rows at thresholds that were chosen on others.
func chosen(items []stats.Labelled, rows []*Row) *Decision {
	var train, rest []stats.Labelled
	for i := range items {
		if rows[i].Split == "train" {
			train = append(train, items[i])
		} else {
			rest = append(rest, items[i])
		}
	}
	if len(train) > 0 && len(rest) > 0 {
		if threshold, _ := stats.BestF1(train); !math.IsNaN(threshold) {
			d := decide(rest, threshold, "score", "split=train")
			return &d
		}
	}
	// Shifted by its fold's threshold, every item is judged at zero.
	shifted := make([]stats.Labelled, 0, len(items))
	var sum float64
	for f := range folds {
		mine, others := parted(items, rows, f)
		threshold, _ := stats.BestF1(others)
		if math.IsNaN(threshold) {
			return nil
		}
		sum += threshold
		for _, it := range mine {
			shifted = append(shifted, stats.Labelled{Score: it.Score - threshold, True: it.True})
		}
	}
	d := decide(shifted, 0, "score", "cross-validation")
	d.Threshold = Figure(sum / folds)
	return &d
}

// fold keeps rows of one prompt and source together: what one of them teaches is no surprise for the others.
func fold(r *Row) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(cmp.Or(r.SourceID, r.Prompt, r.Context, r.Response)))
	return int(h.Sum32() % folds)
}

// parted are the items of a fold, and those of the others.
func parted(items []stats.Labelled, rows []*Row, f int) (mine, others []stats.Labelled) {
	for i := range items {
		if fold(rows[i]) == f {
			mine = append(mine, items[i])
		} else {
			others = append(others, items[i])
		}
	}
	return mine, others
}

func times(micros []float64) (mean, median, p99 float64) {
	if len(micros) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	sorted := slices.Sorted(slices.Values(micros))
	for _, m := range sorted {
		mean += m
	}
	return mean / float64(len(sorted)), sorted[len(sorted)/2], sorted[len(sorted)*99/100]
}

// Calibrate learns how scores become probabilities from the rows with split=train, or from all where there are none. Measured is at one half,
// each fold by the calibration of the other four. Without both classes it is an error.
func Calibrate(scored []Scored) (c stats.Calibration, measured stats.Confusion, items []stats.Labelled, err error) {
	var rows []*Row
	take := func(only bool) {
		for i := range scored {
			s := &scored[i]
			if s.Row.Label != nil && s.Signal != nil && (!only || s.Row.Split == "train") {
				items = append(items, stats.Labelled{Score: s.Signal.Score, True: *s.Row.Label})
				rows = append(rows, s.Row)
			}
		}
	}
	if take(true); len(items) == 0 {
		take(false)
	}
	positives := 0
	for _, it := range items {
		if it.True {
			positives++
		}
	}
	if positives == 0 || positives == len(items) {
		return c, measured, nil, fmt.Errorf("calibrate: %d of %d labelled rows are positive; want some of both", positives, len(items))
	}
	for f := range folds {
		mine, others := parted(items, rows, f)
		cal := stats.Isotonic(others)
		for i := range mine {
			mine[i].Score = cal.Probability(mine[i].Score)
		}
		m := stats.At(mine, half)
		measured.TruePositives += m.TruePositives
		measured.FalsePositives += m.FalsePositives
		measured.TrueNegatives += m.TrueNegatives
		measured.FalseNegatives += m.FalseNegatives
	}
	return stats.Isotonic(items), measured, items, nil
}
