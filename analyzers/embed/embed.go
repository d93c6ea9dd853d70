// Package embed turns texts into vectors whose sums tell windows of texts apart.
//
// Two sketches are built in, style and topic: words hashed into 16,384 signed dimensions, in microseconds, in any language,
// without a model. Beside them stand models that the user brings: an endpoint that speaks the OpenAI API (Endpoint), a folder of
// static embeddings (Static), or the vectors that spans carry already (FromSpan). Every vector has a Kind, and those
// of different kinds are never compared.
//
// Vectors are whole numbers of a fixed unit, so that a Sum is the same in whatever order, on whatever machine and in however many
// parts it was added up. Why, and why rarity is weighed when sums are compared and not before: docs/adr.
//
// It knows texts, vectors and sums; no storage, no window and no test statistic beyond the distance of two sums.
package embed

import (
	"context"
	"fmt"
)

// Kind names a representation: what made the vector, in which version, and what the number of dimensions is where that is a
// choice. Two vectors of the same kind may be compared, others never.
type Kind string

// The kinds of the built-in sketches. The number is raised whenever the same text may give another vector.
const (
	Style Kind = "style/1" // how something is said: all words, stop words too
	Topic Kind = "topic/1" // what it is about: no stop words; to be weighted by rarity when sums are compared
)

// KindError says that two representations cannot be compared.
type KindError struct{ A, B Kind }

func (e *KindError) Error() string {
	return fmt.Sprintf("compare vectors of kind %q with %q: they lie in different spaces; compare texts that one embedder made", e.A, e.B)
}

func same(a, b Kind) error {
	if a != b {
		return &KindError{a, b}
	}
	return nil
}

// Embedder makes a vector of a text by a model.
type Embedder interface {
	// Kind is constant. It names the model, so that another model is another kind.
	Kind() Kind

	// Dimensions is constant: the length of every vector.
	Dimensions() int

	// Embed returns one vector a text, in their order; none of them is nil. A text that holds nothing the model knows is
	// the zero vector. Either all texts are embedded, or it is an error. It is safe for concurrent use, and the caller must not
	// change the vectors: they may be shared.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}
