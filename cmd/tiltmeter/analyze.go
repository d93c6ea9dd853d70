package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/builtin"
	"github.com/tiltmeter/tiltmeter/analyzers/runner"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

const analyzeUsage = `analyze --since DAY [--until DAY] [--analyzer NAME,...] [--project NAME] [FLAGS]

Scores stored answers again: what came before an analyzer was there, was left out, or was scored by an older version. A signal
takes the place of the one before, so that the command may be repeated, and may be killed.
With the embedded engine the server of the data folder must be stopped; with --clickhouse-dsn it may run. Settings are those of serve:
give the ones that the server has. Analyzers: %s.`

// analyzeStep is the time whose traces are listed at once.
const analyzeStep = time.Hour

// analyzeRun is one run of the command.
type analyzeRun struct {
	s            serveSettings
	list         []analyzers.Analyzer
	project      string
	since, until time.Time
	out          io.Writer
}

func runAnalyze(ctx context.Context, args []string, out io.Writer) error {
	r := analyzeRun{out: out, list: builtin.New()}
	var names []string
	for _, a := range r.list {
		names = append(names, a.Describe().Name)
	}
	fs := newFlags("analyze", fmt.Sprintf(analyzeUsage, strings.Join(names, ", ")), out)
	since := fs.String("since", "", "first day, like 2026-11-01, or how long ago, like 7d")
	until := fs.String("until", "0d", "last day")
	only := fs.StringSlice("analyzer", nil, "analyzers to score with (default: all)")
	fs.StringVar(&r.project, "project", "", "project whose answers are scored (default: all)")
	r.s.flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("analyze takes no arguments, got %q", fs.Args())
	}
	var errs [2]error
	r.since, errs[0] = parseDay("since", *since)
	r.until, errs[1] = parseDay("until", *until)
	if err := errors.Join(errs[0], errs[1], r.s.read(fs)); err != nil {
		return err
	}
	for _, name := range *only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--analyzer: no analyzer is called %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(*only) > 0 {
		r.list = slices.DeleteFunc(r.list, func(a analyzers.Analyzer) bool { return !slices.Contains(*only, a.Describe().Name) })
	}
	return r.run(ctx)
}

func (r *analyzeRun) run(ctx context.Context) (err error) {
	log, err := r.s.logger(os.Stderr)
	if err != nil {
		return err
	}
	if _, err := os.Stat(r.s.dataDir); r.s.clickhouseDSN == "" && err != nil {
		return fmt.Errorf("--data-dir: %w; want the folder of the server whose answers are to be scored", err)
	}
	r.s.roles = []string{"analyze"}
	a := &app{s: r.s, log: log, reg: prometheus.NewRegistry(), fatal: make(chan error, 8)}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := a.startEngine(ctx); err != nil {
		return err
	}
	st, err := attach(ctx, a)
	if err != nil {
		return err
	}
	a.onStop(func(context.Context) error { return st.Close() })
	scorer, err := runner.NewScorer(st, r.list, runner.Options{Policy: r.s.policy, Logger: log})
	if err != nil {
		return err
	}
	projects := []string{r.project}
	if r.project == "" {
		all, err := st.Projects(ctx)
		if err != nil {
			return err
		}
		projects = nil
		for _, p := range all {
			projects = append(projects, p.Name)
		}
	}
	for _, p := range projects {
		if err := r.of(ctx, st, scorer, p); err != nil {
			return err
		}
	}
	return nil
}

// of scores the answers of a project, the newest hours first.
func (r *analyzeRun) of(ctx context.Context, st *store.Store, scorer *runner.Scorer, project string) error {
	total := 0
	for to := r.until.Add(24 * time.Hour); to.After(r.since); to = to.Add(-analyzeStep) {
		for after := (genai.TraceID{}); ; {
			traces, err := st.AnswerTraces(ctx, project, to.Add(-analyzeStep), to, after)
			if err != nil {
				return err
			}
			if len(traces) == 0 {
				break
			}
			if err := scorer.Score(ctx, project, traces); err != nil {
				return err
			}
			total += len(traces)
			after = traces[len(traces)-1].ID
		}
	}
	_, err := fmt.Fprintf(r.out, "%s: answers of %d traces scored\n", project, total)
	return err
}
