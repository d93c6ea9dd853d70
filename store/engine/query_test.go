package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func open(t testing.TB, e *engine.Engine) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(e.ClickHouse())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func scan[T any](t testing.TB, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func exec(t testing.TB, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestStatementsOfAllKinds(t *testing.T) {
	t.Parallel()
	conn := open(t, storetest.Engine(t))
	exec(t, conn, "CREATE TABLE kinds (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	exec(t, conn, "INSERT INTO kinds VALUES (1, 'x'), (2, 'y')")
	exec(t, conn, "INSERT INTO kinds SELECT number + 3, 'z' FROM numbers(8)")
	exec(t, conn, "ALTER TABLE kinds DELETE WHERE a = 1 SETTINGS mutations_sync = 1")
	if got := scan[uint64](t, conn, "WITH 1 AS one SELECT count() FROM kinds"); got != 9 {
		t.Errorf("rows = %d, want 9", got)
	}
	if got := scan[uint8](t, conn, "EXISTS TABLE kinds"); got != 1 {
		t.Errorf("exists = %d, want 1", got)
	}
	if got := scan[string](t, conn, "SELECT b FROM kinds WHERE a = {a:UInt64}", clickhouse.Named("a", "2")); got != "y" {
		t.Errorf("parameter: got %q, want y", got)
	}
	odd := `it's a \ tab` + "\t" + `{x:String}`
	if got := scan[string](t, conn, "SELECT ?", odd); got != odd {
		t.Errorf("bound text: %s", cmp.Diff(odd, got))
	}
	for _, sql := range []string{"SHOW TABLES", "DESCRIBE TABLE kinds", "EXPLAIN SELECT 1"} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if !rows.Next() {
			t.Errorf("%s: no rows", sql)
		}
		rows.Close()
	}
}

func TestLargeResultArrivesWhole(t *testing.T) {
	t.Parallel()
	conn := open(t, storetest.Engine(t))
	rows, err := conn.Query(t.Context(), "SELECT number, toString(number) FROM numbers(1000000)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, sum, value uint64
	var text string
	for rows.Next() {
		if err := rows.Scan(&value, &text); err != nil {
			t.Fatal(err)
		}
		n++
		sum += value
	}
	if err := rows.Err(); err != nil || n != 1e6 || sum != 1e6*(1e6-1)/2 {
		t.Fatalf("rows %d, sum %d, err %v", n, sum, err)
	}
}

func TestSettingsDoNotLeak(t *testing.T) {
	t.Parallel()
	// One connection of the engine, so that a leak must be seen.
	conn := open(t, start(t, engine.Config{Connections: 1}))
	before := scan[string](t, conn, "SELECT toString((getSetting('max_threads'), getSetting('max_memory_usage')))")
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 7, "max_memory_usage": 1_000_000_000}))
	var with string
	if err := conn.QueryRow(ctx, "SELECT toString((getSetting('max_threads'), getSetting('max_memory_usage')))").Scan(&with); err != nil {
		t.Fatal(err)
	}
	if with != "(7,1000000000)" {
		t.Errorf("with settings: %s", with)
	}
	exec(t, conn, "SET max_threads = 9")
	bad := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 5, "no_such_setting": 1}))
	wantCode(t, conn.Exec(bad, "SELECT 1"), 115)
	if after := scan[string](t, conn, "SELECT toString((getSetting('max_threads'), getSetting('max_memory_usage')))"); after != before {
		t.Errorf("after: %s, before: %s", after, before)
	}
}

func wantCode(t testing.TB, err error, code int32) {
	t.Helper()
	e, ok := errors.AsType[*clickhouse.Exception](err)
	if !ok || e.Code != code {
		t.Errorf("error %v, want exception with code %d", err, code)
	}
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	conn := open(t, storetest.Engine(t))
	wantCode(t, conn.Exec(t.Context(), "SELECT * FROM no_such_table"), 60)
	wantCode(t, conn.Exec(t.Context(), "SELEC 1"), 62)
	rows, err := conn.Query(t.Context(), "SELECT number, throwIf(number = 900000) FROM numbers(1000000)")
	if err == nil { // the failure comes in the middle of the answer
		for rows.Next() {
		}
		err = rows.Err()
	}
	wantCode(t, err, 395)
}

func TestCancelEndsTheStatement(t *testing.T) {
	t.Parallel()
	conn := open(t, start(t, engine.Config{Connections: 2}))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		failed <- conn.Exec(ctx, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))")
	}()
	const running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
	await(t, "statement runs", func() bool { return scan[uint64](t, conn, running) == 1 })
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	await(t, "statement is gone", func() bool { return scan[uint64](t, conn, running) == 0 })
}

// await asks until the condition holds; the test's own deadline bounds it.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: never", what)
		case <-ticker.C:
		}
	}
}

func TestManyStatementsAtOnce(t *testing.T) {
	t.Parallel()
	e := start(t, engine.Config{Connections: 3})
	opts := e.ClickHouse()
	opts.MaxOpenConns = 30
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			var got uint64
			if err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT sum(number) + %d FROM numbers(1000)", i)).Scan(&got); err != nil || got != uint64(499500+i) {
				t.Errorf("statement %d: %d, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}
