package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

// labelled draws items with ties.
func labelled(t *rapid.T) []stats.Labelled {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stats.Labelled {
		return stats.Labelled{Score: float64(rapid.IntRange(0, 20).Draw(t, "score")) / 20, True: rapid.Bool().Draw(t, "true")}
	}), 1, 60).Draw(t, "items")
}

func near(t interface{ Errorf(string, ...any) }, what string, got, want, within float64) {
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > within {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAUROCIsTheShareOfPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := labelled(t)
		var wins, pairs float64
		for _, p := range items {
			for _, n := range items {
				if !p.True || n.True {
					continue
				}
				pairs++
				switch {
				case p.Score > n.Score:
					wins++
				case p.Score == n.Score:
					wins += 0.5
				}
			}
		}
		near(t, "AUROC", stats.AUROC(items), wins/pairs, 1e-12)
		one := make([]int, len(items))
		near(t, "of one stratum", stats.StratifiedAUROC(items, one), wins/pairs, 1e-12)
	})
}

func TestStratifiedAUROCIgnoresTheStratum(t *testing.T) {
	// The score is the stratum: it ranks the whole well, and within a stratum not at all.
	items := []stats.Labelled{{1, false}, {1, true}, {1, false}, {2, true}, {2, true}, {2, false}}
	strata := stats.Quantiles([]float64{1, 1, 1, 2, 2, 2}, 2)
	if whole := stats.AUROC(items); whole <= 0.6 {
		t.Errorf("AUROC of the whole: got %v, want above 0.6", whole)
	}
	near(t, "stratified", stats.StratifiedAUROC(items, strata), 0.5, 1e-12)
}

func TestBestF1(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := labelled(t)
		threshold, f1 := stats.BestF1(items)
		best := math.NaN()
		for _, it := range items {
			if f := stats.At(items, it.Score).F1(); f > 0 && !(f <= best) {
				best = f
			}
		}
		near(t, "F1", f1, best, 1e-12)
		if !math.IsNaN(f1) {
			near(t, "F1 at the threshold", stats.At(items, threshold).F1(), f1, 1e-12)
		}
	})
}

// The values are those of R 4.3: prop.test(correct = FALSE), binom.test.
func TestIntervalsOfRates(t *testing.T) {
	for _, c := range []struct {
		k, n         int
		wilson, beta stats.Interval
	}{
		{0, 10, stats.Interval{0, 0.2775}, stats.Interval{0, 0.3085}},
		{5, 10, stats.Interval{0.2366, 0.7634}, stats.Interval{0.1871, 0.8129}},
		{1, 30, stats.Interval{0.0059, 0.1667}, stats.Interval{0.0008, 0.1722}},
		{30, 30, stats.Interval{0.8865, 1}, stats.Interval{0.8843, 1}},
		{0, 0, stats.Interval{0, 1}, stats.Interval{0, 1}},
	} {
		w, b := stats.Wilson(c.k, c.n, 0.95), stats.ClopperPearson(c.k, c.n, 0.95)
		near(t, "Wilson low", w.Low, c.wilson.Low, 1e-4)
		near(t, "Wilson high", w.High, c.wilson.High, 1e-4)
		near(t, "Clopper-Pearson low", b.Low, c.beta.Low, 1e-4)
		near(t, "Clopper-Pearson high", b.High, c.beta.High, 1e-4)
	}
}

func TestIntervalsHoldTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		rate := float64(k) / float64(n)
		for _, i := range []stats.Interval{stats.Wilson(k, n, 0.9), stats.ClopperPearson(k, n, 0.9)} {
			if !i.Contains(rate) || i.Low < 0 || i.High > 1 {
				t.Fatalf("interval of %d in %d: %v", k, n, i)
			}
		}
	})
}

func TestRoganGladen(t *testing.T) {
	// A rate of 10 % seen with sensitivity 0.9 and specificity 0.95 is 5.88 %.
	near(t, "corrected", stats.RoganGladen(0.1, 0.9, 0.95), 0.05/0.85, 1e-12)
	near(t, "below its false alarms", stats.RoganGladen(0.01, 0.9, 0.95), 0, 0)
	near(t, "no better than chance", stats.RoganGladen(0.3, 0.5, 0.5), math.NaN(), 0)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0, 1).Draw(t, "rate")
		se := rapid.Float64Range(0.6, 1).Draw(t, "sensitivity")
		sp := rapid.Float64Range(0.6, 1).Draw(t, "specificity")
		near(t, "undone", stats.RoganGladen(p*se+(1-p)*(1-sp), se, sp), p, 1e-9)
	})
}

// Of 400 simulated studies the interval must hold the true rate in about 95 %: 365 of them is 7 standard errors below.
func TestRoganGladenIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, p float64) (k int) {
		for range n {
			if random.Float64() < p {
				k++
			}
		}
		return k
	}
	const rate, se, sp = 0.08, 0.85, 0.96
	held := 0
	for range 400 {
		tp, tn := draw(150, se), draw(300, sp)
		measured := stats.Confusion{TruePositives: tp, FalseNegatives: 150 - tp, TrueNegatives: tn, FalsePositives: 300 - tn}
		if stats.RoganGladenInterval(draw(2000, rate*se+(1-rate)*(1-sp)), 2000, measured, 0.95).Contains(rate) {
			held++
		}
	}
	if held < 365 {
		t.Errorf("the interval held the rate in %d of 400 studies; want at least 365", held)
	}
}

func TestBootstrapHoldsTheStatistic(t *testing.T) {
	items := make([]stats.Labelled, 200)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range items {
		items[i] = stats.Labelled{Score: random.NormFloat64() + float64(i%2), True: i%2 == 1}
	}
	got := stats.Bootstrap(items, stats.AUROC, 500, 0.95, 7)
	if a := stats.AUROC(items); !got.Contains(a) {
		t.Errorf("interval %v does not hold %v", got, a)
	}
	// Hanley and McNeil's standard error of an AUROC of 0.76 with 100 of each is 0.034.
	if w := got.High - got.Low; w < 0.09 || w > 0.18 {
		t.Errorf("width of the interval: got %v, want about 4 × 0.034", w)
	}
	if again := stats.Bootstrap(items, stats.AUROC, 500, 0.95, 7); again != got {
		t.Errorf("the same seed gave %v, then %v", got, again)
	}
}

func TestIsotonicNeverDecreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := labelled(t)
		c := stats.Isotonic(items)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		last := 0.0
		for s := -0.5; s <= 1.5; s += 0.01 {
			p := c.Probability(s)
			if p < last || p <= 0 || p >= 1 {
				t.Fatalf("probability of %v: %v after %v", s, p, last)
			}
			last = p
		}
	})
}

func TestIsotonicIsCalibrated(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	draw := func() []stats.Labelled {
		items := make([]stats.Labelled, 4000)
		for i := range items {
			s := random.Float64()
			items[i] = stats.Labelled{Score: s, True: random.Float64() < s*s}
		}
		return items
	}
	c, fresh := stats.Isotonic(draw()), draw()
	for i := range fresh {
		fresh[i].Score = c.Probability(fresh[i].Score)
	}
	if ece := stats.CalibrationError(fresh, 10); ece > 0.03 {
		t.Errorf("calibration error on fresh data: %v; want at most 0.03", ece)
	}
}

func TestPlattFindsTheCurve(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	items := make([]stats.Labelled, 20000)
	for i := range items {
		s := random.NormFloat64() * 2
		items[i] = stats.Labelled{Score: s, True: random.Float64() < 1/(1+math.Exp(-(1.5*s-1)))}
	}
	a, b := stats.Platt(items)
	near(t, "slope", a, 1.5, 0.08)
	near(t, "offset", b, -1, 0.08)
	for i := range items {
		items[i].Score = -items[i].Score
	}
	if a, _ := stats.Platt(items); a != 0 {
		t.Errorf("slope of a score that is turned round: got %v, want 0", a)
	}
}

func TestCalibrationErrors(t *testing.T) {
	near(t, "of certain truths", stats.CalibrationError([]stats.Labelled{{1, true}, {0, false}}, 10), 0, 0)
	near(t, "of one half for what is always so", stats.CalibrationError([]stats.Labelled{{0.5, true}, {0.5, true}}, 10), 0.5, 1e-12)
	near(t, "Brier", stats.Brier([]stats.Labelled{{0.5, true}, {1, false}}), 0.625, 1e-12)
}

func TestCalibrationIsChecked(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"scores":[0,1],"probabilities":[0.1]}`, "calibration: 2 scores and 1 probabilities; want as many"},
		{`{"scores":[1,1],"probabilities":[0.1,0.2]}`, "calibration: scores[1] is 1 after 1; want them ascending"},
		{`{"scores":[0,1],"probabilities":[0.3,0.2]}`, "calibration: probabilities[1] is 0.2 after 0.3; a higher score must not be less probable"},
		{`{"scores":[0,1],"probabilities":[0.3,1.2]}`, "calibration: probabilities[1] is 1.2; want one between 0 and 1"},
	} {
		var got stats.Calibration
		if err := json.Unmarshal([]byte(c.text), &got); err == nil || err.Error() != c.want {
			t.Errorf("%s: got error %v, want %q", c.text, err, c.want)
		}
	}
}
