package embed_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

func TestDense(t *testing.T) {
	t.Parallel()
	v, err := embed.Dense("m/2", []float32{3, -4})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(embed.Vector{Kind: "m/2", Values: []int16{19661, -26214}}, v); diff != "" {
		t.Errorf("3, -4 (-want +got):\n%s", diff)
	}
	zero, err := embed.Dense("m/2", []float32{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int16{0, 0}, zero.Values); diff != "" {
		t.Errorf("zero (-want +got):\n%s", diff)
	}
	one, err := embed.Dense("m/1", []float32{-math.MaxFloat32})
	if err != nil || one.Values[0] != 1-embed.One {
		t.Errorf("one dimension: %v, %v", one, err)
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		if v, err := embed.Dense("m/2", []float32{1, bad}); err == nil {
			t.Errorf("%v became %v", bad, v)
		}
	}
	if _, err := embed.Dense("m", make([]float32, embed.MaxDimensions+1)); err == nil {
		t.Error("more dimensions than indices have bits for were taken")
	}
}

// TestKindsAreNotCompared: whatever compares or adds refuses two kinds, and says which.
func TestKindsAreNotCompared(t *testing.T) {
	t.Parallel()
	style, topic := sketch("bronze gears")
	var a, b embed.Sum
	for range 2 {
		if err := errors.Join(a.Add(&style), b.Add(&topic)); err != nil {
			t.Fatal(err)
		}
	}
	witness, err := embed.Witness(&a, &a, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, compare := range map[string]func() error{
		"Dot":      func() error { _, err := embed.Dot(&style, &topic); return err },
		"Add":      func() error { return a.Add(&topic) },
		"Merge":    func() error { return a.Merge(&b) },
		"Rarity":   func() error { _, err := embed.Rarity(&a, &b); return err },
		"Balance":  func() error { _, err := embed.Balance(&a, &b); return err },
		"MMD":      func() error { _, err := embed.MMD(&a, &b, nil); return err },
		"Distance": func() error { _, err := embed.Distance(&a, &b, nil); return err },
		"Witness":  func() error { _, err := embed.Witness(&a, &b, nil); return err },
		"Score":    func() error { _, err := witness.Score(&topic); return err },
	} {
		err := compare()
		kinds, ok := errors.AsType[*embed.KindError](err)
		if !ok {
			t.Errorf("%s: %v, want a KindError", name, err)
			continue
		}
		if kinds.A == kinds.B {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.Texts != 2 {
		t.Errorf("a refused vector was counted: %d texts", a.Texts)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v  embed.Vector
		ok bool
	}{
		{embed.Vector{}, true},
		{embed.Vector{Indices: []uint16{0, 65535}, Values: []int16{1, 2}}, true},
		{embed.Vector{Indices: []uint16{1, 1}, Values: []int16{1, 2}}, false},
		{embed.Vector{Indices: []uint16{2, 1}, Values: []int16{1, 2}}, false},
		{embed.Vector{Indices: []uint16{1}, Values: []int16{1, 2}}, false},
		{embed.Vector{Values: make([]int16, embed.MaxDimensions+1)}, false},
	} {
		if err := c.v.Check(); (err == nil) != c.ok {
			t.Errorf("%d indices, %d values: %v", len(c.v.Indices), len(c.v.Values), err)
		}
	}
}

// TestDotIsTheInnerProduct of the vectors written out, sparse or dense.
func TestDotIsTheInnerProduct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySketch(t, "a"), anySketch(t, "b")
		x, y := written(&a), written(&b)
		want := int64(0)
		for d := range x {
			want += int64(x[d]) * int64(y[d])
		}
		dense := embed.Vector{Kind: b.Kind, Values: y}
		for _, other := range []*embed.Vector{&b, &dense} {
			if got := dot(t, &a, other); got != float64(want)/(embed.One*embed.One) {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		if c := a.Clone(); !cmp.Equal(a, c) {
			t.Fatalf("clone %v of %v", c, a)
		}
	})
}

// written is a sketch with all its dimensions.
func written(v *embed.Vector) []int16 {
	all := make([]int16, embed.Dimensions)
	for i, d := range v.Indices {
		all[d] = v.Values[i]
	}
	return all
}
