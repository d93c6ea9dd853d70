package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

// scored is one score with its label.
type scored struct {
	z float64
	y bool
	n int // length of the answer
}

func gather(rows []*row, of func(*row) float64) []scored {
	s := make([]scored, len(rows))
	for i, r := range rows {
		s[i] = scored{of(r), r.Label == 1, len(r.Response)}
	}
	return s
}

// report prints what a score is worth on rows.
func report(w io.Writer, name string, rows []*row, of func(*row) float64) {
	s := gather(rows, of)
	fmt.Fprintf(w, "  %-28s n=%d AUROC %.4f within length deciles %.4f, best F1 %.3f, calibration error %.3f\n",
		name, len(s), auroc(s), stratified(s), best(s), calibration(s))
}

func sentencesReport(w io.Writer, rows []*row) {
	var full, local []scored
	for _, r := range rows {
		for i := range r.sentences {
			s := &r.sentences[i]
			full = append(full, scored{float64(s.margin.Full), s.y == 1, 0})
			local = append(local, scored{float64(s.margin.Local), s.y == 1, 0})
		}
	}
	fmt.Fprintf(w, "  sentences n=%d AUROC %.4f, calibration error %.3f; by themselves %.4f\n", len(full), auroc(full), calibration(full), auroc(local))
}

func editsReport(w io.Writer, rows []*row, of func(*row) float64) {
	for _, kind := range []string{"entity_modification", "negation_insertion_removal", "antonym_swap", "hallucinated_fact_insertion"} {
		var some []*row
		for _, r := range rows {
			if r.Edits != nil && (r.Label == 0 || slices.Contains(r.Edits, kind)) {
				some = append(some, r)
			}
		}
		report(w, kind, some, of)
	}
	tasks := map[string][]*row{}
	for _, r := range rows {
		tasks[r.Task] = append(tasks[r.Task], r)
	}
	for _, t := range slices.Sorted(mapKeys(tasks)) {
		report(w, t, tasks[t], of)
	}
}

// auroc is the share of pairs of a labelled and another row that the score orders rightly; ties count half.
func auroc(s []scored) float64 {
	wins, pairs := ordered(s)
	return wins / pairs
}

func ordered(s []scored) (wins, pairs float64) {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b scored) int { return cmp.Compare(a.z, b.z) })
	var rank, pos float64
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j].z == s[i].z {
			j++
		}
		for k := i; k < j; k++ {
			if s[k].y {
				rank += float64(i+j+1) / 2
				pos++
			}
		}
		i = j
	}
	return rank - pos*(pos+1)/2, pos * (float64(len(s)) - pos)
}

// stratified is auroc over pairs of answers of about the same length: of the same tenth.
func stratified(s []scored) float64 {
	s = slices.Clone(s)
	slices.SortStableFunc(s, func(a, b scored) int { return cmp.Compare(a.n, b.n) })
	var wins, pairs float64
	for d := range 10 {
		a, b := ordered(s[d*len(s)/10 : (d+1)*len(s)/10])
		wins, pairs = wins+a, pairs+b
	}
	return wins / pairs
}

// best is the highest F1 of any threshold.
func best(s []scored) float64 { f, _ := cut(s); return f }

func cut(s []scored) (f, z float64) {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b scored) int { return cmp.Compare(b.z, a.z) })
	pos, hits := 0, 0
	for _, x := range s {
		if x.y {
			pos++
		}
	}
	for i, x := range s {
		if x.y {
			hits++
		}
		if v := 2 * float64(hits) / float64(i+1+pos); v > f {
			f, z = v, x.z
		}
	}
	return f, z
}

func threshold(rows []*row, of func(*row) float64) float64 { _, z := cut(gather(rows, of)); return z }

func f1(rows []*row, flagged map[*row]bool) float64 {
	var hit, wrong, missed float64
	for _, r := range rows {
		switch {
		case flagged[r] && r.Label == 1:
			hit++
		case flagged[r]:
			wrong++
		case r.Label == 1:
			missed++
		}
	}
	return 2 * hit / (2*hit + wrong + missed)
}

// calibration is the expected calibration error over ten equal bins.
func calibration(s []scored) float64 {
	var p, y [10]float64
	for _, x := range s {
		v := model.Probability(float32(x.z))
		b := min(int(v*10), 9)
		p[b] += v
		if x.y {
			y[b]++
		}
	}
	sum := 0.0
	for b := range p {
		sum += math.Abs(p[b] - y[b])
	}
	return sum / float64(len(s))
}

// findingsReport prints how often sentences with each kind of finding are labelled, beside what the model expects of them.
func findingsReport(w io.Writer, name string, rows []*row) {
	var n, y, p [32]float64
	for _, r := range rows {
		for i := range r.sentences {
			s := &r.sentences[i]
			n[s.found]++
			y[s.found] += float64(s.y)
			p[s.found] += model.Probability(s.margin.Local)
		}
	}
	fmt.Fprintf(w, "  findings in %s:", name)
	for k := range n {
		if n[k] > 0 {
			fmt.Fprintf(w, " %v n=%.0f labelled %.3f expected %.3f;", align.Kind(k), n[k], y[k]/n[k], p[k]/n[k])
		}
	}
	fmt.Fprintln(w)
}
