package grounding_test

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/analyzertest"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	analyzertest.Run(t, grounding.New(grounding.Options{}), analyzertest.Options{Samples: []string{
		"passage 1:", "According to passage 2,", "The passages do not mention it.", "3 million", "12%", "1,234.5", "www.example.org/a", "not", "Ada Lovelace", "increased", "decreased",
	}})
}
