package dialect

import (
	"slices"
	"strings"
)

// A Description is one dialect and the evidence by which a span shows it.
type Description struct {
	Name   string
	Scopes []string // beginnings of the instrumentation scope's name; one that ends in a blank is all of it
	Spans  []string // beginnings of the span's name
	Keys   []string // attribute keys; a flattened list is its beginning with N for the index
}

// List describes the dialects, in the order in which they are asked.
func List() []Description {
	out := make([]Description, len(dialects))
	for i, d := range dialects {
		out[i] = Description{Name: d.name, Scopes: slices.Clone(d.scopes), Spans: slices.Clone(d.spans)}
		for _, b := range d.own {
			out[i].Keys = append(out[i].Keys, b.key)
		}
		for _, l := range d.lists {
			if l.own {
				out[i].Keys = append(out[i].Keys, l.prefix+"N.*")
			}
		}
	}
	return out
}

// Evidence is all of it as text, a line each.
func (d Description) Evidence() []string {
	var out []string
	for _, s := range d.Scopes {
		out = append(out, "scope "+beginning(s))
	}
	for _, s := range d.Spans {
		out = append(out, "span "+beginning(s))
	}
	return append(out, d.Keys...)
}

// beginning is a prefix as people write it.
func beginning(p string) string {
	if whole, ok := strings.CutSuffix(p, " "); ok {
		return whole
	}
	return p + "*"
}
