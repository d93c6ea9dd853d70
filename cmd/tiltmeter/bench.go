package main

import (
	"context"
	"io"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/bench"
)

func runBench(ctx context.Context, args []string, out io.Writer) error {
	o := bench.Options{Out: out}
	fs := newFlags("bench", "bench [FLAGS]\n\nMeasures the whole way of a span beside what decoding and the engine cost alone.", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return bench.Run(ctx, o)
}
