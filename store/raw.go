package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

const rawByID = `SELECT dialect, parent_span_id, name, kind, start, duration_ns, refs, raw, resource, scope` + spanWhere + `
  AND span_id = unhex({span:String})
ORDER BY start, ` + latest + ` LIMIT 1`

const rawLogs = `
SELECT ` + recordColumns + `, seq, refs, raw, resource, scope FROM fragments%s
UNION ALL SELECT trace_id, span_id, time, '', '', '', '', 0, seq, refs, raw, resource, scope FROM logs
WHERE project = {project:String}` + recordsBetween + `
  AND trace_id IN (` + namedTraces + `) AND span_id = unhex({span:String})
ORDER BY time, seq LIMIT {limit:UInt32}`

// Fields of opentelemetry.proto.trace.v1.Span whose values columns hold.
const (
	wireTraceID = 1
	wireSpanID  = 2
	wireState   = 3 // stands between them, and is in no column
	wireParent  = 4
	wireName    = 5
	wireKind    = 6
	wireStart   = 7
	wireEnd     = 8
)

// headFields are left out of the raw form of a span that has a head. Encoders write a span's fields
// in the order of their numbers and leave empty ones out: then the columns say what stood there to the
// byte, and spare some 60 bytes that do not compress. A span that was written otherwise, or whose
// value had to be repaired for its column, keeps all it has.
var headFields = content.FieldSet(wireTraceID, wireSpanID, wireParent, wireName, wireKind, wireStart, wireEnd)

// headIDs is the length of the fields before wireState.
const headIDs = 2 + 16 + 2 + 8

// appendHead writes the fields of a span that columns hold as encoders do.
func appendHead(b []byte, trace genai.TraceID, id genai.SpanID, parent []byte, name string, kind uint8, start, end int64) []byte {
	b = protowire.AppendBytes(protowire.AppendTag(b, wireTraceID, protowire.BytesType), trace[:])
	b = protowire.AppendBytes(protowire.AppendTag(b, wireSpanID, protowire.BytesType), id[:])
	if !bytes.Equal(parent, make([]byte, len(genai.SpanID{}))) {
		b = protowire.AppendBytes(protowire.AppendTag(b, wireParent, protowire.BytesType), parent)
	}
	if name != "" {
		b = protowire.AppendString(protowire.AppendTag(b, wireName, protowire.BytesType), name)
	}
	if kind != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, wireKind, protowire.VarintType), uint64(kind))
	}
	b = protowire.AppendFixed64(protowire.AppendTag(b, wireStart, protowire.Fixed64Type), uint64(start)) //nolint:gosec // clamped to 1970 and later
	if end != 0 {
		b = protowire.AppendFixed64(protowire.AppendTag(b, wireEnd, protowire.Fixed64Type), uint64(end)) //nolint:gosec // clamped to 1970 and later
	}
	return b
}

// stateSize is the length of the trace state that msg begins with.
func stateSize(msg []byte) int {
	num, typ, n := protowire.ConsumeTag(msg)
	if n < 0 || num != wireState {
		return 0
	}
	return n + max(0, protowire.ConsumeFieldValue(num, typ, msg[n:]))
}

// hasHead reports whether raw is the head, the trace state somewhere at its place in it, and nothing of either behind it.
func hasHead(raw, head []byte) bool {
	if !bytes.HasPrefix(raw, head[:headIDs]) {
		return false
	}
	rest := raw[headIDs:]
	rest = rest[stateSize(rest):]
	if !bytes.HasPrefix(rest, head[headIDs:]) {
		return false
	}
	for rest = rest[len(head)-headIDs:]; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 || num <= wireEnd {
			return false
		}
		size := protowire.ConsumeFieldValue(num, typ, rest[n:])
		if size < 0 {
			return false
		}
		rest = rest[n+size:]
	}
	return true
}

// withHead undoes what leaving the head out did.
func withHead(head, msg []byte) []byte {
	n := stateSize(msg)
	out := make([]byte, 0, len(head)+len(msg))
	out = append(append(out, head[:headIDs]...), msg[:n]...)
	return append(append(out, head[headIDs:]...), msg[n:]...)
}

// rawRow is what of a row is needed to rebuild what was sent.
type rawRow struct {
	head            []byte // fields that only columns hold, see appendHead
	raw             []byte
	refs            []content.Hash
	resource, scope content.Hash
	shape           content.Shape
}

// newRawRow is the row of a span, made of its columns.
func newRawRow(trace genai.TraceID, id genai.SpanID, parent []byte, name string, kind uint8, start, duration int64, refs []string, raw, resource, scope string) rawRow {
	row := rawRow{raw: []byte(raw), refs: hashes(refs), resource: content.Hash([]byte(resource)), scope: content.Hash([]byte(scope)), shape: content.SpanShape}
	if content.HasRefs(row.raw) && !content.HasField(row.raw, wireTraceID) {
		row.head = appendHead(nil, trace, id, parent, name, kind, start, start+duration)
	}
	return row
}

// RawSpan returns a span as it was sent, to the byte, with its log records, or ErrNotFound.
func (s *Store) RawSpan(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*RawSpan, error) {
	tr, err := s.traceRange(ctx, project, trace)
	if err != nil {
		return nil, err
	}
	at := place{project: project}
	rows, apart, err := s.rawSpan(ctx, project, trace, id, tr, &at)
	if err != nil {
		return nil, err
	}
	logs, more, err := s.rawLogs(ctx, project, trace, id, tr, apart, &at)
	if err != nil {
		return nil, err
	}
	rows = append(rows, logs...)
	var out *RawSpan
	err = s.resolve(ctx, at, spanBudget, func(p *pieces) error {
		out = &RawSpan{Truncated: more}
		for i := range rows {
			resource, scope, msg, err := rows[i].restore(p)
			switch {
			case err != nil:
				return fmt.Errorf("rebuild span %s of trace %s: %w", id, trace, err)
			case p.missed && i == 0:
				return fmt.Errorf("rebuild span %s of trace %s: it has more than %d bytes", id, trace, spanBudget)
			case p.missed:
				out.Truncated = true
				return nil
			case i == 0:
				out.Resource, out.Scope, out.Span = resource, scope, msg
			default:
				out.Logs = append(out.Logs, RawLog{Resource: resource, Scope: scope, Record: msg})
			}
		}
		return nil
	})
	return out, err
}

func (s *Store) rawSpan(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID, tr traceRange, at *place) (rows []rawRow, logsApart bool, err error) {
	err = s.each(ctx, "RawSpan", rawByID, append(tr.params(project, trace), param{"span", hexSpan(id)}), func(r driver.Rows) error {
		var dialect, parent, name, raw, resource, scope string
		var kind uint8
		var start time.Time
		var duration int64
		var refs []string
		if err := r.Scan(&dialect, &parent, &name, &kind, &start, &duration, &refs, &raw, &resource, &scope); err != nil {
			return err
		}
		at.add(dayOf(start.UnixNano()))
		logsApart = apart(dialect)
		rows = append(rows, newRawRow(trace, id, []byte(parent), name, kind, start.UnixNano(), duration, refs, raw, resource, scope))
		return nil
	})
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, false, fmt.Errorf("read raw span %s of trace %s: %w", id, trace, err)
	}
	return rows, logsApart, nil
}

func (s *Store) rawLogs(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID, tr traceRange, apart bool, at *place) (rows []rawRow, more bool, err error) {
	type rawRecord struct {
		record
		rawRow
	}
	var list []rawRecord
	err = s.each(ctx, "RawSpan", fmt.Sprintf(rawLogs, recordsOfSpan(apart)), tr.logParams(project, trace, hexSpan(id), s.limits.fragments), func(r driver.Rows) error {
		var one rawRecord
		var seq uint64
		var refs []string
		var raw, resource, scope string
		err := one.scan(r, &seq, &refs, &raw, &resource, &scope)
		one.rawRow = rawRow{raw: []byte(raw), refs: hashes(refs), resource: content.Hash([]byte(resource)), scope: content.Hash([]byte(scope)), shape: content.LogRecordShape}
		list = append(list, one)
		return err
	})
	if more = len(list) > s.limits.fragments; more {
		list = list[:s.limits.fragments]
	}
	if err == nil {
		list, err = placed(ctx, s, project, []genai.TraceID{trace}, tr, list, func(r *rawRecord) *record { return &r.record })
	}
	if err != nil {
		return nil, false, fmt.Errorf("read log records of span %s: %w", id, err)
	}
	for i := range list {
		if list[i].span == id {
			at.add(dayOf(list[i].record.head.Time.UnixNano()))
			rows = append(rows, list[i].rawRow)
		}
	}
	return rows, more, nil
}

func (w *rawRow) restore(p *pieces) (resource, scope, msg []byte, err error) {
	d := decoder{refs: w.refs, get: p}
	msg, err = content.Restore(nil, w.raw, w.shape, func(dst, ref []byte) ([]byte, error) {
		return d.appendJoined(dst, ref), d.err
	})
	if len(w.head) > 0 && err == nil {
		msg = withHead(w.head, msg)
	}
	if !w.resource.IsZero() {
		resource = []byte(p.text(w.resource))
	}
	if !w.scope.IsZero() {
		scope = []byte(p.text(w.scope))
	}
	return resource, scope, msg, errors.Join(err, d.err)
}
