package main

import (
	"context"
	"io"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/demo"
)

func runDemo(ctx context.Context, args []string, out io.Writer) error {
	o := demo.Options{Out: out}
	fs := newFlags("demo", "demo [FLAGS]\n\nPlays the demo company's agents into a server: their history at once, then live with --forever.", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return demo.Run(ctx, o)
}
