package embed

// The vectors that a span carries: an application that embeds its texts need not have them embedded again.

import (
	"fmt"

	"github.com/tiltmeter/tiltmeter/genai"
)

// SpanKind is the kind of the vectors that spans of a model carry: "span:<model>/<dimensions>". It differs from the kind of an
// Endpoint with that model, since the application may have cut or joined its texts in another way.
func SpanKind(model string, dimensions int) Kind {
	return Kind(fmt.Sprintf("span:%s/%d", model, dimensions))
}

// FromSpan returns the vectors of an embeddings span, in order, and how many of its items it left out, since they have no vector or
// one that holds no finite number. A span that names no model has no kind: all its vectors are left out.
func FromSpan(s *genai.Span) (vectors []Vector, left int) {
	model := s.Model()
	for i := range s.Embedding.Items {
		values := s.Embedding.Items[i].Vector
		if model == "" || len(values) == 0 {
			left++
			continue
		}
		v, err := Dense(SpanKind(model, len(values)), values)
		if err != nil {
			left++
			continue
		}
		vectors = append(vectors, v)
	}
	return vectors, left
}
