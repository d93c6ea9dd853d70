// Package boost fits ensembles of symmetric trees by gradient boosting of the logistic loss.
//
// It is a tool of the commands under internal/fit: they fit what the product ships, and nothing that is served imports it.
// The same rows, options and seed give the same trees. It knows no text.
package boost

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/trees"
)

// Row is one example.
type Row struct {
	X      []float32
	Y      float32 // 0 or 1
	Weight float32
	Offset float32 // the log-odds that the trees start from, beside their bias
}

// Options of a fit.
type Options struct {
	Trees, Depth int
	Rate         float64 // learning rate
	L2           float64 // penalty of leaves
	Rows, Cols   float64 // shares that each tree sees
	MinHessian   float64 // of the two sides of a split, over the level
	Seed         uint64
	Use          func(feature int) bool // which features count; nil: all
	NoBias       bool                   // start from the offsets alone
}

const bins = 48

// fit is the state of one.
type fit struct {
	rows   []Row
	cuts   [][]float32 // of a feature, ascending
	bin    [][]uint8   // of a feature and row
	g, h   []float64
	margin []float64
	leaf   []uint8
	used   []int32 // rows that the tree at hand sees
	o      Options
	r      *rand.Rand
}

// Fit fits an ensemble.
func Fit(rows []Row, o Options) *trees.Ensemble {
	f := &fit{rows: rows, o: o, r: rand.New(rand.NewPCG(o.Seed, 1))}
	f.quantise()
	n := len(rows)
	f.g, f.h, f.margin = make([]float64, n), make([]float64, n), make([]float64, n)
	f.leaf = make([]uint8, n)
	var pos, all float64
	for i := range rows {
		pos += float64(rows[i].Y * rows[i].Weight)
		all += float64(rows[i].Weight)
	}
	e := &trees.Ensemble{Bias: float32(math.Log((pos + 1) / (all - pos + 1)))}
	if o.NoBias {
		e.Bias = 0
	}
	for i := range rows {
		f.margin[i] = float64(e.Bias + rows[i].Offset)
	}
	for range o.Trees {
		e.Trees = append(e.Trees, f.tree())
	}
	return e
}

// quantise cuts each feature at its quantiles.
func (f *fit) quantise() {
	features := len(f.rows[0].X)
	f.cuts, f.bin = make([][]float32, features), make([][]uint8, features)
	v := make([]float32, len(f.rows))
	for k := range features {
		for i := range f.rows {
			v[i] = f.rows[i].X[k]
		}
		s := slices.Clone(v)
		slices.Sort(s)
		u := slices.Compact(slices.Clone(s))
		var cuts []float32
		if len(u) <= bins {
			for i := 1; i < len(u); i++ {
				cuts = append(cuts, (u[i-1]+u[i])/2)
			}
		} else {
			for i := 1; i < bins; i++ {
				cuts = append(cuts, s[i*len(s)/bins])
			}
			cuts = slices.Compact(cuts)
			if n := len(cuts); n > 0 && cuts[n-1] == s[len(s)-1] {
				cuts = cuts[:n-1]
			}
		}
		f.cuts[k] = cuts
		f.bin[k] = make([]uint8, len(v))
		for i, x := range v {
			at, same := slices.BinarySearch(cuts, x)
			_ = same // x equal to a cut is not above it
			f.bin[k][i] = uint8(at)
		}
	}
}

// tree fits one tree to the gradients and moves the margins.
func (f *fit) tree() trees.Tree {
	f.used = f.used[:0]
	for i := range f.rows {
		p := 1 / (1 + math.Exp(-f.margin[i]))
		w := float64(f.rows[i].Weight)
		f.g[i] = w * (p - float64(f.rows[i].Y))
		f.h[i] = max(w*p*(1-p), 1e-9)
		f.leaf[i] = 0
		if f.r.Float64() < f.o.Rows {
			f.used = append(f.used, int32(i))
		}
	}
	var seen []int
	for k := range f.cuts {
		if len(f.cuts[k]) > 0 && (f.o.Use == nil || f.o.Use(k)) && f.r.Float64() < f.o.Cols {
			seen = append(seen, k)
		}
	}
	var t trees.Tree
	for depth := range f.o.Depth {
		k, cut, ok := f.split(seen, 1<<depth)
		if !ok {
			break
		}
		t.Splits = append(t.Splits, trees.Split{Feature: uint8(k), Threshold: f.cuts[k][cut]})
		for i := range f.rows {
			if int(f.bin[k][i]) > cut {
				f.leaf[i] |= 1 << depth
			}
		}
	}
	leaves := 1 << len(t.Splits)
	g, h := make([]float64, leaves), make([]float64, leaves)
	for _, i := range f.used {
		g[f.leaf[i]] += f.g[i]
		h[f.leaf[i]] += f.h[i]
	}
	t.Leaves = make([]float32, leaves)
	for l := range leaves {
		t.Leaves[l] = float32(-f.o.Rate * g[l] / (h[l] + f.o.L2))
	}
	for i := range f.rows {
		f.margin[i] += float64(t.Leaves[f.leaf[i]])
	}
	return t
}

// split finds the best question for all leaves of a level at once.
func (f *fit) split(features []int, leaves int) (feature, cut int, ok bool) {
	best := 0.0
	type cell struct{ g, h float64 }
	hist := make([]cell, leaves*bins)
	total := make([]cell, leaves)
	left := make([]cell, leaves)
	for _, k := range features {
		clear(hist)
		clear(total)
		clear(left)
		bin := f.bin[k]
		for _, i := range f.used {
			c := &hist[int(f.leaf[i])*bins+int(bin[i])]
			c.g += f.g[i]
			c.h += f.h[i]
		}
		parent := 0.0
		for l := range leaves {
			for b := range bins {
				total[l].g += hist[l*bins+b].g
				total[l].h += hist[l*bins+b].h
			}
			parent += total[l].g * total[l].g / (total[l].h + f.o.L2)
		}
		for b := range f.cuts[k] {
			gain, lh, rh := -parent, 0.0, 0.0
			for l := range leaves {
				c := &left[l]
				c.g += hist[l*bins+b].g
				c.h += hist[l*bins+b].h
				rg, r := total[l].g-c.g, total[l].h-c.h
				gain += c.g*c.g/(c.h+f.o.L2) + rg*rg/(r+f.o.L2)
				lh, rh = lh+c.h, rh+r
			}
			if lh < f.o.MinHessian || rh < f.o.MinHessian {
				continue
			}
			if gain > best+1e-12 {
				best, feature, cut, ok = gain, k, b, true
			}
		}
	}
	return feature, cut, ok
}
