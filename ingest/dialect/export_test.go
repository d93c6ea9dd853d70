package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Explain gives the sources of Account alone.
func (n *Normalizer) Explain(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) []Source {
	return n.Account(dst, res, scope, s).Sources
}

// Keys are the keys that some dialect reads.
func Keys() (names []string) {
	for k := range numKeys {
		names = append(names, keys[k].name)
	}
	return names
}

// Prefixes gives the beginnings of flattened lists, of scopes' names and of spans' names.
func Prefixes() (flat, scopes, spans []string) {
	for i := range lists {
		flat = append(flat, lists[i].prefix)
	}
	for i := range scopePrefixes {
		scopes = append(scopes, scopePrefixes[i].text)
	}
	for i := range spanPrefixes {
		spans = append(spans, spanPrefixes[i].text)
	}
	return flat, scopes, spans
}

// Captures gives, for each way to switch capture on, the dialect, the beginning of the scopes and the settings.
func Captures(each func(dialect, scope string, settings []string)) {
	for _, c := range captures {
		each(c.dialect, c.scope, c.settings)
	}
}
