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

// LimitSets sets how many names a statement may keep in memory.
func LimitSets(s *Store, n int) { s.maxSet = n }
