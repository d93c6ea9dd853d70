package store

// Spans that are stored are read again by today's dialects and prices: docs/adr/007-rereading.md. A day at a
// time is made anew in tables beside the real ones, counted against it, and put in its place as a whole.
// Nobody else may write meanwhile; who calls this makes sure of it.

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/schema"
)

// The tables beside the real ones.
const (
	shadowSpans  = "reread_spans"
	shadowTraces = "reread_traces"
	shadowPrices = "reread_prices"
	// readySpans is what shadowSpans is renamed to when the day in it is whole. From then on until it is gone the
	// day is taken from there, however often the process is killed.
	readySpans = "reread_ready"
)

const (
	// rereadRows is how many spans are read at once, and rereadBytes how much of their texts is in memory.
	rereadRows  = 1000
	rereadBytes = 128 << 20
	// rereadFlush is from which size on a batch of new rows goes in.
	rereadFlush = 32 << 20
)

// Rereader makes new rows of what is stored.
type Rereader interface {
	// Read adds one span to the batch, made of what its sender sent.
	Read(b *Batch, project string, raw *RawSpan) error
	// Price fills dst with what a span costs of which the columns are known that a cost depends on.
	Price(dst *Price, s *genai.Span)
}

// RereadKind is what is done with stored spans.
type RereadKind string

// The kinds.
const (
	RereadAll    RereadKind = "reread"  // everything is made anew of the raw form
	RereadPrices RereadKind = "reprice" // the cost is; nothing else changes
)

// RereadDay is what came of a day.
type RereadDay struct {
	Day     time.Time
	Spans   int64
	Changed int64          // spans of which something differs
	Changes []RereadChange // most first
}

// RereadChange counts the spans of which a column differs.
type RereadChange struct {
	Column, Dialect, Service string
	Spans                    int64
}

// Compare orders changes: those of most spans first.
func (c RereadChange) Compare(o RereadChange) int {
	return cmp.Or(cmp.Compare(o.Spans, c.Spans), strings.Compare(c.Column, o.Column), strings.Compare(c.Dialect, o.Dialect), strings.Compare(c.Service, o.Service))
}

// Attach makes the store ready for use without changing schema or retention: both must be what they are, and
// what a rereading has left unfinished is finished.
func (s *Store) Attach(ctx context.Context) error {
	if err := schema.Current(ctx, s.conn); err != nil {
		return err
	}
	if err := s.FinishReread(ctx); err != nil {
		return err
	}
	s.closing.Do(func() { close(s.migrated) })
	return nil
}

const rereadDays = `
SELECT toString(toDate(start)) AS day FROM spans
WHERE toDate(start) BETWEEN {since:Date} AND {until:Date} GROUP BY day ORDER BY day DESC`

// RereadDays lists the days from since to until that have spans, the latest first.
func (s *Store) RereadDays(ctx context.Context, since, until time.Time) (days []time.Time, err error) {
	err = s.each(ctx, "RereadDays", rereadDays, params{{"since", dateOf(since)}, {"until", dateOf(until)}}, func(r driver.Rows) error {
		var day string
		if err := r.Scan(&day); err != nil {
			return err
		}
		d, err := time.Parse(time.DateOnly, day)
		days = append(days, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the days of spans: %w", err)
	}
	return days, nil
}

func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Reread makes the spans of a day anew and puts them in the place of those that are stored; dry says that they
// are only compared. After an error the day is as it was, or else as it shall be as soon as FinishReread succeeds.
func (s *Store) Reread(ctx context.Context, kind RereadKind, day time.Time, by Rereader, dry bool) (out RereadDay, err error) {
	out.Day = day
	if !dry && !s.params.Exclusive {
		return out, errors.New("reread in place: only a database that nobody else can write to")
	}
	if err := s.FinishReread(ctx); err != nil {
		return out, err
	}
	if err := s.makeShadow(ctx); err != nil {
		return out, err
	}
	defer func() {
		if e := s.dropShadow(context.WithoutCancel(ctx)); err == nil {
			err = e
		}
	}()
	d := dateOf(day)
	if kind == RereadPrices {
		err = s.repriceInto(ctx, d, by)
	} else {
		err = s.rereadInto(ctx, d, by, dry)
	}
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", kind, d, err)
	}
	if err := s.compare(ctx, d, &out); err != nil {
		return out, fmt.Errorf("compare %s: %w", d, err)
	}
	if dry || out.Changed == 0 {
		return out, nil
	}
	if err := s.summarise(ctx, d); err != nil {
		return out, fmt.Errorf("sum up %s: %w", d, err)
	}
	if err := s.exec(ctx, "RENAME TABLE "+shadowSpans+" TO "+readySpans); err != nil {
		return out, fmt.Errorf("note that %s is whole: %w", d, err)
	}
	return out, s.FinishReread(ctx)
}

func (s *Store) exec(ctx context.Context, sql string) error {
	return s.conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"log_comment": "Reread"})), sql)
}

func (s *Store) makeShadow(ctx context.Context) error {
	for _, sql := range []string{
		"CREATE TABLE " + shadowSpans + " AS spans",
		"CREATE TABLE " + shadowTraces + " AS traces",
		"CREATE TABLE " + shadowPrices + " " + shadowPricesColumns,
	} {
		if err := s.exec(ctx, sql); err != nil {
			return fmt.Errorf("make room for a day: %w", err)
		}
	}
	return nil
}

// dropShadow drops what no day waits in.
func (s *Store) dropShadow(ctx context.Context) error {
	ready, err := s.hasTable(ctx, readySpans)
	if err != nil {
		return err
	}
	tables := []string{shadowSpans, shadowPrices, shadowTraces}
	if ready {
		tables = tables[:2]
	}
	for _, t := range tables {
		if err := s.exec(ctx, "DROP TABLE IF EXISTS "+t+" SYNC"); err != nil {
			return fmt.Errorf("drop %s: %w", t, err)
		}
	}
	return nil
}

func (s *Store) hasTable(ctx context.Context, name string) (bool, error) {
	n, err := s.count(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {name:String}", params{{"name", name}})
	return n > 0, err
}

func (s *Store) count(ctx context.Context, sql string, ps params) (n uint64, err error) {
	err = s.each(ctx, "Reread", sql, ps, func(r driver.Rows) error { return r.Scan(&n) })
	return n, err
}

// FinishReread puts a day that was made anew in its place, if there is one, and drops one that is not whole. It may be repeated after a kill at any
// of its instructions: it puts the same rows in the same place again. It MUST have succeeded before anything is
// written.
func (s *Store) FinishReread(ctx context.Context) error {
	ready, err := s.hasTable(ctx, readySpans)
	if err != nil {
		return err
	}
	if !ready {
		return s.dropShadow(ctx)
	}
	days, err := s.partitions(ctx, readySpans)
	if err != nil {
		return err
	}
	for _, day := range days { // there is one
		for _, pair := range [][2]string{{"traces", shadowTraces}, {"spans", readySpans}} {
			if err := s.exec(ctx, "ALTER TABLE "+pair[0]+" REPLACE PARTITION '"+day+"' FROM "+pair[1]); err != nil {
				return fmt.Errorf("put %s of %s in place: %w", pair[0], day, err)
			}
		}
		s.log.InfoContext(ctx, "a day of spans was made anew", "day", day)
	}
	for _, t := range []string{readySpans, shadowTraces} {
		if err := s.exec(ctx, "DROP TABLE IF EXISTS "+t+" SYNC"); err != nil {
			return fmt.Errorf("drop %s: %w", t, err)
		}
	}
	return nil
}

func (s *Store) partitions(ctx context.Context, table string) (days []string, err error) {
	const sql = `SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active`
	err = s.each(ctx, "Reread", sql, params{{"table", table}}, func(r driver.Rows) error {
		var day string
		err := r.Scan(&day)
		if _, wrong := time.Parse(time.DateOnly, day); err == nil && wrong != nil {
			err = wrong
		}
		days = append(days, day)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the days of %s: %w", table, err)
	}
	return days, nil
}

// summarise fills the shadow of the summaries from that of the spans, an hour at a time, and counts both.
func (s *Store) summarise(ctx context.Context, day string) error {
	var view string
	const sql = `SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'traces_of_spans'`
	if err := s.each(ctx, "Reread", sql, nil, func(r driver.Rows) error { return r.Scan(&view) }); err != nil {
		return err
	}
	// The view names its table where it ends: FROM database.spans GROUP BY ….
	at := strings.LastIndex(view, "spans GROUP BY")
	from := strings.LastIndex(view[:max(at, 0)], "FROM ")
	if at < 0 || from < 0 {
		return fmt.Errorf("the view traces_of_spans is not as this version makes it: %s", view)
	}
	for hour := range 24 {
		where := fmt.Sprintf("FROM %s AS spans WHERE toStartOfHour(spans.start) = toDateTime('%s %02d:00:00', 'UTC') ", shadowSpans, day, hour)
		if err := s.exec(ctx, "INSERT INTO "+shadowTraces+" "+view[:from]+where+view[at+len("spans "):]); err != nil {
			return err
		}
	}
	n, err := s.count(ctx, "SELECT toUInt64((SELECT count() FROM "+shadowSpans+") != (SELECT sum(spans) FROM "+shadowTraces+"))", nil)
	if err == nil && n != 0 {
		err = errors.New("the new summaries do not have the spans that the new rows are")
	}
	return err
}

const (
	// sameSpans are what must not change of a day: which spans there are, and from where and when.
	sameSpans = `SELECT count(), sum(sipHash64(project, trace_id, span_id, parent_span_id, start, duration_ns, name, resource, scope, inserted_at)) FROM %s WHERE toDate(start) = {day:Date}`
	changed   = `
SELECT column, dialect, service, count() FROM
(
    SELECT arrayJoin([%s]) AS column, old.dialect AS dialect, old.service AS service
    FROM (SELECT * FROM spans WHERE toStartOfHour(start) = {hour:DateTime('UTC')}) AS old
    INNER JOIN (SELECT * FROM ` + shadowSpans + ` WHERE toStartOfHour(start) = {hour:DateTime('UTC')}) AS new
        ON old.project = new.project AND old.trace_id = new.trace_id AND old.span_id = new.span_id AND old.start = new.start AND old.inserted_at = new.inserted_at
)
WHERE column != '' GROUP BY column, dialect, service`
)

// anyColumn counts the spans that changed in whatever column.
const anyColumn = "any"

// compare refuses a day whose spans are not those that are stored, and counts what differs in them.
func (s *Store) compare(ctx context.Context, day string, out *RereadDay) error {
	var n [2]uint64
	var sums [2]uint64
	for i, table := range []string{"spans", shadowSpans} {
		err := s.each(ctx, "Reread", fmt.Sprintf(sameSpans, table), params{{"day", day}}, func(r driver.Rows) error { return r.Scan(&n[i], &sums[i]) })
		if err != nil {
			return err
		}
	}
	if n[0] != n[1] || sums[0] != sums[1] {
		return fmt.Errorf("%d spans are stored and %d were made of them, and they are not the same ones: nothing was changed", n[0], n[1])
	}
	out.Spans = int64(n[0]) //nolint:gosec // a count of rows
	names := make([]string, 0, 64)
	var differs []string
	for _, c := range newRereadBatch(s, "").spans.columns {
		if slices.Contains([]string{"project", "trace_id", "span_id", "start", "inserted_at"}, c.name) {
			continue
		}
		names = append(names, fmt.Sprintf("if(old.`%[1]s` != new.`%[1]s`, '%[1]s', '')", c.name))
		differs = append(differs, fmt.Sprintf("old.`%[1]s` != new.`%[1]s`", c.name))
	}
	names = append(names, "if("+strings.Join(differs, " OR ")+", '"+anyColumn+"', '')")
	sql := fmt.Sprintf(changed, strings.Join(names, ", "))
	counts := map[RereadChange]int64{}
	for hour := range 24 {
		err := s.each(ctx, "Reread", sql, params{{"hour", fmt.Sprintf("%s %02d:00:00", day, hour)}}, func(r driver.Rows) error {
			var c RereadChange
			var n uint64
			err := r.Scan(&c.Column, &c.Dialect, &c.Service, &n)
			counts[c] += int64(n)
			return err
		})
		if err != nil {
			return err
		}
	}
	for c, n := range counts {
		if c.Column == anyColumn {
			out.Changed += n
			continue
		}
		c.Spans = n
		out.Changes = append(out.Changes, c)
	}
	slices.SortFunc(out.Changes, RereadChange.Compare)
	return nil
}

// newRereadBatch makes a batch whose spans go into a table beside the real one, and keep when they were stored.
func newRereadBatch(s *Store, table string) *Batch {
	b := s.NewBatch()
	b.spans.table.name = table
	b.spans.columns = append(b.spans.columns, namedColumn{"inserted_at", &b.spans.insertedAt})
	return b
}

const (
	rereadPlacesOf = `
SELECT project, toStartOfHour(start) AS at FROM spans WHERE toDate(start) = {day:Date} GROUP BY project, at ORDER BY project, at`
	rereadRowsOf = `
SELECT trace_id, span_id, parent_span_id, name, kind, start, duration_ns, refs, raw, resource, scope, inserted_at FROM spans
WHERE project = {project:String} AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes({last:DateTime('UTC')}) AND {at:DateTime('UTC')} + INTERVAL 55 MINUTE
  AND (toStartOfFiveMinutes(start), trace_id, start, span_id) > (toStartOfFiveMinutes({last:DateTime('UTC')}), unhex({trace:String}), fromUnixTimestamp64Nano({from:Int64}), unhex({span:String}))
ORDER BY toStartOfFiveMinutes(start), trace_id, start, span_id LIMIT {limit:UInt32} WITH TIES`
)

// rereadPlace is an hour of a project.
type rereadPlace struct {
	project string
	at      time.Time
}

// rereadRow is a stored span that is read again.
type rereadRow struct {
	rawRow
	start, inserted int64 // nanoseconds, milliseconds
}

func (s *Store) rereadPlaces(ctx context.Context, day string) (places []rereadPlace, err error) {
	err = s.each(ctx, "Reread", rereadPlacesOf, params{{"day", day}}, func(r driver.Rows) error {
		var p rereadPlace
		err := r.Scan(&p.project, &p.at)
		places = append(places, p)
		return err
	})
	return places, err
}

func (s *Store) rereadInto(ctx context.Context, day string, by Rereader, dry bool) error {
	places, err := s.rereadPlaces(ctx, day)
	if err != nil {
		return err
	}
	b := newRereadBatch(s, shadowSpans)
	for _, p := range places {
		if err := s.rereadHour(ctx, p, b, by, dry); err != nil {
			return err
		}
	}
	return s.flushReread(ctx, b, dry)
}

func (s *Store) rereadHour(ctx context.Context, p rereadPlace, b *Batch, by Rereader, dry bool) error {
	// Before the first: no trace has these.
	at := p.at.UTC().Format(time.DateTime)
	last := params{{"last", at}, {"trace", ""}, {"from", "0"}, {"span", ""}}
	for {
		var rows []rereadRow
		ps := append(slices.Clone(last), param{"project", p.project}, param{"at", at}, param{"limit", strconv.Itoa(rereadRows)})
		err := s.each(ctx, "Reread", rereadRowsOf, ps, func(r driver.Rows) error {
			var row rereadRow
			trace, span, err := row.scan(r)
			last = params{{"last", time.Unix(0, row.start).UTC().Format(time.DateTime)}, {"trace", hex.EncodeToString(trace[:])}, {"from", strconv.FormatInt(row.start, 10)}, {"span", hexSpan(span)}}
			rows = append(rows, row)
			return err
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		if err := s.rereadRows(ctx, p.project, rows, b, by); err != nil {
			return err
		}
		if b.Bytes() >= rereadFlush {
			if err := s.flushReread(ctx, b, dry); err != nil {
				return err
			}
		}
	}
}

func (row *rereadRow) scan(r driver.Rows) (trace genai.TraceID, span genai.SpanID, err error) {
	var id, sid, parent, name, raw, resource, scope string
	var kind uint8
	var start, inserted time.Time
	var duration int64
	var refs []string
	if err := r.Scan(&id, &sid, &parent, &name, &kind, &start, &duration, &refs, &raw, &resource, &scope, &inserted); err != nil {
		return trace, span, err
	}
	copy(trace[:], id)
	copy(span[:], sid)
	row.start, row.inserted = start.UnixNano(), inserted.UnixMilli()
	row.rawRow = newRawRow(trace, span, []byte(parent), name, kind, row.start, duration, refs, raw, resource, scope)
	return trace, span, nil
}

// rereadRows adds the rows, in halves when their texts are too many.
func (s *Store) rereadRows(ctx context.Context, project string, rows []rereadRow, b *Batch, by Rereader) error {
	at := place{project: project}
	at.add(dayOf(rows[0].start))
	raws := make([]RawSpan, len(rows))
	missed := false
	err := s.resolve(ctx, at, rereadBytes, func(p *pieces) (err error) {
		for i := range rows {
			raws[i].Resource, raws[i].Scope, raws[i].Span, err = rows[i].restore(p)
			if err != nil {
				return err
			}
		}
		missed = p.missed
		return nil
	})
	switch n := len(rows) / 2; {
	case err != nil:
		return fmt.Errorf("rebuild spans: %w", err)
	case missed && n == 0:
		return fmt.Errorf("a span has more than %d bytes of text", rereadBytes)
	case missed:
		return errors.Join(s.rereadRows(ctx, project, rows[:n], b, by), s.rereadRows(ctx, project, rows[n:], b, by))
	}
	for i := range rows {
		// The span stays where it is, for what else decides that is gone: when it came, and the retention of that time.
		b.arrival = arrival{at: rows[i].start, oldest: rows[i].start, newest: rows[i].start}
		before := b.spans.rows
		if err := by.Read(b, project, &raws[i]); err != nil {
			return err
		}
		if b.spans.rows != before+1 {
			return errors.New("a span did not become one row")
		}
		b.spans.insertedAt.i64(rows[i].inserted)
	}
	return nil
}

// flushReread stores the new rows. Contents go where all are: they are named by what they hold.
func (s *Store) flushReread(ctx context.Context, b *Batch, dry bool) error {
	defer b.Reset()
	for _, t := range b.tables() {
		if dry && t != &b.spans.table {
			continue
		}
		if err := s.insert(ctx, &b.block, t, rand.Text()); err != nil {
			return err
		}
	}
	if !dry {
		s.known.add(b.fresh)
	}
	return nil
}
