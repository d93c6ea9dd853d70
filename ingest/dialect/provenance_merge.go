package dialect

// What becomes of the fields of log records when they are merged into their span.

import (
	"encoding/json"
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Fragment is a log record that was read as a part of a span, with its account.
type Fragment struct {
	Number int // of the record, from 1 on, by which its sources are told apart
	Span   genai.Span
	Account
}

// Merge is genai.Span.Merge with an account: the sources of the records follow those of the span, with what became
// of them in it. A field that a record filled and the span had already is repeated or in conflict; one that is not
// merged is left out.
func (a *Account) Merge(s *genai.Span, fragments []Fragment) {
	if len(fragments) == 0 {
		return
	}
	slices.SortStableFunc(fragments, func(x, y Fragment) int { return x.Span.Start.Compare(y.Span.Start) })
	m := merger{own: valuesOf(s), filled: map[string]bool{}}
	spans := make([]genai.Span, len(fragments))
	for i := range fragments {
		spans[i] = fragments[i].Span
	}
	s.Merge(spans)
	m.merged = valuesOf(s)
	for i := range fragments {
		f := &fragments[i]
		for _, d := range f.Dialects {
			if !slices.ContainsFunc(a.Dialects, func(o Spoken) bool { return o.Name == d.Name }) {
				a.Dialects = append(a.Dialects, d)
			}
		}
		held := valuesOf(&f.Span)
		for _, src := range f.Sources {
			switch src.Record = f.Number; src.Outcome {
			case Filled, Derived:
				if !m.judge(&src, &f.Span, held) {
					continue
				}
			case Repeated, Conflict:
				src.Fields = slices.DeleteFunc(slices.Clone(src.Fields), func(name string) bool { return m.merged[name] == "" })
				if len(src.Fields) == 0 && src.Outcome == Conflict {
					src.Dialect, src.Rule, src.Outcome = "", "", Ignored
				}
			}
			a.Sources = append(a.Sources, src)
		}
	}
	var rest []string // follows from the merged messages
	for name, v := range m.merged {
		if v != m.own[name] && !m.filled[name] {
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		a.Sources = append(a.Sources, Source{Outcome: Derived, Fields: rest})
	}
}

// merger holds the values of a span before and after its fragments were merged into it.
type merger struct {
	own, merged map[string]string
	filled      map[string]bool // by a fragment
}

// judge gives a source of a fragment the outcome that it has in the span, and those of its fields that have it. false:
// nothing is to be said of it.
func (m *merger) judge(src *Source, f *genai.Span, held map[string]string) bool {
	by := map[Outcome][]string{}
	for _, name := range src.Fields {
		if o := m.outcome(name, f, held[name]); o != "" {
			by[o] = append(by[o], name)
		}
	}
	derived := src.Outcome == Derived
	for _, o := range []Outcome{Filled, Conflict, Repeated} {
		if len(by[o]) == 0 {
			continue
		}
		if src.Fields = by[o]; !derived {
			src.Outcome = o
		}
		return !derived || o == Filled
	}
	src.Outcome, src.Fields = Ignored, nil
	return !derived
}

// outcome is what became of a field of a fragment, "" when the span has none.
func (m *merger) outcome(name string, f *genai.Span, held string) Outcome {
	own, merged := m.own[name], m.merged[name]
	reached := held == merged
	switch {
	case merged == "":
		return ""
	case name == "Evaluations", f.Partial && (name == "Input" || name == "Output"):
		reached = within(held, merged)
		if reached && !within(held, own) {
			m.filled[name] = true
			return Filled
		}
	}
	switch {
	case !reached:
		return Conflict
	case own == merged || m.filled[name]:
		return Repeated
	}
	m.filled[name] = true
	return Filled
}

// within says whether each element of a list, both as valuesOf gives them, is one of another.
func within(list, of string) bool {
	var a, b []json.RawMessage
	if json.Unmarshal([]byte(list), &a) != nil {
		return false
	}
	_ = json.Unmarshal([]byte(of), &b) // of nothing is no list
	all := make(map[string]bool, len(b))
	for _, e := range b {
		all[string(e)] = true
	}
	return !slices.ContainsFunc(a, func(e json.RawMessage) bool { return !all[string(e)] })
}
