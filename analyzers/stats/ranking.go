package stats

// How well a score ranks positives above negatives, and how well a probability says what it claims.

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Labelled is one judged item: what a detector said, and what is true.
type Labelled struct {
	Score float64
	True  bool
}

// AUROC is the probability that a positive scores above a negative, ties counted half: the Mann-Whitney U over n₁n₀
// (Hanley and McNeil, Radiology 143, 1982). NaN without both classes.
func AUROC(items []Labelled) float64 {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Labelled) int { return cmp.Compare(a.Score, b.Score) })
	var below, pos, neg, wins float64 // below: negatives under the present run of ties
	for i := 0; i < len(sorted); {
		var p, n float64
		j := i
		for ; j < len(sorted) && sorted[j].Score == sorted[i].Score; j++ {
			if sorted[j].True {
				p++
			} else {
				n++
			}
		}
		wins += p * (below + n/2)
		below += n
		pos, neg = pos+p, neg+n
		i = j
	}
	if pos == 0 || neg == 0 {
		return math.NaN()
	}
	return wins / (pos * neg)
}

// StratifiedAUROC is the mean of the AUROC within strata, weighted by their pairs of a positive and a negative:
// what of the ranking is left when items are compared with items of their own stratum only. NaN without a pair.
func StratifiedAUROC(items []Labelled, strata []int) float64 {
	by := map[int][]Labelled{}
	for i, it := range items {
		by[strata[i]] = append(by[strata[i]], it)
	}
	var sum, pairs float64
	for _, s := range slices.Sorted(maps.Keys(by)) {
		var pos float64
		for _, it := range by[s] {
			if it.True {
				pos++
			}
		}
		if n := pos * (float64(len(by[s])) - pos); n > 0 {
			sum += n * AUROC(by[s])
			pairs += n
		}
	}
	return sum / pairs
}

// Quantiles gives each value the number of its quantile group, 0 to groups-1; equal values have the same group.
func Quantiles(values []float64, groups int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]int, len(values))
	group := 0
	for rank, i := range order {
		if rank == 0 || values[i] != values[order[rank-1]] {
			group = rank * groups / len(values)
		}
		out[i] = group
	}
	return out
}

// Confusion counts what a threshold makes of labelled items.
type Confusion struct {
	TruePositives  int `json:"true_positives"`
	FalsePositives int `json:"false_positives"`
	TrueNegatives  int `json:"true_negatives"`
	FalseNegatives int `json:"false_negatives"`
}

// At counts the items with a score of at least threshold as found.
func At(items []Labelled, threshold float64) (c Confusion) {
	for _, it := range items {
		switch found := it.Score >= threshold; {
		case found && it.True:
			c.TruePositives++
		case found:
			c.FalsePositives++
		case it.True:
			c.FalseNegatives++
		default:
			c.TrueNegatives++
		}
	}
	return c
}

// Precision is the share of found items that are positive; NaN when none was found.
func (c Confusion) Precision() float64 { return share(c.TruePositives, c.FalsePositives) }

// Recall is the share of positives that were found (the sensitivity); NaN without positives.
func (c Confusion) Recall() float64 { return share(c.TruePositives, c.FalseNegatives) }

// Specificity is the share of negatives that were not found; NaN without negatives.
func (c Confusion) Specificity() float64 { return share(c.TrueNegatives, c.FalsePositives) }

// F1 is the harmonic mean of precision and recall, 2TP/(2TP+FP+FN); NaN without positives, found or true.
func (c Confusion) F1() float64 {
	return share(2*c.TruePositives, c.FalsePositives+c.FalseNegatives)
}

func share(a, b int) float64 { return float64(a) / float64(a+b) }

// BestF1 is the threshold with the highest F1, halfway between two scores; the highest of equals. An item of −∞ is below every
// threshold. NaN without positives that can be found.
func BestF1(items []Labelled) (threshold, f1 float64) {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Labelled) int { return cmp.Compare(b.Score, a.Score) })
	pos := 0
	for _, it := range sorted {
		if it.True {
			pos++
		}
	}
	threshold, f1 = math.NaN(), math.NaN()
	tp := 0
	for i, it := range sorted {
		if math.IsInf(it.Score, -1) {
			break
		}
		if it.True {
			tp++
		}
		if i+1 < len(sorted) && sorted[i+1].Score == it.Score {
			continue
		}
		f := 2 * float64(tp) / float64(i+1+pos)
		if pos > 0 && (math.IsNaN(f1) || f > f1) {
			f1, threshold = f, it.Score
			if i+1 < len(sorted) {
				threshold = midpoint(sorted[i+1].Score, it.Score)
			}
		}
	}
	return threshold, f1
}

// midpoint lies above lo and at most at hi, also where no number lies between them.
func midpoint(lo, hi float64) float64 {
	if m := lo + (hi-lo)/2; m > lo && m <= hi {
		return m
	}
	return hi
}

// CalibrationError is the expected calibration error of probabilities over bins of equal width: Σ n_b/n |mean score − rate of
// positives| (Naeini et al., AAAI 2015, eq. 3). NaN without items.
func CalibrationError(items []Labelled, bins int) float64 {
	n := make([]float64, bins)
	score := make([]float64, bins)
	pos := make([]float64, bins)
	for _, it := range items {
		b := min(max(int(it.Score*float64(bins)), 0), bins-1)
		n[b]++
		score[b] += it.Score
		if it.True {
			pos[b]++
		}
	}
	var sum float64
	for b := range n {
		sum += math.Abs(score[b] - pos[b])
	}
	return sum / float64(len(items))
}

// Brier is the mean squared difference of probability and truth (Brier 1950). NaN without items.
func Brier(items []Labelled) float64 {
	var sum float64
	for _, it := range items {
		d := it.Score
		if it.True {
			d--
		}
		sum += d * d
	}
	return sum / float64(len(items))
}
