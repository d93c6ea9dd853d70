package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

const dialectUsage = `dialect test FILE... [--json] [--config FILE]
       tiltmeter dialect list [--config FILE]

test reads OTLP requests from files (JSON or protobuf, one request or what the Collector's file exporter writes,
gzip and zstd too; traces and logs together, in any order; - is standard input) and prints each span as Tiltmeter
understands it: the fields, which attribute each was read from, which attributes repeat or contradict a field, and
which nobody reads; then the log records that belong to none of these spans. It needs no server. It exits with 1
when a file cannot be read, whole or in part.

list prints the dialects in the order in which they are asked, and by what a span shows one.

Your own rules (dialects: in tiltmeter.yaml, docs/dialect-rules.md) come before all dialects. Settings are those of serve.
`

func runDialect(_ context.Context, args []string, out io.Writer) error {
	fs := newFlags("dialect", dialectUsage, out)
	asJSON := fs.Bool("json", false, "print one JSON object a line, for each span and log record")
	config := fs.String("config", "", "settings file of the server (default tiltmeter.yaml, if there is one)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	s, err := settingsOfServe(*config)
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() == 1 && fs.Arg(0) == "list" && !*asJSON:
		return listDialects(s.rules, out)
	case fs.NArg() > 1 && fs.Arg(0) == "test":
		return testDialects(s.normalizer(nil), fs.Args()[1:], *asJSON, os.Stdin, out, os.Stderr)
	}
	return misused(fs)
}

// settingsOfServe are what a server would have that is started here with this --config.
func settingsOfServe(config string) (s serveSettings, err error) {
	server := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.flags(server)
	if config != "" {
		if err := server.Set("config", config); err != nil {
			return s, err
		}
	}
	return s, s.read(server)
}

func listDialects(rules *dialect.Rules, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DIALECT\tEVIDENCE")
	for _, d := range append(rules.List(), dialect.List()...) {
		for i, e := range d.Evidence() {
			name := d.Name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "%s\t%s\n", name, e)
		}
	}
	return w.Flush()
}

// explained is a span with an account of its fields.
type explained struct {
	genai.Span
	account dialect.Account
	records int // log records that are merged into it
	copies  int // how often the files hold it
}

// stray is a log record that is a part of no span given: of another span, or of none.
type stray struct {
	genai.Span
	plain bool // nothing of a GenAI span; the record is its event
}

// testDialects reads files and prints their spans.
func testDialects(norm *dialect.Normalizer, files []string, asJSON bool, in io.Reader, out, complaints io.Writer) error {
	x := examination{norm: norm, complaints: complaints}
	for _, file := range files {
		x.file(file, in)
	}
	for _, f := range join(x.spans, x.fragments) {
		x.strays = append(x.strays, stray{f, false})
	}
	slices.SortStableFunc(x.spans, func(a, b *explained) int { return a.Start.Compare(b.Start) })
	slices.SortStableFunc(x.strays, func(a, b stray) int { return a.Start.Compare(b.Start) })
	var err error
	if asJSON {
		err = printJSON(out, x.spans, x.strays)
	} else {
		err = printText(out, x.spans, x.strays)
	}
	if err == nil && x.failed {
		err = exitError(1)
	}
	return err
}

// examination is what the files hold.
type examination struct {
	norm       *dialect.Normalizer
	spans      []*explained
	fragments  []dialect.Fragment
	strays     []stray
	complaints io.Writer
	failed     bool // something could not be read
}

func (x *examination) say(file, place, what string) {
	if place != "" {
		place += ": "
	}
	fmt.Fprintf(x.complaints, "tiltmeter: %s\n", visible(file+": "+place+what))
}

func (x *examination) file(file string, in io.Reader) {
	b, err := readFile(file, in)
	if err != nil {
		x.failed = true
		x.say(file, "", err.Error())
		return
	}
	items, metrics, broken := 0, 0, false
	for r, err := range otlp.ReadRequests(b) {
		switch {
		case err != nil:
			broken = true
			x.say(file, "", err.Error())
			continue
		case r.Signal == otlp.Metrics:
			metrics++
			continue
		case r.Rejected > 0:
			broken = true
			x.say(file, r.Place, fmt.Sprintf("%d of %s refused, the first at %s", r.Rejected, number(r.Items, "span or log record is", "spans or log records are"), r.Reason))
		}
		items += r.Items
		x.request(r)
	}
	switch {
	case metrics > 0 && items == 0:
		broken = true
		x.say(file, "", "metrics are not read: give requests for traces or logs")
	case metrics > 0:
		x.say(file, "", number(metrics, "request", "requests")+" for metrics left out")
	case items == 0 && !broken:
		x.say(file, "", "no spans and no log records in it")
	}
	x.failed = x.failed || broken
}

func (x *examination) request(r otlp.Request) {
	if r.Signal == otlp.Traces {
		for t := wire.ReadTraces(r.Proto); t.Next(); {
			s := new(explained)
			s.account = x.norm.Account(&s.Span, t.Resource(), t.Scope(), t.Span())
			x.spans = append(x.spans, s)
		}
		return
	}
	for l := wire.ReadLogs(r.Proto); l.Next(); {
		var f dialect.Fragment
		var ok bool
		if f.Account, ok = x.norm.AccountLog(&f.Span, l.Resource(), l.Scope(), l.Record()); ok {
			x.fragments = append(x.fragments, f)
		} else {
			x.strays = append(x.strays, stray{f.Span, true})
		}
	}
}

// number is how many things there are, with their noun.
func number(n int, one, many string) string {
	if n != 1 {
		one = many
	}
	return strconv.Itoa(n) + " " + one
}

func readFile(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(in, otlp.MaxFile))
	}
	b, err := os.ReadFile(file)
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return nil, p.Err // the file is named by who complains
	}
	return b, err
}

// join merges log records into their spans, into each copy of one that was given several times, and gives back
// those without one. Records that name no span are joined as the store does it (genai.Place).
func join(spans []*explained, fragments []dialect.Fragment) (alone []genai.Span) {
	of, copies, heads := map[genai.SpanPlace][]dialect.Fragment{}, map[genai.SpanPlace]int{}, genai.TraceHeads{}
	for _, s := range spans {
		at := genai.SpanPlace{TraceID: s.TraceID, SpanID: s.SpanID}
		if copies[at]++; copies[at] == 1 {
			heads[s.TraceID] = append(heads[s.TraceID], s.Head())
		}
	}
	var nameless []genai.RecordHead
	for i := range fragments {
		if s := &fragments[i].Span; s.SpanID.IsZero() {
			nameless = append(nameless, s.RecordHead())
		}
	}
	found, n := heads.Place(nameless), -1
	for _, f := range fragments {
		places := []genai.SpanPlace{{TraceID: f.Span.TraceID, SpanID: f.Span.SpanID}}
		if f.Span.SpanID.IsZero() {
			n++
			places = found[n]
		} else if copies[places[0]] == 0 {
			places = nil
		}
		for _, at := range places {
			f.Number = len(of[at]) + 1
			of[at] = append(of[at], f)
		}
		if len(places) == 0 {
			alone = append(alone, f.Span)
		}
	}
	for _, s := range spans {
		at := genai.SpanPlace{TraceID: s.TraceID, SpanID: s.SpanID}
		s.copies, s.records = copies[at], len(of[at])
		if s.records > 0 {
			s.account.Merge(&s.Span, of[at])
		}
		s.MissingContent(genai.AnyContent(s.Input), genai.AnyContent(s.Output), s.records > 0)
	}
	return alone
}
