package behaviour_test

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/analyzertest"
	"github.com/tiltmeter/tiltmeter/analyzers/behaviour"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	analyzertest.Run(t, behaviour.New(behaviour.Options{}), analyzertest.Options{Samples: []string{"```json\n{}\n```", "the same again and again"}})
}
