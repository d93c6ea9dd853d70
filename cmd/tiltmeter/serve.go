package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/analyzers/runner"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// roles a process can take on; a single binary takes all of them.
var allRoles = []string{"ingest", "write", "analyze", "alert", "api"}

// serveSettings is everything `tiltmeter serve` can be told. Zero sizes and durations mean the
// default of the part they configure.
type serveSettings struct {
	config  string
	dataDir string
	roles   []string

	httpAddr, otlpGRPCAddr, otlpHTTPAddr string
	tlsCert, tlsKey                      string
	allowedHosts, allowedOrigins         []string

	clickhouseDSN     string
	clickhouseCluster string
	engineMemory      size
	engineLibrary     string
	fsync             bool
	requireKeys       bool
	retention         time.Duration

	natsURL         string
	natsCreds       string
	natsCA          string
	natsCert        string
	natsKey         string
	natsReplicas    int
	logMaxBytes     size
	minFreeDisk     size
	duplicateWindow time.Duration

	maxRequest     size
	maxInFlight    size
	maxDrain       size
	maxSpans       int
	maxAttributes  int
	maxAttribute   size
	maxDepth       int
	projectRate    int
	batchRows      int
	batchBytes     size
	flushEvery     time.Duration
	prices         priceSettings
	logLevel       string
	logFormat      string
	pprofAddr      string
	demo           bool
	shutdownWithin time.Duration

	analyzeLogShare float64

	rules  *dialect.Rules // from the settings file alone
	policy *runner.Policy // likewise
}

func (s *serveSettings) flags(fs *pflag.FlagSet) {
	*s = serveSettings{
		logMaxBytes: 8 << 30, minFreeDisk: 1 << 30,
		maxRequest: 16 << 20, maxInFlight: 256 << 20, maxDrain: 64 << 20, maxAttribute: 4 << 20,
		batchBytes: 64 << 20,
	}
	fs.StringVar(&s.config, "config", "", "settings file (default tiltmeter.yaml, if there is one)")
	fs.StringVar(&s.dataDir, "data-dir", "./data", "where the log, the embedded engine and the keys live")
	fs.StringSliceVar(&s.roles, "roles", allRoles, "parts that this process runs: "+strings.Join(allRoles, ", "))

	fs.StringVar(&s.httpAddr, "http-addr", "127.0.0.1:8080", "address of the page, REST and gRPC")
	fs.StringVar(&s.otlpGRPCAddr, "otlp-grpc-addr", "127.0.0.1:4317", "address for OTLP over gRPC")
	fs.StringVar(&s.otlpHTTPAddr, "otlp-http-addr", "127.0.0.1:4318", "address for OTLP over HTTP")
	fs.StringVar(&s.tlsCert, "tls-cert", "", "certificate file (PEM) for every port; read again when it changes")
	fs.StringVar(&s.tlsKey, "tls-key", "", "private key file (PEM) of the certificate")
	fs.StringSliceVar(&s.allowedHosts, "allowed-hosts", nil, "host names besides localhost under which the page is served without keys")

	fs.StringSliceVar(&s.allowedOrigins, "allowed-origins", nil, "web origins whose pages may send OTLP to this server; * for all")

	fs.StringVar(&s.clickhouseDSN, "clickhouse-dsn", "", "ClickHouse to store in, "+store.ExampleDSN+"; empty: the embedded engine")
	fs.StringVar(&s.clickhouseCluster, "clickhouse-cluster", "", "name of the cluster of --clickhouse-dsn whose servers (replicas of one shard) all get the tables")
	fs.Var(&s.engineMemory, "engine-memory", "memory cap of the embedded engine (0: a third of the machine, at most 4GiB)")
	fs.StringVar(&s.engineLibrary, "engine-library", "", "path of libchdb (default: beside the binary, or where \"make engine\" puts it)")
	fs.BoolVar(&s.fsync, "fsync", true, "make the embedded engine, and new tables of --clickhouse-dsn, survive power loss and not only crashes")
	s.retention = 30 * 24 * time.Hour
	fs.Var((*days)(&s.retention), "retention", "how long spans are kept; data is dropped by whole days")

	fs.StringVar(&s.natsURL, "nats-url", "", "NATS server with JetStream for the log; empty: embedded")
	fs.StringVar(&s.natsCreds, "nats-creds", "", "credentials file for --nats-url")
	fs.StringVar(&s.natsCA, "nats-ca", "", "file of certificates (PEM) that --nats-url is checked against (default: the system's)")
	fs.StringVar(&s.natsCert, "nats-cert", "", "client certificate file (PEM) for --nats-url")
	fs.StringVar(&s.natsKey, "nats-key", "", "private key file (PEM) of the client certificate")
	fs.IntVar(&s.natsReplicas, "nats-replicas", 0, "servers that keep each record, of streams made on --nats-url (0: three on a cluster, else one)")
	fs.Var(&s.logMaxBytes, "log-max-bytes", "size of the log; a full log answers with back-pressure")
	fs.Var(&s.minFreeDisk, "min-free-disk", "free space on the data disk below which ingest answers with back-pressure")
	fs.DurationVar(&s.duplicateWindow, "duplicate-window", 10*time.Minute, "how long a retried request is recognised")

	fs.Var(&s.maxRequest, "max-request", "largest OTLP request, decompressed")
	fs.Var(&s.maxInFlight, "max-in-flight", "bytes of requests that are worked on at once; more answers with back-pressure")
	fs.Var(&s.maxDrain, "max-drain", "bytes of a refused OTLP/HTTP request that are read and thrown away, so that its sender sees the answer")
	fs.IntVar(&s.maxSpans, "max-spans", 50_000, "largest number of spans or log records in a request")
	fs.IntVar(&s.maxAttributes, "max-attributes", 1024, "attributes of a span that are read; the raw span keeps all")
	fs.Var(&s.maxAttribute, "max-attribute", "bytes of an attribute value that are read; the raw span keeps all")
	fs.IntVar(&s.maxDepth, "max-depth", 32, "nesting of attribute values that is read; the raw span keeps all")
	fs.IntVar(&s.projectRate, "max-project-rate", 0, "spans and log records a second that one project may send (0: no limit)")
	fs.IntVar(&s.batchRows, "batch-rows", 50_000, "spans in one insert, at most")
	fs.Var(&s.batchBytes, "batch-bytes", "request bytes in one insert, at most")
	fs.DurationVar(&s.flushEvery, "flush-every", time.Second, "how long an insert waits for more spans")
	s.prices.flags(fs)
	fs.Float64Var(&s.analyzeLogShare, "analyze-log-share", runner.DefaultLogShare, "share of the log that may wait for the analyzers until spans are stored without being scored")

	fs.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&s.logFormat, "log-format", "text", "text or json")
	fs.BoolVar(&s.requireKeys, "require-keys", false, "ask for keys on loopback too: behind a proxy on this machine")
	fs.StringVar(&s.pprofAddr, "pprof-addr", "", "loopback address for Go's profiles; empty: none are served")
	fs.DurationVar(&s.shutdownWithin, "shutdown-within", 20*time.Second, "how long a stop may take before what still runs is cut off")
	fs.BoolVar(&s.demo, "demo", false, "play the demo company's traffic into this server")
}

// validate reports everything that is wrong, each with the flag's name.
func (s *serveSettings) validate() error {
	var errs []error
	bad := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	for _, r := range s.roles {
		if !slices.Contains(allRoles, r) {
			bad("roles", "no role %q; there are %s", r, strings.Join(allRoles, ", "))
		}
	}
	for flag, addr := range map[string]string{"http-addr": s.httpAddr, "otlp-grpc-addr": s.otlpGRPCAddr, "otlp-http-addr": s.otlpHTTPAddr} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			bad(flag, "%q is not HOST:PORT", addr)
		}
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		bad("tls-cert", "a certificate and --tls-key go together")
	}
	if (s.natsCert == "") != (s.natsKey == "") {
		bad("nats-cert", "a certificate and --nats-key go together")
	}
	if s.natsURL == "" && (s.natsCreds != "" || s.natsCA != "" || s.natsCert != "" || s.natsReplicas != 0) {
		bad("nats-url", "is empty, so the log is embedded: --nats-creds, --nats-ca, --nats-cert, --nats-key and --nats-replicas need it")
	}
	if s.natsReplicas < 0 || s.natsReplicas > 5 {
		bad("nats-replicas", "JetStream keeps 1 to 5, got %d", s.natsReplicas)
	}
	if s.retention < 24*time.Hour {
		bad("retention", "%s is less than a day; data is dropped by whole days", s.retention)
	}
	if s.retention%(24*time.Hour) != 0 {
		bad("retention", "%s is not a whole number of days; data is dropped by whole days", s.retention)
	}
	if s.retention > store.MaxTTLDays*24*time.Hour {
		bad("retention", "%s is more than %d days, up to which the engine can count", s.retention, store.MaxTTLDays)
	}
	if s.clickhouseCluster != "" && s.clickhouseDSN == "" {
		bad("clickhouse-cluster", "needs --clickhouse-dsn: the embedded engine is a single server")
	}
	if s.maxInFlight < s.maxRequest {
		bad("max-in-flight", "%s is less than --max-request %s: no such request could ever be let in", s.maxInFlight.String(), s.maxRequest.String())
	}
	for flag, n := range map[string]int{"max-spans": s.maxSpans, "max-attributes": s.maxAttributes, "max-depth": s.maxDepth, "batch-rows": s.batchRows} {
		if n < 1 {
			bad(flag, "must be at least 1, got %d", n)
		}
	}
	if s.pprofAddr != "" && auth.Required(s.pprofAddr) {
		bad("pprof-addr", "%q is not loopback; profiles are not for others to read", s.pprofAddr)
	}
	if !(s.analyzeLogShare > 0 && s.analyzeLogShare <= 1) {
		bad("analyze-log-share", "%v is no share; want more than 0 and at most 1", s.analyzeLogShare)
	}
	if s.flushEvery <= 0 {
		bad("flush-every", "must be more than 0, got %s", s.flushEvery)
	}
	for _, check := range []func() error{s.prices.validate, func() error { _, err := s.logger(io.Discard); return err }} {
		if err := check(); err != nil {
			errs = append(errs, err)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (s *serveSettings) has(role string) bool { return slices.Contains(s.roles, role) }

func (s *serveSettings) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is not debug, info, warn or error", s.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("--log-format: %q is not text or json", s.logFormat)
}

// read fills the settings from where they can stand, once the command line was parsed. Everything that is wrong is one error.
func (s *serveSettings) read(fs *pflag.FlagSet) error {
	found, err := resolve(fs, os.LookupEnv)
	s.rules, s.policy = found.rules, found.policy
	return errors.Join(err, s.validate())
}

func (s *serveSettings) limits() wire.Limits {
	return wire.Limits{
		RequestBytes: int(s.maxRequest), SpansPerRequest: s.maxSpans,
		AttributesPerSpan: s.maxAttributes, AttributeValueBytes: int(s.maxAttribute), Depth: s.maxDepth,
	}
}

// normalizer reads spans as the settings say. A nil reg exports no metrics.
func (s *serveSettings) normalizer(reg prometheus.Registerer) *dialect.Normalizer {
	return dialect.New(dialect.Options{
		Limits: dialect.Limits{AttributeValueBytes: int(s.maxAttribute), Attributes: s.maxAttributes, Depth: s.maxDepth},
		Rules:  s.rules, Registerer: reg,
	})
}

func runServe(ctx context.Context, args []string, out io.Writer) error {
	var s serveSettings
	fs := newFlags("serve", "serve [FLAGS]\n\nEvery flag is also a TILTMETER_* variable and a key of the settings file.", out)
	s.flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("serve takes no arguments, got %q", fs.Args())
	}
	if err := s.read(fs); err != nil {
		return err
	}
	log, err := s.logger(os.Stderr)
	if err != nil {
		return err
	}
	a, err := startApp(ctx, s, log)
	if err != nil {
		return err
	}
	a.announce(out)
	return a.wait(ctx)
}
