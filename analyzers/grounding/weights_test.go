package grounding

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
)

// The weights are small enough to live in the repository, and of this version's figures.
func TestWeights(t *testing.T) {
	t.Parallel()
	const most = 300 << 10
	if len(weights) > most {
		t.Errorf("%d bytes, at most %d are allowed", len(weights), most)
	}
	m := fitted()
	if p := m.Sentence(make([]float32, align.NumFeatures), nil, align.Derived, false).Local; p >= 0 {
		t.Errorf("a number that follows from others is more likely wrong than right: %v", p)
	}
	if bare, derived := m.Forms[align.Underived], m.Forms[align.Derived]; bare <= derived {
		t.Errorf("a number that follows from nothing has %v, one that follows %v", bare, derived)
	}
}
