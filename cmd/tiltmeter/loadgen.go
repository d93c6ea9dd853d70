package main

import (
	"context"
	"errors"
	"io"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
)

func runLoadgen(ctx context.Context, args []string, out io.Writer) error {
	o := loadgen.Options{Out: out}
	fs := newFlags("loadgen", "loadgen [FLAGS]", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	err := loadgen.Run(ctx, o)
	if errors.Is(err, loadgen.ErrVerify) || errors.Is(err, loadgen.ErrFailed) {
		return errors.Join(err, exitError(1))
	}
	return err
}
