package schema

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

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
    owner    String,
    at       DateTime64(6, 'UTC') DEFAULT now64(6),
    released UInt8
)
ENGINE = %s ORDER BY at TTL toDateTime(at) + INTERVAL 1 DAY`

const lockHolder = `SELECT argMin(owner, at) FROM
(SELECT owner, min(at) AS at, max(released) AS released FROM schema_lock GROUP BY owner)
WHERE released = 0 AND at > now64(6) - INTERVAL {expiry:UInt32} SECOND`

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
	for _, create := range []string{createLedger, createLock} {
		if err := conn.Exec(ctx, fmt.Sprintf(create, p.OnCluster(), p.Engine("MergeTree"))); err != nil {
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

// lock waits until this process is the oldest that asks for the lock. The order is the server's
// clock; a lock that nobody gave back ends after lockExpirySeconds.
func lock(ctx context.Context, conn driver.Conn) (release func(), err error) {
	owner := named("owner", rand.Text())
	if err := conn.Exec(ctx, `INSERT INTO schema_lock (owner) SELECT {owner:String}`, owner); err != nil {
		return nil, fmt.Errorf("lock schema: %w", err)
	}
	release = func() {
		// Also when ctx has ended: the next process should not wait for the expiry.
		_ = conn.Exec(context.WithoutCancel(ctx), `INSERT INTO schema_lock (owner, released) SELECT {owner:String}, 1`, owner)
	}
	for {
		var holder string
		if err := conn.QueryRow(ctx, lockHolder, named("expiry", lockExpirySeconds)).Scan(&holder); err != nil {
			release()
			return nil, fmt.Errorf("lock schema: %w", err)
		}
		if holder == owner.Value {
			return release, nil
		}
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("lock schema: another process migrates: %w", context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}
