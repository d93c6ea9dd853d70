package grounding_test

import (
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding"
)

const (
	passage = "The harbour of Kiel handled 7.4 million tonnes in 2021, a rise of 3.2% over the year before, as ferries to Oslo and Gothenburg " +
		"returned to their old timetable. Operators expect 2.1 million passengers in 2022, though fuel prices remain a concern. "
	reply = "According to passage 1, the harbour of Kiel handled 7.4 million tonnes in 2021. Operators hope for more passengers next year, " +
		"because ferries to Oslo run again and hotels along the coast have reopened. Fuel prices may rise further, however. "
)

// BenchmarkAnalyze is an answer of 1,500 characters against 4,000 of context.
func BenchmarkAnalyze(b *testing.B) {
	c := testCase{
		Question:  "How is the harbour of Kiel doing?",
		Documents: []string{strings.Repeat(passage, 9)[:1000], strings.Repeat(passage, 9)[100:1600], strings.Repeat(passage, 9)[:1500]},
		Answer:    strings.Repeat(reply, 8)[:1500],
	}
	a := grounding.New(grounding.Options{})
	in := c.input()
	var out []analyzers.Signal
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = a.Analyze(b.Context(), in, out[:0]); err != nil || len(out) == 0 {
			b.Fatal(out, err)
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	f.Add("How many?", passage, reply)
	f.Add("", "passage 1: 12% [2]\r\n", "No. (passage 3) https://a.example/b $1,5.0 million\xff")
	a := grounding.New(grounding.Options{})
	f.Fuzz(func(t *testing.T, question, document, answer string) {
		c := testCase{Question: question, Documents: []string{document}, Answer: answer}
		got, err := a.Analyze(t.Context(), c.input(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			for _, e := range s.Evidence {
				if e.Start < 0 || e.Start >= e.End || e.End > len(answer) || !strings.HasPrefix(answer[e.Start:], e.Quote) {
					t.Fatalf("evidence %+v of %q", e, answer)
				}
			}
		}
	})
}
