package writer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/store"
)

const (
	// maxRefusals in a row are needed to believe that a batch or a record is refused for good. Between
	// the two one is enough: to divide further costs little and decides nothing.
	maxRefusals = 3
	// growth is by how much parts of a divided range shrink when they are refused and grow when
	// they are stored: one bad record among 50,000 is found in 9 steps.
	growth = 4
	// maxDeadInARow bounds the records that become dead letters without one being stored between them:
	// where nothing goes in, it is not the records, and the writer waits for people.
	maxDeadInARow = 100
	// maxDeadOfRange bounds what the plan of a range can remember (spanlog.MaxIntentExtraBytes).
	maxDeadOfRange = 3000
	// maxWhyBytes of the engine's words are kept in a plan.
	maxWhyBytes = 2 << 10
)

// plan is what a range is stored by, besides its token. It is written down with the intent: a
// process that repeats the range makes the same rows of it and goes on with the same parts.
type plan struct {
	// Days is the retention under which rows are placed in time (store.Batch.Came).
	Days  int    `json:"days,omitempty"`
	Split *split `json:"split,omitempty"`
}

// split is how far a range has come that ClickHouse refused as a whole. Its tables are stored one
// after the other, each in parts of the range with a token of their own. What it says is on disk
// before it is acted upon.
type split struct {
	Table string   `json:"table"`          // before it all are stored, the dead apart
	From  uint64   `json:"from"`           // before it everything of the table is stored
	Size  uint64   `json:"size"`           // of the next part, in positions
	Dead  []uint64 `json:"dead,omitempty"` // records that were refused: not to be stored in any further table
	Why   string   `json:"why,omitempty"`  // the last of them was
}

func (p plan) begin(ctx context.Context, r spanlog.Reader, in *spanlog.Intent) error {
	extra, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the plan of a range: %w", err)
	}
	in.Extra = extra
	return r.Begin(ctx, *in)
}

func readPlan(in *spanlog.Intent) (p plan, err error) {
	if len(in.Extra) > 0 {
		if err = json.Unmarshal(in.Extra, &p); err != nil {
			err = fmt.Errorf("decode the plan of range %d to %d: %w", in.First, in.Last, err)
		}
	}
	return p, err
}

// attempt repeats an insert until it succeeds, or until ClickHouse has refused the rows themselves so
// often that it will go on to, and has stored none of them: then that refusal is returned. Where
// something of them is stored, other tokens would store it twice, and only patience is left.
func (w *Writer) attempt(ctx context.Context, b *batch, token string, patience int, mayRefuse func(*store.InsertError) bool, insert func() error) (refused *store.InsertError, err error) {
	refusals := 0
	err = w.retry(ctx, doStore, func() error {
		err := insert()
		e, ok := errors.AsType[*store.InsertError](err)
		if !ok || !e.AboutRows() || !mayRefuse(e) {
			refusals = 0
			return err
		}
		if refusals++; refusals < patience {
			return err
		}
		clean, checkErr := w.store.Untouched(ctx, b.rows, e.Table, token, b.received)
		switch {
		case checkErr != nil:
			return errors.Join(err, checkErr)
		case !clean:
			return fmt.Errorf("%w (part of it is stored: it cannot be divided)", err)
		}
		refused = e
		return nil
	})
	return refused, err
}

func always(*store.InsertError) bool { return true }

// divided stores a range in parts, and puts away the records that ClickHouse does not take. b is room to work in.
type divided struct {
	w      *Writer
	r      spanlog.Reader
	b      *batch
	in     spanlog.Intent
	p      plan
	s      *split
	tables []string
	inARow int // dead since something was stored
}

func (w *Writer) divide(ctx context.Context, r spanlog.Reader, b *batch, in spanlog.Intent, p plan) error {
	d := &divided{w: w, r: r, b: b, in: in, p: p, s: p.Split, tables: store.Tables()}
	at := slices.Index(d.tables, d.s.Table)
	if at < 0 {
		return fmt.Errorf("range %d to %d was begun by a version with a table %q: start that one", in.First, in.Last, d.s.Table)
	}
	if n := len(d.s.Dead); n > 0 { // the letter of the last may not have been written
		if err := d.bury(ctx, d.s.Dead[n-1]); err != nil {
			return err
		}
	}
	for {
		for d.s.From <= in.Last {
			if err := d.part(ctx); err != nil {
				return err
			}
		}
		if at++; at == len(d.tables) {
			return nil
		}
		d.s.Table, d.s.From, d.s.Size = d.tables[at], in.First, in.Last-in.First+1
		if err := d.note(ctx); err != nil {
			return err
		}
	}
}

// last reports whether no table is left after this one: what remains of a record is done with it.
func (d *divided) last() bool { return d.s.Table == d.tables[len(d.tables)-1] }

func (d *divided) note(ctx context.Context) error {
	return d.w.retry(ctx, "note a part of the range", func() error { return d.p.begin(ctx, d.r, &d.in) })
}

// part stores the next part of the table's rows, or makes the next part smaller, or its one record a dead letter.
func (d *divided) part(ctx context.Context) error {
	s := d.s
	size := min(max(s.Size, 1), d.in.Last-s.From+1)
	to := s.From + size - 1
	if err := d.read(ctx, s.From, to); err != nil {
		return err
	}
	token, patience := fmt.Sprintf("%s/%d-%d", d.in.Token, s.From, to), 1
	if size == 1 {
		patience = maxRefusals
	}
	refused, err := d.w.attempt(ctx, d.b, token, patience, func(e *store.InsertError) bool {
		return size > 1 || !e.AboutMemory() && d.inARow < maxDeadInARow && len(s.Dead) < maxDeadOfRange
	}, func() error { return d.w.store.InsertTable(ctx, d.b.rows, s.Table, token) })
	switch {
	case err != nil:
		return err
	case refused == nil:
		if d.b.rows.TableRows(s.Table) > 0 {
			d.inARow = 0
		}
		if d.last() {
			if err := d.w.putAway(ctx, d.b.dead); err != nil {
				return err
			}
			d.w.m.stored(d.b)
		}
		s.From, s.Size = to+1, size*growth
		return d.note(ctx)
	case size > 1:
		s.Size = (size + growth - 1) / growth
		return d.note(ctx)
	}
	seq := s.From
	s.Dead, s.Why = append(s.Dead, seq), clip(refused.Error(), maxWhyBytes)
	s.From, s.Size = seq+1, growth
	d.inARow++
	d.w.logger.Error("ClickHouse refuses a record for good; it is a dead letter", "seq", seq, "error", s.Why)
	if err := d.note(ctx); err != nil {
		return err
	}
	return d.bury(ctx, seq)
}

// read fills the batch with the records of [from, to] that are not dead.
func (d *divided) read(ctx context.Context, from, to uint64) error {
	return d.each(ctx, from, to, func(e spanlog.Entry) {
		if !slices.Contains(d.s.Dead, e.Seq) {
			d.w.add(d.b, e)
		}
	})
}

func (d *divided) each(ctx context.Context, from, to uint64, do func(spanlog.Entry)) error {
	return d.w.retry(ctx, "read a part of the range", func() error {
		d.b.reset()
		d.b.days = d.p.Days
		return d.r.Range(ctx, from, to, func(e spanlog.Entry) error {
			do(e)
			return nil
		})
	})
}

// bury makes a refused record a dead letter: whole, but for what an earlier table has of it. Only a
// request of log records has rows in two tables.
func (d *divided) bury(ctx context.Context, seq uint64) error {
	err := d.each(ctx, seq, seq, func(e spanlog.Entry) {
		if d.s.Table == store.TableLogs && e.Signal == spanlog.SignalLogs {
			e.Payload = d.b.withoutFragments(e)
		}
		d.b.dead = d.b.dead[:0]
		d.b.records++
		d.b.kill(e, reasonRefused, errors.New(d.s.Why))
	})
	if err != nil {
		return err
	}
	if err := d.w.putAway(ctx, d.b.dead); err != nil {
		return err
	}
	d.w.m.stored(d.b)
	return nil
}

// clip cuts a text to n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return s
}
