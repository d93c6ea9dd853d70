package genai

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseMessages(t *testing.T) {
	t.Parallel()
	text := textMessage
	for name, tc := range map[string]struct {
		in   string
		want []Message
		code WarningCode
	}{
		"opentelemetry": {`[{"role":"user","parts":[{"type":"text","content":"a\"\u00b0"}]}]`, []Message{text("user", `a"°`)}, ""},
		"openai":        {`[{"role":"developer","content":"x"}]`, []Message{text("system", "x")}, ""},
		"one object":    {`{"role":"model","parts":[{"text":"x"}]}`, []Message{text("assistant", "x")}, ""},
		"strings":       {`["alpha","beta"]`, []Message{text("user", "alpha"), text("user", "beta")}, ""},
		"plain text":    {`hello`, []Message{text("user", "hello")}, ""},
		"number":        {`42`, []Message{text("user", "42")}, ""},
		"nothing":       {` `, nil, ""},
		"cut off":       {`[{"role":"user","parts":[{"type":"text","content":"half of i`, []Message{text("user", "half of i")}, WarnMalformedJSON},
		"rest is kept":  {`["a" ?b]`, []Message{text("user", "a"), text("user", "?b]")}, WarnMalformedJSON},
		"tool call": {
			`[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}]`,
			[]Message{{Role: RoleAssistant, Parts: []Part{{Type: PartToolCall, ID: "c", Name: "f", Arguments: `{"a":1}`}}}},
			"",
		},
		"unknown part": {
			`[{"role":"user","parts":[{"type":"x","y":[1]}]}]`,
			[]Message{{Role: RoleUser, Parts: []Part{{Type: "x", Raw: `{"type":"x","y":[1]}`}}}},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, code := ParseMessages(nil, tc.in, RoleUser)
			if d := cmp.Diff(tc.want, got, ignoreEncoded); d != "" || code != tc.code {
				t.Errorf("code %q, want %q (-want +got):\n%s", code, tc.code, d)
			}
		})
	}
}

var ignoreEncoded = cmpopts.IgnoreFields(Message{}, "Encoded")

// FuzzParseMessages: nothing panics, what comes out encodes as JSON, and of JSON that reads as the same.
func FuzzParseMessages(f *testing.F) {
	f.Add(`[{"role":"user","parts":[{"type":"text","content":"a"}]}]`)
	f.Add(`{"role":"tool","tool_call_id":"c","content":"{}"}`)
	f.Add(strings.Repeat("[", 300))
	f.Fuzz(func(t *testing.T, s string) {
		ms, _ := ParseMessages(nil, s, RoleUser)
		for i := range ms {
			b := ms[i].AppendJSON(nil)
			if !json.Valid(b) {
				t.Fatalf("message %d of %q encodes as %s, which is not JSON", i, s, b)
			}
			if !json.Valid([]byte(s)) {
				continue // kept as text as far as it goes
			}
			again, code := ParseMessages(nil, string(b), RoleUser)
			if d := cmp.Diff(ms[i:i+1], again, ignoreEncoded); d != "" || code != "" {
				t.Fatalf("message %d of %q encodes as %s, which reads differently (%q):\n%s", i, s, b, code, d)
			}
		}
		ParseParts(nil, s)
	})
}

func BenchmarkParseMessages(b *testing.B) {
	one := `{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("It is 21 degrees and sunny in Paris. ", 20) + `"}]}`
	in := "[" + one + "," + one + "," + one + "," + one + "]"
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var ms []Message
	for b.Loop() {
		ms, _ = ParseMessages(ms[:0], in, RoleUser)
	}
}

// TestPartsWithoutMessage: parts that lie in the list without a message around them make one, which has no more of
// them than any other.
func TestPartsWithoutMessage(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat(`{"a":1},`, 2*MaxParts) + "0]"
	got, code := ParseMessages(nil, text, RoleUser)
	if len(got) != 2 || len(got[0].Parts) != MaxParts || code != WarnMalformedJSON {
		t.Fatalf("got %d messages, code %q", len(got), code)
	}
	if rest := got[1].Parts[0].Content; !strings.HasSuffix(text, rest) || len(rest) < len(text)/3 {
		t.Errorf("the rest has %d bytes", len(rest))
	}
}
