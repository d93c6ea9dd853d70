package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/trees"
	"github.com/tiltmeter/tiltmeter/internal/fit/boost"
)

// fitter fits the parts of a model one upon the other.
type fitter struct {
	seed    uint64
	answers []*row
	edits   []*row
	base    *model.Model
}

const (
	editWeight = 2   // of a sentence of an edited text beside one of an answer
	strictness = 0.5 // variance of how strictly questions were labelled, in log-odds
)

// sentenceOptions are those of the trees over sentences, answerOptions of those over answers.
func (f *fitter) sentenceOptions() boost.Options {
	return boost.Options{Trees: 200, Depth: 5, Rate: 0.055, L2: 20, Rows: 0.7, Cols: 0.35, MinHessian: 5, Seed: f.seed}
}

func (f *fitter) answerOptions() boost.Options {
	return boost.Options{Trees: 120, Depth: 3, Rate: 0.05, L2: 20, Rows: 0.7, Cols: 0.4, MinHessian: 5, Seed: f.seed}
}

// sentences fits the two ensembles over sentences, and the weights of words upon them.
func (f *fitter) sentences(answers, edits []*row) *model.Model {
	var rows []boost.Row
	for _, r := range answers {
		for i := range r.sentences {
			rows = append(rows, boost.Row{X: r.sentences[i].x, Y: r.sentences[i].y, Weight: 1, Offset: r.offset})
		}
	}
	var edited []boost.Row
	for _, r := range edits {
		for i := range r.sentences {
			if r.Label == 0 || len(r.sentences) == 1 {
				edited = append(edited, boost.Row{X: r.sentences[i].x, Y: r.sentences[i].y, Weight: editWeight})
			}
		}
	}
	m := *f.base
	o := f.sentenceOptions()
	m.Whole = boost.Fit(rows, o)
	o.Use = func(k int) bool { return align.Local[k] }
	m.Local = boost.Fit(rows, o)
	m.Linear = linear(rows, o.Use)
	m.Edited = boost.Fit(append(rows, edited...), o)
	m.Forms = forms(answers, edits)
	m.Grams = model.Grams{}
	m.Grams = f.grams(&m, answers)
	return &m
}

// forms are the log-odds of sentences of each form that is judged by itself: how often they are labelled, with one more of each.
func forms(sets ...[]*row) (z [align.NumForms]float32) {
	var wrong, all [align.NumForms]float64
	for _, rows := range sets {
		for _, r := range rows {
			for i := range r.sentences {
				s := &r.sentences[i]
				wrong[s.form] += float64(s.y)
				all[s.form]++
			}
		}
	}
	for k := range z {
		z[k] = float32(math.Log((wrong[k] + 1) / (all[k] - wrong[k] + 1)))
	}
	return z
}

// linear fits a logistic regression with a penalty on the weights of scaled figures, by gradient descent with momentum.
func linear(rows []boost.Row, use func(int) bool) (l model.Linear) {
	const (
		steps    = 80
		rate     = 0.5
		momentum = 0.9
		penalty  = 1e-3
	)
	var columns []int
	for k := range rows[0].X {
		if use(k) {
			columns = append(columns, k)
		}
	}
	n := float64(len(rows))
	mean, spread := make([]float64, len(columns)), make([]float64, len(columns))
	for c, k := range columns {
		for _, r := range rows {
			mean[c] += float64(r.X[k]) / n
		}
		for _, r := range rows {
			spread[c] += (float64(r.X[k]) - mean[c]) * (float64(r.X[k]) - mean[c]) / n
		}
		spread[c] = math.Sqrt(spread[c]) + 1e-6
	}
	w, v, g := make([]float64, len(columns)+1), make([]float64, len(columns)+1), make([]float64, len(columns)+1)
	x := make([]float64, len(columns)+1)
	x[len(columns)] = 1
	for range steps {
		clear(g)
		for _, r := range rows {
			z := float64(r.Offset)
			for c, k := range columns {
				x[c] = (float64(r.X[k]) - mean[c]) / spread[c]
			}
			for c := range x {
				z += w[c] * x[c]
			}
			d := model.Probability(float32(z)) - float64(r.Y)
			for c := range x {
				g[c] += d * x[c] / n
			}
		}
		for c := range w {
			if c < len(columns) {
				g[c] += penalty * w[c]
			}
			v[c] = momentum*v[c] - rate*g[c]
			w[c] += v[c]
		}
	}
	l.Weights = make([]float32, len(rows[0].X))
	l.Bias = float32(w[len(columns)])
	for c, k := range columns {
		l.Weights[k] = float32(w[c] / spread[c])
		l.Bias -= float32(w[c] / spread[c] * mean[c])
	}
	return l
}

// grams fits weights of words to what the trees leave over, by adaptive gradient steps.
func (f *fitter) grams(m *model.Model, answers []*row) model.Grams {
	const (
		buckets = 1 << 15
		rate    = 0.05
		passes  = 6
		decay   = 1e-4
		trust   = 0.7 // in what they say: they are learned from few texts
	)
	type example struct {
		s *sentence
		z float64
	}
	var all []example
	for _, r := range answers {
		for i := range r.sentences {
			s := &r.sentences[i]
			all = append(all, example{s, float64(m.Sentence(s.x, nil, align.Ordinary, false).Full + r.offset)})
		}
	}
	w, seen := make([]float64, buckets), make([]float64, buckets)
	random := rand.New(rand.NewPCG(f.seed, 2))
	for range passes {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, e := range all {
			scale := 1 / math.Sqrt(float64(len(e.s.grams)+1))
			z := e.z
			for _, h := range e.s.grams {
				z += w[model.Bucket(h)%buckets] * scale
			}
			g := (model.Probability(float32(z)) - float64(e.s.y)) * scale
			for _, h := range e.s.grams {
				k := model.Bucket(h) % buckets
				step := g + decay*w[k]
				seen[k] += step * step
				w[k] -= rate * step / math.Sqrt(seen[k]+1e-4)
			}
		}
	}
	top := 1e-9
	for _, v := range w {
		top = max(top, math.Abs(v))
	}
	out := model.Grams{Weights: make([]int8, buckets), Scale: float32(trust * top / math.MaxInt8)}
	for i, v := range w {
		out.Weights[i] = int8(math.Round(v / top * math.MaxInt8))
	}
	return out
}

// cross gives every answer margins by models that saw no answer of its fold.
func (f *fitter) cross(n int, fold func(*row) int) {
	type part struct {
		m *model.Model
		k int
	}
	done := make(chan part)
	free := make(chan bool, 2)
	for k := range n {
		go func() {
			free <- true
			m := f.sentences(without(f.answers, k, fold), without(f.edits, k, func(r *row) int { return r.fold }))
			<-free
			done <- part{m, k}
		}()
	}
	for range n {
		p := <-done
		for _, r := range f.answers {
			if fold(r) == p.k {
				margins(p.m, r)
			}
		}
		for _, r := range f.edits {
			if r.fold == p.k {
				margins(p.m, r)
			}
		}
	}
}

func margins(m *model.Model, r *row) {
	for i := range r.sentences {
		s := &r.sentences[i]
		s.margin = m.Sentence(s.x, s.grams, s.form, !r.asked).Found(s.found, s.form)
	}
}

func without(rows []*row, k int, fold func(*row) int) (rest []*row) {
	for _, r := range rows {
		if fold(r) != k {
			rest = append(rest, r)
		}
	}
	return rest
}

// lenience estimates how strictly each question was labelled, so that the trees need not explain it: the most likely offset that
// all its sentences share.
func (f *fitter) lenience() {
	by := map[string][]*row{}
	for _, r := range f.answers {
		by[r.Source] = append(by[r.Source], r)
	}
	for _, rows := range by {
		b := 0.0
		for range 20 {
			slope, bend := -b/strictness, 1/strictness
			for _, r := range rows {
				for i := range r.sentences {
					p := model.Probability(r.sentences[i].margin.Full + float32(b))
					slope += float64(r.sentences[i].y) - p
					bend += p * (1 - p)
				}
			}
			b += slope / bend
		}
		for _, r := range rows {
			r.offset = float32(b)
		}
	}
}

// answer fits what judges answers by the margins that they have: the mean of trees and of a line.
func (f *fitter) answer(m *model.Model, answers []*row) {
	var rows []boost.Row
	for _, r := range answers {
		rows = append(rows, boost.Row{X: aggregate(r), Y: float32(r.Label), Weight: 1})
	}
	o := f.answerOptions()
	m.Answer = &trees.Ensemble{}
	for range bags {
		m.Answer.Add(boost.Fit(rows, o), 1.0/bags)
		o.Seed++
	}
	m.Line = linear(rows, func(int) bool { return true })
}

// bags is how many ensembles over answers are averaged: answers are few, and one ensemble depends on which of them it sampled.
const bags = 3

func aggregate(r *row) []float32 {
	s := make([]model.Margins, len(r.sentences))
	for i := range s {
		s[i] = r.sentences[i].margin
	}
	return model.Aggregate(nil, s, &r.answer)
}

// measure prints how models do on folds that they did not see.
func (f *fitter) measure(w io.Writer, name string, n int, fold func(*row) int) {
	for _, r := range f.answers {
		r.offset = 0
	}
	f.cross(n, fold)
	f.lenience()
	f.cross(n, fold)
	scores := map[*row]float64{}
	flagged := map[*row]bool{}
	for k := range n {
		m := &model.Model{}
		rest := without(f.answers, k, fold)
		f.answer(m, rest)
		cut := threshold(rest, func(r *row) float64 { return margined(m, r) })
		for _, r := range f.answers {
			if fold(r) == k {
				scores[r] = margined(m, r)
				flagged[r] = scores[r] >= cut
			}
		}
	}
	fmt.Fprintf(w, "%s\n", name)
	sentencesReport(w, f.answers)
	report(w, "answers", f.answers, func(r *row) float64 { return scores[r] })
	flaggedReport(w, f.answers, flagged)
	powerReport(w, f.answers, func(r *row) float64 { return scores[r] }, 0.2, 0.3, 1000)
	alone := func(r *row) float64 {
		const shape = 6
		return float64(aggregate(r)[shape])
	}
	report(w, "answers by sentences alone", f.answers, alone)
	findingsReport(w, "answers", f.answers)
	findingsReport(w, "edited texts", f.edits)
	m := &model.Model{}
	f.answer(m, f.answers)
	editsReport(w, f.edits, func(r *row) float64 { return margined(m, r) })
}

func margined(m *model.Model, r *row) float64 {
	s := make([]model.Margins, len(r.sentences))
	for i := range s {
		s[i] = r.sentences[i].margin
	}
	z, _ := m.Score(s, &r.answer, r.asked, nil)
	return float64(z)
}

// score is a whole model's score of a row.
func (f *fitter) score(m *model.Model, r *row) float64 {
	margins(m, r)
	return margined(m, r)
}

// all fits the base model to everything.
func (f *fitter) all() {
	for _, r := range f.answers {
		r.offset = 0
	}
	byFold := func(r *row) int { return r.fold }
	f.cross(folds, byFold)
	f.lenience()
	f.cross(folds, byFold)
	m := f.sentences(f.answers, f.edits)
	f.answer(m, f.answers)
	*f.base = *m
}
