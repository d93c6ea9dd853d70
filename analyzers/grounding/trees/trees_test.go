package trees

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

const features = 5

func drawn(t *rapid.T) *Ensemble {
	e := &Ensemble{Bias: rapid.Float32Range(-3, 3).Draw(t, "bias")}
	for range rapid.IntRange(0, 6).Draw(t, "trees") {
		tree := Tree{}
		for range rapid.IntRange(0, 4).Draw(t, "depth") {
			tree.Splits = append(tree.Splits, Split{uint8(rapid.IntRange(0, features-1).Draw(t, "feature")), rapid.Float32Range(-1, 1).Draw(t, "threshold")})
		}
		for range 1 << len(tree.Splits) {
			tree.Leaves = append(tree.Leaves, rapid.Float32Range(-2, 2).Draw(t, "leaf"))
		}
		e.Trees = append(e.Trees, tree)
	}
	return e
}

func TestBytesGiveTheSameSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawn(t)
		b := e.Append(nil)
		got, rest, err := Read(append(b, 7), features)
		if err != nil || len(rest) != 1 {
			t.Fatalf("%d bytes are left, %v", len(rest), err)
		}
		x := rapid.SliceOfN(rapid.Float32Range(-1, 1), features, features).Draw(t, "x")
		if a, b := e.Eval(x), got.Eval(x); math.Abs(float64(a-b)) > 1e-3 {
			t.Fatalf("%v before, %v after", a, b)
		}
		if _, _, err := Read(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")], features); err == nil {
			t.Fatal("bytes that are cut off are read")
		}
	})
}

func TestEval(t *testing.T) {
	t.Parallel()
	e := &Ensemble{Bias: 1, Trees: []Tree{{[]Split{{0, 0.5}, {1, 0}}, []float32{10, 20, 30, 40}}}}
	for _, c := range []struct{ a, b, want float32 }{{0, 0, 11}, {1, 0, 21}, {0, 1, 31}, {1, 1, 41}, {0.5, 0, 11}} {
		if got := e.Eval([]float32{c.a, c.b}); got != c.want {
			t.Errorf("(%v, %v): %v, want %v", c.a, c.b, got, c.want)
		}
	}
	sum := &Ensemble{}
	sum.Add(e, 0.5)
	if got := sum.Eval([]float32{1, 1}); got != 20.5 {
		t.Errorf("half of it is %v", got)
	}
}

func FuzzRead(f *testing.F) {
	e := &Ensemble{Trees: []Tree{{[]Split{{0, 0.5}}, []float32{1, 2}}}}
	f.Add(e.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, _, err := Read(b, features); err == nil {
			e.Eval(make([]float32, features))
		}
	})
}
