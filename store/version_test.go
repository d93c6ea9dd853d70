package store_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// TestRememberedFingerprints: what a batch remembers of earlier spans never changes a fingerprint.
func TestRememberedFingerprints(t *testing.T) {
	t.Parallel()
	b := storetest.Store(t).NewBatch()
	text := rapid.SampledFrom([]string{
		"You help Ada with her orders", "You help Bob with his orders", "It is 2026-01-02. Be brief", "It is 2026-02-03.  Be brief", "Be brief", "",
	})
	value := rapid.SampledFrom([]string{"", "Ada", " Ada\n", "Bob", "orders", "c-17", "be"})
	parts := rapid.Custom(func(t *rapid.T) genai.Part {
		return genai.Part{Type: rapid.SampledFrom([]genai.PartType{genai.PartText, genai.PartReasoning}).Draw(t, "type"), Content: text.Draw(t, "text")}
	})
	tools := rapid.Custom(func(t *rapid.T) genai.ToolDefinition {
		return genai.ToolDefinition{
			Name:       rapid.SampledFrom([]string{"look", "buy"}).Draw(t, "tool"),
			Parameters: rapid.SampledFrom([]genai.JSON{"", `{"a":1,"b":2}`, `{"b":2, "a":1.0}`, `{"a":2}`}).Draw(t, "schema"),
		}
	})
	messages := rapid.Custom(func(t *rapid.T) genai.Message {
		return genai.Message{Role: rapid.SampledFrom([]genai.Role{genai.RoleSystem, genai.RoleUser}).Draw(t, "role"), Parts: rapid.SliceOfN(parts, 0, 2).Draw(t, "parts")}
	})
	seen := map[genai.Fingerprint]bool{}
	rapid.Check(t, func(t *rapid.T) {
		s := chat(1, 1, base)
		s.Operation = rapid.SampledFrom([]genai.Operation{genai.OpChat, genai.OpInvokeAgent, genai.OpEmbeddings}).Draw(t, "operation")
		s.System = rapid.SliceOfN(parts, 0, 2).Draw(t, "system")
		s.Input = rapid.SliceOfN(messages, 0, 3).Draw(t, "input")
		s.Tools = rapid.SliceOfN(tools, 0, 3).Draw(t, "tools")
		s.User, s.Conversation = value.Draw(t, "user"), value.Draw(t, "conversation")
		s.Prompt = genai.Prompt{Name: value.Draw(t, "name"), Version: value.Draw(t, "version")}
		if v := value.Draw(t, "variable"); v != "" {
			s.Prompt.Variables = []genai.Variable{{Name: "who", Value: v}}
		}
		b.AddSpan(s)
		if got, want := store.LastVersion(b), s.Fingerprint(); got != want {
			t.Fatalf("stored %x, is %x", got, want)
		}
		seen[s.Fingerprint()] = true
	})
	if len(seen) < 10 {
		t.Errorf("only %d fingerprints were made", len(seen))
	}
	tool := chat(1, 2, base)
	tool.Operation = genai.OpExecuteTool
	if b.AddSpan(tool); store.LastVersion(b) != (genai.Fingerprint{}) {
		t.Error("a tool has the fingerprint of a model")
	}
}
