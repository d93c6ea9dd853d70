package embed

// Vectors of whole numbers, sparse or dense.

import (
	"fmt"
	"math"
	"slices"
)

// One is the value that stands for 1: values are multiples of 1/One, so that a value fits 16 bits, and sums of them and
// of their squares are exact.
const One = 1 << 15

// MaxDimensions bounds a vector, whose indices have 16 bits.
const MaxDimensions = 1 << 16

// Vector is a text's place in the space of its kind: of length 1 (but for rounding, below 0.001 up to 1,000 dimensions and
// growing with their root) or zero.
type Vector struct {
	Kind    Kind
	Indices []uint16 // the dimensions that are not 0, ascending; nil: all of them, from 0 (a dense vector)
	Values  []int16  // in 1/One
}

// dimension is where the value i stands.
func (v *Vector) dimension(i int) int {
	if v.Indices == nil {
		return i
	}
	return int(v.Indices[i])
}

// Check returns an error unless the vector is well formed, as one that was read from outside may not be.
func (v *Vector) Check() error {
	if v.Indices == nil {
		if len(v.Values) > MaxDimensions {
			return fmt.Errorf("vector of kind %q: %d dimensions, and %d is the most", v.Kind, len(v.Values), MaxDimensions)
		}
		return nil
	}
	if len(v.Indices) != len(v.Values) {
		return fmt.Errorf("vector of kind %q: %d indices for %d values", v.Kind, len(v.Indices), len(v.Values))
	}
	for i := 1; i < len(v.Indices); i++ {
		if v.Indices[i] <= v.Indices[i-1] {
			return fmt.Errorf("vector of kind %q: dimension %d after %d", v.Kind, v.Indices[i], v.Indices[i-1])
		}
	}
	return nil
}

// Dot is the inner product: of vectors of length 1 their cosine. It is exact, whatever the machine.
func Dot(a, b *Vector) (float64, error) {
	if err := same(a.Kind, b.Kind); err != nil {
		return 0, err
	}
	var sum int64
	for i, j := 0, 0; i < len(a.Values) && j < len(b.Values); {
		switch d, e := a.dimension(i), b.dimension(j); {
		case d < e:
			i++
		case d > e:
			j++
		default:
			sum += int64(a.Values[i]) * int64(b.Values[j])
			i++
			j++
		}
	}
	return float64(sum) / (One * One), nil
}

// Dense makes a vector of what a model gave: its direction alone. An error means that a value is no finite number.
func Dense(kind Kind, values []float32) (Vector, error) {
	if len(values) > MaxDimensions {
		return Vector{}, fmt.Errorf("vector of kind %q: %d dimensions, and %d is the most", kind, len(values), MaxDimensions)
	}
	var squares float64
	for i, x := range values {
		y := float64(x)
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return Vector{}, fmt.Errorf("vector of kind %q: dimension %d is %v", kind, i, x)
		}
		squares += float64(y * y)
	}
	v := Vector{Kind: kind, Values: make([]int16, len(values))}
	if squares == 0 {
		return v, nil
	}
	norm := math.Sqrt(squares)
	for i, x := range values {
		v.Values[i] = fixed(float64(x) / norm)
	}
	return v, nil
}

// fixed rounds a value of [-1, 1] to the grid. 1 itself is One-1, so that it fits.
func fixed(x float64) int16 {
	return int16(max(-One+1, min(One-1, math.RoundToEven(float64(x*One)))))
}

// Clone is a copy that shares no memory.
func (v *Vector) Clone() Vector {
	return Vector{v.Kind, slices.Clone(v.Indices), slices.Clone(v.Values)}
}
