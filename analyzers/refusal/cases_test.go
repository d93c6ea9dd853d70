package refusal

// The cases of testdata/cases.jsonl: own examples in eleven languages, each with the label that a reader gives it, or with "refused" and "not
// refused" where a sentence alone does not tell more.

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// testCase is a line of testdata/cases.jsonl.
type testCase struct {
	Lang     string `json:"lang"`
	Label    string `json:"label"`
	Prompt   string `json:"prompt"`
	Response string `json:"response"`
	Why      string `json:"why"`
}

func cases(tb testing.TB) []testCase {
	tb.Helper()
	f, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var all []testCase
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		var c testCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			tb.Fatalf("testdata/cases.jsonl: line %d: %v", n, err)
		}
		all = append(all, c)
	}
	if err := in.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}

// call is a span in which a user asks and the model says the answers, one a choice.
func call(prompt string, answers ...string) *analyzers.Input {
	s := &genai.Span{SpanID: genai.SpanID{1}, Operation: genai.OpChat}
	if prompt != "" {
		s.Input = []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: prompt}}}}
	}
	for _, a := range answers {
		s.Output = append(s.Output, genai.Message{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartText, Content: a}}})
	}
	return &analyzers.Input{Span: s}
}

// signals are the signals of an input by name.
func signals(tb testing.TB, d analyzers.Analyzer, in *analyzers.Input) map[string]analyzers.Signal {
	tb.Helper()
	all, err := d.Analyze(tb.Context(), in, nil)
	if err != nil {
		tb.Fatal(err)
	}
	byName := map[string]analyzers.Signal{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

func TestCases(t *testing.T) {
	t.Parallel()
	d := New()
	languages := map[string]int{}
	for _, c := range cases(t) {
		languages[c.Lang]++
		got := signals(t, d, call(c.Prompt, c.Response))
		s := got[SignalAny]
		refused := s.Label == LabelFull || s.Label == LabelPartial
		right := s.Label == c.Label || c.Label == "refused" && refused || c.Label == "not refused" && !refused
		if !right {
			t.Errorf("%s: %s (%q): label is %q (score %.1f, flat %.1f), want %q; evidence %+v",
				c.Lang, c.Why, c.Response, s.Label, s.Score, got[SignalFull].Score, c.Label, s.Evidence)
		}
		if (s.Label == LabelCompliance) != (len(s.Evidence) == 0) {
			t.Errorf("%s: %q: label %q comes with %d pieces of evidence", c.Lang, c.Response, s.Label, len(s.Evidence))
		}
	}
	if len(languages) != 11 {
		t.Errorf("there are cases in %d languages, want 11: %v", len(languages), languages)
	}
}
