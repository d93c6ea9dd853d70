package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/builtin"
	"github.com/tiltmeter/tiltmeter/analyzers/eval"
	"github.com/tiltmeter/tiltmeter/analyzers/runner"
)

const evalUsage = `eval ANALYZER --data FILE.jsonl [FLAGS]

Measures an analyzer on labelled data: %s.

Each line is a JSON object with any of the fields id, task, system, context, prompt, response, samples, label (1: what the
signal detects is there), split, source_id, spans. It becomes the span that it would be in production. The threshold with the best F1
is chosen on the lines with "split": "train" and judged on the others; where there are not both, each of five folds is judged at
the threshold of the other four. Intervals are of 95 %%. docs/detectors.md says what the figures mean.
`

func runEval(ctx context.Context, args []string, out io.Writer) error {
	var names []string
	for _, d := range builtin.Descriptions() {
		names = append(names, d.Name)
	}
	fs := newFlags("eval", fmt.Sprintf(evalUsage, strings.Join(names, ", ")), out)
	data := fs.String("data", "", "file of JSON lines; - is standard input")
	asJSON := fs.Bool("json", false, "print the figures as JSON")
	signal := fs.String("signal", "", "the signal to judge (default: the one called like the analyzer; injection.indirect and leakage.prompt where most lines have a context)")
	scores := fs.String("scores", "", "write what each line got into this file, as JSON lines")
	calibrate := fs.String("calibrate", "", "learn probabilities from the labels, and write them into this file for the server's settings")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case fs.NArg() != 1:
		return misused(fs)
	case *data == "":
		return errors.New("--data is missing: want a file of JSON lines, or - for standard input")
	}
	list := builtin.New()
	i := slices.IndexFunc(list, func(a analyzers.Analyzer) bool { return a.Describe().Name == fs.Arg(0) })
	if i < 0 {
		return fmt.Errorf("no analyzer is called %q; there are %s", fs.Arg(0), strings.Join(names, ", "))
	}
	rows, err := readRows(*data)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("--data: %s holds no lines", *data)
	}
	o := eval.Options{Signal: cmp.Or(*signal, eval.SignalFor(fs.Arg(0), rows))}
	scored, err := eval.Score(ctx, list[i], rows, o)
	if err != nil {
		return err
	}
	report := eval.Measure(list[i], scored, o)
	if *scores != "" {
		if err := writeScores(*scores, scored); err != nil {
			return err
		}
	}
	if *calibrate != "" {
		if err := writeCalibration(*calibrate, &report, scored); err != nil {
			return err
		}
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return printReport(out, &report)
}

func readRows(name string) ([]eval.Row, error) {
	if name == "-" {
		return eval.Read(os.Stdin, "standard input")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	defer func() { _ = f.Close() }()
	return eval.Read(f, name)
}

// writeScores writes what each row got, in its order.
func writeScores(name string, scored []eval.Scored) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--scores: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	enc := json.NewEncoder(f)
	for i := range scored {
		s := &scored[i]
		line := struct {
			ID          string               `json:"id"`
			Label       *bool                `json:"label,omitempty"`
			Score       *float64             `json:"score"`
			Probability *float64             `json:"probability"`
			Said        string               `json:"said,omitempty"`
			Evidence    []analyzers.Evidence `json:"evidence,omitempty"`
			Error       string               `json:"error,omitempty"`
		}{ID: s.Row.ID, Label: s.Row.Label}
		if g := s.Signal; g != nil {
			line.Score, line.Probability, line.Said, line.Evidence = &g.Score, &g.Probability, g.Label, g.Evidence
		}
		if s.Err != nil {
			line.Error = s.Err.Error()
		}
		if err := enc.Encode(line); err != nil {
			return fmt.Errorf("--scores: %w", err)
		}
	}
	return nil
}

// writeCalibration adds a signal's calibration to a file, which may have those of others.
func writeCalibration(name string, r *eval.Report, scored []eval.Scored) error {
	c, measured, items, err := eval.Calibrate(scored)
	if err != nil {
		return err
	}
	file := runner.CalibrationFile{}
	if _, err := os.Stat(name); err == nil {
		if file, err = runner.ReadCalibration(name); err != nil {
			return err
		}
	}
	if file.Signals == nil {
		file.Signals = map[string]*runner.SignalCalibration{}
	}
	one := &runner.SignalCalibration{Calibration: c, Analyzer: r.Analyzer, Version: r.Version, Items: len(items), Measured: measured}
	for _, it := range items {
		if it.True {
			one.Positives++
		}
	}
	file.Signals[r.Signal] = one
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("--calibrate: %w", err)
	}
	return nil
}

func printReport(out io.Writer, r *eval.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("signal", "%s of %s, version %d", r.Signal, r.Analyzer, r.Version)
	line("rows", "%d, of which %d labelled, %d positive", r.Rows, r.Labelled, r.Positives)
	if r.Labelled == 0 {
		line("labels", "none is 0, 1, true or false: there is nothing to judge by")
	}
	if r.Failed > 0 || r.Unjudged > 0 {
		line("not scored", "%d with an error; of %d labelled rows the analyzer says nothing", r.Failed, r.Unjudged)
	}
	line("found", "%s of all rows", share(r.Found))
	if r.Labelled > 0 {
		line("AUROC", "%s; within deciles of length %s", figure(r.AUROC), figure(r.AUROCByLength))
		line("calibration error", "%.3f; Brier %.3f", r.CalibrationError, r.Brier)
	}
	for _, d := range []struct {
		name string
		*eval.Decision
	}{{"F1, threshold of " + from(r.Chosen), r.Chosen}, {"F1 at a probability of 0.5", r.Half}, {"F1, best of all", r.Best}} {
		if d.Decision == nil {
			continue
		}
		line(d.name, "%s at %.4g on %d rows: precision %s, recall %s, false alarms %s", figure(d.F1), d.Threshold, d.Rows, figure(d.Precision), figure(d.Recall), share(d.FalseAlarms))
	}
	line("time", "%.0f µs an item; median %.0f, 99th percentile %.0f", r.MicrosMean, r.MicrosMedian, r.MicrosP99)
	if err := w.Flush(); err != nil || len(r.Kinds) == 0 {
		return err
	}
	fmt.Fprintln(w, "\nKIND\tLABELLED\tPRECISION\tRECALL")
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", k.Kind, k.Spans, figure(k.Precision), figure(k.Recall))
	}
	return w.Flush()
}

func from(d *eval.Decision) string {
	if d == nil {
		return ""
	}
	return d.From
}

func figure(r eval.Rate) string {
	if math.IsNaN(float64(r.Value)) {
		return "–"
	}
	return fmt.Sprintf("%.3f (%.3f–%.3f)", r.Value, r.Low, r.High)
}

func share(r eval.Rate) string {
	if math.IsNaN(float64(r.Value)) {
		return "–"
	}
	return fmt.Sprintf("%.2f %% (%.2f–%.2f)", 100*r.Value, 100*r.Low, 100*r.High)
}
