package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/builtin"
	"github.com/tiltmeter/tiltmeter/analyzers/runner"
	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/web"
)

// app is a running server: its parts, and how to stop them in the reverse order of their start.
type app struct {
	s     serveSettings
	log   *slog.Logger
	reg   *prometheus.Registry
	ports ports

	started  time.Time
	required bool // requests need keys
	guard    *auth.Guard
	demoKey  string         // see isDemo
	engine   *engine.Engine // nil with a ClickHouse of the user's own
	spans    spanlog.Log    // nil when no role needs it
	store    *store.Store   // nil when no role needs it
	writer   *writer.Writer
	runner   *runner.Runner
	otlp     *otlp.Server
	api      *api.Server

	stops []func(context.Context) error
	fatal chan error // the first error that ends the server
}

// startApp starts every part that the roles ask for. On an error it stops what it had started.
func startApp(ctx context.Context, s serveSettings, log *slog.Logger) (_ *app, err error) {
	a := &app{s: s, log: log, reg: prometheus.NewRegistry(), started: time.Now(), fatal: make(chan error, 8), demoKey: newDemoKey(s)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if a.ports, err = openPorts(ctx, s); err != nil { // before anything is made: nothing is left of a start that cannot be
		return nil, err
	}
	a.onStop(func(context.Context) error { return a.ports.close() })
	if err := os.MkdirAll(s.dataDir, 0o750); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	for _, start := range []func(context.Context) error{
		a.startGuard, a.startEngine, a.startLog, a.startReceivers, a.startStore, a.startWriter, a.startAnalyzers, a.startAPI, a.startProfiles, a.startDemo,
	} {
		if err := start(ctx); err != nil {
			return nil, err
		}
	}
	if s.has("alert") {
		log.Debug("this version has nothing to run in this role", "role", "alert")
	}
	return a, nil
}

// onStop registers what stop does, in reverse order.
func (a *app) onStop(f func(context.Context) error) { a.stops = append(a.stops, f) }

// stop ends every part within the time that the settings allow.
func (a *app) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.s.shutdownWithin)
	defer cancel()
	var errs []error
	for _, v := range slices.Backward(a.stops) {
		errs = append(errs, v(ctx))
	}
	a.stops = nil
	return errors.Join(errs...)
}

// wait runs until ctx ends or a part fails, then stops everything.
func (a *app) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping")
	case err = <-a.fatal:
	}
	return errors.Join(err, a.stop())
}

// run does f in the background until the app stops; an error of it ends the server.
func (a *app) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			a.fail(err)
		}
	}()
	a.onStop(func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return stop.Err()
		}
	})
}

func (a *app) fail(err error) {
	select {
	case a.fatal <- err:
	default: // an earlier one is ending the server
	}
}

func (a *app) startGuard(context.Context) error {
	keys, err := auth.Open(a.s.dataDir)
	if err != nil {
		return err
	}
	addrs := []string{a.s.httpAddr}
	if a.s.has("ingest") {
		addrs = append(addrs, a.s.otlpGRPCAddr, a.s.otlpHTTPAddr)
	}
	if a.required, err = auth.Check(keys, addrs...); err != nil {
		return err
	}
	if a.s.requireKeys && !a.required {
		a.required = true
		if all, err := keys.List(); err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("--require-keys is set and no key exists: run `tiltmeter keys create --scope ingest` "+
				"for the applications that send and `tiltmeter keys create --scope read` for the people who look"))
		}
	}
	a.guard = auth.NewGuard(auth.Options{
		Keys: keys, Required: a.required, AllowedHosts: a.s.allowedHosts, Logger: a.log, Registerer: a.reg,
	})
	return nil
}

// stores reports whether a role of this process speaks to ClickHouse.
func (a *app) stores() bool {
	return a.s.has("write") || a.s.has("api") || a.s.has("analyze") || a.s.has("alert")
}

// startEngine takes the data folder and does not wait for the engine: what senders have comes in
// meanwhile.
func (a *app) startEngine(context.Context) (err error) {
	if a.s.clickhouseDSN != "" || !a.stores() {
		return nil
	}
	a.engine, err = engine.Launch(engine.Config{
		DataDir: a.s.dataDir, LibraryPath: a.s.engineLibrary, MemoryBytes: int64(a.s.engineMemory),
		DisableFsync: !a.s.fsync, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.onStop(a.engine.Close)
	return nil
}

func (a *app) startLog(ctx context.Context) (err error) {
	if !slices.ContainsFunc([]string{"ingest", "write", "analyze", "api"}, a.s.has) {
		return nil
	}
	a.spans, err = spanlog.Open(ctx, spanlog.Options{
		Dir: filepath.Join(a.s.dataDir, "log"), URL: a.s.natsURL,
		CredsFile: a.s.natsCreds, TLSCAFile: a.s.natsCA, TLSCertFile: a.s.natsCert, TLSKeyFile: a.s.natsKey, Replicas: a.s.natsReplicas,
		MaxBytes: int64(a.s.logMaxBytes), MaxPayloadBytes: int(a.s.maxRequest), MinFreeBytes: int64(a.s.minFreeDisk),
		Duplicates: a.s.duplicateWindow, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.onStop(func(context.Context) error { return a.spans.Close() })
	return nil
}

func (a *app) startReceivers(ctx context.Context) error {
	if !a.s.has("ingest") {
		return nil
	}
	// Registered before the first request: what came before a reader was known would not be kept for it.
	if err := a.spans.Register(ctx, writer.ReaderName, spanlog.StartFirst); err != nil {
		return err
	}
	if a.s.has("analyze") {
		if err := a.spans.Register(ctx, runner.ReaderName, spanlog.StartFirst); err != nil {
			return err
		}
	}
	config := otlp.Config{
		GRPCListener: a.ports[flagOTLPGRPC], HTTPListener: a.ports[flagOTLPHTTP], Limits: a.s.limits(),
		InFlightBytes: int64(a.s.maxInFlight), DrainBytes: int64(a.s.maxDrain), SpansPerSecond: a.s.projectRate, AllowedOrigins: a.s.allowedOrigins,
	}
	var err error
	if config.TLS, err = api.LoadTLS(a.s.tlsCert, a.s.tlsKey); err != nil {
		return err
	}
	server, err := otlp.New(config, otlp.Deps{Log: a.spans, Registerer: a.reg, Logger: a.log, Authorize: a.authorizeIngest, Protect: a.guard.Protect})
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	a.otlp = server
	a.onStop(server.Shutdown)
	a.watch(server.Failed())
	return nil
}

// authorizeIngest puts the guard's answer into the receiver's words.
func (a *app) authorizeIngest(ctx context.Context, header func(string) string) (string, error) {
	if a.isDemo(header) {
		return auth.DefaultProject, nil
	}
	project, err := a.guard.Ingest(ctx, header)
	switch {
	case errors.Is(err, auth.ErrUnauthenticated):
		return "", fmt.Errorf("%w: %w", otlp.ErrUnauthenticated, err)
	case errors.Is(err, auth.ErrForbidden):
		return "", fmt.Errorf("%w: %w", otlp.ErrForbidden, err)
	}
	return project, err
}

// watch ends the server when a port stops being served.
func (a *app) watch(failed <-chan error) {
	a.run(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		}
	})
}

// startStore makes the store and leaves the rest to the background: whatever keeps ClickHouse from
// answering, ingest does not wait for it.
func (a *app) startStore(context.Context) (err error) {
	if !a.stores() {
		return nil
	}
	options := store.Options{TTLDays: int(a.s.retention / (24 * time.Hour)), Cluster: a.s.clickhouseCluster, Logger: a.log, Registerer: a.reg}
	if a.engine != nil {
		options.ClickHouse, options.Exclusive = a.engine.ClickHouse(), true
	} else if options.ClickHouse, err = store.ParseDSN(a.s.clickhouseDSN); err != nil {
		return fmt.Errorf("--clickhouse-dsn: %w", err)
	} else {
		options.Fsync = a.s.fsync
	}
	if a.store, err = store.New(options); err != nil {
		return err
	}
	a.onStop(func(context.Context) error { return a.store.Close() })
	a.run(a.migrate)
	return nil
}

// Back-off between attempts to bring the schema up to date.
const (
	firstMigrateRetry = 100 * time.Millisecond
	lastMigrateRetry  = 5 * time.Second
)

// migrate brings the schema up to date as soon as it can be. Only a database that this binary
// must not touch ends the server.
func (a *app) migrate(ctx context.Context) error {
	said := ""
	for delay := firstMigrateRetry; ; delay = min(2*delay, lastMigrateRetry) {
		err := a.store.Migrate(ctx)
		if err == nil || store.Refused(err) {
			return err
		}
		if text := err.Error(); text != said && ctx.Err() == nil {
			a.log.Warn("the schema cannot be brought up to date yet; ingest goes on", "error", err)
			said = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// storeReady says whether the store answers, without waiting for an engine that does not.
func (a *app) storeReady(ctx context.Context) error {
	if a.engine != nil {
		if err := a.engine.Ready(); err != nil {
			return err
		}
	}
	return a.store.Ping(ctx)
}

func (a *app) startWriter(context.Context) (err error) {
	if !a.s.has("write") {
		return nil
	}
	prices, err := a.s.prices.pricer(a.log, a.reg)
	if err != nil {
		return err
	}
	a.writer, err = writer.New(a.spans, a.store, a.s.normalizer(a.reg), writer.Options{
		Rows: a.s.batchRows, Bytes: int(a.s.batchBytes), FlushEvery: a.s.flushEvery, Prices: prices, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.run(func(ctx context.Context) error {
		select {
		case <-a.store.Migrated(): // rows of this binary go into tables that it has seen
			return a.writer.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return nil
}

// startAnalyzers scores what the writer has stored. A server without this role forgets the place in the log, which would keep
// records for nobody.
func (a *app) startAnalyzers(ctx context.Context) (err error) {
	if !a.s.has("analyze") {
		if a.s.natsURL == "" && a.spans != nil {
			return a.spans.Unregister(ctx, runner.ReaderName)
		}
		return nil
	}
	a.runner, err = runner.New(a.spans, writer.ReaderName, a.store, builtin.New(), runner.Options{
		Policy: a.s.policy, Second: a.s.policy.Second(), LogShare: a.s.analyzeLogShare, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.run(func(ctx context.Context) error {
		select {
		case <-a.store.Migrated():
			return a.runner.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return nil
}

// descriptions are those of all that gives signals here.
func (a *app) descriptions() []analyzers.Description {
	list := builtin.Descriptions()
	if second := a.s.policy.Second(); second != nil {
		list = append(list, second.Describe())
	}
	return list
}

func (a *app) startAPI(ctx context.Context) (err error) {
	if !a.s.has("api") {
		return a.startProbes()
	}
	a.api, err = api.New(api.Config{Listener: a.ports[flagHTTP], TLSCertFile: a.s.tlsCert, TLSKeyFile: a.s.tlsKey}, api.Deps{
		Store: a.store, Ingest: newIngestView(a), Reader: newSpanReader(a), Advisor: advisor{},
		Analyzers: a.descriptions(), Measured: a.s.policy.Measured, Scoring: a.s.has("analyze"), Guard: a.guard, Web: web.Handler(), Ready: a.parts(),
		Logger: a.log, Registerer: a.reg, Gatherer: a.reg,
	})
	if err != nil {
		return err
	}
	if err := a.api.Start(ctx); err != nil {
		return err
	}
	a.onStop(a.api.Shutdown)
	a.watch(a.api.Failed())
	return nil
}

// startProbes serves health and metrics for a process without the API role.
func (a *app) startProbes() error {
	handler := api.Probes(a.guard, a.parts(), a.reg)
	tlsConfig, err := api.LoadTLS(a.s.tlsCert, a.s.tlsKey)
	if err != nil {
		return err
	}
	a.serveHTTP(a.ports[flagHTTP], handler, tlsConfig)
	return nil
}

// serveHTTP serves a handler until the app stops.
func (a *app) serveHTTP(l net.Listener, h http.Handler, tlsConfig *tls.Config) {
	if tlsConfig != nil {
		l = tls.NewListener(l, tlsConfig)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	a.run(func(context.Context) error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		return nil
	})
	a.onStop(server.Shutdown)
}

// parts are what /readyz asks.
func (a *app) parts() []api.Part {
	var parts []api.Part
	if a.spans != nil {
		parts = append(parts, a.logPart())
	}
	if a.engine != nil {
		parts = append(parts, api.Part{Name: "engine", Check: func(context.Context) error { return a.engine.Ready() }})
	}
	if a.store != nil {
		parts = append(parts, api.Part{Name: "store", Check: a.storeReady})
	}
	if a.writer != nil {
		parts = append(parts, api.Part{Name: "writer", Check: func(context.Context) error { return a.writer.Ready() }})
	}
	if a.runner != nil {
		parts = append(parts, api.Part{Name: "analyzers", Check: func(context.Context) error { return a.runner.Ready() }})
	}
	return parts
}

func (a *app) logPart() api.Part {
	return api.Part{Name: "log", Check: func(ctx context.Context) error {
		st, err := a.spans.Status(ctx)
		if err == nil && !st.Accepting {
			err = errors.New(st.Refusing)
		}
		return err
	}}
}

// startProfiles serves Go's profiles, to operators on this machine who asked for them.
func (a *app) startProfiles(context.Context) error {
	if a.s.pprofAddr == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	a.serveHTTP(a.ports[flagPprof], mux, nil)
	return nil
}

// announce prints where things are: where to send at once, where to look when there is something to see.
func (a *app) announce(out io.Writer) {
	scheme := "http"
	if a.s.tlsCert != "" {
		scheme = "https"
	}
	if a.otlp != nil {
		fmt.Fprintf(out, "Send OTLP to %s (gRPC) or %s://%s (HTTP)\n", dialable(a.otlp.GRPCAddr().String()), scheme, dialable(a.otlp.HTTPAddr().String()))
	}
	if a.required {
		fmt.Fprintln(out, "Others can reach this server: every request needs a key (tiltmeter keys).")
	}
	if a.api == nil {
		return
	}
	a.run(func(ctx context.Context) error {
		tick := time.NewTicker(readyPoll)
		defer tick.Stop()
		for !a.ready(ctx) {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
		fmt.Fprintf(out, "Tiltmeter is ready: %s://%s\n", scheme, dialable(a.api.Addr()))
		return nil
	})
}

// readyPoll is the time between two looks at whether the server is ready.
const readyPoll = 50 * time.Millisecond

func (a *app) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, p := range a.parts() {
		if p.Check(ctx) != nil {
			return false
		}
	}
	return true
}
