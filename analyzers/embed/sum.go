package embed

// Sums of vectors: all that a window must keep for its texts to be compared with another's.

import (
	"fmt"
	"math"
)

// Cell is what a Sum keeps of one dimension.
type Cell struct {
	Texts  uint64 // vectors in which it is not 0: its document frequency
	Sum    int64  // of the values, in 1/One
	Square int64  // of their squares, in 1/One²
}

// Sum is what vectors of a kind add up to. Adding is exact: the order and the parts in which a window is added up do not matter,
// and late texts can be added to what was stored. The zero Sum has no kind yet and takes that of what is added first.
//
// Its numbers are bounded by what fits them: 2³³ texts in a dimension.
type Sum struct {
	Kind  Kind
	Texts uint64
	Cells []Cell // by dimension; those beyond its end are zero
}

// Add adds a vector, which must be well formed (see Vector.Check).
func (s *Sum) Add(v *Vector) error {
	if err := s.accept(v.Kind); err != nil {
		return err
	}
	s.Texts++
	if n := len(v.Values); n > 0 {
		s.grow(v.dimension(n-1) + 1)
	}
	for i, x := range v.Values {
		if x == 0 {
			continue
		}
		c := &s.Cells[v.dimension(i)]
		c.Texts++
		c.Sum += int64(x)
		c.Square += int64(x) * int64(x)
	}
	return nil
}

// Merge adds what another sum holds.
func (s *Sum) Merge(o *Sum) error {
	if o.Kind == "" && o.Texts == 0 {
		return nil
	}
	if err := s.accept(o.Kind); err != nil {
		return err
	}
	s.Texts += o.Texts
	s.grow(len(o.Cells))
	for d := range o.Cells {
		c, add := &s.Cells[d], &o.Cells[d]
		c.Texts += add.Texts
		c.Sum += add.Sum
		c.Square += add.Square
	}
	return nil
}

func (s *Sum) accept(k Kind) error {
	if s.Kind == "" && s.Texts == 0 {
		s.Kind = k
	}
	return same(s.Kind, k)
}

func (s *Sum) grow(dimensions int) {
	if dimensions > len(s.Cells) {
		s.Cells = append(s.Cells, make([]Cell, dimensions-len(s.Cells))...)
	}
}

func (s *Sum) cell(d int) Cell {
	if d < len(s.Cells) {
		return s.Cells[d]
	}
	return Cell{}
}

// Weights say how much each dimension counts in a comparison; nil: all of them 1. Dimensions beyond its end count nothing.
type Weights []float64

func (w Weights) square(d int) float64 {
	switch {
	case w == nil:
		return 1
	case d < len(w):
		return w[d] * w[d]
	default:
		return 0
	}
}

// Balance weighs each dimension by the inverse fourth root of its mean square over the texts of all sums: half way between taking
// values as they are, where a few frequent words decide, and giving every dimension the same spread, where the rarest do. Over the
// two sums that are then compared it does not depend on which text is in which, so that a permutation test of them stays
// exact. It is what both sketches are to be compared with; of a model's vectors nil is.
func Balance(sums ...*Sum) (Weights, error) {
	return weigh(sums, func(total Cell, texts uint64) float64 {
		if total.Square == 0 {
			return 0
		}
		return 1 / math.Sqrt(math.Sqrt(float64(total.Square)/(One*One)/float64(texts)))
	})
}

// Rarity weighs each dimension by its inverse document frequency over the texts of all sums, ln((N+1)/(df+1)) + 0.1: the
// textbook's weight for topics. Like Balance it leaves a permutation test exact.
func Rarity(sums ...*Sum) (Weights, error) {
	return weigh(sums, func(total Cell, texts uint64) float64 {
		return math.Log(float64(texts+1)/float64(total.Texts+1)) + 0.1
	})
}

// weigh gives each dimension the weight of what the sums hold of it together.
func weigh(sums []*Sum, weight func(total Cell, texts uint64) float64) (Weights, error) {
	var all Sum
	for _, s := range sums {
		if err := all.Merge(s); err != nil {
			return nil, err
		}
	}
	w := make(Weights, len(all.Cells))
	for d := range w {
		w[d] = weight(all.Cells[d], all.Texts)
	}
	return w, nil
}

// MMD is the unbiased estimate of the squared maximum mean discrepancy between the texts of two sums with the linear kernel
// (Gretton et al. 2012, Lemma 6): 0 on average where both come from one distribution, so that it may be negative. Each sum must
// hold two texts or more.
func MMD(a, b *Sum, w Weights) (float64, error) {
	if err := checkPair(a, b, 2); err != nil {
		return 0, err
	}
	n, m := float64(a.Texts), float64(b.Texts)
	var total float64
	for d := range max(len(a.Cells), len(b.Cells)) {
		x, y := a.cell(d), b.cell(d)
		sx, sy := float64(x.Sum)/One, float64(y.Sum)/One
		qx, qy := float64(x.Square)/(One*One), float64(y.Square)/(One*One)
		within := float64((sx*sx-qx)/(n*(n-1))) + float64((sy*sy-qy)/(m*(m-1)))
		total += float64(w.square(d) * (within - float64(2*sx*sy/(n*m))))
	}
	return total, nil
}

// Distance is the Euclidean distance between the centroids of two sums. It grows with noise where there are few texts; MMD
// does not.
func Distance(a, b *Sum, w Weights) (float64, error) {
	if err := checkPair(a, b, 1); err != nil {
		return 0, err
	}
	var total float64
	for d := range max(len(a.Cells), len(b.Cells)) {
		x := a.mean(d) - b.mean(d)
		total += float64(w.square(d) * x * x)
	}
	return math.Sqrt(total), nil
}

// Witness is the direction from the centroid of b to that of a: the texts that it scores highest are the most typical of a as
// against b, and the lowest of b.
func Witness(a, b *Sum, w Weights) (Direction, error) {
	if err := checkPair(a, b, 1); err != nil {
		return Direction{}, err
	}
	along := make([]float64, max(len(a.Cells), len(b.Cells)))
	for d := range along {
		along[d] = w.square(d) * (a.mean(d) - b.mean(d))
	}
	return Direction{a.Kind, along}, nil
}

// Direction scores vectors of a kind by how far they lie along it.
type Direction struct {
	Kind  Kind
	Along []float64
}

// Score is the inner product with a vector.
func (d *Direction) Score(v *Vector) (float64, error) {
	if err := same(d.Kind, v.Kind); err != nil {
		return 0, err
	}
	var sum float64
	for i, x := range v.Values {
		if at := v.dimension(i); at < len(d.Along) {
			sum += float64(d.Along[at] * float64(x))
		}
	}
	return sum / One, nil
}

func (s *Sum) mean(d int) float64 {
	return float64(s.cell(d).Sum) / One / float64(s.Texts)
}

func checkPair(a, b *Sum, least uint64) error {
	if err := same(a.Kind, b.Kind); err != nil {
		return err
	}
	if a.Texts < least || b.Texts < least {
		return fmt.Errorf("compare sums of %d and %d texts: each must hold %d or more", a.Texts, b.Texts, least)
	}
	return nil
}
