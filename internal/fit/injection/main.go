// Command injection fits the weights of analyzers/injection and says how they do on texts that they were not fitted on.
//
//	go run ./internal/fit/injection --data FOLDER [--out analyzers/injection/weights.bin]
//
// FOLDER holds labelled sets as JSON lines: prompt_injection/{deepset,piguard_suite}.jsonl, jbb_artifacts, halueval_general, coconot,
// xstest, ragtruth_qa, llmdrift, presidio_pii, summedits. Together with the texts beside this file they are all that is fitted on. Sets that
// are there but may only be measured on (alpaca_outputs, agnews, prompt_injection/{neuralchemy,jailbreak_templates}) are.
// The same data and seed give the same weights.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fit injection:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("injection", flag.ContinueOnError)
	folder := flags.String("data", "", "folder of the labelled sets")
	out := flags.String("out", "", "file that the weights are written to; none are written without it")
	seed := flags.Uint64("seed", 1, "seed of the order in which examples are seen and instructions planted")
	epochs := flags.Int("epochs", 60, "how often every text of a user is seen; documents a third of that")
	wrong := flags.String("wrong", "", "a set whose wrongly judged texts are printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	prompts, err := readPrompts(*folder)
	if err != nil {
		return err
	}
	documents, err := readDocuments(*folder, *seed)
	if err != nil {
		return err
	}
	prompt := fitPrompts(prompts, settings{bits: 16, epochs: *epochs, rate: 0.1, ridge: 0.001, denseRidge: 0.001, features: model.PromptFeatures, seed: *seed})
	prompt.report(w, *wrong)
	data := fitDocuments(documents, settings{bits: 16, epochs: (*epochs + 2) / 3, rate: 0.1, ridge: 0.003, denseRidge: 0.001, features: model.DataFeatures, seed: *seed})
	data.report(w, *wrong)
	if *out == "" {
		return nil
	}
	return os.WriteFile(*out, data.model.Append(prompt.model.Append(nil)), 0o644) //nolint:gosec // weights are for everybody
}
