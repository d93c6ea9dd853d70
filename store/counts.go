package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// limits bound what one answer looks at. Tests have lower ones.
type limits struct {
	fragments int // see maxFragments
	hits      int // see maxHits
	set       int // see maxSet
	usage     int // see maxUsageSpans
	joined    int // see maxJoined
}

var defaultLimits = limits{fragments: maxFragments, hits: maxHits, set: maxSet, usage: maxUsageSpans, joined: maxJoined}

const (
	// defaultQueryBytes is how long a statement may be unless it says otherwise, a little less than ClickHouse's own.
	defaultQueryBytes = 200_000
	// maxQueryBytes is how long one may be that has many ids in it, as the embedded engine has it.
	maxQueryBytes = 16 << 20
)

type (
	param  struct{ name, value string }
	params []param
)

// boundSets is the context key of statements whose sets and joined rows must not exceed limits.set.
type boundSets struct{}

func bounding(ctx context.Context, sets bool) context.Context {
	return context.WithValue(ctx, boundSets{}, sets)
}

// query runs a statement; method names the caller in the engine's query log.
func (s *Store) query(ctx context.Context, method, sql string, ps params) (driver.Rows, error) {
	settings := clickhouse.Settings{"log_comment": method}
	if bounded, _ := ctx.Value(boundSets{}).(bool); bounded {
		settings["max_rows_in_set"], settings["set_overflow_mode"] = s.limits.set, "throw"
		settings["max_rows_in_join"], settings["join_overflow_mode"] = s.limits.set, "throw"
	}
	if len(sql) > defaultQueryBytes {
		settings["max_query_size"] = maxQueryBytes
	}
	if s.asked != nil {
		s.asked(method, sql, ps)
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	args := make([]any, len(ps))
	for i, p := range ps {
		args[i] = clickhouse.Named(p.name, p.value)
	}
	return s.conn.Query(ctx, sql, args...)
}

// each runs a statement and calls scan for every row.
func (s *Store) each(ctx context.Context, method, sql string, ps params, scan func(driver.Rows) error) error {
	rows, err := s.query(ctx, method, sql, ps)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

const counts = `
SELECT
    (SELECT count() FROM spans WHERE project = {project:String}),
    (SELECT uniqExact(trace_id) FROM traces WHERE project = {project:String} AND spans > 0),
    (SELECT count() FROM logs WHERE project = {project:String}),
    (SELECT count() FROM fragments WHERE project = {project:String})`

// Counts says how much of a project is stored, exactly.
func (s *Store) Counts(ctx context.Context, project string) (Counts, error) {
	var n [4]uint64
	err := s.each(ctx, "Counts", counts, params{{"project", project}}, func(r driver.Rows) error {
		return r.Scan(&n[0], &n[1], &n[2], &n[3])
	})
	if err != nil {
		return Counts{}, fmt.Errorf("count project %q: %w", project, err)
	}
	return Counts{Spans: int64(n[0]), Traces: int64(n[1]), Logs: int64(n[2]), Fragments: int64(n[3])}, nil //nolint:gosec // counts of rows
}

const stored = `
SELECT
    (SELECT count() FROM spans WHERE project = {project:String}),
    (SELECT count() FROM logs WHERE project = {project:String}) + (SELECT count() FROM fragments WHERE project = {project:String})`

// Stored says how many spans and log records of a project there are. It is asked every few seconds,
// and costs no look at the rows.
func (s *Store) Stored(ctx context.Context, project string) (spans, logs int64, err error) {
	var n [2]uint64
	err = s.each(ctx, "Stored", stored, params{{"project", project}}, func(r driver.Rows) error { return r.Scan(&n[0], &n[1]) })
	if err != nil {
		return 0, 0, fmt.Errorf("count spans of project %q: %w", project, err)
	}
	return int64(n[0]), int64(n[1]), nil //nolint:gosec // counts of rows
}

const projects = `
SELECT project, min(start), max(end), sum(spans)
FROM traces GROUP BY project ORDER BY project`

// Projects lists who owns data.
func (s *Store) Projects(ctx context.Context) (list []Project, err error) {
	err = s.each(ctx, "Projects", projects, nil, func(r driver.Rows) error {
		var p Project
		var n uint64
		err := r.Scan(&p.Name, &p.FirstSeen, &p.LastSeen, &n)
		p.Spans = int64(n)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	return list, nil
}

const storageStats = `
SELECT table, sum(rows), sum(bytes_on_disk), sum(data_uncompressed_bytes), count(),
       min(toDateTime(min_date)), max(toDateTime(max_date)),
       sum(secondary_indices_compressed_bytes), sum(primary_key_bytes_in_memory)
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`

// StorageStats says what each table costs on disk.
func (s *Store) StorageStats(ctx context.Context) (list []StorageStats, err error) {
	err = s.each(ctx, "StorageStats", storageStats, nil, func(r driver.Rows) error {
		var st StorageStats
		var n [6]uint64
		var oldest, newest time.Time
		if err := r.Scan(&st.Table, &n[0], &n[1], &n[2], &n[3], &oldest, &newest, &n[4], &n[5]); err != nil {
			return err
		}
		st.Rows, st.BytesOnDisk, st.BytesUncompressed = int64(n[0]), int64(n[1]), int64(n[2]) //nolint:gosec // sizes
		st.Parts, st.IndexBytes, st.MarksInCore = int64(n[3]), int64(n[4]), int64(n[5])       //nolint:gosec // sizes
		st.OldestDay, st.NewestDay = oldest, newest
		list = append(list, st)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read storage statistics: %w", err)
	}
	return list, nil
}
