package main

import (
	"context"
	"io"

	"github.com/tiltmeter/tiltmeter/analyzers/builtin"
	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/bench"
)

func runBench(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "detectors" {
		return runBenchDetectors(ctx, args[1:], out)
	}
	o := bench.Options{Out: out}
	fs := newFlags("bench", "bench [detectors] [FLAGS]\n\nMeasures the whole way of a span beside what decoding and the engine cost alone; or what each detector takes.", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return bench.Run(ctx, o)
}

func runBenchDetectors(ctx context.Context, args []string, out io.Writer) error {
	o := bench.DetectorOptions{Out: out, Analyzers: builtin.New()}
	fs := newFlags("bench detectors", "bench detectors [FLAGS]\n\nMeasures what each detector takes for an answer, on one core.", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return bench.RunDetectors(ctx, o)
}
