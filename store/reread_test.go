package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// TestADayIsPutInPlace leaves a database as a kill at each step of putting a day in its place leaves it. The next start
// finishes that, and touches no other day; a day that was not whole is dropped.
func TestADayIsPutInPlace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const whole = "CREATE TABLE reread_ready AS spans; INSERT INTO reread_ready SELECT * REPLACE (toDecimal128(7, 12) AS cost) FROM spans WHERE toDate(start) = '2026-03-04';"
	const summed = "CREATE TABLE reread_traces AS traces; INSERT INTO reread_traces SELECT * REPLACE (toDecimal128(7, 12) AS cost) FROM traces WHERE toDate(hour) = '2026-03-04';"
	const traces, spans = "ALTER TABLE traces REPLACE PARTITION '2026-03-04' FROM reread_traces;", "ALTER TABLE spans REPLACE PARTITION '2026-03-04' FROM reread_ready;"
	for name, c := range map[string]struct{ left, want string }{
		"not whole":          {"CREATE TABLE reread_spans AS spans; INSERT INTO reread_spans SELECT * FROM spans;" + summed + "CREATE TABLE reread_prices AS spans", "0.0025 0.0025"},
		"whole":              {summed + whole, "7 0.0025"},
		"summaries in place": {summed + whole + traces, "7 0.0025"},
		"both in place":      {summed + whole + traces + spans, "7 0.0025"},
		"one dropped":        {summed + whole + traces + spans + "DROP TABLE reread_ready", "7 0.0025"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, database := storetest.NamedStore(t)
			insert(t, s, "a", chat(1, 1, base), chat(2, 1, base.Add(24*time.Hour)))
			conn := inside(t, database)
			for _, sql := range split(c.left) {
				if err := conn.Exec(ctx, sql); err != nil {
					t.Fatal(err)
				}
			}
			opts := storetest.Engine(t).ClickHouse()
			opts.Auth.Database = database
			again, err := store.Open(ctx, store.Options{ClickHouse: opts, TTLDays: store.MaxTTLDays, Exclusive: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			for _, table := range []string{"spans", "traces"} {
				var old, other string
				err := conn.QueryRow(ctx, "SELECT toString(sumIf(cost, trace_id = unhex('"+id(1).String()+"'))), toString(sumIf(cost, trace_id = unhex('"+id(2).String()+"'))) FROM "+table).Scan(&old, &other)
				if got := fmt.Sprint(old, " ", other); err != nil || got != c.want {
					t.Errorf("%s: costs %s, %v; want %s", table, got, err, c.want)
				}
			}
			var left uint64
			if err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'reread%'").Scan(&left); err != nil || left > 0 {
				t.Errorf("%d tables are left behind, %v", left, err)
			}
		})
	}
}

func split(sql string) (list []string) {
	for part := range strings.SplitSeq(sql, ";") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
