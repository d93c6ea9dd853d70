package store

import (
	"encoding/binary"

	"github.com/tiltmeter/tiltmeter/genai"
)

// InsertedColumns are the columns that a batch fills, with their types, by table.
func InsertedColumns(s *Store) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, t := range s.NewBatch().tables() {
		out[t.name] = map[string]string{}
		for _, c := range t.columns {
			out[t.name][c.name] = c.typeName()
		}
	}
	return out
}

// Limit lowers how many log records, names of contents, and names in a set one answer looks at.
func Limit(s *Store, fragments, hits, set int) {
	s.limits = limits{fragments, hits, set, s.limits.usage, s.limits.joined}
}

// LimitUsage lowers how many spans are looked at for the usage of one page.
func LimitUsage(s *Store, spans int) { s.limits.usage = spans }

// Asked has every statement that s asks of the engine told to f, its parameters in their order.
func Asked(s *Store, f func(method, sql string, names, values []string)) {
	s.asked = func(method, sql string, ps params) {
		var names, values []string
		for _, p := range ps {
			names, values = append(names, p.name), append(values, p.value)
		}
		f(method, sql, names, values)
	}
}

// LastVersion is the fingerprint in the last row of spans.
func LastVersion(b *Batch) (f genai.Fingerprint) {
	c := &b.spans
	for to, from := range map[*uint64]*u64Col{&f.Model: &c.printModel, &f.System: &c.printSystem, &f.Tools: &c.printTools, &f.Params: &c.printParams} {
		*to = binary.LittleEndian.Uint64(from.buf[len(from.buf)-8:])
	}
	return f
}

// LimitJoined lowers how many records without a span one report looks at.
func LimitJoined(s *Store, records int) { s.limits.joined = records }
