package genai

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWalk: what breaks off gives what came before it.
func TestWalk(t *testing.T) {
	t.Parallel()
	for in, want := range map[JSON]struct {
		elements []JSON
		whole    bool
	}{
		`[1,"a",{"b":[2]}]`: {[]JSON{"1", `"a"`, `{"b":[2]}`}, true},
		"\n[ ]":             {nil, true},
		`[1,{"b":`:          {[]JSON{"1"}, false},
		`{"a":1}`:           {nil, false},
		``:                  {nil, false},
	} {
		var got []JSON
		whole := in.Elements(func(e JSON) { got = append(got, e) })
		if d := cmp.Diff(want.elements, got); d != "" || whole != want.whole {
			t.Errorf("elements of %s: whole %v (-want +got):\n%s", in, whole, d)
		}
	}
	for in, want := range map[JSON]string{
		`{"a":{"b":"x\n"}}`: "x\n", `{"a":{"b":null}}`: "", `{"a":{"b":7}}`: "7", `{"a":1}`: "", `{"a":{"b`: "",
	} {
		if got := in.At("a", "b").Text(); got != want {
			t.Errorf("a.b of %s is %q, want %q", in, got, want)
		}
	}
}

// TestTail: the member in which an object breaks off.
func TestTail(t *testing.T) {
	t.Parallel()
	for in, want := range map[JSON][2]string{
		`{"a":1,"b":[{"c":"d`: {"b", `[{"c":"d`}, `{"a":1}`: {"", ""}, `{"a":1,"b`: {"", ""}, `{"a":tru`: {"a", "tru"}, `[1,`: {"", ""}, ``: {"", ""},
	} {
		if name, value := in.Tail(); name != want[0] || string(value) != want[1] {
			t.Errorf("the end of %s is %q: %q, want %q", in, name, value, want)
		}
	}
}

// TestMediaPart: an address, a data URL and base64 are told apart.
func TestMediaPart(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Part{
		"https://h/i.png":         {Type: PartURI, Modality: "image", URI: "https://h/i.png"},
		"data:image/png;base64,A": {Type: PartBlob, Modality: "image", MIMEType: "image/png", Content: "A"},
		"AAAA":                    {Type: PartBlob, Modality: "image", Content: "AAAA"},
	} {
		if d := cmp.Diff(want, MediaPart("image", in, "")); d != "" {
			t.Errorf("%s (-want +got):\n%s", in, d)
		}
	}
}

// FuzzParseTools: nothing panics, and a text that is no JSON says so.
func FuzzParseTools(f *testing.F) {
	f.Add(`[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]`)
	f.Add(`["f","{\"name\":\"g\"}"]`)
	f.Add(`{"name":"f","function":{"function":{"name":"g"}}}`)
	f.Fuzz(func(t *testing.T, s string) {
		tools, code := ParseTools(nil, s)
		if len(tools) > MaxTools {
			t.Fatalf("got %d tools", len(tools))
		}
		if json.Valid([]byte(s)) && JSON(s).Elements(func(JSON) {}) && code == WarnMalformedJSON {
			t.Fatalf("%q is a list, but was called malformed", s)
		}
	})
}

// TestFirst: the first element of a list, whatever follows it.
func TestFirst(t *testing.T) {
	t.Parallel()
	for in, want := range map[JSON]JSON{
		`[{"a":1},2]`: `{"a":1}`, "\n[ \"x\"": `"x"`, `[]`: "", `{"a":1}`: "", ``: "", `[`: "", `[nul`: "",
	} {
		if got := in.First(); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
