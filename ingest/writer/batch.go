package writer

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// The reasons for which a record becomes a dead letter.
const (
	reasonHeaders   = "headers"   // the log's own headers are broken
	reasonMalformed = "malformed" // the payload cannot be walked
	reasonSignal    = "signal"    // a signal that this version does not know
	reasonPanic     = "panic"     // a bug of ours, met on this record
	reasonRefused   = "refused"   // ClickHouse does not take its rows
)

// batch is the records of one range, as rows.
type batch struct {
	w           *Writer
	first, last uint64
	days        int       // for which rows are kept: those of the plan
	received    time.Time // the first of the records
	rows        *store.Batch
	bytes       int // of payload
	records     int
	spans, logs int
	dead        []spanlog.DeadLetter
	span        genai.Span // reused from span to span
	price       store.Price
}

func (w *Writer) newBatch() *batch {
	return &batch{w: w, rows: w.store.NewBatch(), days: w.store.TTLDays()}
}

// reset empties the batch. The memory of an outsized one is given back.
func (b *batch) reset() {
	rows := b.rows
	if rows.Bytes() > keepBytes {
		rows = b.w.store.NewBatch()
	} else {
		rows.Reset()
	}
	*b = batch{w: b.w, days: b.days, rows: rows, dead: b.dead[:0], span: b.span, price: b.price}
}

// add turns one record into rows, or into a dead letter.
func (w *Writer) add(b *batch, e spanlog.Entry) {
	b.records++
	b.bytes += len(e.Payload)
	if b.received.IsZero() || !e.ReceivedAt.IsZero() && e.ReceivedAt.Before(b.received) {
		b.received = e.ReceivedAt
	}
	b.rows.Came(e.ReceivedAt, b.days)
	switch {
	case e.Err != nil:
		b.kill(e, reasonHeaders, e.Err)
	case e.Signal == spanlog.SignalTraces:
		// Checked as a whole first: a record is either rows or a dead letter, never both.
		if _, err := wire.ValidateTraces(e.Payload, unlimited); err != nil {
			b.kill(e, reasonMalformed, err)
			return
		}
		w.addTraces(b, e)
	case e.Signal == spanlog.SignalLogs:
		if _, err := wire.ValidateLogs(e.Payload, unlimited); err != nil {
			b.kill(e, reasonMalformed, err)
			return
		}
		w.addLogs(b, e)
	default:
		b.kill(e, reasonSignal, fmt.Errorf("signal %q is not known to this version", e.Signal))
	}
}

// unlimited lets every record pass that the receivers let in: what was acknowledged is stored,
// whatever the limits are today.
var unlimited = wire.Limits{RequestBytes: 1 << 40, SpansPerRequest: 1 << 40}

func (b *batch) kill(e spanlog.Entry, reason string, err error) {
	b.dead = append(b.dead, spanlog.DeadLetter{Reader: ReaderName, Seq: e.Seq, Reason: reason, Error: err.Error(), Record: e.Record})
}

func (w *Writer) addTraces(b *batch, e spanlog.Entry) {
	var left leftOver
	for r := wire.ReadTraces(e.Payload); r.Next(); {
		if err := b.addSpan(e, r.Resource(), r.Scope(), r.Span()); err != nil {
			res, scope, i := r.Index()
			left.blame(fmt.Errorf("resource_spans[%d].scope_spans[%d].spans[%d]: %w", res, scope, i, err))
			left.add(res, scope, r.Resource(), r.Scope(), r.Span().Raw)
		}
	}
	w.keep(b, e, &left)
}

// addSpan adds one span. A panic in a dialect or in the store's batch is ours; it must cost one
// span, not the writer. The batch takes back what it had of it.
func (b *batch) addSpan(e spanlog.Entry, res *wire.Resource, scope *wire.Scope, s *wire.Span) (err error) {
	defer recovered(&err)
	b.w.span(&b.span, res, scope, s)
	b.span.Project = e.Project
	Price(&b.price, b.w.opts.Prices, &b.span)
	b.rows.AddPriced(&b.span, &b.price)
	b.spans++
	return nil
}

func (w *Writer) addLogs(b *batch, e spanlog.Entry) {
	var left leftOver
	n := uint64(0)
	for r := wire.ReadLogs(e.Payload); r.Next(); n++ {
		if err := b.addLog(e, n, r.Resource(), r.Scope(), r.Record()); err != nil {
			res, scope, i := r.Index()
			left.blame(fmt.Errorf("resource_logs[%d].scope_logs[%d].log_records[%d]: %w", res, scope, i, err))
			left.add(res, scope, r.Resource(), r.Scope(), r.Record().Raw)
		}
	}
	w.keep(b, e, &left)
}

// withoutFragments is the request without the records that addLog makes fragments of.
func (b *batch) withoutFragments(e spanlog.Entry) []byte {
	var left leftOver
	for r := wire.ReadLogs(e.Payload); r.Next(); {
		before := b.rows.TableRows(store.TableFragments)
		err := b.addLog(e, 0, r.Resource(), r.Scope(), r.Record())
		if err != nil || b.rows.TableRows(store.TableFragments) == before {
			res, scope, _ := r.Index()
			left.add(res, scope, r.Resource(), r.Scope(), r.Record().Raw)
		}
	}
	b.logs = 0
	return left.request()
}

// addLog adds the n-th log record of an entry: as a fragment of a span when a dialect can read it and something
// joins it with one, else as it is.
func (b *batch) addLog(e spanlog.Entry, n uint64, res *wire.Resource, scope *wire.Scope, r *wire.LogRecord) (err error) {
	defer recovered(&err)
	genAI := b.w.norm.Log(&b.span, res, scope, r)
	b.span.Project = e.Project
	l := store.Log{
		Project: e.Project, TraceID: r.TraceID, SpanID: r.SpanID,
		Time: logTime(e, r), Seq: e.Seq<<seqBits | n&(1<<seqBits-1),
		EventName: string(r.EventName), Severity: uint8(min(max(r.SeverityNumber, 0), 255)),
		Service: b.span.Service, Scope: b.span.Scope, Raw: r.Raw,
	}
	if head := b.span.RecordHead(); genAI && head.Joinable() {
		l.SpanID = b.span.SpanID // zero where the dialect knows that the one named is another's
		b.rows.AddFragment(&b.span, &l)
	} else {
		body, _ := r.Body.AppendText(nil, wire.DefaultDepth) // what is cut here is whole in Raw
		l.Body = string(body)
		b.rows.AddLog(&l)
	}
	b.logs++
	return nil
}

// seqBits of a log's arrival number count the records of one request; the bits above them are the
// position of the request in the log.
const seqBits = 20

// logTime is when it happened: the event's time, else when it was observed, else when it came.
func logTime(e spanlog.Entry, r *wire.LogRecord) time.Time {
	for _, ns := range []uint64{r.TimeUnixNano, r.ObservedUnixNano} {
		if ns > 0 {
			return time.Unix(0, int64(ns)).UTC() //nolint:gosec // wraps in the year 2262 as every OTLP consumer does
		}
	}
	return e.ReceivedAt
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// blame keeps the first error.
func (l *leftOver) blame(err error) {
	if l.first == nil {
		l.first = err
	}
}

// keep logs the bug with its stack and puts the items that met it away; the record's other items are rows.
func (w *Writer) keep(b *batch, e spanlog.Entry, left *leftOver) {
	if left.first == nil {
		return
	}
	w.logger.Error("a record made a dialect panic; what could not be read is a dead letter", "seq", e.Seq, "error", left.first)
	e.Payload = left.request()
	b.kill(e, reasonPanic, left.first)
}
