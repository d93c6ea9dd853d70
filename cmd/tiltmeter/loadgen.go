package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
)

const loadgenUsage = `loadgen [FLAGS]

Sends GenAI traffic as it really is, and with --verify checks that each acknowledged span is stored
once. What it sends stays: for traffic that does not mix with yours, make keys of a project for it.
They work on servers that need no keys, too:

  tiltmeter keys create --scope ingest --project load
  tiltmeter keys create --scope read --project load
  tiltmeter loadgen --key ... --read-key ... --project load --verify http://127.0.0.1:8080`

func runLoadgen(ctx context.Context, args []string, out io.Writer) error {
	o := loadgen.Options{Out: out}
	fs := newFlags("loadgen", loadgenUsage, out)
	o.Flags(fs)
	fs.String("config", "", "the server's settings file, for its addresses (default tiltmeter.yaml, if there is one)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return misused(fs)
	}
	setting := flagOTLPGRPC
	if o.HTTP {
		setting = flagOTLPHTTP
	}
	if err := resolveClient(fs, os.LookupEnv, map[string]string{"endpoint": setting}); err != nil {
		return err
	}
	o.Endpoint = dialable(o.Endpoint)
	if err := reach(ctx, o.Endpoint, "endpoint"); err != nil {
		return err
	}
	err := loadgen.Run(ctx, o)
	if errors.Is(err, loadgen.ErrVerify) || errors.Is(err, loadgen.ErrFailed) {
		return errors.Join(err, exitError(1))
	}
	return err
}
