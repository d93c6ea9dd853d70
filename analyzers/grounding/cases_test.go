package grounding_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding"
	"github.com/tiltmeter/tiltmeter/genai"
)

// testCase is a line of testdata/cases.jsonl: own examples, with what must be said of them and why.
type testCase struct {
	Question  string
	Documents []string
	Tool      string
	Result    string
	Answer    string
	Label     string // of the signal; "": either; "none": there is none
	Reason    string // of a piece of evidence
	Not       string // a reason that no evidence may have
	Quote     string // what that evidence points at
	Source    string // what it was held against
	Soft      bool   // the reason may be another one of the same sentence
	Why       string
}

func (c *testCase) input() *analyzers.Input {
	now := time.Unix(1_700_000_000, 0)
	s := genai.Span{
		SpanID: genai.SpanID{7: 1}, Operation: genai.OpChat, Start: now, End: now.Add(time.Second),
		Input:  []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: c.Question}}}},
		Output: []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartText, Content: c.Answer}}}},
	}
	in := &analyzers.Input{}
	if len(c.Documents) > 0 {
		r := genai.Span{SpanID: genai.SpanID{7: 2}, Operation: genai.OpRetrieval, Start: now.Add(-time.Second), End: now}
		for _, d := range c.Documents {
			r.Retrieval.Documents = append(r.Retrieval.Documents, genai.Document{Content: d})
		}
		in.Trace = append(in.Trace, r)
	}
	if c.Tool != "" {
		in.Trace = append(in.Trace, genai.Span{
			SpanID: genai.SpanID{7: 3}, Operation: genai.OpExecuteTool, Start: now.Add(-time.Second), End: now,
			Tool: genai.ToolExecution{Name: c.Tool, Result: genai.JSON(c.Result)},
		})
	}
	in.Trace = append(in.Trace, s)
	in.Span = &in.Trace[len(in.Trace)-1]
	return in
}

func TestCases(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	a := grounding.New(grounding.Options{})
	for line := range strings.Lines(string(file)) {
		var c testCase
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		t.Run(c.Why, func(t *testing.T) {
			t.Parallel()
			got, err := a.Analyze(t.Context(), c.input(), nil)
			if c.Label == "none" {
				if err != nil || len(got) > 0 {
					t.Fatalf("%v, %v: want no verdict", got, err)
				}
				return
			}
			if err != nil || len(got) == 0 || got[0].Name != grounding.Signal {
				t.Fatalf("%v, %v", got, err)
			}
			c.check(t, &got[0])
		})
	}
}

func (c *testCase) check(t *testing.T, s *analyzers.Signal) {
	t.Helper()
	if c.Label != "" && s.Label != c.Label {
		t.Errorf("%q is labelled %s at %.2f, want %s: %+v", c.Answer, s.Label, s.Probability, c.Label, s.Evidence)
	}
	if slices.ContainsFunc(s.Evidence, func(e analyzers.Evidence) bool { return e.Reason == c.Not }) {
		t.Errorf("%q: evidence %s: %+v", c.Answer, c.Not, s.Evidence)
	}
	if c.Reason == "" {
		return
	}
	i := slices.IndexFunc(s.Evidence, func(e analyzers.Evidence) bool { return e.Reason == c.Reason || c.Soft })
	if i < 0 {
		t.Fatalf("%q: no evidence %s: %+v", c.Answer, c.Reason, s.Evidence)
	}
	e := &s.Evidence[i]
	if e.Text == "" || c.Quote != "" && e.Quote != c.Quote || c.Source != "" && (e.Source == nil || e.Source.Quote != c.Source) {
		t.Errorf("%q: evidence %+v with source %+v, want %q against %q", c.Answer, e, e.Source, c.Quote, c.Source)
	}
}
