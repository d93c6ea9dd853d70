package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

// result is a fitted model with what it says of texts that it, or its likeness of the same settings, was not fitted on.
type result struct {
	title     string
	model     *model.Linear
	features  []model.Feature
	threshold float64
	groups    map[string][]*bag // by what they are reported under
	scores    map[*bag]float64
}

// report prints rates at the threshold and the ranking, with their 95 % intervals.
func (r *result) report(w io.Writer, wrong string) {
	fmt.Fprintf(w, "%s: even odds at %.2f, slope %.2f\n", r.title, r.threshold, r.model.Slope)
	for i, f := range r.features {
		fmt.Fprintf(w, "  %s %.2f", f.Name, r.model.Dense[i])
	}
	fmt.Fprintln(w)
	names := make([]string, 0, len(r.groups))
	for n := range r.groups {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		r.line(w, n)
		if n != wrong {
			continue
		}
		for _, b := range r.groups[n] {
			if s := r.scores[b]; s >= r.threshold != b.label {
				fmt.Fprintf(w, "    %v %.2f %.300q\n", b.label, s, b.text)
			}
		}
	}
}

func (r *result) line(w io.Writer, name string) {
	items := make([]stats.Labelled, 0, len(r.groups[name]))
	for _, b := range r.groups[name] {
		items = append(items, stats.Labelled{Score: r.scores[b], True: b.label})
	}
	c := stats.At(items, r.threshold)
	fmt.Fprintf(w, "  %-30s", name)
	positives, negatives := c.TruePositives+c.FalseNegatives, c.FalsePositives+c.TrueNegatives
	if positives > 0 {
		fmt.Fprintf(w, " recall %s", share(c.TruePositives, positives))
	}
	if negatives > 0 {
		fmt.Fprintf(w, " false alarms %s", share(c.FalsePositives, negatives))
	}
	if positives > 0 && negatives > 0 {
		const level, rounds, seed = 0.95, 1000, 1
		i := stats.Bootstrap(items, func(s []stats.Labelled) float64 { return stats.At(s, r.threshold).F1() }, rounds, level, seed)
		fmt.Fprintf(w, " F1 %.3f (%.3f-%.3f)", c.F1(), i.Low, i.High)
		i = stats.Bootstrap(items, stats.AUROC, rounds, level, seed)
		fmt.Fprintf(w, " AUROC %.3f (%.3f-%.3f)", stats.AUROC(items), i.Low, i.High)
	}
	fmt.Fprintln(w)
}

func share(k, n int) string {
	i := stats.Wilson(k, n, 0.95)
	return fmt.Sprintf("%d/%d = %.4f (%.4f-%.4f)", k, n, float64(k)/float64(n), i.Low, i.High)
}

// alarms is the share of negatives at or above a threshold.
func alarms(bags []*bag, scores map[*bag]float64, threshold float64) float64 {
	n, k := 0, 0
	for _, b := range bags {
		if !b.label {
			n++
			if scores[b] >= threshold {
				k++
			}
		}
	}
	return float64(k) / float64(max(n, 1))
}

// lowest is the lowest threshold, to a hundredth, at which ok holds and above which it always does.
func lowest(ok func(threshold float64) bool) float64 {
	const step = 0.01
	t := 8.0
	for t > -8 && ok(t-step) {
		t -= step
	}
	return t
}
