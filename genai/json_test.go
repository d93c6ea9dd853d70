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
	if len(got) != 2 || len(got[0].Parts) != MaxParts || got[1].Parts[0].Content != "0" || code != WarnTruncated {
		t.Fatalf("got %d messages, code %q", len(got), code)
	}
}

// TestLimitsOfMessages: what is left out of JSON that is whole is left out by a limit, and is no message of its own.
func TestLimitsOfMessages(t *testing.T) {
	t.Parallel()
	list := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	const message, part = `{"role":"user","content":"a"}`, `{"type":"text","content":"b"}`
	nested := func(n int) string {
		return `[{"role":"user","parts":[{"type":"x","y":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}]}]`
	}
	for name, tc := range map[string]struct {
		text            string
		messages, parts int
		code            WarningCode
	}{
		"as many messages as there may be": {list(message, MaxMessages), MaxMessages, 1, ""},
		"a message more":                   {list(message, MaxMessages+1), MaxMessages, 1, WarnTruncated},
		"as many parts as there may be":    {`[{"role":"user","parts":` + list(part, MaxParts) + `},` + message + `]`, 2, MaxParts, ""},
		"a part more":                      {`[{"role":"user","parts":` + list(part, MaxParts+1) + `},` + message + `]`, 2, MaxParts, WarnTruncated},
		"a part more, then broken":         {`[{"role":"user","parts":` + list(part, MaxParts+1) + `},?`, 3, MaxParts, WarnMalformedJSON},
		"as deep as it may be":             {nested(MaxJSONDepth - 4), 1, 1, ""},
		"one deeper":                       {nested(MaxJSONDepth - 3), 2, 1, WarnTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, code := ParseMessages(nil, tc.text, RoleAssistant)
			if len(got) != tc.messages || code != tc.code {
				t.Fatalf("got %d messages and %q, want %d and %q", len(got), code, tc.messages, tc.code)
			}
			if n := len(got[0].Parts); n != tc.parts {
				t.Errorf("the first message has %d parts, want %d", n, tc.parts)
			}
			if again, _ := ParseMessages(nil, string(got[0].AppendJSON(nil)), RoleAssistant); len(again) != 1 || len(again[0].Parts) != tc.parts {
				t.Errorf("the first message does not read back: %d messages", len(again))
			}
		})
	}
	if got, code := ParseParts(nil, list(part, MaxParts+1)); len(got) != MaxParts || code != WarnTruncated {
		t.Errorf("got %d parts and %q", len(got), code)
	}
}
