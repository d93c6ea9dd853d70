package main

// Logistic regression of bags of passages: the score of a text is that of its strongest passage.

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
)

// bag is a labelled text.
type bag struct {
	passages []model.Vector
	label    bool
	weight   float64
	source   string // set and part
	key      string // what must not be on both sides of a split: template, trigger word, document, class of attack
	text     string
}

// settings of a fit.
type settings struct {
	bits       uint8
	epochs     int
	rate       float64
	ridge      float64 // L2 of the weights of words
	denseRidge float64 // and of the dense features
	features   []model.Feature
	seed       uint64
}

// weight is one weight with the sum of its squared gradients, by which AdaGrad slows it down, and the sum of its last values.
type weight struct{ value, squares, sum float64 }

func (w *weight) step(gradient, rate float64) {
	w.squares += gradient * gradient
	w.value -= rate * gradient / math.Sqrt(w.squares+1e-8)
}

// fitter holds the weights in full precision while they are fitted.
type fitter struct {
	settings
	grams, dense []weight
	bias         weight
}

// runs is how many fits in other orders are averaged, so that the order says little.
const runs = 3

// fit fits a model to bags.
func fit(bags []*bag, s settings) *model.Linear {
	sum := newFitter(s)
	for run := range uint64(runs) {
		f := newFitter(s)
		f.run(bags, run)
		for i := range f.grams {
			sum.grams[i].value += f.grams[i].value / runs
		}
		for i := range f.dense {
			sum.dense[i].value += f.dense[i].value / runs
		}
		sum.bias.value += f.bias.value / runs
	}
	return sum.model()
}

func newFitter(s settings) *fitter {
	return &fitter{settings: s, grams: make([]weight, 1<<s.bits), dense: make([]weight, len(s.features))}
}

// run fits, and takes the average of the second half of the epochs.
func (f *fitter) run(bags []*bag, number uint64) {
	r := rand.New(rand.NewPCG(f.seed, number))
	order := r.Perm(len(bags))
	averaged := 0.0
	for epoch := range f.epochs {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			f.step(bags[i])
		}
		if epoch >= f.epochs/2 {
			averaged++
			f.each(func(w *weight) { w.sum += w.value })
		}
	}
	f.each(func(w *weight) { w.value = w.sum / averaged })
}

func (f *fitter) each(do func(*weight)) {
	for i := range f.grams {
		do(&f.grams[i])
	}
	for i := range f.dense {
		do(&f.dense[i])
	}
	do(&f.bias)
}

func (f *fitter) passage(v *model.Vector) float64 {
	sum := f.bias.value
	for i, x := range v.Dense {
		sum += float64(x) * f.dense[i].value
	}
	if len(v.Grams) == 0 {
		return sum
	}
	total := 0.0
	for _, g := range v.Grams {
		total += f.grams[g>>(32-f.bits)].value
	}
	return sum + total/math.Sqrt(float64(len(v.Grams)))
}

// step moves the weights that the strongest passage of b rests on.
func (f *fitter) step(b *bag) {
	score, at := math.Inf(-1), -1
	for i := range b.passages {
		if s := f.passage(&b.passages[i]); s > score {
			score, at = s, i
		}
	}
	if at < 0 {
		return
	}
	g := 1 / (1 + math.Exp(-score))
	if b.label {
		g--
	}
	g *= b.weight
	v := &b.passages[at]
	f.bias.step(g, f.rate)
	for i, x := range v.Dense {
		if x == 0 {
			continue
		}
		w := &f.dense[i]
		w.step(g*float64(x)+f.denseRidge*w.value, f.rate)
		if d := f.features[i].Direction; d != model.Any && w.value*float64(d) < 0 {
			w.value = 0
		}
	}
	scale := 1 / math.Sqrt(float64(len(v.Grams)))
	for _, h := range v.Grams {
		w := &f.grams[h>>(32-f.bits)]
		w.step(g*scale+f.ridge*w.value, f.rate)
	}
}

// model rounds the weights to what is shipped.
func (f *fitter) model() *model.Linear {
	most := 1e-9
	for i := range f.grams {
		most = max(most, math.Abs(f.grams[i].value))
	}
	m := &model.Linear{Bits: f.bits, Scale: float32(most / math.MaxInt8), Bias: float32(f.bias.value), Slope: 1}
	for i := range f.dense {
		m.Dense = append(m.Dense, float32(f.dense[i].value))
	}
	for i := range f.grams {
		m.Grams = append(m.Grams, int8(math.Round(f.grams[i].value/most*math.MaxInt8)))
	}
	return m
}

// score is what the shipped form of a model says of a text, before calibration.
func score(m *model.Linear, b *bag) float64 {
	best := math.Inf(-1)
	for i := range b.passages {
		best = max(best, m.Score(&b.passages[i]))
	}
	return best
}

// folds is how many parts cross-validation has.
const folds = 5

func fold(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32()>>8) % folds
}

// calibrate sets the model's calibration: even odds at the threshold, and the slope that makes the scores of texts that were not fitted
// on likeliest.
func calibrate(m *model.Linear, threshold float64, bags []*bag, scores map[*bag]float64) {
	slope := 1.0
	for range 50 { // Newton's method in one variable
		gradient, curvature := 0.0, 1e-9
		for _, b := range bags {
			x := scores[b] - threshold
			p := 1 / (1 + math.Exp(-slope*x))
			y := 0.0
			if b.label {
				y = 1
			}
			gradient += (y - p) * x * b.weight
			curvature += p * (1 - p) * x * x * b.weight
		}
		slope = min(max(slope+gradient/curvature, 0.1), 10)
	}
	m.Slope, m.Intercept = float32(slope), float32(-slope*threshold)
}
