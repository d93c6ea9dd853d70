package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

func withAnalyzers(_ *api.Config, d *api.Deps, _ *auth.Options) {
	d.Scoring = true
	d.Measured = func(project, signal string) *stats.Confusion {
		if project != auth.DefaultProject || signal != "refusal" {
			return nil
		}
		return &stats.Confusion{TruePositives: 80, FalseNegatives: 20, TrueNegatives: 190, FalsePositives: 10}
	}
	d.Analyzers = []analyzers.Description{
		{Name: "refusal", Version: 3, Signals: []analyzers.SignalDescription{
			{Name: "refusal", Means: "The answer refuses.", Unit: "1", Labels: []string{"full", "compliance"}, Detects: true},
		}},
		{Name: "behaviour", Version: 1, Signals: []analyzers.SignalDescription{{Name: "behaviour.length", Means: "The answer is long.", Unit: "{character}"}}},
	}
}

// TestSignals: what is stored of a trace's signals comes out with its evidence, and what they sum up to with intervals.
func TestSignals(t *testing.T) {
	t.Parallel()
	r := start(t, withAnalyzers)
	source := analyzers.Passage{Place: analyzers.Place{SpanID: genai.SpanID{9}, Field: analyzers.FieldDocument, Index: 2}, Start: 5, End: 9, Quote: "cut \xff"}
	evidence, err := json.Marshal([]analyzers.Evidence{
		{
			Reason: "number_unsupported", Text: "The context has another number.", Score: 0.75, Source: &source,
			Passage: analyzers.Passage{Place: analyzers.Place{SpanID: theSpan, Field: analyzers.FieldOutput, Index: 1, Part: 2}, Start: 3, End: 8, Quote: "12 km"},
		},
		{Reason: "content_filter", Text: "The provider stopped the answer.", Score: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.store.signals = []store.Signal{
		{SpanID: theSpan, Name: "grounding", Analyzer: "grounding", Version: 2, Score: -3.5, Probability: 0.8, Label: "unsupported", Evidence: string(evidence), ScoredAt: noon},
		{SpanID: genai.SpanID{9}, Name: "refusal", Analyzer: "refusal", Version: 3, Label: "compliance", Evidence: "[]", ScoredAt: noon},
	}
	r.store.counted = []store.SignalCounts{
		{Signal: "behaviour.length", Value: "shop", Start: noon, Count: 2, Score: 30, Squares: 500, Low: 10, High: 20, Labels: map[string]int64{}},
		{Signal: "refusal", Value: "shop", Start: noon, Count: 4, Found: 1, Probability: 1.5, Score: 2, Squares: 3, Low: -1, High: 1, Labels: map[string]int64{"full": 1, "compliance": 3}},
		{Signal: "refusal", Value: "cut \xff", Start: noon.Add(time.Hour), Count: 16, Low: -2, High: 0, Score: -16, Squares: 32, Labels: map[string]int64{"compliance": 16}},
	}
	trace := "/v1/traces/" + theID.String()
	for name, path := range map[string]string{
		"signal_catalog":   "/v1/signals/catalog",
		"trace_signals":    trace + "/signals",
		"span_signals":     trace + "/spans/" + theSpan.String() + "/signals",
		"signal_series":    "/v1/signals/series",
		"signal_breakdown": "/v1/signals/breakdown?by=service",
	} {
		code, body := r.get(t, path)
		if code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, code, body)
		}
		golden(t, name, body)
	}
	ask := "?signal=refusal&startTime=2026-03-01T00:00:00Z&endTime=2026-03-02T00:00:00Z&step=3600s&filter=" + url.QueryEscape("model = gpt-4o")
	for _, path := range []string{"/v1/signals/series" + ask, "/v1/signals/breakdown" + strings.Replace(ask, "step=3600s", "by=label", 1)} {
		if code, body := r.get(t, path); code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, code, body)
		}
		q := r.store.summed[len(r.store.summed)-1]
		day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if q.Project != auth.DefaultProject || q.Signal != "refusal" || !q.From.Equal(day) || !q.To.Equal(day.AddDate(0, 0, 1)) || len(q.Filter.Conditions()) != 1 {
			t.Errorf("%s asked for %+v", path, q)
		}
	}
	if step := r.store.steps[len(r.store.steps)-1]; step != time.Hour || r.store.sumBy[1] != "label" {
		t.Errorf("asked in steps of %s, by %v", step, r.store.sumBy)
	}
}

// TestSignalsRefuse names what is wrong with a request.
func TestSignalsRefuse(t *testing.T) {
	t.Parallel()
	r := start(t, withAnalyzers)
	trace := "/v1/traces/" + theID.String()
	for path, want := range map[string]string{
		"/v1/traces/12/signals":                                     `"trace_id"`,
		trace + "/spans/12/signals":                                 `"span_id"`,
		"/v1/signals/breakdown":                                     `"by"`,
		"/v1/signals/breakdown?by=tools":                            "prompt.version",
		"/v1/signals/series?step=0.5s":                              `"step"`,
		"/v1/signals/series?step=0s":                                `"step"`,
		"/v1/signals/series?step=60s":                               "1440 steps",
		"/v1/signals/series?filter=nonsense":                        `"filter[0]"`,
		"/v1/signals/series?signal=" + strings.Repeat("x", 129):     `"signal"`,
		"/v1/traces?filter=" + url.QueryEscape("signal.a > 2"):      "probability from 0 to 1",
		"/v1/traces:tail?filter=" + url.QueryEscape("signal.a = b"): "before they are scored",
	} {
		if code, body := r.get(t, path); code != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 400 with %s", path, code, body, want)
		}
	}
	for _, path := range []string{trace + "/signals", trace + "/spans/" + theSpan.String() + "/signals"} {
		if code, body := r.get(t, path); code != http.StatusNotFound || !strings.Contains(body, theID.String()) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	r.store.signals = []store.Signal{{SpanID: theSpan, Name: "refusal", Evidence: "{"}}
	if code, _ := r.get(t, trace+"/signals"); code != http.StatusInternalServerError {
		t.Errorf("evidence that is no JSON: %d", code)
	}
}

// TestOffsetsCountInWhatIsShown: an analyzer's text of each place is, byte for byte, the one that the API gives there, whatever was sent.
func TestOffsetsCountInWhatIsShown(t *testing.T) {
	t.Parallel()
	nasty := "a \xff\xfe 👩‍👩‍👧 é\r\ncut \xe2\x82"
	quoted, err := json.Marshal("x \\ \"y\" 🙂\r\n")
	if err != nil {
		t.Fatal(err)
	}
	parts := []genai.Part{
		{Type: genai.PartText, Content: nasty},
		{Type: genai.PartRefusal, Content: nasty},
		{Type: genai.PartReasoning, Content: nasty},
		{Type: genai.PartDocument, Content: nasty},
		{Type: genai.PartToolCall, Arguments: genai.JSON(`{"a":"` + nasty + `"}`)},
		{Type: genai.PartToolCallResponse, Response: genai.JSON(quoted)},
		{Type: genai.PartToolCallResponse, Response: genai.JSON(`"` + nasty[:4] + ` {}"`)},
		{Type: genai.PartToolCallResponse, Response: `"{\"a\": [1]}"`},
		{Type: genai.PartToolCallResponse, Response: `{"a": [1]}`},
	}
	s := genai.Span{TraceID: theID, SpanID: theSpan, Operation: genai.OpChat, Start: noon, End: noon.Add(time.Second), System: parts[:1]}
	s.Input = []genai.Message{{Role: genai.RoleUser, Parts: parts[:1]}, {Role: genai.RoleTool, Parts: parts}}
	s.Output = []genai.Message{{Role: genai.RoleAssistant, Parts: parts}}
	tool := genai.Span{TraceID: theID, SpanID: genai.SpanID{5}, Operation: genai.OpExecuteTool, Start: noon, End: noon}
	tool.Tool.Result = genai.JSON(`"` + strings.ReplaceAll(nasty, "\r\n", `\r\n`) + `!"`)
	tool.Retrieval.Documents = []genai.Document{{Content: nasty + "?"}}
	in := analyzers.Input{Span: &s, Trace: []genai.Span{tool}}

	r := start(t)
	shown := map[genai.SpanID]*pb.Span{}
	for _, span := range []*genai.Span{&s, &tool} {
		r.store.span = span
		code, body := r.get(t, "/v1/traces/"+theID.String()+"/spans/"+span.SpanID.String())
		if code != http.StatusOK {
			t.Fatal(code, body)
		}
		shown[span.SpanID] = &pb.Span{}
		if err := protojson.Unmarshal([]byte(body), shown[span.SpanID]); err != nil {
			t.Fatal(err)
		}
	}
	texts := analyzers.Said(analyzers.Given(nil, &in), &s)
	if len(texts) != 22 {
		t.Fatalf("%d texts", len(texts))
	}
	for i := range texts {
		if got := shownAt(shown[texts[i].SpanID], &texts[i].Place); got != texts[i].Content {
			t.Errorf("%+v shows %q, analyzers see %q", texts[i].Place, got, texts[i].Content)
		}
	}
}

// shownAt is the text at a place of a span as the API gives it.
func shownAt(s *pb.Span, at *analyzers.Place) string {
	part := func(p *pb.Part) string {
		return p.GetContent() + p.GetArguments() + heldBy(p.GetResponse())
	}
	switch at.Field {
	case analyzers.FieldSystem:
		return part(s.GetSystemInstructions()[at.Part])
	case analyzers.FieldInput:
		return part(s.GetInputMessages()[at.Index].GetParts()[at.Part])
	case analyzers.FieldOutput:
		return part(s.GetOutputMessages()[at.Index].GetParts()[at.Part])
	case analyzers.FieldDocument:
		return s.GetRetrieval().GetDocuments()[at.Index].GetContent()
	case analyzers.FieldResult:
		return heldBy(s.GetTool().GetResult())
	}
	return fmt.Sprint("no text at ", at.Field)
}

// heldBy is the text that a JSON string holds, or the JSON.
func heldBy(text string) string {
	var held string
	if json.Unmarshal([]byte(text), &held) == nil {
		return held
	}
	return text
}
