// Package trees evaluates ensembles of symmetric decision trees.
//
// All nodes of one level of a symmetric tree ask the same question, so that a tree is a handful of comparisons that make the
// number of a leaf. Ensembles are small, fast, and slow to overfit. The package knows numbers alone, not what they mean.
package trees

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Split asks whether a feature is above a threshold.
type Split struct {
	Feature   uint8
	Threshold float32
}

// Tree is one symmetric tree: 1<<len(Splits) leaves; the answer to split i is bit i of the leaf's number.
type Tree struct {
	Splits []Split
	Leaves []float32
}

// Ensemble adds up trees.
type Ensemble struct {
	Bias  float32
	Trees []Tree
}

// Eval is the sum of the leaves that x falls into. x must have all features that the trees ask for.
func (e *Ensemble) Eval(x []float32) float32 {
	sum := e.Bias
	for i := range e.Trees {
		t := &e.Trees[i]
		leaf := 0
		for k, s := range t.Splits {
			bit := 0
			if x[s.Feature] > s.Threshold {
				bit = 1 // without a branch: nobody can predict it
			}
			leaf |= bit << (k & 7)
		}
		sum += t.Leaves[leaf]
	}
	return sum
}

// Add adds another ensemble, times a factor.
func (e *Ensemble) Add(o *Ensemble, factor float32) {
	e.Bias += o.Bias * factor
	for _, t := range o.Trees {
		scaled := Tree{t.Splits, make([]float32, len(t.Leaves))}
		for i, v := range t.Leaves {
			scaled.Leaves[i] = v * factor
		}
		e.Trees = append(e.Trees, scaled)
	}
}

// maxDepth and maxTrees bound what Read accepts.
const (
	maxDepth = 8
	maxTrees = 4096
)

// Append appends the bytes of e: little-endian bias, number of trees; of each its depth, splits, and leaves as a scale and one int16
// each.
func (e *Ensemble) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, math.Float32bits(e.Bias))
	b = le.AppendUint16(b, uint16(len(e.Trees)))
	for i := range e.Trees {
		t := &e.Trees[i]
		b = append(b, byte(len(t.Splits)))
		for _, s := range t.Splits {
			b = append(b, s.Feature)
			b = le.AppendUint32(b, math.Float32bits(s.Threshold))
		}
		top := float32(1e-9)
		for _, v := range t.Leaves {
			top = max(top, v, -v)
		}
		scale := top / math.MaxInt16
		b = le.AppendUint32(b, math.Float32bits(scale))
		for _, v := range t.Leaves {
			b = le.AppendUint16(b, uint16(int16(math.Round(float64(v/scale)))))
		}
	}
	return b
}

var errShort = errors.New("read trees: the data end within a tree")

// Read reads an ensemble over x of so many features from the front of b, and returns what is behind it.
func Read(b []byte, features int) (e *Ensemble, rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < 6 {
		return nil, nil, errShort
	}
	e = &Ensemble{Bias: math.Float32frombits(le.Uint32(b))}
	n := int(le.Uint16(b[4:]))
	if n > maxTrees {
		return nil, nil, fmt.Errorf("read trees: %d trees, at most %d are allowed", n, maxTrees)
	}
	b = b[6:]
	// One piece of memory for all: evaluation walks it from front to back.
	splits, leaves := make([]Split, 0, min(n*maxDepth, len(b))), make([]float32, 0, min(n<<maxDepth, len(b)))
	for i := range n {
		if len(b) == 0 {
			return nil, nil, errShort
		}
		depth := int(b[0])
		if depth > maxDepth {
			return nil, nil, fmt.Errorf("read tree %d: depth %d, at most %d is allowed", i, depth, maxDepth)
		}
		b = b[1:]
		if len(b) < 5*depth+4+2<<depth {
			return nil, nil, errShort
		}
		splits, leaves = splits[:len(splits)+depth], leaves[:len(leaves)+1<<depth]
		t := Tree{splits[len(splits)-depth:], leaves[len(leaves)-1<<depth:]}
		for k := range t.Splits {
			t.Splits[k] = Split{b[0], math.Float32frombits(le.Uint32(b[1:]))}
			if int(b[0]) >= features {
				return nil, nil, fmt.Errorf("read tree %d: it asks for feature %d of %d", i, b[0], features)
			}
			b = b[5:]
		}
		scale := math.Float32frombits(le.Uint32(b))
		b = b[4:]
		for k := range t.Leaves {
			t.Leaves[k] = scale * float32(int16(le.Uint16(b)))
			b = b[2:]
		}
		e.Trees = append(e.Trees, t)
	}
	return e, b, nil
}
