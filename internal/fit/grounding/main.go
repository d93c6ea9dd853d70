// Command grounding fits the weights that analyzers/grounding carries, and prints how they do on answers that they did not see.
//
//	go run ./internal/fit/grounding --data DIR --out analyzers/grounding/weights.bin
//
// DIR holds labelled sets as DIR/NAME/NAME.jsonl: ragtruth_qa (with human spans), summedits and finqa_detection. Answers to the same
// question, and summaries of the same document, are always in the same fold. The same data and seed give the same bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("grounding", flag.ContinueOnError)
	dir := flags.String("data", "", "folder of the labelled sets")
	out := flags.String("out", "", "file for the weights; none: only measure")
	seed := flags.Uint64("seed", 1, "of sampling")
	quick := flags.Bool("quick", false, "only fit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	answers, err := load(*dir, "ragtruth_qa")
	if err != nil {
		return err
	}
	edits, err := load(*dir, "summedits")
	if err != nil {
		return err
	}
	tables, err := load(*dir, "finqa_detection")
	if err != nil {
		return err
	}
	m := model.New(count(answers, edits, tables))
	for _, rows := range [][]*row{answers, edits, tables} {
		compare(m.IDF, rows)
	}
	f := &fitter{seed: *seed, answers: answers, edits: append(edits, tables...), base: m}
	if !*quick {
		f.measure(w, "5 folds by question", 5, func(r *row) int { return r.fold })
		models := names(answers)
		f.measure(w, "leave one model out", len(models), func(r *row) int { return slices.Index(models, r.Model) })
	}
	f.all()
	if rows, err := load(*dir, "begin"); err == nil && !*quick { // measured only
		compare(m.IDF, rows)
		tasks := map[string][]*row{"begin": rows}
		for _, r := range rows {
			tasks[r.Task] = append(tasks[r.Task], r)
		}
		fmt.Fprintln(w, "fitted to all, on what is never fitted")
		for _, task := range slices.Sorted(mapKeys(tasks)) {
			report(w, task, tasks[task], func(r *row) float64 { return f.score(m, r) })
		}
	}
	if *out == "" {
		return nil
	}
	if err := os.WriteFile(*out, m.Append(nil), 0o600); err != nil {
		return fmt.Errorf("write the weights: %w", err)
	}
	return nil
}
