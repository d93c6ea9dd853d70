package stats

// Intervals of rates and of whatever can be computed from a sample.

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a two-sided confidence interval.
type Interval struct{ Low, High float64 }

// Contains reports whether x lies in the interval, its ends included.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// Wilson is the score interval of a rate of k in n at the given level, e.g. 0.95 (Wilson, JASA 22, 1927; Brown, Cai and
// DasGupta, Statistical Science 16, 2001, eq. 4). Of none it is [0, 1].
func Wilson(k, n int, level float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	z := distuv.UnitNormal.Quantile(1 - (1-level)/2)
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{max(0, min(p, centre-half)), min(1, max(p, centre+half))}
}

// ClopperPearson is the exact interval of a rate of k in n: its coverage is at least the level (Clopper and Pearson,
// Biometrika 26, 1934). Of none it is [0, 1].
func ClopperPearson(k, n int, level float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	a := (1 - level) / 2
	out := Interval{0, 1}
	if k > 0 {
		out.Low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(a)
	}
	if k < n {
		out.High = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(1 - a)
	}
	return out
}

// Bootstrap is the percentile interval of a statistic over rounds resamples of the items with replacement (Efron and
// Tibshirani 1993, §13.3). Resamples of which the statistic is NaN are drawn again, a hundred times at most.
func Bootstrap[T any](items []T, statistic func([]T) float64, rounds int, level float64, seed uint64) Interval {
	if len(items) == 0 || rounds <= 0 {
		return Interval{math.NaN(), math.NaN()}
	}
	random := rand.New(rand.NewPCG(seed, 0x7469_6c74)) //nolint:gosec // to be repeatable, not secret
	sample := make([]T, len(items))
	values := make([]float64, 0, rounds)
	for range rounds {
		for range 100 {
			for i := range sample {
				sample[i] = items[random.IntN(len(items))]
			}
			if v := statistic(sample); !math.IsNaN(v) {
				values = append(values, v)
				break
			}
		}
	}
	if len(values) == 0 {
		return Interval{math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	a := (1 - level) / 2
	at := func(q float64) float64 { return values[min(int(q*float64(len(values))), len(values)-1)] }
	return Interval{at(a), at(1 - a)}
}

// RoganGladen corrects the rate at which a detector fires for the errors it makes: (observed + specificity − 1) / (sensitivity +
// specificity − 1), within [0, 1] (Rogan and Gladen, American Journal of Epidemiology 107, 1978). NaN for a
// detector that is no better than chance.
func RoganGladen(observed, sensitivity, specificity float64) float64 {
	youden := sensitivity + specificity - 1
	if !(youden > 0) {
		return math.NaN()
	}
	return min(1, max(0, (observed+specificity-1)/youden))
}

// RoganGladenInterval is the interval of the corrected rate: a detector fired found times in n, and was measured on positives and
// negatives of its own. The three rates err independently; the variance is theirs, by the delta method,
// with each rate taken from Wilson's centre so that a rate of 0 or 1 has a variance, too.
func RoganGladenInterval(found, n int, measured Confusion, level float64) Interval {
	q, vq := smoothed(found, n)
	se, vse := smoothed(measured.TruePositives, measured.TruePositives+measured.FalseNegatives)
	sp, vsp := smoothed(measured.TrueNegatives, measured.TrueNegatives+measured.FalsePositives)
	youden := se + sp - 1
	if !(youden > 0) {
		return Interval{0, 1}
	}
	p := (q + sp - 1) / youden
	half := distuv.UnitNormal.Quantile(1-(1-level)/2) * math.Sqrt(vq+p*p*vse+(1-p)*(1-p)*vsp) / youden
	return Interval{min(1, max(0, p-half)), max(0, min(1, p+half))}
}

// smoothed is a rate with one success and one failure added (Laplace), and its variance.
func smoothed(k, n int) (rate, variance float64) {
	m := float64(n) + 2
	rate = (float64(k) + 1) / m
	return rate, rate * (1 - rate) / m
}
