package store

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
func Limit(s *Store, fragments, hits, set int) { s.limits = limits{fragments, hits, set} }

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
