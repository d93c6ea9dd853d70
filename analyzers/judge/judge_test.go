package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// input is an answer of two sentences to one document.
func input() *analyzers.Input {
	text := func(t genai.PartType, s string) genai.Part { return genai.Part{Type: t, Content: s} }
	return &analyzers.Input{Span: &genai.Span{
		SpanID: genai.SpanID{7: 1}, System: []genai.Part{text(genai.PartText, "secret instructions")},
		Input:  []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{text(genai.PartDocument, "Jam costs 3 euros."), text(genai.PartText, "What is it?")}}},
		Output: []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{text(genai.PartText, "Jam is 3 euros. It is made in Porto.")}}},
	}}
}

var unsure = &analyzers.Signal{Name: "grounding", Probability: 0.4}

// endpoint answers with what content gives for the question.
func endpoint(t *testing.T, handle http.HandlerFunc) (o Options) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // until then the server does not see that the client has gone
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return Options{URL: s.URL + "/v1", Model: "m"}
}

func says(w http.ResponseWriter, content string) {
	_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": content}}}})
}

func TestAsks(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Value
	o := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Messages []message `json:"messages"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		asked.Store(r.URL.Path + " " + r.Header.Get("Authorization") + " " + body.Messages[1].Content)
		says(w, "Sure:\n```json\n"+`{"unsupported": true, "confidence": 80, "sentence": "It is made in Porto.", "why": "no source says where"}`+"\n```")
	})
	o.KeyFile = key
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Ask(t.Context(), input(), unsure)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(analyzers.Signal{
		Name: SignalName, Score: 0.9, Probability: 0.9, Label: "disagrees",
		Evidence: []analyzers.Evidence{{Reason: "unsupported", Text: "no source says where", Score: 0.9, Passage: analyzers.Passage{
			Place: analyzers.Place{SpanID: genai.SpanID{7: 1}, Field: analyzers.FieldOutput}, Start: 16, End: 36, Quote: "It is made in Porto.",
		}}},
	}, got); diff != "" {
		t.Errorf("signal (-want +got):\n%s", diff)
	}
	text := asked.Load().(string)
	if !strings.HasPrefix(text, "/v1/chat/completions Bearer sesame ") || !strings.Contains(text, "Jam costs 3 euros.") || strings.Contains(text, "secret") {
		t.Errorf("asked: %s", text)
	}
}

func TestWantsWhatIsNotSure(t *testing.T) {
	t.Parallel()
	j, err := New(Options{URL: "http://127.0.0.1:1/v1", Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g    analyzers.Signal
		want bool
	}{
		{analyzers.Signal{Name: "grounding", Probability: 0.5}, true},
		{analyzers.Signal{Name: "grounding", Probability: 0.2}, false},
		{analyzers.Signal{Name: "grounding", Probability: 0.8}, false},
		{analyzers.Signal{Name: "refusal", Probability: 0.5}, false},
	} {
		if got := j.Wants(&c.g); got != c.want {
			t.Errorf("%+v: %v", c.g, got)
		}
	}
}

// TestFaults: an endpoint that fails is left alone, what is no verdict is none, and neither key nor body is in an error.
func TestFaults(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("redirected with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"no verdict":    {func(w http.ResponseWriter, _ *http.Request) { says(w, "I think so.") }, "its answer holds no JSON object"},
		"other object":  {func(w http.ResponseWriter, _ *http.Request) { says(w, `{"ok":1}`) }, `its answer does not say "unsupported"`},
		"no completion": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "its answer is none of the chat completions"},
		"error":         {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sesame", http.StatusTooManyRequests) }, "it answers 429 Too Many Requests"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "it answers 307 Temporary Redirect"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "context deadline exceeded"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		}, "its answer is none of the chat completions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := endpoint(t, c.handle)
			o.Timeout = 2 * time.Second
			j, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Ask(t.Context(), input(), unsure); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestLeavesAFailingEndpointAlone(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	o := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		http.Error(w, "down", http.StatusInternalServerError)
	})
	o.QuestionsPerHour = 1000
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range failuresInARow {
		if _, err := j.Ask(t.Context(), input(), unsure); errors.Is(err, ErrRests) {
			t.Fatalf("left alone after %d", n.Load())
		}
	}
	if _, err := j.Ask(t.Context(), input(), unsure); !errors.Is(err, ErrRests) || n.Load() != failuresInARow {
		t.Errorf("error %v after %d questions", err, n.Load())
	}
}

func TestStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	o := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { says(w, `{"unsupported": false, "confidence": 100}`) })
	o.QuestionsPerHour = 20
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a tenth of an hour's at once
		g, err := j.Ask(t.Context(), input(), unsure)
		if err != nil || g.Probability != 0 || g.Label != "agrees" {
			t.Fatalf("%+v, %v", g, err)
		}
	}
	if _, err := j.Ask(t.Context(), input(), unsure); !errors.Is(err, ErrBudget) {
		t.Errorf("error %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{URL: "127.0.0.1:1", Model: "m"}, "url: "},
		{Options{URL: "http://x"}, "model: is missing"},
		{Options{URL: "http://x", Model: "m", Low: 0.8, High: 0.2}, "between: "},
		{Options{URL: "http://x", Model: "m", QuestionsPerHour: -1}, "questions_per_hour: "},
		{Options{URL: "http://x", Model: "m", KeyFile: "/nowhere"}, "key_file: "},
	} {
		if _, err := New(c.o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"x {\"unsupported\":true,\"confidence\":1e9,\"sentence\":\"\xff\"}"}}]}`))
	j, err := New(Options{URL: "http://x", Model: "m"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := readReply(b)
		if err != nil {
			return
		}
		g := j.signal(answerOf(input()), unsure, &v)
		if e := g.Evidence[0]; !(g.Probability >= 0 && g.Probability <= 1) || e.End > 36 || e.Start < 0 {
			t.Errorf("signal %+v", g)
		}
	})
}

// TestInstructionsThatHoldAContextAreSent: where applications put their documents into the instructions, these are what is judged by.
func TestInstructionsThatHoldAContextAreSent(t *testing.T) {
	t.Parallel()
	in := input()
	in.Span.System[0].Content = "Answer from these. Documents: " + strings.Repeat("Jam is made in Porto. ", 20)
	if q := question(in, answerOf(in)); !strings.Contains(q, "made in Porto. Jam") {
		t.Errorf("asked: %s", q)
	}
}
