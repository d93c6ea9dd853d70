package schema_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/store/schema"
)

// cutting is a connection on which something happens beside one of its statements.
type cutting struct {
	driver.Conn
	left int
	cut  func()
}

func (c *cutting) Exec(ctx context.Context, sql string, args ...any) error {
	if c.left--; c.left == 0 {
		go c.cut()
	}
	return c.Conn.Exec(ctx, sql, args...)
}

// TestGoesOnAfterAKill kills the engine with SIGKILL, and ends the context, beside one statement
// after the other of the first migrations, until the schema is there: it is then the one of an
// undisturbed start.
func TestGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, err := engine.Start(ctx, engine.Config{DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	golden, err := os.ReadFile("testdata/schema.golden.sql")
	if err != nil {
		t.Fatal(err)
	}
	open := func(database string) driver.Conn {
		t.Helper()
		opts := e.ClickHouse()
		opts.Auth.Database = database
		conn, err := clickhouse.Open(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	rng := rand.New(rand.NewPCG(1, 1))
	resumed := new(bytes.Buffer)
	log := slog.New(slog.NewTextHandler(resumed, nil))
	for round := range 4 {
		name := fmt.Sprintf("round_%d", round)
		if err := open("default").Exec(ctx, "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
		conn := open(name)
		p := schema.Params{TTLDays: 30, Exclusive: true}
		for attempt := 0; ; attempt++ {
			during, cancel := context.WithCancel(ctx)
			// The first statements make the ledger; then each is noted and run.
			cut := &cutting{Conn: conn, left: 3 + (5*round+3*attempt)%18, cut: func() {
				time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond) //nolint:forbidigo // the kill may fall anywhere
				if pid := e.PID(); round%2 == 0 && pid != 0 {
					_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
				}
				cancel()
			}}
			if attempt == 3 {
				cut.left = 0 // never
			}
			err := schema.Apply(during, cut, p, log)
			cancel()
			if err == nil {
				break
			}
			if isRefused(err) || attempt > 20 {
				t.Fatalf("round %d, attempt %d: %v", round, attempt, err)
			}
		}
		if got := dump(t, conn); !sameTables(got, string(golden)) {
			t.Errorf("round %d: the schema differs from an undisturbed one:\n%s", round, got)
		}
	}
	if !strings.Contains(resumed.String(), "going on with a migration") {
		t.Error("no migration was interrupted in its middle")
	}
}

func isRefused(err error) bool {
	_, ok := errors.AsType[*schema.RefusedError](err)
	return ok
}

// sameTables compares without the lock, which nobody needs who is alone.
func sameTables(got, want string) bool {
	cut := regexp.MustCompile(`(?s)CREATE TABLE schema_lock.*?;\n\n`)
	return cut.ReplaceAllString(got, "") == cut.ReplaceAllString(want, "")
}

// Every statement may be repeated, because the one that was interrupted is.
func TestStatementsMayBeRepeated(t *testing.T) {
	t.Parallel()
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	harmless := regexp.MustCompile(`(?s)^(CREATE (TABLE|MATERIALIZED VIEW|VIEW|DICTIONARY) IF NOT EXISTS|DROP (TABLE|VIEW) IF EXISTS|ALTER TABLE .*(ADD (COLUMN|INDEX) IF NOT EXISTS|DROP (COLUMN|INDEX) IF EXISTS|MODIFY)) `)
	comment := regexp.MustCompile(`(?m)^--.*\n`)
	for _, m := range all {
		list, err := m.Statements(schema.Params{TTLDays: 7})
		if err != nil {
			t.Fatal(err)
		}
		for i, sql := range list {
			if sql = strings.TrimSpace(comment.ReplaceAllString(sql, "")); !harmless.MatchString(sql) {
				t.Errorf("%s, statement %d would fail or do harm the second time: %.80s", m.Name, i+1, sql)
			}
		}
	}
}

// TestLock: a database that lacks nothing is opened whoever holds the lock; one that lacks something
// waits, says so, and takes the lock of a process of which nothing is heard.
func TestLock(t *testing.T) {
	t.Parallel()
	conn := database(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exec := func(sql string) {
		t.Helper()
		if err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := apply(t, conn); err != nil {
		t.Fatal(err)
	}
	exec("INSERT INTO schema_lock (turn, owner) SELECT max(turn) + 1, 'alive' FROM schema_lock")
	if err := schema.Apply(ctx, conn, schema.Params{TTLDays: 30}, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("nothing to migrate: %v", err)
	}

	exec("TRUNCATE TABLE schema_migrations")
	var said bytes.Buffer
	short, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if err := schema.Apply(short, conn, schema.Params{TTLDays: 30}, slog.New(slog.NewTextHandler(&said, nil))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("migrated under another's lock: %v", err)
	}
	if !strings.Contains(said.String(), "another process migrates the schema") {
		t.Errorf("waited without a word: %q", said.String())
	}
	if err := schema.Apply(ctx, conn, schema.Params{TTLDays: 30, Exclusive: true}, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("alone, and still locked out: %v", err)
	}

	exec("TRUNCATE TABLE schema_migrations")
	exec("INSERT INTO schema_lock (turn, owner, at) SELECT max(turn) + 1, 'dead', now64(3) - INTERVAL 61 SECOND FROM schema_lock")
	if err := schema.Apply(ctx, conn, schema.Params{TTLDays: 30}, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the lock of the dead: %v", err)
	}
}

// settled is a connection on which what an ALTER begins has been done when it returns, and not some
// time later as the migrations have it.
type settled struct{ driver.Conn }

func (s settled) Exec(ctx context.Context, sql string, args ...any) error {
	if strings.HasPrefix(sql, "ALTER") {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"materialize_ttl_after_modify": 1, "mutations_sync": 1, "alter_sync": 1}))
	}
	return s.Conn.Exec(ctx, sql, args...)
}

// TestRetentionOfAnExistingDatabase: what is set today holds for the parts of yesterday too.
func TestRetentionOfAnExistingDatabase(t *testing.T) {
	t.Parallel()
	conn := database(t)
	ctx := t.Context()
	if err := apply(t, conn); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, `INSERT INTO contents (project, day, hash, kind, body) SELECT 'p', today() - 6, 'h', 'text', 'b'`); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, `INSERT INTO spans (project, trace_id, span_id, start) SELECT 'p', 't', 's', now64(9) - INTERVAL 6 DAY`); err != nil {
		t.Fatal(err)
	}
	// expires is when the part of a table is dropped, in days from now.
	expires := func(table string) (days int64) {
		t.Helper()
		var left uint64
		if err := conn.QueryRow(ctx, `SELECT count() FROM system.mutations WHERE database = currentDatabase() AND NOT is_done`).Scan(&left); err != nil || left > 0 {
			t.Fatalf("%d mutations are not done, %v", left, err)
		}
		if err := conn.QueryRow(ctx, `SELECT toInt64(dateDiff('day', now(), max(delete_ttl_info_max))) FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String}`, clickhouse.Named("table", table)).Scan(&days); err != nil {
			t.Fatal(err)
		}
		return days
	}
	if a, b := expires("spans"), expires("contents"); a != 24 || b != 26 {
		t.Fatalf("expire in %d and %d days, want 24 and 26", a, b)
	}
	for _, days := range []int{90, 7} {
		for range 2 { // the second time there is nothing to do
			if err := schema.Apply(ctx, settled{conn}, schema.Params{TTLDays: days}, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := expires("spans"), expires("contents"); a != int64(days)-6 || b != int64(days)-4 {
			t.Errorf("retention of %d days: parts expire in %d and %d days", days, a, b)
		}
		if n := strings.Count(dump(t, conn), fmt.Sprintf("toIntervalDay(%d)", days)); n != 5 {
			t.Errorf("retention of %d days: %d tables have it, want 5", days, n)
		}
	}
	var n uint64
	if err := conn.QueryRow(ctx, `SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'spans'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 2 {
		t.Errorf("%d mutations of spans for two changes", n)
	}
	if err := conn.Exec(ctx, "DROP DATABASE "+databaseOf(t, conn)+" SYNC"); err != nil {
		t.Fatal(err)
	}
}
