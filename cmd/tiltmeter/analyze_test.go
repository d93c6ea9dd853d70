package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/demo"
)

// refusals are the spans that the server says to be refusals: "trace/span", of those in the changes of the demo's story.
func (s *server) refusals(traces map[string]bool) map[string]bool {
	s.t.Helper()
	found := map[string]bool{}
	for trace := range traces {
		var answer struct {
			Signals []struct {
				SpanID, Name string
				Probability  float64
				Evidence     []struct {
					Passage struct{ Field, Quote string }
				}
			}
		}
		getJSON(s.t, s.url()+"/v1/traces/"+trace+"/signals", &answer)
		for _, g := range answer.Signals {
			if g.Name != "refusal" || g.Probability < 0.5 {
				continue
			}
			found[trace+"/"+g.SpanID] = true
			if len(g.Evidence) == 0 || g.Evidence[0].Passage.Field != "output" || g.Evidence[0].Passage.Quote == "" {
				s.t.Errorf("%s/%s: a refusal with the evidence %+v", trace, g.SpanID, g.Evidence)
			}
		}
	}
	return found
}

// scored waits until as many spans are scored by the refusal detector as there are, and returns how many.
func (s *server) scored() (n int) {
	s.t.Helper()
	last, same := -1, 0
	if !eventually(startWithin, func() bool {
		var answer struct {
			Breakdowns []struct {
				Values []struct{ Spans string }
			}
		}
		if code, text := get(s.url() + "/v1/signals/breakdown?signal=refusal&by=operation"); code != 200 || json.Unmarshal([]byte(text), &answer) != nil {
			return false
		}
		n = 0
		for _, b := range answer.Breakdowns {
			for _, v := range b.Values {
				spans, _ := strconv.Atoi(v.Spans) // 64-bit numbers are strings in JSON
				n += spans
			}
		}
		if n == last && n > 0 {
			same++
		} else {
			last, same = n, 0
		}
		_, metrics := get(s.url() + "/metrics")
		return same >= 3 && strings.Contains(metrics, "tiltmeter_analyzers_lag_seconds 0\n")
	}) {
		s.t.Fatalf("%d spans are scored, and it does not come to rest: %s", n, s.logged())
	}
	return n
}

// TestAnswersAreScored plays the demo into a server that is killed while it scores: every refusal of the story is found on its
// evidence, and what is not of the story nearly never; scored again, as history, it is the same.
func TestAnswersAreScored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir, "--flush-every", "100ms")
	s.start()
	truthFile := filepath.Join(dir, "truth.json")
	if err := demo.Run(t.Context(), demo.Options{Endpoint: s.grpc, Seed: 7, Days: 0.6, Truth: truthFile}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.kill()
		s.start()
	}
	n := s.scored()

	var truth demo.Truth
	text, err := os.ReadFile(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	refused, traces := map[string]bool{}, map[string]bool{}
	for _, c := range truth.Changes {
		for _, ref := range c.Spans {
			traces[ref.TraceID] = true
			if c.Name == "refusals" {
				refused[ref.TraceID+"/"+ref.SpanID] = true
			}
		}
	}
	if len(refused) < 5 || len(traces) < 50 {
		t.Fatalf("the story has %d refusals in %d traces", len(refused), len(traces))
	}
	found := s.refusals(traces)
	missed, invented := 0, 0
	for ref := range refused {
		if !found[ref] {
			missed++
		}
	}
	for ref := range found {
		if !refused[ref] {
			invented++
		}
	}
	if missed > 0 || invented > len(traces)/20 {
		t.Errorf("of %d refusals in %d traces %d are missed, %d are invented", len(refused), len(traces), missed, invented)
	}

	if code := s.stop(); code != 0 {
		t.Fatalf("stopped with %d", code)
	}
	var out strings.Builder
	if err := runAnalyze(t.Context(), []string{"--data-dir", dir, "--since", "3d", "--analyzer", "refusal"}, &out); err != nil {
		t.Fatalf("analyze: %v\n%s", err, out.String())
	}
	if !strings.HasPrefix(out.String(), "default: answers of ") {
		t.Errorf("analyze says %q", out.String())
	}
	s.start()
	if again := s.scored(); again != n {
		t.Errorf("%d spans are scored, %d after they were scored again", n, again)
	}
}
