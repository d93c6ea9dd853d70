package stats

// From a score that only orders to a probability that can be believed.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Calibration maps a detector's score to a probability: between its points linearly, beyond them as at the nearest. It never
// decreases.
type Calibration struct {
	Scores        []float64 `json:"scores"` // ascending
	Probabilities []float64 `json:"probabilities"`
}

// Probability is that of a score; of NaN it is that of the lowest score. Without points it is the score itself, within [0, 1].
func (c *Calibration) Probability(score float64) float64 {
	if len(c.Scores) == 0 {
		return min(1, max(0, score))
	}
	i, _ := slices.BinarySearch(c.Scores, score)
	switch {
	case i == 0:
		return c.Probabilities[0]
	case i == len(c.Scores):
		return c.Probabilities[i-1]
	}
	lo, hi := c.Scores[i-1], c.Scores[i]
	return c.Probabilities[i-1] + (c.Probabilities[i]-c.Probabilities[i-1])*(score-lo)/(hi-lo)
}

// Validate says what of the calibration cannot be.
func (c *Calibration) Validate() error {
	if len(c.Scores) != len(c.Probabilities) {
		return fmt.Errorf("calibration: %d scores and %d probabilities; want as many", len(c.Scores), len(c.Probabilities))
	}
	for i, p := range c.Probabilities {
		switch {
		case math.IsNaN(c.Scores[i]) || math.IsInf(c.Scores[i], 0):
			return fmt.Errorf("calibration: scores[%d] is %v; want a finite number", i, c.Scores[i])
		case i > 0 && c.Scores[i] <= c.Scores[i-1]:
			return fmt.Errorf("calibration: scores[%d] is %v after %v; want them ascending", i, c.Scores[i], c.Scores[i-1])
		case !(p >= 0 && p <= 1):
			return fmt.Errorf("calibration: probabilities[%d] is %v; want one between 0 and 1", i, p)
		case i > 0 && p < c.Probabilities[i-1]:
			return fmt.Errorf("calibration: probabilities[%d] is %v after %v; a higher score must not be less probable", i, p, c.Probabilities[i-1])
		}
	}
	return nil
}

// UnmarshalJSON reads and checks a calibration.
func (c *Calibration) UnmarshalJSON(b []byte) error {
	type plain Calibration
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	return c.Validate()
}

// Isotonic fits the calibration with the least squared error by pooling adjacent violators (Ayer et al., Annals of
// Mathematical Statistics 26, 1955; Zadrozny and Elkan, KDD 2002). Each pool has one more positive and one more negative half than
// it has (Jeffreys), so that few labels never say 0 or 1. Without items it has no points.
func Isotonic(items []Labelled) Calibration {
	type pool struct{ n, pos, low, high float64 }
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Labelled) int { return cmp.Compare(a.Score, b.Score) })
	var pools []pool
	for i := 0; i < len(sorted); {
		p := pool{low: sorted[i].Score, high: sorted[i].Score}
		for ; i < len(sorted) && sorted[i].Score == p.low; i++ {
			p.n++
			if sorted[i].True {
				p.pos++
			}
		}
		pools = append(pools, p)
		for k := len(pools) - 1; k > 0 && pools[k-1].pos*pools[k].n >= pools[k].pos*pools[k-1].n; k-- {
			pools[k-1] = pool{pools[k-1].n + pools[k].n, pools[k-1].pos + pools[k].pos, pools[k-1].low, pools[k].high}
			pools = pools[:k]
		}
	}
	var c Calibration
	for _, p := range pools {
		prob := (p.pos + 0.5) / (p.n + 1)
		if k := len(c.Probabilities); k > 0 {
			prob = max(prob, c.Probabilities[k-1])
		}
		c.Scores, c.Probabilities = append(c.Scores, p.low), append(c.Probabilities, prob)
		if p.high > p.low {
			c.Scores, c.Probabilities = append(c.Scores, p.high), append(c.Probabilities, prob)
		}
	}
	return c
}

// Platt fits σ(a·score + b) by maximum likelihood with Platt's targets (Platt 1999; the Newton steps are those of Lin, Lin and Weng,
// Machine Learning 68, 2007, algorithm 1). a is at least 0: a calibration must not turn the ranking round.
func Platt(items []Labelled) (a, b float64) {
	var pos, neg float64
	for _, it := range items {
		if it.True {
			pos++
		} else {
			neg++
		}
	}
	high, low := (pos+1)/(pos+2), 1/(neg+2)
	target := func(it Labelled) float64 {
		if it.True {
			return high
		}
		return low
	}
	loss := func(a, b float64) (sum float64) {
		for _, it := range items {
			f, t := a*it.Score+b, target(it)
			sum += math.Max(f, 0) - t*f + math.Log1p(math.Exp(-math.Abs(f)))
		}
		return sum
	}
	a, b = 0, math.Log((pos+1)/(neg+1))
	best := loss(a, b)
	for range 100 {
		haa, hbb, hab := 1e-12, 1e-12, 0.0
		var ga, gb float64
		for _, it := range items {
			p := 1 / (1 + math.Exp(-(a*it.Score + b)))
			w, d := p*(1-p), p-target(it)
			haa += it.Score * it.Score * w
			hab += it.Score * w
			hbb += w
			ga += it.Score * d
			gb += d
		}
		if math.Abs(ga) < 1e-5 && math.Abs(gb) < 1e-5 {
			break
		}
		det := haa*hbb - hab*hab
		da, db := -(hbb*ga-hab*gb)/det, -(haa*gb-hab*ga)/det
		step := 1.0
		for ; step > 1e-10; step /= 2 {
			if l := loss(a+step*da, b+step*db); l < best+1e-4*step*(ga*da+gb*db) {
				a, b, best = a+step*da, b+step*db, l
				break
			}
		}
		if step <= 1e-10 {
			break
		}
	}
	if !(a >= 0) {
		return 0, math.Log((pos + 1) / (neg + 1))
	}
	return a, b
}
