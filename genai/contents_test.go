package genai

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnyContent: roles, types and names of tools are what is left of messages whose content was not captured.
func TestAnyContent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		parts []Part
		want  bool
	}{
		"no part":                    {nil, false},
		"text":                       {[]Part{{Type: PartText, Content: "hi"}}, true},
		"empty text":                 {[]Part{{Type: PartText}}, false},
		"a call by its name":         {[]Part{{Type: PartToolCall, ID: "1", Name: "search"}}, false},
		"a call of a server's tool":  {[]Part{{Type: PartServerToolCall, Name: "search"}}, false},
		"a call with its arguments":  {[]Part{{Type: PartToolCall, Name: "search", Arguments: "{}"}}, true},
		"a result":                   {[]Part{{Type: PartToolCallResponse, ID: "1", Response: "null"}}, true},
		"a result that was left out": {[]Part{{Type: PartToolCallResponse, ID: "1"}}, false},
		"an image by its place":      {[]Part{{Type: PartURI, URI: "https://example.com/a.png"}}, true},
		"a file":                     {[]Part{{Type: PartFile, FileID: "f"}}, true},
		"a part of another type":     {[]Part{{Type: "mood", Raw: `{"is":"good"}`}}, true},
		"a later part":               {[]Part{{Type: PartText}, {Type: PartReasoning, Content: "so"}}, true},
	} {
		if got := AnyContent([]Message{{Role: RoleUser}, {Role: RoleAssistant, Parts: tc.parts}}); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// TestMergeWarnings: what is doubtful about a record is so about its span; that one record lacks content says nothing.
func TestMergeWarnings(t *testing.T) {
	t.Parallel()
	cut := Warning{WarnMalformedJSON, "body", "broke off"}
	missing := Warning{WarnContentMissing, "body", "no content"}
	s := Span{Operation: OpChat, Warnings: []Warning{missing}}
	fragments := []Span{{Warnings: []Warning{cut, missing}}, {Warnings: []Warning{cut}}}
	s.Merge(fragments)
	if d := cmp.Diff([]Warning{missing, cut}, s.Warnings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	before := s.Warnings
	s.MissingContent(true, true, true)
	if d := cmp.Diff([]Warning{cut}, s.Warnings); d != "" {
		t.Errorf("all is there (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Warning{missing, cut}, before); d != "" {
		t.Errorf("the list that was shared (-want +got):\n%s", d)
	}
}

// TestMissingContent: a side is warned about once, where it is to be expected.
func TestMissingContent(t *testing.T) {
	t.Parallel()
	say := []Part{{Type: PartText, Content: "x"}}
	for name, tc := range map[string]struct {
		span          Span
		input, output bool
		want          []string
	}{
		"nothing":                     {want: []string{FieldInput, FieldOutput}},
		"elsewhere":                   {input: true, output: true},
		"on the span":                 {span: Span{Input: []Message{{Parts: say}}, Output: []Message{{Parts: say}}}},
		"failed by its status":        {span: Span{StatusCode: StatusError}},
		"refused":                     {span: Span{Error: Error{Type: "400"}}},
		"instructions":                {span: Span{System: say}, want: []string{FieldOutput}},
		"instructions without a text": {span: Span{System: []Part{{Type: PartText}}}, want: []string{FieldInput, FieldOutput}},
		"broke off":                   {span: Span{FinishReasons: []FinishReason{FinishStop, FinishLength}}, want: []string{FieldInput}},
		"broke off, says the message": {span: Span{Output: []Message{{FinishReason: FinishLength}}}, want: []string{FieldInput}},
		"filtered":                    {span: Span{FinishReasons: []FinishReason{FinishContentFilter}}, want: []string{FieldInput}},
		"stopped":                     {span: Span{FinishReasons: []FinishReason{FinishStop}}, want: []string{FieldInput, FieldOutput}},
		"a marker in the field":       {span: Span{Warnings: []Warning{{WarnContentMissing, FieldInput, "marker"}}}, want: []string{FieldInput, FieldOutput}},
		"another doubt of the field":  {span: Span{Warnings: []Warning{{WarnWrongType, FieldInput, ""}}}, want: []string{FieldInput, FieldInput, FieldOutput}},
	} {
		tc.span.Operation = OpChat
		tc.span.MissingContent(tc.input, tc.output, false)
		var got []string
		for _, w := range tc.span.Warnings {
			got = append(got, w.Field)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
