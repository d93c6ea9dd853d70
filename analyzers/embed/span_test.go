package embed_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
	"github.com/tiltmeter/tiltmeter/genai"
)

func TestFromSpan(t *testing.T) {
	t.Parallel()
	span := genai.Span{RequestModel: "asked", ResponseModel: "answered"}
	span.Embedding.Items = []genai.EmbeddingItem{
		{Text: "a", Vector: []float32{0, 2}},
		{Text: "no vector"},
		{Vector: []float32{float32(math.NaN())}},
		{Vector: []float32{0, 0, 0}},
	}
	got, left := embed.FromSpan(&span)
	want := []embed.Vector{
		{Kind: "span:answered/2", Values: []int16{0, embed.One - 1}},
		{Kind: "span:answered/3", Values: []int16{0, 0, 0}},
	}
	if diff := cmp.Diff(want, got); diff != "" || left != 2 {
		t.Errorf("%d left out (-want +got):\n%s", left, diff)
	}
	span.ResponseModel = ""
	if got, _ := embed.FromSpan(&span); got[0].Kind != embed.SpanKind("asked", 2) {
		t.Errorf("kind %q", got[0].Kind)
	}
	span.RequestModel = ""
	if got, left := embed.FromSpan(&span); len(got) != 0 || left != 4 {
		t.Errorf("without a model: %v, %d left out", got, left)
	}
}
