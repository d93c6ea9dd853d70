package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// InsertError is an answer that an insert got and that is not yes.
type InsertError struct {
	Table  string
	Rows   int
	Status int // of HTTP
	Code   int // of ClickHouse's exception; 0 when something else answered
	Text   string
}

func (e *InsertError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("insert %d rows into %s: HTTP %d: %s", e.Rows, e.Table, e.Status, e.Text)
	}
	return fmt.Sprintf("insert %d rows into %s: %s", e.Rows, e.Table, e.Text)
}

const codeMemoryLimit = 241

// aboutServer are the codes of ClickHouse (src/Common/ErrorCodes.cpp) that say something of the
// server, of the tables or of us, and nothing of the rows: these will be taken when it is over.
var aboutServer = map[int]bool{
	3: true, 74: true, 75: true, 76: true, 107: true, 108: true, // files and bodies that break off
	16: true, 47: true, 60: true, 81: true, 115: true, 218: true, 452: true, // not the schema or the settings that we know
	159: true, 160: true, 201: true, 202: true, 209: true, 210: true, 290: true, 439: true, 745: true, // busy, slow, away
	164: true, 192: true, 193: true, 194: true, 497: true, 516: true, // who may
	225: true, 242: true, 243: true, 285: true, 286: true, 319: true, 999: true, // Keeper, replicas, disks
	236: true, 394: true, 734: true, // cancelled
	252:  true,                         // too many parts: merges make room
	1000: true, 1001: true, 1002: true, // Poco, std, unknown
}

// AboutRows reports whether the rows are what was refused, or their number: fewer of them, or others,
// may be taken where these will not be for good. One that is about the server may be over by itself.
func (e *InsertError) AboutRows() bool {
	if e.Code == 0 {
		return e.Status == http.StatusRequestEntityTooLarge
	}
	return !aboutServer[e.Code]
}

// AboutMemory reports whether the server as a whole, not this insert, is out of memory: a smaller
// insert may be taken, but that one is not is no proof against its rows.
func (e *InsertError) AboutMemory() bool {
	return e.Code == codeMemoryLimit && strings.Contains(e.Text, "(total)")
}

// skew is how much later than the server's own the clocks of the receivers may be.
const skew = 10 * time.Minute

const running = `SELECT count() FROM system.processes WHERE Settings['insert_deduplication_token'] = {token:String}`

// storedRows finds a row that was inserted since, wherever times are the order key. Its raw form tells
// it from others of the same time: log records may have neither ids nor a time of their own.
const storedRows = `SELECT count() FROM %[1]s
WHERE project = {project:String} AND toStartOfFiveMinutes(%[2]s) = toStartOfFiveMinutes(fromUnixTimestamp64Nano({at:Int64}))
  AND trace_id = unhex({trace:String}) AND span_id = unhex({span:String}) AND %[2]s = fromUnixTimestamp64Nano({at:Int64})
  AND inserted_at >= fromUnixTimestamp64Nano({since:Int64}) AND SHA256(raw) = unhex({raw:String})`

// Untouched reports whether nothing of the batch's rows of a table was stored by an insert under token
// that has ended in an error: only then may they go in under other tokens. The engine stores the rows
// of one day as one part, whole or not at all, so one row of each day tells. received is when the
// first of the rows came. False MAY be said of rows that were sent twice within minutes.
func (s *Store) Untouched(ctx context.Context, b *Batch, table, token string, received time.Time) (bool, error) {
	var n uint64
	count := func(r driver.Rows) error { return r.Scan(&n) }
	if err := s.each(ctx, "Untouched", running, params{{"token", token + ":" + table}}, count); err != nil || n > 0 {
		return false, wrapCheck(table, err)
	}
	sql, rows := b.sample(table)
	for _, r := range rows {
		ps := params{{"project", r.project}, {"trace", r.trace}, {"span", r.span}, {"raw", r.raw}, nanoParam("at", r.at), nanoParam("since", received.Add(-skew).UnixNano())}
		if err := s.each(ctx, "Untouched", sql, ps, count); err != nil || n > 0 {
			return false, wrapCheck(table, err)
		}
	}
	return true, nil
}

func wrapCheck(table string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look for rows of a refused insert in %s: %w", table, err)
}

// rowKey is where a row is stored.
type rowKey struct {
	project, trace, span string
	raw                  string // SHA-256 of the raw form, hexadecimal
	at                   int64
}

// sample is the first row of each day in a table, and how to find it. Contents and chunks have
// none: they are stored under their hash, as often as one likes.
func (b *Batch) sample(table string) (sql string, rows []rowKey) {
	switch table {
	case TableSpans:
		c := &b.spans
		return fmt.Sprintf(storedRows, table, "start"), firstOfDays(c.rows, &c.project, &c.traceID, &c.spanID, &c.raw, &c.start)
	case TableFragments:
		c := &b.fragments
		return fmt.Sprintf(storedRows, table, "time"), firstOfDays(c.rows, &c.event.project, &c.event.traceID, &c.event.spanID, &c.event.raw, &c.event.time)
	case TableLogs:
		c := &b.logs
		return fmt.Sprintf(storedRows, table, "time"), firstOfDays(c.rows, &c.event.project, &c.event.traceID, &c.event.spanID, &c.event.raw, &c.event.time)
	}
	return "", nil
}

func firstOfDays(rows int, project *lowCol, trace *hashCol, span *idCol, raw *stringCol, at *timeCol) (list []rowKey) {
	seen := map[uint16]bool{}
	for i := range rows {
		nanos := at.int64(i)
		if day := dayOf(nanos); !seen[day] {
			seen[day] = true
			sum := sha256.Sum256(raw.value(i))
			list = append(list, rowKey{
				project: project.value(i), trace: hex.EncodeToString(trace.buf[16*i : 16*i+16]), span: hex.EncodeToString(span.buf[8*i : 8*i+8]),
				raw: hex.EncodeToString(sum[:]), at: nanos,
			})
		}
	}
	return list
}
