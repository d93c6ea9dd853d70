package dialect_test

import (
	"slices"
	"testing"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// TestApartDialects: a name that no dialect has would never be found.
func TestApartDialects(t *testing.T) {
	t.Parallel()
	for _, name := range genai.ApartDialects {
		if !slices.ContainsFunc(dialect.List(), func(d dialect.Description) bool { return d.Name == name }) {
			t.Errorf("no dialect is called %q", name)
		}
	}
}
