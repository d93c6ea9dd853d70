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

// List describes the rules like dialects, in the order in which they are read. Keys are attributes that a span must have
// with the value behind =, a pattern.
func (rs *Rules) List() []Description {
	if rs == nil {
		return nil
	}
	out := make([]Description, len(rs.rules))
	for i := range rs.rules {
		one := &rs.rules[i]
		d := Description{Name: rulesName + " " + one.name}
		if len(one.scope) > 0 {
			d.Scopes = []string{one.scope.String() + " "}
		}
		if len(one.span) > 0 {
			d.Spans = []string{one.span.String() + " "}
		}
		for _, c := range one.conditions {
			d.Keys = append(d.Keys, c.key+"="+c.value.String())
		}
		out[i] = d
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
