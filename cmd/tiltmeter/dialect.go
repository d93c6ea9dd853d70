package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

const dialectUsage = `dialect test FILE... [--json] [--config FILE]
       tiltmeter dialect list [--config FILE]

test reads OTLP requests from files (JSON or protobuf, traces and logs together, in any order; - is standard
input) and prints each span as Tiltmeter understands it: the fields, which attribute each was read from, which
attributes repeat or contradict a field, and which nobody reads. It needs no server. It exits with 1 when a file
cannot be read, whole or in part.

list prints the dialects in the order in which they are asked, and by what a span shows one.

Your own rules (dialects: in tiltmeter.yaml, docs/dialect-rules.md) come before all dialects. Settings are those of serve.
`

func runDialect(_ context.Context, args []string, out io.Writer) error {
	fs := newFlags("dialect", dialectUsage, out)
	asJSON := fs.Bool("json", false, "print one JSON object a span")
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
	sources []dialect.Source
	records int // log records that are merged into it
}

// testDialects reads files and prints their spans.
func testDialects(norm *dialect.Normalizer, files []string, asJSON bool, in io.Reader, out, complaints io.Writer) error {
	var spans []*explained
	var fragments []genai.Span
	plain, failed := 0, false
	complain := func(file, what string) {
		failed = true
		fmt.Fprintf(complaints, "tiltmeter: %s: %s\n", file, what)
	}
	for _, file := range files {
		r, err := readRequest(file, in)
		if err != nil {
			complain(file, err.Error())
			continue
		}
		if r.Rejected > 0 {
			complain(file, fmt.Sprintf("%d spans or log records are refused, the first at %s", r.Rejected, r.Reason))
		}
		if r.Signal == otlp.Traces {
			for t := wire.ReadTraces(r.Proto); t.Next(); {
				s := new(explained)
				s.sources = norm.Explain(&s.Span, t.Resource(), t.Scope(), t.Span())
				spans = append(spans, s)
			}
			continue
		}
		for l := wire.ReadLogs(r.Proto); l.Next(); {
			var f genai.Span
			if norm.Log(&f, l.Resource(), l.Scope(), l.Record()) {
				fragments = append(fragments, f)
			} else {
				plain++
			}
		}
	}
	alone := join(spans, fragments)
	slices.SortStableFunc(spans, func(a, b *explained) int { return a.Start.Compare(b.Start) })
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, s := range spans {
			if err := enc.Encode(s.json()); err != nil {
				return err
			}
		}
	} else {
		p := &printer{w: out}
		for _, s := range spans {
			p.span(s)
		}
		if alone > 0 {
			p.line("%d log records are a part of spans that are not in these files", alone)
		}
		if plain > 0 {
			p.line("%d log records are no part of a GenAI span", plain)
		}
		if p.err != nil {
			return p.err
		}
	}
	if failed {
		return exitError(1)
	}
	return nil
}

// maxStdin bounds what is read from standard input.
const maxStdin = 1 << 30

func readRequest(file string, in io.Reader) (otlp.Request, error) {
	if file == "-" {
		b, err := io.ReadAll(io.LimitReader(in, maxStdin))
		if err != nil {
			return otlp.Request{}, err
		}
		return otlp.ReadRequest(b)
	}
	b, err := os.ReadFile(file)
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return otlp.Request{}, p.Err // the file is named by who complains
	}
	if err != nil {
		return otlp.Request{}, err
	}
	return otlp.ReadRequest(b)
}

// join merges log records into their spans and says how many have none.
func join(spans []*explained, fragments []genai.Span) (alone int) {
	type id struct {
		trace genai.TraceID
		span  genai.SpanID
	}
	of := map[id][]genai.Span{}
	for _, f := range fragments {
		of[id{f.TraceID, f.SpanID}] = append(of[id{f.TraceID, f.SpanID}], f)
	}
	for _, s := range spans {
		own := of[id{s.TraceID, s.SpanID}]
		if len(own) == 0 {
			continue
		}
		s.records = len(own)
		s.Merge(own)
		delete(of, id{s.TraceID, s.SpanID})
	}
	for _, left := range of {
		alone += len(left)
	}
	return alone
}

// printer writes spans for people.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// field prints a field that is there.
func (p *printer) field(name, value string) {
	if value != "" {
		p.line("  %-13s %s", name, value)
	}
}

func (p *printer) span(s *explained) {
	p.line("%s  (span %s, trace %s)", s.Name, s.SpanID, s.TraceID)
	if s.Dialect == "" && s.records == 0 {
		p.line("  no dialect reads it; its %d attributes are kept as they are", len(s.Attributes))
		p.warnings(&s.Span)
		p.line("")
		return
	}
	p.field("dialect", strings.TrimSpace(s.Dialect+" "+s.DialectVersion))
	p.field("operation", string(s.Operation))
	p.field("provider", s.Provider)
	p.field("framework", s.Framework)
	p.field("model", models(&s.Span))
	p.field("tokens", tokenText(&s.Usage))
	if s.Cost.Amount != "" {
		p.field("cost", s.Cost.Amount+" "+cmp.Or(s.Cost.Currency, "USD")+", as the sender says")
	}
	var finish []string
	for _, f := range s.FinishReasons {
		finish = append(finish, string(f))
	}
	p.field("finish", strings.Join(finish, ", "))
	p.field("agent", s.Agent.Name)
	p.field("workflow", s.Workflow)
	p.field("conversation", s.Conversation)
	p.field("user", s.User)
	p.field("prompt", strings.TrimSuffix(s.Prompt.Name+"@"+s.Prompt.Version, "@"))
	p.field("system", short(partsText(s.System)))
	for _, m := range s.Input {
		p.field("input", string(m.Role)+": "+short(partsText(m.Parts)))
	}
	for _, m := range s.Output {
		p.field("output", string(m.Role)+": "+short(partsText(m.Parts)))
	}
	for _, t := range s.Tools {
		p.field("may call", t.Name)
	}
	if t := s.Tool; t.Name != "" {
		p.field("tool", strings.TrimSpace(t.Name+" "+t.CallID)+" "+short(string(t.Arguments))+" → "+short(string(t.Result)))
	}
	p.field("query", short(s.Retrieval.Query))
	for _, d := range s.Retrieval.Documents {
		p.field("document", strings.TrimSpace(d.ID+" "+short(d.Content)))
	}
	for _, e := range s.Embedding.Items {
		p.field("embedded", fmt.Sprintf("%s (%d dimensions)", short(e.Text), len(e.Vector)))
	}
	if s.Error.Type != "" || s.Error.Message != "" {
		p.field("error", strings.TrimSpace(s.Error.Type+" "+short(s.Error.Message)))
	}
	p.warnings(&s.Span)
	if s.records > 0 {
		p.field("log records", strconv.Itoa(s.records))
	}
	p.sources(s.sources)
}

func (p *printer) warnings(s *genai.Span) {
	for _, w := range s.Warnings {
		p.field("warning", string(w.Code)+": "+strings.TrimSpace(w.Field+" "+w.Text))
	}
}

func (p *printer) sources(list []dialect.Source) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, src := range list {
		key := src.Key
		switch {
		case src.Event != "" && key != "":
			key = src.Event + " / " + key
		case src.Event != "":
			key = src.Event
		case key == "" && src.Rule != "":
			key = "the rule itself"
		case key == "":
			key = "from several"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", src.Outcome, key, strings.Join(src.Fields, ", "), strings.TrimSpace(src.Dialect+" "+src.Rule))
	}
	_ = w.Flush() // a strings.Builder does not fail
	for line := range strings.Lines(table.String()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
	p.line("")
}

func models(s *genai.Span) string {
	if s.ResponseModel == "" || s.ResponseModel == s.RequestModel {
		return cmp.Or(s.RequestModel, s.ResponseModel)
	}
	return strings.TrimSpace(s.RequestModel + " → " + s.ResponseModel)
}

// tokenText says the counts, and how cached ones were counted.
func tokenText(u *genai.Usage) string {
	var parts []string
	add := func(t genai.Tokens, what string) {
		if t.Known {
			parts = append(parts, strconv.FormatInt(t.N, 10)+" "+what)
		}
	}
	add(u.Input, "in")
	add(u.CacheRead, "of them from a cache")
	add(u.CacheWrite, "of them into a cache")
	add(u.Output, "out")
	add(u.Reasoning, "of them reasoning")
	text := strings.Join(parts, ", ")
	if u.Rule != "" {
		text += "; cached ones: " + string(u.Rule)
	}
	if u.Rollup {
		text += "; repeats the spans below"
	}
	return text
}

func partsText(parts []genai.Part) string {
	var out []string
	for _, p := range parts {
		switch {
		case p.Type == genai.PartText:
			out = append(out, p.Content)
		case p.Name != "":
			out = append(out, fmt.Sprintf("[%s %s %s]", p.Type, p.Name, p.Arguments))
		case p.Response != "":
			out = append(out, fmt.Sprintf("[%s %s]", p.Type, p.Response))
		default:
			out = append(out, strings.TrimSpace(fmt.Sprintf("[%s] %s", p.Type, cmp.Or(p.URI, p.FileID, p.Content))))
		}
	}
	return strings.Join(out, " ")
}

// maxShort is how much of a text is printed, in characters.
const maxShort = 100

// short is a text on one line, cut.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= maxShort {
		return s
	}
	return string([]rune(s)[:maxShort]) + " …"
}

// The JSON form of a span; docs/dialects.md describes it.
type (
	explainedJSON struct {
		TraceID       string                `json:"trace_id"`
		SpanID        string                `json:"span_id"`
		ParentSpanID  string                `json:"parent_span_id,omitempty"`
		Name          string                `json:"name"`
		Dialect       string                `json:"dialect"` // "": none reads it
		Version       string                `json:"dialect_version,omitempty"`
		Operation     string                `json:"operation,omitempty"`
		Provider      string                `json:"provider,omitempty"`
		Framework     string                `json:"framework,omitempty"`
		RequestModel  string                `json:"request_model,omitempty"`
		ResponseModel string                `json:"response_model,omitempty"`
		ResponseID    string                `json:"response_id,omitempty"`
		System        []genai.Part          `json:"system,omitempty"`
		Input         []genai.Message       `json:"input,omitempty"`
		Output        []genai.Message       `json:"output,omitempty"`
		Tools         []string              `json:"tools,omitempty"`
		Documents     []genai.Document      `json:"documents,omitempty"`
		Tool          *toolJSON             `json:"tool,omitempty"`
		Tokens        map[string]int64      `json:"tokens,omitempty"` // those that are known
		Rollup        bool                  `json:"tokens_repeat_spans_below,omitempty"`
		CacheRule     genai.CacheRule       `json:"cache_rule,omitempty"`
		Cost          string                `json:"reported_cost,omitempty"`
		Finish        []genai.FinishReason  `json:"finish_reasons,omitempty"`
		Conversation  string                `json:"conversation,omitempty"`
		User          string                `json:"user,omitempty"`
		Agent         string                `json:"agent,omitempty"`
		Workflow      string                `json:"workflow,omitempty"`
		Error         map[string]string     `json:"error,omitempty"`
		Warnings      []map[string]string   `json:"warnings,omitempty"`
		LogRecords    int                   `json:"log_records,omitempty"`
		Sources       []explainedSourceJSON `json:"sources"`
	}
	toolJSON struct {
		Name      string     `json:"name"`
		CallID    string     `json:"call_id,omitempty"`
		Arguments genai.JSON `json:"arguments,omitempty"`
		Result    genai.JSON `json:"result,omitempty"`
	}
	explainedSourceJSON struct {
		Event   string          `json:"event,omitempty"`
		Key     string          `json:"key,omitempty"`
		Dialect string          `json:"dialect,omitempty"`
		Rule    string          `json:"rule,omitempty"`
		Outcome dialect.Outcome `json:"outcome"`
		Fields  []string        `json:"fields,omitempty"`
	}
)

func (s *explained) json() explainedJSON {
	out := explainedJSON{
		TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), Name: s.Name, Dialect: s.Dialect, Version: s.DialectVersion,
		Operation: string(s.Operation), Provider: s.Provider, Framework: s.Framework,
		RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, ResponseID: s.ResponseID,
		System: s.System, Input: s.Input, Output: s.Output, Documents: s.Retrieval.Documents,
		Rollup: s.Usage.Rollup, CacheRule: s.Usage.Rule, Cost: s.Cost.Amount, Finish: s.FinishReasons,
		Conversation: s.Conversation, User: s.User, Agent: s.Agent.Name, Workflow: s.Workflow, LogRecords: s.records,
		Sources: []explainedSourceJSON{},
	}
	if !s.ParentSpanID.IsZero() {
		out.ParentSpanID = s.ParentSpanID.String()
	}
	for _, t := range s.Tools {
		out.Tools = append(out.Tools, t.Name)
	}
	if t := s.Tool; t != (genai.ToolExecution{}) {
		out.Tool = &toolJSON{t.Name, t.CallID, t.Arguments, t.Result}
	}
	for name, t := range map[string]genai.Tokens{
		"input": s.Usage.Input, "output": s.Usage.Output, "cache_read": s.Usage.CacheRead,
		"cache_write": s.Usage.CacheWrite, "reasoning": s.Usage.Reasoning,
	} {
		if t.Known {
			if out.Tokens == nil {
				out.Tokens = map[string]int64{}
			}
			out.Tokens[name] = t.N
		}
	}
	if e := s.Error; e.Type != "" || e.Message != "" {
		out.Error = map[string]string{"type": e.Type, "message": e.Message}
	}
	for _, w := range s.Warnings {
		out.Warnings = append(out.Warnings, map[string]string{"code": string(w.Code), "field": w.Field, "text": w.Text})
	}
	for _, src := range s.sources {
		out.Sources = append(out.Sources, explainedSourceJSON(src))
	}
	return out
}
