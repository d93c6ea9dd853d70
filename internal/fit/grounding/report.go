package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

const (
	bins    = 10
	deciles = 10
	rounds  = 500
	level   = 0.95
)

// report prints what a score is worth on rows, with the interval of its AUROC.
func report(w io.Writer, name string, rows []*row, of func(*row) float64) {
	items, chances, lengths := labelled(rows, of)
	in := stats.Bootstrap(items, stats.AUROC, rounds, level, 1)
	_, f1 := stats.BestF1(items)
	fmt.Fprintf(w, "  %-28s n=%d AUROC %.4f (%.3f-%.3f), within length deciles %.4f, best F1 %.3f, calibration error %.3f\n", name, len(rows),
		stats.AUROC(items), in.Low, in.High, stats.StratifiedAUROC(items, stats.Quantiles(lengths, deciles)), f1, stats.CalibrationError(chances, bins))
}

// labelled are the rows' scores, the same as probabilities, and the lengths of the answers.
func labelled(rows []*row, of func(*row) float64) (items, chances []stats.Labelled, lengths []float64) {
	for _, r := range rows {
		z := of(r)
		items = append(items, stats.Labelled{Score: z, True: r.Label == 1})
		chances = append(chances, stats.Labelled{Score: model.Probability(float32(z)), True: r.Label == 1})
		lengths = append(lengths, float64(len(r.Response)))
	}
	return items, chances, lengths
}

func sentencesReport(w io.Writer, rows []*row) {
	var full, chances, local []stats.Labelled
	for _, r := range rows {
		for i := range r.sentences {
			s := &r.sentences[i]
			full = append(full, stats.Labelled{Score: float64(s.margin.Full), True: s.y == 1})
			chances = append(chances, stats.Labelled{Score: model.Probability(s.margin.Full), True: s.y == 1})
			local = append(local, stats.Labelled{Score: float64(s.margin.Local), True: s.y == 1})
		}
	}
	fmt.Fprintf(w, "  sentences n=%d AUROC %.4f, calibration error %.3f; by themselves %.4f\n",
		len(full), stats.AUROC(full), stats.CalibrationError(chances, bins), stats.AUROC(local))
}

func editsReport(w io.Writer, rows []*row, of func(*row) float64) {
	for _, kind := range []string{"entity_modification", "negation_insertion_removal", "antonym_swap", "hallucinated_fact_insertion"} {
		var some []*row
		for _, r := range rows {
			if r.Edits != nil && (r.Label == 0 || slices.Contains(r.Edits, kind)) {
				some = append(some, r)
			}
		}
		if len(some) > 0 {
			report(w, kind, some, of)
		}
	}
	tasks := map[string][]*row{}
	for _, r := range rows {
		tasks[r.Task] = append(tasks[r.Task], r)
	}
	for _, t := range slices.Sorted(mapKeys(tasks)) {
		report(w, t, tasks[t], of)
	}
}

// threshold is the one with the best F1 on rows.
func threshold(rows []*row, of func(*row) float64) float64 {
	items, _, _ := labelled(rows, of)
	z, _ := stats.BestF1(items)
	return z
}

// flaggedReport prints the F1 of rows of which some were flagged.
func flaggedReport(w io.Writer, rows []*row, flagged map[*row]bool) {
	items := make([]stats.Labelled, len(rows))
	for i, r := range rows {
		items[i].True = r.Label == 1
		if flagged[r] {
			items[i].Score = 1
		}
	}
	c := stats.At(items, 1)
	fmt.Fprintf(w, "  at the other folds' threshold: F1 %.3f, precision %.3f, recall %.3f\n", c.F1(), c.Precision(), c.Recall())
}

// powerReport prints how often a one-sided Mann-Whitney test at 0.05 sees a rate of wrong answers go from before to after, in two
// windows of n answers.
func powerReport(w io.Writer, rows []*row, of func(*row) float64, before, after float64, n int) {
	const trials = 400
	items, _, _ := labelled(rows, of)
	var good, bad []float64
	for _, it := range items {
		if it.True {
			bad = append(bad, it.Score)
		} else {
			good = append(good, it.Score)
		}
	}
	if len(good) == 0 || len(bad) == 0 {
		return
	}
	random := rand.New(rand.NewPCG(1, 1))
	draw := func(rate float64) float64 {
		if random.Float64() < rate {
			return bad[random.IntN(len(bad))]
		}
		return good[random.IntN(len(good))]
	}
	seen := 0
	for range trials {
		window := make([]stats.Labelled, 0, 2*n)
		for range n {
			window = append(window, stats.Labelled{Score: draw(before)}, stats.Labelled{Score: draw(after), True: true})
		}
		spread := math.Sqrt(float64(2*n+1) / (12 * float64(n) * float64(n)))
		if (stats.AUROC(window)-0.5)/spread > 1.645 {
			seen++
		}
	}
	fmt.Fprintf(w, "  a rate that goes from %.0f %% to %.0f %% is seen in windows of %d answers in %.1f %% of trials\n",
		100*before, 100*after, n, 100*float64(seen)/trials)
}

// findingsReport prints how often sentences with each kind of finding are labelled, beside what the model expects of them.
func findingsReport(w io.Writer, name string, rows []*row) {
	type count struct {
		kind    align.Kind
		n, y, p float64
	}
	by := map[align.Kind]count{}
	for _, r := range rows {
		for i := range r.sentences {
			s := &r.sentences[i]
			c := by[s.found]
			by[s.found] = count{s.found, c.n + 1, c.y + float64(s.y), c.p + model.Probability(s.margin.Local)}
		}
	}
	fmt.Fprintf(w, "  findings in %s:\n", name)
	all := make([]count, 0, len(by))
	for _, c := range by {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b count) int { return cmp.Compare(a.kind, b.kind) })
	for _, c := range all {
		fmt.Fprintf(w, "    %-16v n=%.0f labelled %.3f expected %.3f\n", c.kind, c.n, c.y/c.n, c.p/c.n)
	}
}
