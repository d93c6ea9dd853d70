package boost

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rows follow x0 > 0 xor x1 > 0, seen through noise; x2 is noise.
func rows(n int) []Row {
	r := rand.New(rand.NewPCG(3, 3))
	out := make([]Row, n)
	for i := range out {
		x := []float32{r.Float32() - 0.5, r.Float32() - 0.5, r.Float32()}
		y := float32(0)
		if (x[0] > 0) != (x[1] > 0) != (r.Float64() < 0.1) {
			y = 1
		}
		out[i] = Row{X: x, Y: y, Weight: 1}
	}
	return out
}

var options = Options{Trees: 60, Depth: 3, Rate: 0.2, L2: 1, Rows: 0.8, Cols: 1, MinHessian: 1, Seed: 1}

func TestFitLearnsAnInteraction(t *testing.T) {
	t.Parallel()
	e := Fit(rows(2000), options)
	for _, c := range []struct {
		a, b float32
		yes  bool
	}{{0.3, -0.3, true}, {-0.3, 0.3, true}, {0.3, 0.3, false}, {-0.3, -0.3, false}} {
		p := 1 / (1 + math.Exp(-float64(e.Eval([]float32{c.a, c.b, 0.5}))))
		if want := map[bool]float64{true: 0.9, false: 0.1}[c.yes]; math.Abs(p-want) > 0.08 {
			t.Errorf("(%v, %v): %.2f, want about %.1f", c.a, c.b, p, want)
		}
	}
}

func TestFitRepeats(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Fit(rows(300), options), Fit(rows(300), options)); diff != "" {
		t.Errorf("the same rows and seed give other trees: %s", diff)
	}
}

// An offset is explained by nothing else: trees have no need to.
func TestOffsetsAreTakenOut(t *testing.T) {
	t.Parallel()
	all := rows(2000)
	for i := range all {
		all[i].Y = 0
		all[i].Offset = -8
		if all[i].X[2] > 0.5 {
			all[i].Y, all[i].Offset = 1, 8
		}
	}
	o := options
	o.NoBias = true
	e := Fit(all, o)
	if a, b := e.Eval([]float32{0, 0, 0.1}), e.Eval([]float32{0, 0, 0.9}); math.Abs(float64(a-b)) > 0.1 {
		t.Errorf("%v and %v, where the offsets tell all", a, b)
	}
}

func TestUseNamesFeatures(t *testing.T) {
	t.Parallel()
	o := options
	o.Use = func(k int) bool { return k == 2 }
	for _, tree := range Fit(rows(300), o).Trees {
		for _, s := range tree.Splits {
			if s.Feature != 2 {
				t.Fatalf("feature %d is asked for", s.Feature)
			}
		}
	}
}
