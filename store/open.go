package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"

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

	migrated atomic.Bool
}

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

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

// New makes a store and speaks to nobody yet. Until Migrate has succeeded every other method fails
// or finds nothing.
func New(o Options) (*Store, error) {
	if o.ClickHouse == nil {
		return nil, errors.New("open store: no ClickHouse options")
	}
	opts := *o.ClickHouse
	if opts.Protocol != clickhouse.HTTP {
		return nil, errors.New("open store: only ClickHouse's HTTP interface is spoken: use a DSN such as http://user:password@host:8123/tiltmeter")
	}
	database := cmp.Or(opts.Auth.Database, DefaultDatabase)
	if database == "default" {
		database = DefaultDatabase // what the engine's own options and most DSNs say when they mean none
	}
	if !databaseName.MatchString(database) {
		return nil, fmt.Errorf("open store: database %q: want letters, digits and underscores", database)
	}
	opts.Auth.Database = database
	s := &Store{
		limits: defaultLimits, log: o.Logger, known: newKnown(cmp.Or(o.KnownContents, DefaultKnownContents)), options: opts,
		params: schema.Params{TTLDays: cmp.Or(o.TTLDays, DefaultTTLDays), Cluster: o.Cluster},
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

// Migrate makes the database and brings its schema up to date. It MAY be repeated after an error.
func (s *Store) Migrate(ctx context.Context) error {
	if err := createDatabase(ctx, s.options, s.options.Auth.Database, s.params.OnCluster()); err != nil {
		return err
	}
	if err := schema.Apply(ctx, s.conn, s.params, s.log); err != nil {
		return err
	}
	s.migrated.Store(true)
	return nil
}

// Unreachable reports whether an error says that ClickHouse was not there to answer, so that the
// same call may succeed later. What ClickHouse itself answered is never that.
func Unreachable(err error) bool {
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNREFUSED)
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

// ParseDSN reads http://user:password@host:8123/database?setting=value.
func ParseDSN(dsn string) (*clickhouse.Options, error) {
	if !strings.HasPrefix(dsn, "http://") && !strings.HasPrefix(dsn, "https://") {
		return nil, errors.New("read ClickHouse DSN: want http:// or https:// (ClickHouse's HTTP interface, port 8123 or 8443)")
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
	if !s.migrated.Load() {
		return errors.New("the schema is not up to date yet")
	}
	return nil
}

// poster sends blocks to the same place, in the same way, as the driver sends queries.
type poster struct {
	client *http.Client
	base   string
	auth   clickhouse.Auth
	header map[string]string
}

func newPoster(o *clickhouse.Options) *poster {
	tr := &http.Transport{
		TLSClientConfig:     o.TLS,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     o.ConnMaxLifetime,
		Proxy:               http.ProxyFromEnvironment,
	}
	p := &poster{client: &http.Client{Transport: tr}, auth: o.Auth, header: o.HttpHeaders}
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	p.base = scheme + "://" + o.Addr[0] + "/" + strings.TrimPrefix(o.HttpUrlPath, "/")
	if o.DialContext != nil {
		tr.Proxy = nil
		tr.DialContext = dialer(o.DialContext)
	}
	return p
}

// Drop deletes the database with everything in it. The store is of no use afterwards.
func (s *Store) Drop(ctx context.Context) error {
	if err := s.conn.Exec(ctx, "DROP DATABASE "+s.post.auth.Database+" SYNC"); err != nil {
		return fmt.Errorf("drop database %s: %w", s.post.auth.Database, err)
	}
	return nil
}
