package dialect

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

// AdvisedDialects are those for which capture of content has advice of its own.
func AdvisedDialects() (names []string) {
	for _, c := range captures {
		names = append(names, c.dialect)
	}
	return names
}
