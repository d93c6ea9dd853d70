// Command tiltmeter is the whole product in one binary: the server, and the tools around it.
//
// One file a subcommand; a subcommand reads its settings, wires parts together and stops them
// again. It decides nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

// version is set by the linker; a plain `go build` says what the module knows.
var version = "dev"

// command is one subcommand. run gets the arguments after its name.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "receive, store and show traces", runServe},
		{"demo", "play an invented company's traffic into a server", runDemo},
		{"loadgen", "send GenAI traffic at a rate or at full speed, and check what was stored", runLoadgen},
		{"keys", "create, list and revoke keys", runKeys},
		{"dead-letters", "list what could not be read, and read it again", runDeadLetters},
		{"reread", "read stored spans again with the dialects and prices of this version", runReread},
		{"analyze", "score stored answers again with the analyzers of this version", runAnalyze},
		{"reprice", "compute the cost of stored calls again with today's prices", runReprice},
		{"dialect", "show how spans in files are understood, and which attribute each field was read from", runDialect},
		{"eval", "measure an analyzer on labelled data, and calibrate it", runEval},
		{"bench", "measure ingest beside its limits in one run", runBench},
		{"version", "print the version", runVersion},
	}
}

// exitError carries an exit code out of a subcommand that has already said what it had to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	engine.RunIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	var code exitError
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "tiltmeter:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.Join(usage(os.Stderr), exitError(2))
	}
	if args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		return usage(out)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], out)
		}
	}
	return fmt.Errorf("no command %q; `tiltmeter help` lists them", args[0])
}

func usage(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprint(w, "Tiltmeter watches what AI systems answer.\n\nUsage: tiltmeter COMMAND [FLAGS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s\t%s\n", c.name, c.about)
	}
	fmt.Fprintln(w, "\n`tiltmeter COMMAND --help` lists a command's flags.")
	return w.Flush()
}

func runVersion(_ context.Context, _ []string, out io.Writer) error {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "dev" && info.Main.Version != "" {
		v = info.Main.Version
	}
	_, err := fmt.Fprintln(out, "tiltmeter", v)
	return err
}

// misused prints how a command is used, to people and not into a pipe.
func misused(fs *pflag.FlagSet) error {
	fs.SetOutput(os.Stderr)
	fs.Usage()
	return exitError(2)
}

// newFlags makes a flag set that prints its own usage.
func newFlags(name, usage string, out io.Writer) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "Usage: tiltmeter %s\n\n%s", usage, fs.FlagUsages())
	}
	return fs
}
