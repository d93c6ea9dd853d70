package eval

// Typed spans: what of each kind was found, and how much of what was found is there.

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
)

// Kind is how well one kind of span is found: a span that overlaps one of the same kind is.
type Kind struct {
	Kind      string `json:"kind"`
	Spans     int    `json:"spans"` // labelled
	Found     int    `json:"found"`
	Claimed   int    `json:"claimed"` // by the analyzer
	Precision Rate   `json:"precision"`
	Recall    Rate   `json:"recall"`
}

// names are what labelled data calls the kinds, in the words of Presidio and of analyzers.
var names = map[string]string{
	"email_address": "email", "credit_card": "card", "us_ssn": "ssn", "ip_address": "ip", "iban_code": "iban", "phone_number": "phone",
}

func kindName(label string) string {
	label = strings.ToLower(label)
	if n, ok := names[label]; ok {
		return n
	}
	return label
}

// kindsOf compares, of rows with typed spans, those kinds that the analyzer claims anywhere. What it does not know it is not
// blamed for.
func kindsOf(scored []Scored) []Kind {
	by := map[string]*Kind{}
	typed := false
	for i := range scored {
		for _, f := range scored[i].Found {
			if by[f.Reason] == nil {
				by[f.Reason] = &Kind{Kind: f.Reason}
			}
		}
		typed = typed || slices.ContainsFunc(scored[i].Row.Spans, func(s Span) bool { return s.Type != "" })
	}
	if !typed {
		return nil
	}
	for i := range scored {
		s := &scored[i]
		if s.Row.Spans == nil {
			continue
		}
		used := make([]bool, len(s.Found))
		for _, want := range s.Row.Spans {
			k := by[kindName(want.Type)]
			if k == nil {
				continue
			}
			k.Spans++
			lo, hi := offset(s.Row.Response, want.Start), offset(s.Row.Response, want.End)
			at := slices.IndexFunc(s.Found, func(f analyzers.Evidence) bool {
				return f.Reason == k.Kind && f.Field == analyzers.FieldOutput && f.Start < hi && f.End > lo
			})
			if at >= 0 && !used[at] {
				used[at] = true
				k.Found++
			}
		}
		for _, f := range s.Found {
			if f.Field == analyzers.FieldOutput {
				by[f.Reason].Claimed++
			}
		}
	}
	out := make([]Kind, 0, len(by))
	for _, k := range by {
		if k.Claimed > 0 || k.Spans > 0 {
			k.Precision, k.Recall = rate(k.Found, k.Claimed), rate(k.Found, k.Spans)
			out = append(out, *k)
		}
	}
	slices.SortFunc(out, func(a, b Kind) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// offset is the byte at which the n-th character of s begins.
func offset(s string, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}
