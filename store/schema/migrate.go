package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// statementTimeout bounds one statement of a migration: one that copies a large table takes
// minutes, and one that takes longer than this hangs.
const statementTimeout = time.Hour

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

const hasLedger = `SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'`

const selectLedger = `SELECT number, any(name), any(checksum), max(statement), countIf(finished_at IS NOT NULL) > 0
FROM schema_migrations GROUP BY number ORDER BY number`

type ledgerRow struct {
	number    uint32
	name      string
	checksum  string
	statement uint32
	finished  bool
}

// RefusedError says that this binary must not touch the database: no further attempt can help.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return "open database: " + e.Why }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// Apply brings the database to the latest migration, and the retention to p's. It is safe to call
// from several processes at once. When ctx ends, the statement that is running is finished first;
// after every error but a *RefusedError the call MAY be repeated, and goes on where it was.
func Apply(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger) error {
	all, err := Migrations()
	if err != nil {
		return err
	}
	return apply(ctx, conn, p, log, all)
}

func apply(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger, all []Migration) error {
	left, err := pending(ctx, conn, all)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		if err := migrate(ctx, conn, p, log, all); err != nil {
			return err
		}
	}
	return keep(ctx, conn, p, log)
}

// Current is an error unless the database has the schema of this binary.
func Current(ctx context.Context, conn driver.Conn) error {
	all, err := Migrations()
	if err != nil {
		return err
	}
	left, err := pending(ctx, conn, all)
	if err == nil && len(left) > 0 {
		err = refuse("its schema lacks migration %s: start the server once", left[0].Name)
	}
	return err
}

// migrate applies what is pending, under the lock where others may want to do the same.
func migrate(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger, all []Migration) error {
	if err := exec(ctx, conn, fmt.Sprintf(createLedger, p.OnCluster(), p.Engine("MergeTree"))); err != nil {
		return fmt.Errorf("create the table of migrations: %w", err)
	}
	if !p.Exclusive {
		release, err := lock(ctx, conn, p, log)
		if err != nil {
			return err
		}
		defer release()
	}
	left, err := pending(ctx, conn, all) // another process may have done it meanwhile
	if err != nil {
		return err
	}
	for _, u := range left {
		if u.from > 0 {
			log.WarnContext(ctx, "going on with a migration that was interrupted", "migration", u.Name, "statement", u.from+1)
		}
		if err := run(ctx, conn, p, u); err != nil {
			return err
		}
		log.InfoContext(ctx, "schema migrated", "migration", u.Name)
	}
	return nil
}

// unapplied is a migration that is to be applied from a statement on, counted from 0.
type unapplied struct {
	Migration
	from int
}

// pending is what the database lacks, or a *RefusedError.
func pending(ctx context.Context, conn driver.Conn, all []Migration) ([]unapplied, error) {
	ledger, err := readLedger(ctx, conn)
	if err != nil {
		return nil, err
	}
	return check(ledger, all)
}

// check refuses a database that this binary must not touch.
func check(ledger []ledgerRow, all []Migration) (left []unapplied, err error) {
	for i, r := range ledger {
		switch {
		case i >= len(all):
			return nil, refuse("its schema %04d (%s) is newer than this binary's %04d: start a newer tiltmeter", r.number, r.name, len(all))
		case int(r.number) != all[i].Number:
			return nil, refuse("migration %04d is missing in schema_migrations, found %04d: restore it from a backup", all[i].Number, r.number)
		case r.checksum != all[i].Checksum && r.finished:
			return nil, refuse("migration %s was applied with checksum %.12s and this binary has %.12s: use the binary that made the database, or one that is newer", r.name, r.checksum, all[i].Checksum)
		case r.checksum != all[i].Checksum:
			return nil, refuse("migration %s was begun with checksum %.12s, did not end at its statement %d, and this binary has %.12s: start the binary that began it", r.name, r.checksum, r.statement, all[i].Checksum)
		case !r.finished:
			left = append(left, unapplied{all[i], max(int(r.statement), 1) - 1})
		}
	}
	for _, m := range all[len(ledger):] {
		left = append(left, unapplied{m, 0})
	}
	return left, nil
}

// run applies the statements of a migration, each noted before it begins. The one that was noted
// last is repeated: nobody knows how far it came.
func run(ctx context.Context, conn driver.Conn, p Params, u unapplied) error {
	statements, err := u.Statements(p)
	if err != nil {
		return err
	}
	const begin = `INSERT INTO schema_migrations (number, name, checksum, statement)
SELECT {number:UInt32}, {name:String}, {checksum:String}, {statement:UInt32}`
	const finish = `INSERT INTO schema_migrations (number, name, checksum, statement, finished_at)
SELECT {number:UInt32}, {name:String}, {checksum:String}, {statement:UInt32}, now64(3)`
	note := func(sql string, statement int) error {
		err := exec(ctx, conn, sql, named("number", u.Number), named("name", u.Name), named("checksum", u.Checksum), named("statement", statement))
		if err != nil {
			return fmt.Errorf("record migration %s: %w", u.Name, err)
		}
		return nil
	}
	for i := min(u.from, len(statements)); i < len(statements); i++ {
		if err := note(begin, i+1); err != nil {
			return err
		}
		if err := exec(ctx, conn, statements[i]); err != nil {
			return fmt.Errorf("apply migration %s, statement %d: %w", u.Name, i+1, err)
		}
	}
	return note(finish, len(statements))
}

// exec runs a statement to its end, also when ctx ends meanwhile: a server that is told to stop in
// its first seconds leaves whole statements behind.
func exec(ctx context.Context, conn driver.Conn, sql string, args ...any) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), statementTimeout,
		errors.New("the statement did not end within "+statementTimeout.String()))
	defer cancel()
	return conn.Exec(ctx, sql, args...)
}

func named(name string, value any) driver.NamedValue {
	return driver.NamedValue{Name: name, Value: fmt.Sprint(value)}
}

// readLedger returns no rows from a database that was never migrated.
func readLedger(ctx context.Context, conn driver.Conn) (rows []ledgerRow, err error) {
	var n uint64
	if err := conn.QueryRow(ctx, hasLedger).Scan(&n); err != nil {
		return nil, fmt.Errorf("look for schema_migrations: %w", err)
	}
	if n == 0 {
		return nil, nil
	}
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
