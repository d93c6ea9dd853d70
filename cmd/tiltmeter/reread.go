package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/ingest/writer"
	"github.com/tiltmeter/tiltmeter/store"
)

const rereadUsage = `%s --since DAY [--until DAY] [--dry-run] [FLAGS]

%s
The server of the data folder must be stopped: nobody else may write meanwhile. A run that is killed
leaves every span once; the same command goes on behind the days that are done. A day needs room for
its spans twice. Settings are those of serve: give the ones that the server has.`

func runReread(ctx context.Context, args []string, out io.Writer) error {
	return rereadCommand(ctx, store.RereadAll, "Reads stored spans again, as they were sent, through the dialects and prices of this version.", args, out)
}

func runReprice(ctx context.Context, args []string, out io.Writer) error {
	return rereadCommand(ctx, store.RereadPrices, "Computes the cost of stored model calls again, from their tokens and today's prices.", args, out)
}

// rereadRun is one run of the command.
type rereadRun struct {
	s            serveSettings
	kind         store.RereadKind
	since, until time.Time
	dry          bool
	out          io.Writer
	log          *slog.Logger
}

func rereadCommand(ctx context.Context, kind store.RereadKind, about string, args []string, out io.Writer) error {
	r := rereadRun{kind: kind, out: out}
	fs := newFlags(string(kind), fmt.Sprintf(rereadUsage, kind, about), out)
	since := fs.String("since", "", "first day, like 2026-11-01, or how long ago, like 7d")
	until := fs.String("until", "0d", "last day")
	fs.BoolVar(&r.dry, "dry-run", false, "count what would change, and change nothing")
	r.s.flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, got %q", kind, fs.Args())
	}
	var errs [2]error
	r.since, errs[0] = parseDay("since", *since)
	r.until, errs[1] = parseDay("until", *until)
	if err := errors.Join(errs[0], errs[1], r.s.read(fs)); err != nil {
		return err
	}
	if r.s.clickhouseDSN != "" {
		return fmt.Errorf("--clickhouse-dsn: %s works on the embedded engine alone, where no other process can write meanwhile", kind)
	}
	var err error
	if r.log, err = r.s.logger(os.Stderr); err != nil {
		return err
	}
	return r.run(ctx)
}

// parseDay reads a day, or the day that was so long ago.
func parseDay(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, fmt.Errorf("--%s is missing: want a day, like 2026-11-01, or how long ago, like 7d", flag)
	}
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		return d, nil
	}
	var ago days
	if err := ago.Set(text); err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("--%s: %q is neither a day, like 2026-11-01, nor how long ago, like 7d", flag, text)
	}
	return time.Now().UTC().Add(-time.Duration(ago)).Truncate(24 * time.Hour), nil
}

func (r *rereadRun) run(ctx context.Context) (err error) {
	a := &app{s: r.s, log: r.log, reg: prometheus.NewRegistry(), fatal: make(chan error, 8)}
	defer func() { err = errors.Join(err, a.stop()) }()
	for _, start := range []func(context.Context) error{a.startEngine, a.startLog} {
		if err := start(ctx); err != nil {
			return err
		}
	}
	st, err := attach(ctx, a)
	if err != nil {
		return err
	}
	a.onStop(func(context.Context) error { return st.Close() })
	prices, err := r.s.prices.pricer(r.log, nil)
	if err != nil {
		return err
	}
	norm := r.s.normalizer(nil)
	// An insert that was under way when the server ended would be repeated by the next one, under a token that the
	// days made anew do not know.
	w, err := writer.New(a.spans, st, norm, writer.Options{Prices: prices, Logger: r.log})
	if err != nil {
		return err
	}
	if err := w.Finish(ctx); err != nil {
		return fmt.Errorf("finish what the server had begun to store: %w", err)
	}
	return r.days(ctx, st, writer.NewRereader(norm, prices))
}

// attach opens the store as it is, and waits for the embedded engine.
func attach(ctx context.Context, a *app) (*store.Store, error) {
	options := store.Options{Logger: a.log}
	var err error
	if a.engine != nil {
		options.ClickHouse, options.Exclusive = a.engine.ClickHouse(), true
	} else if options.ClickHouse, err = store.ParseDSN(a.s.clickhouseDSN); err != nil {
		return nil, fmt.Errorf("--clickhouse-dsn: %w", err)
	}
	st, err := store.New(options)
	if err != nil {
		return nil, err
	}
	for {
		err := st.Attach(ctx)
		if err == nil {
			return st, nil
		}
		if a.engine == nil || a.engine.Ready() == nil || store.Refused(err) {
			return nil, errors.Join(err, st.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), st.Close())
		case <-time.After(firstMigrateRetry):
		}
	}
}

func (r *rereadRun) days(ctx context.Context, st *store.Store, by store.Rereader) error {
	list, err := st.RereadDays(ctx, r.since, r.until)
	if err != nil {
		return err
	}
	p, err := r.progress()
	if err != nil {
		return err
	}
	var total store.RereadDay
	for _, day := range list {
		name := day.Format(time.DateOnly)
		if slices.Contains(p.Done, name) {
			fmt.Fprintf(r.out, "%s: done by the run before\n", name)
			continue
		}
		got, err := st.Reread(ctx, r.kind, day, by, r.dry)
		if err != nil {
			return err
		}
		verb := "changed"
		if r.dry {
			verb = "would change"
		}
		fmt.Fprintf(r.out, "%s: %d of %d spans %s\n", name, got.Changed, got.Spans, verb)
		total.Spans, total.Changed, total.Changes = total.Spans+got.Spans, total.Changed+got.Changed, append(total.Changes, got.Changes...)
		p.Done = append(p.Done, name)
		if err := r.note(p); err != nil {
			return err
		}
	}
	if err := r.forget(); err != nil {
		return err
	}
	return r.print(&total)
}

// print says how many spans differ in which column, by dialect and service, over all days.
func (r *rereadRun) print(total *store.RereadDay) error {
	sums := map[store.RereadChange]int64{}
	for _, c := range total.Changes {
		n := c.Spans
		c.Spans = 0
		sums[c] += n
	}
	list := make([]store.RereadChange, 0, len(sums))
	for c, n := range sums {
		c.Spans = n
		list = append(list, c)
	}
	slices.SortFunc(list, store.RereadChange.Compare)
	w := tabwriter.NewWriter(r.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "%d of %d spans\n", total.Changed, total.Spans)
	if len(list) > 0 {
		fmt.Fprintln(w, "SPANS\tCOLUMN\tDIALECT\tSERVICE")
	}
	for _, c := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", c.Spans, c.Column, cmp.Or(c.Dialect, "-"), cmp.Or(c.Service, "-"))
	}
	return w.Flush()
}

// rereadProgress is what a run has done, in a file of the data folder until it has done all.
type rereadProgress struct {
	Kind         store.RereadKind
	Since, Until string
	Rules        string // dialect.Rules.Digest, where spans are read
	Done         []string
}

func (r *rereadRun) file() string { return filepath.Join(r.s.dataDir, "reread.json") }

// progress is that of a run with the same days and rules that was interrupted, or of a new one.
func (r *rereadRun) progress() (p rereadProgress, err error) {
	fresh := rereadProgress{Kind: r.kind, Since: r.since.Format(time.DateOnly), Until: r.until.Format(time.DateOnly)}
	if r.kind == store.RereadAll {
		fresh.Rules = r.s.rules.Digest()
	}
	if r.dry {
		return fresh, nil
	}
	text, err := os.ReadFile(r.file())
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read what a run before has done (delete the file to begin anew): %w", err)
	}
	if p.Kind != fresh.Kind || p.Since != fresh.Since || p.Until != fresh.Until || p.Rules != fresh.Rules {
		return fresh, nil
	}
	return p, nil
}

func (r *rereadRun) note(p rereadProgress) error {
	if r.dry {
		return nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next := r.file() + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("note what is done: %w", err)
	}
	return os.Rename(next, r.file())
}

func (r *rereadRun) forget() error {
	if r.dry {
		return nil
	}
	if err := os.Remove(r.file()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
