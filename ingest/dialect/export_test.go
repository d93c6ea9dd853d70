package dialect

// Keys are the keys that some dialect reads.
func Keys() (names []string) {
	for k := range numKeys {
		names = append(names, keys[k].name)
	}
	return names
}
