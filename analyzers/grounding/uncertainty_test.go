package grounding_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding"
	"github.com/tiltmeter/tiltmeter/genai"
)

func TestEntropy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		samples []string
		want    float64
	}{
		{"all the same", []string{"42", "42", "42"}, 0},
		{"the same number dressed otherwise", []string{"1,200", "1200.0", "The answer is $1200."}, 0},
		{"the same words in another order", []string{"carbon dioxide", "Dioxide, carbon", "the carbon dioxide"}, 0},
		{"all differ", []string{"1", "2", "3", "4"}, math.Log(4)},
		{"half and half", []string{"Paris", "Lyon", "paris.", "lyon"}, math.Log(2)},
		{"a number and a word", []string{"12", "twelve"}, math.Log(2)},
		{"less than nothing", []string{"-3", "3"}, math.Log(2)},
		{"none", nil, 0},
	} {
		if got := grounding.Entropy(c.samples); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEntropyIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]string{"1", "2.", "a b", "b a"}), rapid.String()), 1, 20).Draw(t, "samples")
		h := grounding.Entropy(samples)
		if !(h >= 0 && h <= math.Log(float64(len(samples)))+1e-9) {
			t.Fatalf("%q: %v", samples, h)
		}
		same := make([]string, len(samples))
		for i := range same {
			same[i] = samples[0]
		}
		if h := grounding.Entropy(same); h != 0 {
			t.Fatalf("%d times %q: %v", len(same), samples[0], h)
		}
	})
}

func answers(texts ...string) *genai.Span {
	s := &genai.Span{SpanID: genai.SpanID{7: 1}, Operation: genai.OpChat}
	s.Input = []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: "How many?"}}}}
	for i, text := range texts {
		s.Output = append(s.Output, genai.Message{Role: genai.RoleAssistant, Index: int64(i), Parts: []genai.Part{{Type: genai.PartText, Content: text}}})
	}
	return s
}

func TestUncertaintyWithoutContext(t *testing.T) {
	t.Parallel()
	logprobs := func(key, value string) *genai.Span {
		s := answers("Seven.")
		s.Attributes = []genai.Attribute{{Key: "other", Value: genai.Int(1)}, {Key: key, Value: genai.String(value)}}
		return s
	}
	for _, c := range []struct {
		name  string
		span  *genai.Span
		label string // "": no such signal
		want  float64
	}{
		{"one answer tells nothing", answers("Seven."), "", 0},
		{"samples", answers("7", "7", "8", "8"), grounding.LabelSamples, math.Log(2)},
		{"numbers", logprobs("llm.response.logprobs", "[-0.5, -1.5]"), grounding.LabelLogProbs, 1},
		{"objects", logprobs("logprobs", `{"content": [{"token": "Seven", "logprob": -0.25, "top_logprobs": [{"token": "Six", "logprob": -9}]}]}`), grounding.LabelLogProbs, 0.25},
		{"no numbers", logprobs("logprobs", "none"), "", 0},
		{"other attributes", logprobs("request.logprobs.enabled", "[-1]"), "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := grounding.New(grounding.Options{}).Analyze(t.Context(), &analyzers.Input{Span: c.span}, nil)
			if err != nil || c.label == "" && len(got) > 0 {
				t.Fatalf("%+v, %v: want no verdict", got, err)
			}
			if c.label == "" {
				return
			}
			if len(got) != 1 || got[0].Name != grounding.SignalUncertainty || got[0].Label != c.label || math.Abs(got[0].Score-c.want) > 1e-9 {
				t.Errorf("%+v, want %s %v and no verdict", got, c.label, c.want)
			}
		})
	}
}

// What counts as a context: documents and tool results, long texts of the user, instructions that announce one.
func TestContexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Northwind sold 1,240 boats in 2021. ", 20)
	given := func(system, user string) *genai.Span {
		s := answers("Northwind sold 1,240 boats in 2021.")
		s.Input[0].Parts[0].Content = user
		if system != "" {
			s.System = []genai.Part{{Type: genai.PartText, Content: system}}
		}
		return s
	}
	for _, c := range []struct {
		name    string
		span    *genai.Span
		context bool
	}{
		{"a short question", given("", "How many boats?"), false},
		{"a pasted text", given("", "How many boats? "+long), true},
		{"long instructions", given("Be kind. "+long, "How many boats?"), false},
		{"instructions with a context", given("Answer from this.\nContext: "+long, "How many boats?"), true},
	} {
		got, err := grounding.New(grounding.Options{}).Analyze(t.Context(), &analyzers.Input{Span: c.span}, nil)
		if err != nil || (len(got) > 0 && got[0].Name == grounding.Signal) != c.context {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// Beside a document, what the user says is a question, however long: nothing follows from it.
func TestALongQuestionIsNoSource(t *testing.T) {
	t.Parallel()
	s := answers("Northwind sold 1,240 boats in 2021.")
	s.Input[0].Parts = []genai.Part{
		{Type: genai.PartDocument, Content: "Baltic Sails sold nothing in 2021."},
		{Type: genai.PartText, Content: strings.Repeat("I heard that Northwind sold 1,240 boats in 2021. Is it so? ", 10)},
	}
	got, err := grounding.New(grounding.Options{}).Analyze(t.Context(), &analyzers.Input{Span: s}, nil)
	if err != nil || len(got) != 1 || len(got[0].Evidence) == 0 {
		t.Fatalf("%+v, %v: want a doubt", got, err)
	}
	if src := got[0].Evidence[0].Source; src == nil || src.Part != 0 {
		t.Errorf("held against %+v, want the document", src)
	}
}
