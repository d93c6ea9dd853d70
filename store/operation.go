package store

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Which operations call a model, which of them ask and answer in messages, and which fetch what a model is then given, is genai's to say; these are its lists as SQL
// has them.
var (
	inferenceOperations = quotedOperations(genai.InferenceOperations[:])
	messageOperations   = quotedOperations(genai.MessageOperations[:])
	sourceOperations    = quotedOperations(genai.SourceOperations[:])
)

func quotedOperations(list []genai.Operation) string {
	quoted := make([]string, len(list))
	for i, op := range list {
		quoted[i] = "'" + string(op) + "'"
	}
	return strings.Join(quoted, ", ")
}
