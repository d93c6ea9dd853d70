package embed_test

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

func sum(t interface{ Fatal(...any) }, vectors ...embed.Vector) *embed.Sum {
	s := &embed.Sum{}
	for i := range vectors {
		if err := s.Add(&vectors[i]); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func merged(t interface{ Fatal(...any) }, sums ...*embed.Sum) *embed.Sum {
	s := &embed.Sum{}
	for _, o := range sums {
		if err := s.Merge(o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSumsAreExact: neither the order nor the parts matter, to the last bit.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		vectors := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) embed.Vector { return anySketch(t, "v") }), 1, 8).Draw(t, "vectors")
		want := sum(t, vectors...)
		order := rapid.Permutation(vectors).Draw(t, "order")
		if got := sum(t, order...); !equal(want, got) {
			t.Fatalf("another order: %v, want %v", cells(got.Cells), cells(want.Cells))
		}
		i := rapid.IntRange(0, len(order)).Draw(t, "i")
		j := rapid.IntRange(i, len(order)).Draw(t, "j")
		a, b, c := sum(t, order[:i]...), sum(t, order[i:j]...), sum(t, order[j:]...)
		for _, got := range []*embed.Sum{merged(t, a, b, c), merged(t, merged(t, c, a), b), merged(t, a, merged(t, b, c))} {
			if !equal(want, got) {
				t.Fatalf("in parts: %v, want %v", cells(got.Cells), cells(want.Cells))
			}
		}
		b1, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var read embed.Sum
		if err := read.UnmarshalBinary(b1); err != nil {
			t.Fatal(err)
		}
		if !equal(want, &read) {
			t.Fatalf("written and read: %v, want %v", cells(read.Cells), cells(want.Cells))
		}
	})
}

func equal(a, b *embed.Sum) bool {
	return a.Kind == b.Kind && a.Texts == b.Texts && maps.Equal(cells(a.Cells), cells(b.Cells))
}

// cells are those that are not zero: a sum that was read has none behind the last of them.
func cells(list []embed.Cell) map[int]embed.Cell {
	m := map[int]embed.Cell{}
	for d, c := range list {
		if c != (embed.Cell{}) {
			m[d] = c
		}
	}
	return m
}

// TestMMDIsTheSumOverPairs: what sums give is what Lemma 6 says of the single vectors.
func TestMMDIsTheSumOverPairs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) embed.Vector { return anySketch(t, "v") }), 2, 5)
		x, y := draw.Draw(t, "x"), draw.Draw(t, "y")
		a, b := sum(t, x...), sum(t, y...)
		weights, err := embed.Rarity(a, b)
		if err != nil {
			t.Fatal(err)
		}
		balance, err := embed.Balance(a, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []embed.Weights{nil, weights, balance} {
			want := within(x, w) + within(y, w) - 2*between(x, y, w)
			got, err := embed.MMD(a, b, w)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got-want) > 1e-9 {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	})
}

func within(x []embed.Vector, w embed.Weights) float64 {
	total := 0.0
	for i := range x {
		for j := range x {
			if i != j {
				total += kernel(&x[i], &x[j], w)
			}
		}
	}
	return total / float64(len(x)*(len(x)-1))
}

func between(x, y []embed.Vector, w embed.Weights) float64 {
	total := 0.0
	for i := range x {
		for j := range y {
			total += kernel(&x[i], &y[j], w)
		}
	}
	return total / float64(len(x)*len(y))
}

func kernel(a, b *embed.Vector, w embed.Weights) float64 {
	x, y := written(a), written(b)
	total := 0.0
	for d := range x {
		if p := int64(x[d]) * int64(y[d]); p != 0 {
			weight := 1.0
			if w != nil {
				weight = w[d] // every dimension of a text that was summed has one
			}
			total += weight * weight * float64(p) / (embed.One * embed.One)
		}
	}
	return total
}

// TestComparisons, by hand: two windows that share one text.
func TestComparisons(t *testing.T) {
	t.Parallel()
	axis := func(d uint16) embed.Vector {
		return embed.Vector{Kind: "m", Indices: []uint16{d}, Values: []int16{embed.One / 2}}
	}
	a, b := sum(t, axis(0), axis(1)), sum(t, axis(0), axis(2))
	if got, err := embed.Distance(a, b, nil); err != nil || math.Abs(got-math.Sqrt(2)/4) > 1e-12 {
		t.Errorf("distance %v, %v", got, err)
	}
	if got, err := embed.MMD(a, b, nil); err != nil || got != -0.125 { // 0 + 0 - 2·(¼)/4
		t.Errorf("MMD² %v, %v", got, err)
	}
	w, err := embed.Rarity(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := embed.Weights{math.Log(5.0/3) + 0.1, math.Log(5.0/2) + 0.1, math.Log(5.0/2) + 0.1}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("rarity (-want +got):\n%s", diff)
	}
	w, err = embed.Balance(a, b)
	if err != nil {
		t.Fatal(err)
	}
	// The mean squares are ⅛ (twice ¼ of four texts) and 1/16.
	want = embed.Weights{math.Pow(8, 0.25), 2, 2}
	if diff := cmp.Diff(want, w, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("balance (-want +got):\n%s", diff)
	}
	if got, err := embed.MMD(a, b, embed.Weights{1, 1}); err != nil || got != -0.125 {
		t.Errorf("a dimension without a weight counts: %v, %v", got, err)
	}
	witness, err := embed.Witness(a, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range []float64{0, 0.125, -0.125, 0} {
		v := axis(uint16(d))
		if got, err := witness.Score(&v); err != nil || got != want {
			t.Errorf("score of axis %d: %v, %v", d, got, err)
		}
	}
	if _, err := embed.MMD(a, sum(t, axis(0)), nil); err == nil || !strings.Contains(err.Error(), "2 or more") {
		t.Errorf("one text has a variance: %v", err)
	}
	if _, err := embed.Distance(a, &embed.Sum{Kind: "m"}, nil); err == nil {
		t.Error("nothing has a centroid")
	}
}

// TestTopicsAreToldApart: the distance between windows of one topic is near 0, that to another is not.
func TestTopicsAreToldApart(t *testing.T) {
	t.Parallel()
	kitchen := []string{"stir the soup and add salt", "bake bread in a hot oven", "slice onions for the soup", "the bread needs more salt"}
	workshop := []string{"tighten the bolt with a wrench", "the engine leaks oil", "replace the bolt of the engine", "a wrench lies in the oil"}
	window := func(texts []string) *embed.Sum {
		s := &embed.Sum{}
		for _, text := range texts {
			_, topic := sketch(text)
			if err := s.Add(&topic); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	compare := func(x, y []string) float64 {
		a, b := window(x), window(y)
		w, err := embed.Balance(a, b)
		if err != nil {
			t.Fatal(err)
		}
		d, err := embed.MMD(a, b, w)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	same := compare([]string{kitchen[0], kitchen[1], workshop[0], workshop[1]}, []string{kitchen[2], kitchen[3], workshop[2], workshop[3]})
	other := compare(kitchen, workshop)
	if same > 0.1 || other < 0.2 {
		t.Errorf("MMD² %.3f between windows of the same topics, %.3f between topics", same, other)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	good, err := (&embed.Sum{Kind: "k", Texts: 3, Cells: []embed.Cell{{}, {2, -5, 13}}}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{1, 1, 'k', 3, 1, 1, 2, 9, 13}, good); diff != "" {
		t.Fatalf("the binary form changed and needs a new version (-want +got):\n%s", diff)
	}
	for name, b := range map[string][]byte{
		"nothing":         {},
		"version":         {2, 1, 'k', 3, 0},
		"cut":             good[:len(good)-1],
		"more":            append(append([]byte{}, good...), 0),
		"zero cell":       {1, 1, 'k', 3, 1, 1, 0, 0, 0},
		"texts":           {1, 1, 'k', 3, 1, 1, 4, 9, 13},
		"padded":          {1, 1, 'k', 3, 1, 0x81, 0, 2, 9, 13},
		"cells":           {1, 1, 'k', 3, 200, 1, 1, 2, 9, 13},
		"kind":            {1, 200, 'k'},
		"dimension":       {1, 1, 'k', 3, 1, 0x80, 0x80, 4, 2, 9, 13},
		"dimension wraps": {1, 1, 'k', 3, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 9, 13},
	} {
		s := embed.Sum{Kind: "kept"}
		if err := s.UnmarshalBinary(b); err == nil || s.Kind != "kept" {
			t.Errorf("%s: %v, %v", name, err, s)
		}
	}
	if _, err := (&embed.Sum{Kind: embed.Kind(strings.Repeat("k", 1000))}).MarshalBinary(); err == nil {
		t.Error("a kind that cannot be read was written")
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte{1, 1, 'k', 3, 1, 1, 2, 9, 13})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s embed.Sum
		if s.UnmarshalBinary(b) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, again); diff != "" {
			t.Errorf("read and written (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	_, topic := sketch(prose)
	s := &embed.Sum{}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Add(&topic); err != nil {
			b.Fatal(err)
		}
	}
}
