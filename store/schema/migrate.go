package schema

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// lockExpirySeconds is how long a process that died holds the lock. It is longer than any migration.
	lockExpirySeconds = 300
	lockPoll          = 200 * time.Millisecond
)

const createLedger = `CREATE TABLE IF NOT EXISTS schema_migrations %s
(
    number      UInt32,
    name        String,
    checksum    String,
    statement   UInt32,               -- the last one that was begun, from 1
    started_at  DateTime64(3, 'UTC') DEFAULT now64(3),
    finished_at Nullable(DateTime64(3, 'UTC'))
)
ENGINE = %s ORDER BY (number, started_at)`

const createLock = `CREATE TABLE IF NOT EXISTS schema_lock %s
(
    turn     UInt64,
    owner    String,
    at       DateTime64(3, 'UTC') DEFAULT now64(3),
    released UInt8
)
ENGINE = %s ORDER BY turn SETTINGS %s`

// lastTurn is the latest turn, who has it, and whether it is over.
const lastTurn = `SELECT turn, anyIf(owner, released = 0), max(released) > 0 OR min(at) < now64(3) - INTERVAL {expiry:UInt32} SECOND
FROM schema_lock GROUP BY turn ORDER BY turn DESC LIMIT 1`

const takeTurn = `INSERT INTO schema_lock (turn, owner) VALUES ({turn:UInt64}, {owner:String})`

const endTurn = `INSERT INTO schema_lock (turn, owner, released) VALUES ({turn:UInt64}, {owner:String}, 1)`

const selectLedger = `SELECT number, any(name), any(checksum), max(statement), countIf(finished_at IS NOT NULL) > 0
FROM schema_migrations GROUP BY number ORDER BY number`

type ledgerRow struct {
	number    uint32
	name      string
	checksum  string
	statement uint32
	finished  bool
}

// Apply brings the database to the latest migration. It is safe to call from several processes at once.
func Apply(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger) error {
	all, err := Migrations()
	if err != nil {
		return err
	}
	return apply(ctx, conn, p, log, all)
}

func apply(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger, all []Migration) error {
	for _, create := range []string{
		fmt.Sprintf(createLedger, p.OnCluster(), p.Engine("MergeTree")),
		fmt.Sprintf(createLock, p.OnCluster(), p.Engine("MergeTree"), p.Settings()),
	} {
		if err := conn.Exec(ctx, create); err != nil {
			return fmt.Errorf("create the tables of the schema itself: %w", err)
		}
	}
	release, err := lock(ctx, conn)
	if err != nil {
		return err
	}
	defer release()
	ledger, err := readLedger(ctx, conn)
	if err != nil {
		return err
	}
	if err := check(ledger, all); err != nil {
		return err
	}
	for _, m := range all[len(ledger):] {
		if err := run(ctx, conn, p, m); err != nil {
			return err
		}
		log.InfoContext(ctx, "schema migrated", "migration", m.Name)
	}
	return nil
}

// check refuses a database that this binary must not touch.
func check(ledger []ledgerRow, all []Migration) error {
	for i, r := range ledger {
		switch {
		case i >= len(all):
			return fmt.Errorf("open database: its schema %04d (%s) is newer than this binary's %04d: start a newer tiltmeter", r.number, r.name, len(all))
		case int(r.number) != all[i].Number:
			return fmt.Errorf("open database: migration %04d is missing in schema_migrations, found %04d: restore it from a backup", all[i].Number, r.number)
		case !r.finished:
			return fmt.Errorf("open database: migration %s began and did not end; look at its statement %d, undo what it did, delete its rows from schema_migrations and start again", r.name, r.statement)
		case r.checksum != all[i].Checksum:
			return fmt.Errorf("open database: migration %s was applied with checksum %.12s and this binary has %.12s: use the binary that made the database, or one that is newer", r.name, r.checksum, all[i].Checksum)
		}
	}
	return nil
}

func run(ctx context.Context, conn driver.Conn, p Params, m Migration) error {
	statements, err := m.Statements(p)
	if err != nil {
		return err
	}
	const begin = `INSERT INTO schema_migrations (number, name, checksum, statement)
SELECT {number:UInt32}, {name:String}, {checksum:String}, {statement:UInt32}`
	const finish = `INSERT INTO schema_migrations (number, name, checksum, statement, finished_at)
SELECT {number:UInt32}, {name:String}, {checksum:String}, {statement:UInt32}, now64(3)`
	note := func(sql string, statement int) error {
		err := conn.Exec(ctx, sql, named("number", m.Number), named("name", m.Name), named("checksum", m.Checksum), named("statement", statement))
		if err != nil {
			return fmt.Errorf("record migration %s: %w", m.Name, err)
		}
		return nil
	}
	for i, sql := range statements {
		if err := note(begin, i+1); err != nil {
			return err
		}
		if err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("apply migration %s, statement %d: %w", m.Name, i+1, err)
		}
	}
	return note(finish, len(statements))
}

func named(name string, value any) driver.NamedValue {
	return driver.NamedValue{Name: name, Value: fmt.Sprint(value)}
}

func readLedger(ctx context.Context, conn driver.Conn) (rows []ledgerRow, err error) {
	r, err := conn.Query(ctx, selectLedger)
	if err != nil {
		return nil, fmt.Errorf("read schema_migrations: %w", err)
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		var l ledgerRow
		if err := r.Scan(&l.number, &l.name, &l.checksum, &l.statement, &l.finished); err != nil {
			return nil, fmt.Errorf("read schema_migrations: %w", err)
		}
		rows = append(rows, l)
	}
	return rows, r.Err()
}

// lock takes the next turn when the last one is over. All who want the same turn insert it under the
// same deduplication token, so that the server keeps the first and drops the others: whoever reads
// its own name has the lock. A turn that nobody ended is over after lockExpirySeconds.
func lock(ctx context.Context, conn driver.Conn) (release func(), err error) {
	owner := rand.Text()
	for {
		turn, holder, over, err := readTurn(ctx, conn)
		if err != nil {
			return nil, err
		}
		switch {
		case holder == owner:
			return func() {
				// Also when ctx has ended: the next process should not wait for the expiry.
				ctx := withToken(context.WithoutCancel(ctx), fmt.Sprintf("end-%d", turn))
				_ = conn.Exec(ctx, endTurn, named("turn", turn), named("owner", owner))
			}, nil
		case over:
			err := conn.Exec(withToken(ctx, fmt.Sprintf("turn-%d", turn+1)), takeTurn, named("turn", turn+1), named("owner", owner))
			if err != nil {
				return nil, fmt.Errorf("lock schema: %w", err)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock schema: another process migrates: %w", context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": token,
	}))
}

// readTurn returns turn 0, over, when nobody ever had the lock.
func readTurn(ctx context.Context, conn driver.Conn) (turn uint64, holder string, over bool, err error) {
	rows, err := conn.Query(ctx, lastTurn, named("expiry", lockExpirySeconds))
	if err != nil {
		return 0, "", false, fmt.Errorf("lock schema: %w", err)
	}
	defer func() { _ = rows.Close() }()
	over = true
	for rows.Next() {
		if err := rows.Scan(&turn, &holder, &over); err != nil {
			return 0, "", false, fmt.Errorf("lock schema: %w", err)
		}
	}
	return turn, holder, over, rows.Err()
}
