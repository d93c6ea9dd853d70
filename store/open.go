package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/store/schema"
)

// DefaultDatabase is used when the options name none.
const DefaultDatabase = "tiltmeter"

// Store reads and writes one database. It is safe for concurrent use.
type Store struct {
	conn    driver.Conn
	post    *poster
	log     *slog.Logger
	known   *known
	metrics *metrics
	options clickhouse.Options
	params  schema.Params
	limits  limits
	asked   func(method, sql string, ps params) // in tests: what is asked of the engine

	migrated chan struct{} // closed by the first Migrate that succeeds
	closing  sync.Once
}

var (
	databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	clusterName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,63}$`)
)

// Open makes a store and brings its schema up to date: New and Migrate in one.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// New makes a store and speaks to nobody yet. Until Migrate has succeeded, Insert fails with
// ErrNotMigrated, and every other method fails or finds nothing.
func New(o Options) (*Store, error) {
	if o.ClickHouse == nil {
		return nil, errors.New("open store: no ClickHouse options")
	}
	opts := *o.ClickHouse
	if opts.Protocol != clickhouse.HTTP {
		return nil, fmt.Errorf("open store: only ClickHouse's HTTP interface is spoken: use a DSN such as %s", ExampleDSN)
	}
	database := cmp.Or(opts.Auth.Database, DefaultDatabase)
	if database == "default" {
		database = DefaultDatabase // what the engine's own options and most DSNs say when they mean none
	}
	if !databaseName.MatchString(database) {
		return nil, fmt.Errorf("open store: database %q: want letters, digits and underscores", database)
	}
	if o.Cluster != "" && !clusterName.MatchString(o.Cluster) {
		return nil, fmt.Errorf("open store: cluster %q: want letters, digits, '_', '.' and '-'", o.Cluster)
	}
	days := cmp.Or(o.TTLDays, DefaultTTLDays)
	if days < 1 || days > MaxTTLDays {
		return nil, fmt.Errorf("open store: a retention of %d days: want 1 to %d", days, MaxTTLDays)
	}
	opts.Auth.Database = database
	s := &Store{
		limits: defaultLimits, log: o.Logger, known: newKnown(cmp.Or(o.KnownContents, DefaultKnownContents)), options: opts, migrated: make(chan struct{}),
		params: schema.Params{TTLDays: days, Cluster: o.Cluster, Fsync: o.Fsync, Exclusive: o.Exclusive},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	conn, err := clickhouse.Open(&opts)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.conn = conn
	s.post = newPoster(&opts)
	s.metrics = newMetrics(o.Registerer)
	return s, nil
}

// TTLDays is for how many days from their start spans are kept.
func (s *Store) TTLDays() int { return s.params.TTLDays }

// Migrate makes the database, brings its schema up to date and its retention to the options'. When
// ctx ends, the statement that is running is finished first. After an error that is no refusal
// (see Refused) it SHOULD be repeated.
func (s *Store) Migrate(ctx context.Context) error {
	if err := createDatabase(ctx, s.options, s.options.Auth.Database, s.params.OnCluster()); err != nil {
		return err
	}
	if s.params.Exclusive { // else nobody can have begun one
		// Before the schema changes: a day that waits has the schema of the tables that it goes into.
		if err := s.FinishReread(ctx); err != nil {
			return err
		}
	}
	if err := schema.Apply(ctx, s.conn, s.params, s.log); err != nil {
		return err
	}
	s.closing.Do(func() { close(s.migrated) })
	return nil
}

// Migrated is closed when Migrate has succeeded.
func (s *Store) Migrated() <-chan struct{} { return s.migrated }

// Refused reports whether Migrate has found a database that this binary must not touch. Everything
// else that can go wrong (nobody answers, a proxy or ClickHouse itself says no) may be over at the
// next attempt.
func Refused(err error) bool {
	_, ok := errors.AsType[*schema.RefusedError](err)
	return ok
}

func createDatabase(ctx context.Context, opts clickhouse.Options, database, onCluster string) (err error) {
	opts.Auth.Database = "default"
	conn, err := clickhouse.Open(&opts)
	if err != nil {
		return fmt.Errorf("connect to ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+database+" "+onCluster); err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

// ExampleDSN is what ParseDSN reads.
const ExampleDSN = "http://user:password@host:8123/database" //nolint:gosec // an example

// ParseDSN reads a DSN like ExampleDSN; several hosts are separated by commas, settings
// follow as ?name=value.
func ParseDSN(dsn string) (*clickhouse.Options, error) {
	if !strings.HasPrefix(dsn, "http://") && !strings.HasPrefix(dsn, "https://") {
		return nil, fmt.Errorf("read ClickHouse DSN: want one like %s, or with https:// (ClickHouse's HTTP interface, port 8123 or 8443)", ExampleDSN)
	}
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read ClickHouse DSN: %w", err)
	}
	return o, nil
}

// Close ends the connections; the engine goes on.
func (s *Store) Close() error {
	s.post.client.CloseIdleConnections()
	return s.conn.Close()
}

// Ping says whether the engine answers and the schema is there.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping ClickHouse: %w", err)
	}
	select {
	case <-s.migrated:
		return nil
	default:
		return ErrNotMigrated
	}
}

// Drop deletes the database with everything in it. The store is of no use afterwards.
func (s *Store) Drop(ctx context.Context) error {
	if err := s.conn.Exec(ctx, "DROP DATABASE "+s.post.auth.Database+" SYNC"); err != nil {
		return fmt.Errorf("drop database %s: %w", s.post.auth.Database, err)
	}
	return nil
}
