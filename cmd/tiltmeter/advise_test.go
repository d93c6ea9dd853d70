package main

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/store"
)

// TestEveryFindingIsExplained: the store and the dialects name findings by the same codes.
func TestEveryFindingIsExplained(t *testing.T) {
	t.Parallel()
	for _, code := range store.FindingCodes {
		if a := (advisor{}).Advise(code, "otel-genai", ""); a.Title == "" || a.Meaning == "" || a.Action == "" {
			t.Errorf("%s has no explanation: %+v", code, a)
		}
	}
}
