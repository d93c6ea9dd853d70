package model

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/trees"
)

func small() *Model {
	table, n := align.Count([]string{"Boats sail. Boats sink.", "Ada built boats."})
	m := New(table, n)
	m.Linear = Linear{-1, make([]float32, align.NumFeatures)}
	m.Linear.Weights[2] = 2
	m.Line = Linear{0.5, make([]float32, NumAggregate)}
	m.Forms[align.Derived] = -2
	m.Grams = Grams{Weights: []int8{1, -2, 3, 4}, Scale: 0.5}
	m.Local = &trees.Ensemble{Bias: 0.5}
	m.Whole = &trees.Ensemble{Bias: 0.25}
	m.Edited = &trees.Ensemble{Bias: -0.5}
	m.Answer = &trees.Ensemble{Bias: 0.75, Trees: []trees.Tree{{Splits: []trees.Split{{Feature: NumAggregate - 1}}, Leaves: []float32{-1, 1}}}}
	return m
}

func TestBytes(t *testing.T) {
	t.Parallel()
	m := small()
	b := m.Append(nil)
	got, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	f := make([]float32, align.NumFeatures)
	f[2] = 0.5
	for _, form := range []align.Form{align.Ordinary, align.Derived} {
		for _, condenses := range []bool{false, true} {
			if a, b := m.Sentence(f, []uint32{1, 2, 3}, form, condenses), got.Sentence(f, []uint32{1, 2, 3}, form, condenses); a != b {
				t.Errorf("form %d, condenses %v: %v before, %v after", form, condenses, a, b)
			}
		}
	}
	if m.IDF.Of(42) != got.IDF.Of(42) {
		t.Error("the weights of words differ")
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append([]byte("x"), b...), append(b, 0)} {
		if _, err := Read(bad); err == nil {
			t.Errorf("%d bytes are read that are no model", len(bad))
		}
	}
}

// More doubt about a sentence never makes an answer of one or two sentences less doubtful.
func TestShortAnswersFollowTheirSentences(t *testing.T) {
	t.Parallel()
	m := small()
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SliceOfN(rapid.Float32Range(-8, 8), 1, 2).Draw(t, "log-odds")
		s := make([]Margins, len(z))
		for i := range z {
			s[i].Local = z[i]
		}
		var answer [align.NumAnswer]float32
		before, _ := m.Score(s, &answer, true, nil)
		s[0].Local++
		after, _ := m.Score(s, &answer, true, nil)
		if after < before || math.IsNaN(float64(before)) {
			t.Fatalf("%v, with more doubt %v", before, after)
		}
		if len(z) == 1 && math.Abs(float64(before-z[0])) > 1e-2 {
			t.Fatalf("an answer of one sentence has %v, the sentence %v", before, z[0])
		}
	})
}

func TestAggregate(t *testing.T) {
	t.Parallel()
	var answer [align.NumAnswer]float32
	x := Aggregate(nil, []Margins{{0, 1}, {2, -1}, {-3, 0}}, &answer)
	if len(x) != NumAggregate {
		t.Fatalf("%d figures, want %d", len(x), NumAggregate)
	}
	if x[1] != 1 || x[numShape+1] != 2 {
		t.Errorf("the highest are %v and %v, want 1 and 2", x[1], x[numShape+1])
	}
	if p := Probability(x[numShape]); math.Abs(p-(1-0.5*(1-Probability(2))*(1-Probability(-3)))) > 1e-6 {
		t.Errorf("any has %v", p)
	}
	if z, _ := small().Score(nil, &answer, true, nil); Probability(z) > 1e-5 {
		t.Errorf("an answer without sentences has %v", z)
	}
}
