package eval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/eval"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

// marked finds what is written in capitals; the more of it, the higher its score.
type marked struct{}

func (marked) Describe() analyzers.Description {
	return analyzers.Description{Name: "marked", Version: 3, Signals: []analyzers.SignalDescription{{Name: "marked"}, {Name: "marked.not"}}}
}

func (marked) Analyze(_ context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	said := analyzers.Said(nil, in.Span)
	if len(said) == 0 {
		return dst, nil
	}
	if said[0].Content == "fail" {
		return dst, errors.New("failed")
	}
	g := analyzers.Signal{Name: "marked"}
	for i, c := range said[0].Content {
		if 'A' <= c && c <= 'Z' {
			g.Score++
			g.Evidence = append(g.Evidence, analyzers.Evidence{Reason: "capital", Passage: said[0].Passage(i, i+1)})
		}
	}
	g.Probability = g.Score / 10
	return append(dst, g, analyzers.Signal{Name: "marked.not", Score: -g.Score, Probability: 1 - g.Probability, Evidence: g.Evidence}), nil
}

func read(t *testing.T, text string) []eval.Row {
	t.Helper()
	rows, err := eval.Read(strings.NewReader(text), "rows.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func measure(t *testing.T, rows []eval.Row, o eval.Options) (eval.Report, []eval.Scored) {
	t.Helper()
	scored, err := eval.Score(t.Context(), marked{}, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return eval.Measure(marked{}, scored, o), scored
}

// row is a line whose response has n capitals.
func row(id string, n, label int, split string) string {
	return fmt.Sprintf(`{"id":%q,"prompt":"p%s","response":"x%s","label":%d,"split":%q}`+"\n", id, id, strings.Repeat("A", n), label, split)
}

// TestThresholdOfTraining: the threshold is the best of the training rows, whatever would be the best of the others.
func TestThresholdOfTraining(t *testing.T) {
	t.Parallel()
	rows := read(t, row("1", 6, 1, "train")+row("2", 2, 0, "train")+row("3", 5, 1, "test")+row("4", 3, 1, "test")+row("5", 1, 0, "test")+row("6", 0, 0, "test")+
		`{"id":7,"response":"xAAAAAAAA","label":"m","spans":["AA"]}`+"\n"+`{"id":8,"response":"fail","label":0}`+"\n"+`{"id":9,"label":true,"split":"train"}`+"\n")
	r, _ := measure(t, rows, eval.Options{})
	want := eval.Report{
		Analyzer: "marked", Version: 3, Signal: "marked", Rows: 9, Labelled: 8, Positives: 4, Failed: 1, Unjudged: 2,
		Chosen: &eval.Decision{Threshold: 4, On: "score", From: "split=train", Rows: 5, Confusion: stats.Confusion{TruePositives: 1, TrueNegatives: 3, FalseNegatives: 1}},
		Half:   &eval.Decision{Threshold: 0.5, On: "probability", From: "fixed", Rows: 8, Confusion: stats.Confusion{TruePositives: 2, TrueNegatives: 4, FalseNegatives: 2}},
		Best:   &eval.Decision{Threshold: 2.5, On: "score", From: "all rows", Rows: 8, Confusion: stats.Confusion{TruePositives: 3, TrueNegatives: 4, FalseNegatives: 1}},
	}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreTypes(eval.Rate{}, eval.Figure(0)), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if r.Chosen.Threshold != 4 || r.Best.Threshold != 2.5 || r.Found.Value != eval.Figure(3.0/9) || math.Abs(float64(r.Chosen.F1.Value)-2.0/3) > 1e-9 {
		t.Errorf("thresholds %v and %v, found %v, F1 %v", r.Chosen.Threshold, r.Best.Threshold, r.Found, r.Chosen.F1)
	}
}

// TestThresholdOfOtherFolds: without training rows every row is judged at a threshold that it had no part in.
func TestThresholdOfOtherFolds(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 200 {
		text.WriteString(row(fmt.Sprint(i), i%2*5+i%3, i%2, "test"))
	}
	r, scored := measure(t, read(t, text.String()), eval.Options{})
	if r.Chosen.From != "cross-validation" || r.Chosen.Rows != 200 || r.Chosen.F1.Value != 1 || r.Chosen.Threshold != 3.5 {
		t.Errorf("cross-validated: %+v", r.Chosen)
	}
	if r.AUROC.Value != 1 || r.MicrosMean <= 0 {
		t.Errorf("AUROC %v, %v µs", r.AUROC, r.MicrosMean)
	}
	c, measured, items, err := eval.Calibrate(scored)
	if err != nil || len(items) != 200 || measured != (stats.Confusion{TruePositives: 100, TrueNegatives: 100}) || c.Probability(0) > 0.1 || c.Probability(7) < 0.9 {
		t.Errorf("calibration %+v of %d, measured %+v, %v", c, len(items), measured, err)
	}
	if r, _ := measure(t, read(t, text.String()), eval.Options{Signal: "marked.not"}); r.AUROC.Value != 0 {
		t.Errorf("AUROC of the other signal: %v", r.AUROC)
	}
	if _, err := eval.Score(t.Context(), marked{}, nil, eval.Options{Signal: "loud"}); err == nil || !strings.Contains(err.Error(), "marked.not") {
		t.Errorf("a signal that there is none of: %v", err)
	}
}

// TestKinds: a span counts as found when one of its kind overlaps it; offsets are characters.
func TestKinds(t *testing.T) {
	t.Parallel()
	r, _ := measure(t, read(t, `{"response":"éAb","spans":[{"type":"CAPITAL","start":1,"end":2},{"type":"OTHER","start":0,"end":1}]}`+"\n"+
		`{"response":"aB","spans":[{"type":"capital","start":0,"end":1}]}`+"\n"), eval.Options{})
	if len(r.Kinds) != 1 || r.Kinds[0].Spans != 2 || r.Kinds[0].Found != 1 || r.Kinds[0].Claimed != 2 {
		t.Errorf("kinds: %+v", r.Kinds)
	}
}

// TestNothingLabelled: figures that are not defined are null, and the report says what it can.
func TestNothingLabelled(t *testing.T) {
	t.Parallel()
	r, scored := measure(t, read(t, `{"response":"xAAAAAA"}`+"\n\n"+`{"response":"x"}`+"\n"), eval.Options{})
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"auroc":{"value":null`) || r.Found.Value != 0.5 {
		t.Errorf("report %s, %v", b, err)
	}
	if _, _, _, err := eval.Calibrate(scored); err == nil {
		t.Error("calibrated by nothing")
	}
}

func TestSignalFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ analyzer, rows, want string }{
		{"refusal", `{"context":"a"}`, "refusal"},
		{"injection", `{"prompt":"a"}`, "injection"},
		{"injection", `{"prompt":"a","context":"b"}`, "injection.indirect"},
		{"leakage", `{"response":"a","spans":[{"type":"EMAIL"}]}`, "leakage"},
		{"leakage", `{"response":"a","context":"b"}`, "leakage.prompt"},
		{"leakage", `{"response":"a","context":"b","spans":[{"type":"EMAIL"}]}`, "leakage"},
	} {
		if got := eval.SignalFor(c.analyzer, read(t, c.rows)); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.analyzer, c.rows, got, c.want)
		}
	}
}

func TestReadNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := eval.Read(strings.NewReader("{}\n{\"prompt\":1}\n"), "rows.jsonl")
	if err == nil || !strings.HasPrefix(err.Error(), "rows.jsonl:2: want an object with the fields ") {
		t.Errorf("error: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(row("1", 2, 1, "train") + `{"id":3,"label":"x","spans":[{"type":"A","start":-1,"end":99}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		rows, err := eval.Read(strings.NewReader(s), "x")
		if err != nil {
			return
		}
		scored, err := eval.Score(context.Background(), marked{}, rows[:min(len(rows), 50)], eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(eval.Measure(marked{}, scored, eval.Options{})); err != nil {
			t.Fatal(err)
		}
	})
}
