package genai

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(second int64) time.Time { return time.Unix(second, 0).UTC() }

// TestMerge: what log records carry joins its span, whatever the order of their arrival.
func TestMerge(t *testing.T) {
	t.Parallel()
	said := func(role Role, s string) []Message { return []Message{textMessage(role, s)} }
	choice := func(i int64, s string, f FinishReason) Span {
		m := Message{Role: RoleAssistant, Index: i, FinishReason: f, Parts: []Part{{Type: PartText, Content: s}}}
		return Span{Start: at(9), Partial: true, Output: []Message{m}, FinishReasons: []FinishReason{f}}
	}
	limit, other := int64(5), int64(6)
	evaluation := []Evaluation{{Name: "e", Score: 1, HasScore: true}}
	for name, tc := range map[string]struct {
		span      Span
		fragments []Span
		want      Span
	}{
		"messages by their time": {
			Span{},
			[]Span{{Start: at(2), Partial: true, Input: said(RoleUser, "b")}, {Start: at(1), Partial: true, Input: said(RoleSystem, "a")}},
			Span{Input: append(said(RoleSystem, "a"), said(RoleUser, "b")...)},
		},
		"choices by their index, each with its reason": {
			Span{},
			[]Span{choice(1, "second", FinishLength), choice(0, "first", FinishStop)},
			Span{
				Output:        append(choice(0, "first", FinishStop).Output, choice(1, "second", FinishLength).Output...),
				FinishReasons: []FinishReason{FinishStop, FinishLength},
			},
		},
		"content that came twice": {
			Span{Input: said(RoleUser, "attribute")},
			[]Span{{Input: said(RoleUser, "record")}},
			Span{Input: said(RoleUser, "attribute")},
		},
		"counts that came twice": {
			Span{Usage: Usage{Input: Count(57), Output: Count(23)}},
			[]Span{{Usage: Usage{Input: Count(57), Output: Count(23)}}, {Usage: Usage{Input: Count(2), Output: Count(6)}}},
			Span{Usage: Usage{Input: Count(57), Output: Count(23)}},
		},
		"counts of records alone, twice": {
			Span{},
			[]Span{{Start: at(1), Usage: Usage{Input: Count(57), Output: Count(23)}}, {Start: at(2), Usage: Usage{Input: Count(57), Output: Count(23)}}},
			Span{Usage: Usage{Input: Count(57), Output: Count(23)}},
		},
		"the longer list": {
			Span{Input: said(RoleUser, "cut")},
			[]Span{{Input: append(said(RoleUser, "a"), said(RoleUser, "b")...)}},
			Span{Input: append(said(RoleUser, "a"), said(RoleUser, "b")...)},
		},
		"the text of an answer, and all of it": {
			Span{},
			[]Span{{Start: at(1), Output: said(RoleAssistant, "a")}, {Start: at(2), Output: []Message{{Role: RoleAssistant, Parts: append(textMessage(RoleAssistant, "a").Parts, Part{Type: PartToolCall, Name: "t"})}}}},
			Span{Output: []Message{{Role: RoleAssistant, Parts: append(textMessage(RoleAssistant, "a").Parts, Part{Type: PartToolCall, Name: "t"})}}},
		},
		"a cost that only a record has": {
			Span{},
			[]Span{{Cost: Cost{Amount: "0.1", Currency: "USD", Source: "reported"}}, {Cost: Cost{Amount: "0.2", Currency: "USD", Source: "reported"}}},
			Span{Cost: Cost{Amount: "0.1", Currency: "USD", Source: "reported"}},
		},
		"a list that says something before roles alone": {
			Span{Input: []Message{{Role: RoleUser}, {Role: RoleAssistant}}},
			[]Span{{Input: said(RoleUser, "record")}},
			Span{Input: said(RoleUser, "record")},
		},
		"roles alone are no better": {
			Span{Input: said(RoleUser, "attribute")},
			[]Span{{Input: []Message{{Role: RoleUser}, {Role: RoleAssistant}}}},
			Span{Input: said(RoleUser, "attribute")},
		},
		"details of a call": {
			Span{Request: Request{MaxTokens: &limit}, Agent: Agent{Name: "a"}, Prompt: Prompt{Name: "p"}},
			[]Span{{
				Request: Request{MaxTokens: &other, Seed: &other}, Agent: Agent{ID: "1", Name: "b"}, Prompt: Prompt{Name: "q", Version: "2"}, TimeToFirstToken: 7,
				Tools: []ToolDefinition{{Name: "f"}}, Tool: ToolExecution{Name: "f", Result: "1"}, Retrieval: Retrieval{Query: "q"}, Embedding: Embedding{Dimensions: 3},
			}},
			Span{
				Request: Request{MaxTokens: &limit, Seed: &other}, Agent: Agent{ID: "1", Name: "a"}, Prompt: Prompt{Name: "p"}, TimeToFirstToken: 7,
				Tools: []ToolDefinition{{Name: "f"}}, Tool: ToolExecution{Name: "f", Result: "1"}, Retrieval: Retrieval{Query: "q"}, Embedding: Embedding{Dimensions: 3},
			},
		},
		"fields of the span stay, missing ones come": {
			Span{Provider: "openai", Evaluations: evaluation},
			[]Span{{Provider: "other", RequestModel: "m", Evaluations: evaluation, Usage: Usage{Input: Count(0)}}},
			Span{Provider: "openai", RequestModel: "m", Evaluations: evaluation, Usage: Usage{Input: Count(0)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.span.Merge(tc.fragments)
			if d := cmp.Diff(tc.want, tc.span); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestFinishReasonsOnce: a choice without a reason does not make the reason of another come twice.
func TestFinishReasonsOnce(t *testing.T) {
	t.Parallel()
	s := Span{Output: []Message{{Role: RoleAssistant}, {Role: RoleAssistant, FinishReason: FinishStop}}}
	s.CompleteFinishReasons()
	s.Merge([]Span{{Start: at(1), User: "u"}})
	if d := cmp.Diff([]FinishReason{FinishStop}, s.FinishReasons); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
