package writer

import "sync/atomic"

// Stats is what was stored since the process started.
type Stats struct {
	Spans, LogRecords, Records, DeadLetters int64
}

type totals struct{ spans, logs, records, dead atomic.Int64 }

func (t *totals) add(b *batch) {
	t.spans.Add(int64(b.spans))
	t.logs.Add(int64(b.logs))
	t.records.Add(int64(b.records))
	t.dead.Add(int64(len(b.dead)))
}

// Stats says what this writer has stored.
func (w *Writer) Stats() Stats {
	t := &w.m.totals
	return Stats{Spans: t.spans.Load(), LogRecords: t.logs.Load(), Records: t.records.Load(), DeadLetters: t.dead.Load()}
}
