package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// keeping is a store of its own database that keeps spans for some days.
func keeping(t *testing.T, days int) (*store.Store, string) {
	t.Helper()
	opts := storetest.Engine(t).ClickHouse()
	opts.Auth.Database = fmt.Sprintf("keeping_%d_%d", days, time.Now().UnixNano())
	s, err := store.Open(context.Background(), store.Options{ClickHouse: opts, TTLDays: days})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background()); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	})
	return s, opts.Auth.Database
}

func wireTimes(start, end time.Time) (b []byte) {
	for i, at := range []time.Time{start, end} {
		if !at.IsZero() {
			nanos := uint64(at.Unix())*1e9 + uint64(at.Nanosecond())
			b = protowire.AppendFixed64(protowire.AppendTag(b, protowire.Number(7+i), protowire.Fixed64Type), nanos)
		}
	}
	return b
}

// TestTimesThatCannotBe: a span with a time of zero, an old one or one from the future is kept, found
// where it came in, shown with the times that were sent, and says that they are doubtful.
func TestTimesThatCannotBe(t *testing.T) {
	t.Parallel()
	s, database := keeping(t, 30)
	ctx := context.Background()
	now := time.Now().UTC().Truncate(time.Microsecond)
	epoch := time.Unix(0, 0).UTC()
	for i, c := range []struct {
		name       string
		start, end time.Time
		moved      bool
	}{
		{"just now", now.Add(-time.Minute), now, false},
		{"as old as is kept", now.AddDate(0, 0, -30).Add(time.Hour), now.AddDate(0, 0, -30).Add(2 * time.Hour), false},
		{"a clock that is hours ahead", now.Add(20 * time.Hour), now.Add(21 * time.Hour), false},
		{"an end that nothing can hold", now.Add(-time.Minute), time.Date(2300, 1, 1, 0, 0, 0, 7, time.UTC), false},
		{"no times", time.Time{}, time.Time{}, true},
		{"no start", time.Time{}, now, true},
		{"1971", time.Date(1971, 2, 3, 4, 5, 6, 7, time.UTC), time.Date(1971, 2, 3, 4, 5, 7, 7, time.UTC), true},
		{"last year", now.AddDate(-1, 0, 0), now.AddDate(-1, 0, 0).Add(time.Second), true},
		{"next year", now.AddDate(1, 0, 0), now.AddDate(1, 0, 0).Add(time.Second), true},
		{"2095", time.Date(2095, 2, 3, 4, 5, 6, 7, time.UTC), time.Date(2095, 2, 3, 4, 5, 7, 7, time.UTC), true},
		{"2400", time.Date(2400, 2, 3, 4, 5, 6, 7, time.UTC), time.Date(2400, 2, 3, 4, 5, 7, 7, time.UTC), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			project := fmt.Sprint("p", i)
			sp := chat(i, i, c.start)
			sp.Project, sp.End = project, c.end
			sp.Raw = append(field(1, sp.TraceID[:]), field(2, sp.SpanID[:])...)
			sp.Raw = append(append(sp.Raw, wireTimes(c.start, c.end)...), field(9, attr("k", words("long", 5000)))...)
			b := s.NewBatch()
			b.Came(now, s.TTLDays())
			b.AddSpan(sp)
			if err := s.Insert(ctx, b, project); err != nil {
				t.Fatal(err)
			}
			// What has expired goes now.
			for _, table := range []string{"spans", "contents", "chunks", "traces", "trace_times"} {
				if err := inside(t, database).Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.Span(ctx, project, sp.TraceID, sp.SpanID)
			if err != nil {
				t.Fatal(err)
			}
			sent := func(at time.Time) time.Time {
				if at.IsZero() {
					return epoch
				}
				return at
			}
			if !got.Start.Equal(sent(c.start)) || !got.End.Equal(sent(c.end)) {
				t.Errorf("shown from %s to %s, sent %s to %s", got.Start, got.End, c.start, c.end)
			}
			warned := slices.ContainsFunc(got.Warnings, func(w genai.Warning) bool { return w.Code == genai.WarnTimeImplausible })
			if warned != c.moved {
				t.Errorf("warned %t, want %t", warned, c.moved)
			}
			raw, err := s.RawSpan(ctx, project, sp.TraceID, sp.SpanID)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw.Span, sp.Raw) {
				t.Errorf("raw %x, sent %x", raw.Span, sp.Raw)
			}
			listed := now
			if !c.moved {
				listed = c.start
			}
			page, err := s.ListTraces(ctx, store.TraceQuery{Project: project, From: listed.Add(-time.Second), To: listed.Add(time.Second)})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Traces) != 1 || page.Traces[0].Warnings != int64(len(got.Warnings)) {
				t.Errorf("listed at %s: %+v", listed, page.Traces)
			}
			if c.moved && page.Traces[0].End.After(now.Add(time.Hour)) {
				t.Errorf("the trace ends at %s", page.Traces[0].End)
			}
		})
	}
}

// TestPartitionsOfAnInsert: no request, whatever its clocks say, makes more parts than there are days.
func TestPartitionsOfAnInsert(t *testing.T) {
	t.Parallel()
	s, database := keeping(t, 5)
	ctx := context.Background()
	now := time.Now()
	rng := rand.New(rand.NewPCG(1, 2))
	b := s.NewBatch()
	b.Came(now, s.TTLDays())
	for i := range 3000 {
		at := time.Unix(rng.Int64N(4e9), 0)
		sp := chat(i, i, at)
		b.AddSpan(sp)
		b.AddFragment(&genai.Span{Input: sp.Input}, &store.Log{Project: "default", TraceID: sp.TraceID, SpanID: sp.SpanID, Time: at})
		b.AddLog(&store.Log{Project: "default", TraceID: sp.TraceID, SpanID: sp.SpanID, Time: at})
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	rows, err := inside(t, database).Query(ctx, "SELECT table, uniqExact(partition) FROM system.parts WHERE database = currentDatabase() GROUP BY table")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var table string
		var n uint64
		if err := rows.Scan(&table, &n); err != nil {
			t.Fatal(err)
		}
		if tables++; n > 7 {
			t.Errorf("%s: %d partitions of one insert, %d days are kept", table, n, s.TTLDays())
		}
	}
	if c, err := s.Counts(ctx, "default"); err != nil || c.Spans != 3000 || tables < 7 {
		t.Errorf("stored %+v in %d tables, %v", c, tables, err)
	}
}

// TestContentsOutliveTheirSpans: on the last day of a span its contents are there.
func TestContentsOutliveTheirSpans(t *testing.T) {
	t.Parallel()
	const days = 3
	s, database := keeping(t, days)
	ctx := context.Background()
	now := time.Now()
	b := s.NewBatch()
	sp := chat(1, 1, now.AddDate(0, 0, -days).Add(10*time.Minute)) // expires in ten minutes
	sp.Raw = field(9, attr("k", words("long", 5000)))
	b.Came(now, days)
	b.AddSpan(sp)
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	conn := inside(t, database)
	for _, table := range []string{"contents", "chunks", "trace_times", "traces", "spans"} {
		if err := conn.Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Input) != 1 {
		t.Errorf("%d messages", len(got.Input))
	}
	if _, err := s.RawSpan(ctx, "default", sp.TraceID, sp.SpanID); err != nil {
		t.Error(err)
	}
	// And by the rule that the engine itself will follow later: no table drops before spans does.
	rows, err := conn.Query(ctx, `SELECT table, toUnixTimestamp(max(delete_ttl_info_max)) FROM system.parts
WHERE active AND database = currentDatabase() AND delete_ttl_info_max > 0 GROUP BY table`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	expiry := map[string]uint32{}
	for rows.Next() {
		var table string
		var at uint32
		if err := rows.Scan(&table, &at); err != nil {
			t.Fatal(err)
		}
		expiry[table] = at
	}
	for _, table := range []string{"contents", "chunks", "trace_times", "traces"} {
		if expiry["spans"] == 0 || expiry[table] <= expiry["spans"] {
			t.Errorf("%s expires at %d, spans at %d", table, expiry[table], expiry["spans"])
		}
	}
}

// TestInsertOfManyDaysOnce: an insert makes one block a day, and the engine remembers all of them.
func TestInsertOfManyDaysOnce(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	b := s.NewBatch()
	const days = 1050
	for i := range days {
		b.AddLog(&store.Log{Project: "default", Time: base.AddDate(0, 0, -i)})
	}
	for range 2 {
		if err := s.Insert(ctx, b, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := s.Counts(ctx, "default"); err != nil || c.Logs != days {
		t.Errorf("%+v, %v: want %d log records", c, err, days)
	}
}

func TestRetentionIsBounded(t *testing.T) {
	t.Parallel()
	for _, days := range []int{-1, store.MaxTTLDays + 1, 36500} {
		if _, err := store.New(store.Options{ClickHouse: storetest.Engine(t).ClickHouse(), TTLDays: days}); err == nil {
			t.Errorf("%d days are accepted", days)
		}
	}
}

// TestZones: a list finds the same traces from whatever zone the server or its session is in. Hours are
// UTC's in the tables; in a zone that is half an hour off, others began inside of them.
func TestZones(t *testing.T) {
	t.Parallel()
	plain, database := storetest.NamedStore(t)
	ctx := context.Background()
	b := plain.NewBatch()
	for i := range 12 {
		b.AddSpan(chat(i, i, base.Truncate(time.Hour).Add(time.Duration(10*i)*time.Minute)))
	}
	if err := plain.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	opts := storetest.Engine(t).ClickHouse()
	opts.Auth.Database = database
	opts.Settings = map[string]any{"session_timezone": "Asia/Kolkata"}
	s, err := store.New(store.Options{ClickHouse: opts})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 12 {
		at := base.Truncate(time.Hour).Add(time.Duration(10*i) * time.Minute)
		q := store.TraceQuery{Project: "default", From: at, To: at.Add(time.Minute)}
		page, err := s.ListTraces(ctx, q)
		if err != nil || len(page.Traces) != 1 || page.Traces[0].Spans != 1 {
			t.Errorf("at %s: %d traces, %v", at, len(page.Traces), err)
		}
		if h, err := s.Histogram(ctx, q, time.Minute); err != nil || len(h) != 1 {
			t.Errorf("histogram at %s: %v, %v", at, h, err)
		}
		if tr, err := s.Trace(ctx, "default", id(i)); err != nil || tr.Summary.Spans != 1 {
			t.Errorf("no summary of the trace at %s (%v)", at, err)
		}
	}
}
