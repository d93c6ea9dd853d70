package main

import (
	"bytes"
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
	"time"
	"unicode/utf8"

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
// those without one.
func join(spans []*explained, fragments []dialect.Fragment) (alone []genai.Span) {
	type id struct {
		trace genai.TraceID
		span  genai.SpanID
	}
	of, copies := map[id][]dialect.Fragment{}, map[id]int{}
	for _, s := range spans {
		copies[id{s.TraceID, s.SpanID}]++
	}
	for _, f := range fragments {
		at := id{f.Span.TraceID, f.Span.SpanID}
		if copies[at] == 0 {
			alone = append(alone, f.Span)
			continue
		}
		f.Number = len(of[at]) + 1
		of[at] = append(of[at], f)
	}
	for _, s := range spans {
		at := id{s.TraceID, s.SpanID}
		s.copies, s.records = copies[at], len(of[at])
		if s.records > 0 {
			s.account.Merge(&s.Span, of[at])
		}
		s.MissingContent(genai.AnyContent(s.Input), genai.AnyContent(s.Output), s.records > 0)
	}
	return alone
}

func printText(out io.Writer, spans []*explained, strays []stray) error {
	p := &printer{w: out}
	for _, s := range spans {
		p.span(s)
	}
	for _, r := range strays {
		p.stray(&r)
	}
	return p.err
}

func printJSON(out io.Writer, spans []*explained, strays []stray) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	put := func(v any) error {
		line.Reset()
		if err := enc.Encode(v); err != nil {
			return err
		}
		_, err := io.WriteString(out, visibleJSON(strings.TrimSuffix(line.String(), "\n"))+"\n")
		return err
	}
	for _, s := range spans {
		if err := put(s.json()); err != nil {
			return err
		}
	}
	for _, r := range strays {
		if err := put(r.json()); err != nil {
			return err
		}
	}
	return nil
}

// printer writes spans for people.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, visible(fmt.Sprintf(format, args...)))
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
		p.line("  no dialect reads it; its attributes are kept as they are: %d", len(s.Attributes))
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
	p.messages(&s.Span)
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
	if s.copies > 1 {
		p.field("given", strconv.Itoa(s.copies)+" times; a trace shows the one that came last, each copy here has the log records")
	}
	p.sources(s.account.Sources)
}

func (p *printer) warnings(s *genai.Span) {
	for _, w := range s.Warnings {
		p.field("warning", string(w.Code)+": "+strings.TrimSpace(w.Field+" "+w.Text))
	}
}

func (p *printer) messages(s *genai.Span) {
	p.field("system", short(partsText(s.System)))
	for _, m := range s.Input {
		p.field("input", string(m.Role)+": "+short(partsText(m.Parts)))
	}
	for _, m := range s.Output {
		p.field("output", string(m.Role)+": "+short(partsText(m.Parts)))
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
		case key == "" && src.Record == 0:
			key = "from several"
		}
		if src.Record > 0 {
			key = strings.TrimSpace(fmt.Sprintf("log record %d  %s", src.Record, key))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", src.Outcome, visible(key), strings.Join(src.Fields, ", "), strings.TrimSpace(src.Dialect+" "+src.Rule))
	}
	_ = w.Flush() // a strings.Builder does not fail
	for line := range strings.Lines(table.String()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
	p.line("")
}

// stray prints a log record that is a part of no span above.
func (p *printer) stray(r *stray) {
	p.line("log record %s  (%s)", cmp.Or(r.Name, "without an event name"), r.where())
	if !r.plain {
		p.field("dialect", r.Dialect)
		p.messages(&r.Span)
		p.line("")
		return
	}
	for i := range r.Events {
		p.field("body", short(r.Events[i].Body.String()))
		for _, a := range r.Events[i].Attributes {
			p.line("  ignored  %s  %s", a.Key, short(a.Value.String()))
		}
	}
	p.line("")
}

// where says whose part the record is.
func (r *stray) where() string {
	var ids []string
	if !r.SpanID.IsZero() {
		ids = append(ids, "span "+r.SpanID.String())
	}
	if !r.TraceID.IsZero() {
		ids = append(ids, "trace "+r.TraceID.String())
	}
	switch of := strings.Join(ids, ", "); {
	case of == "" && r.plain:
		return "no part of a GenAI span, and names none"
	case of == "":
		return "names no span"
	case r.plain:
		return "no part of a GenAI span; " + of
	case r.SpanID.IsZero():
		return "names no span; " + of
	default:
		return of + ", which is not in these files"
	}
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
		Type          string                `json:"type"` // "span"
		TraceID       string                `json:"trace_id"`
		SpanID        string                `json:"span_id"`
		ParentSpanID  string                `json:"parent_span_id,omitempty"`
		Name          string                `json:"name"`
		Copies        int                   `json:"copies,omitempty"` // when more than one
		Dialect       string                `json:"dialect"`          // "": none reads it
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
		Tool          *toolJSON             `json:"tool,omitempty"`
		Query         string                `json:"query,omitempty"`
		Documents     []genai.Document      `json:"documents,omitempty"`
		Embeddings    []embeddingJSON       `json:"embeddings,omitempty"`
		Tokens        map[string]int64      `json:"tokens,omitempty"` // those that are known
		Rollup        bool                  `json:"tokens_repeat_spans_below,omitempty"`
		CacheRule     genai.CacheRule       `json:"cache_rule,omitempty"`
		Cost          string                `json:"reported_cost,omitempty"`
		Currency      string                `json:"reported_currency,omitempty"`
		Finish        []genai.FinishReason  `json:"finish_reasons,omitempty"`
		Conversation  string                `json:"conversation,omitempty"`
		User          string                `json:"user,omitempty"`
		Agent         string                `json:"agent,omitempty"`
		Workflow      string                `json:"workflow,omitempty"`
		PromptName    string                `json:"prompt_name,omitempty"`
		PromptVersion string                `json:"prompt_version,omitempty"`
		Error         map[string]string     `json:"error,omitempty"`
		Warnings      []map[string]string   `json:"warnings,omitempty"`
		LogRecords    int                   `json:"log_records,omitempty"`
		Sources       []explainedSourceJSON `json:"sources"`
	}
	embeddingJSON struct {
		Text       string `json:"text,omitempty"`
		Dimensions int    `json:"dimensions,omitempty"`
	}
	strayJSON struct {
		Type       string                 `json:"type"` // "log_record"
		TraceID    string                 `json:"trace_id,omitempty"`
		SpanID     string                 `json:"span_id,omitempty"`
		Name       string                 `json:"name,omitempty"` // of the event
		Time       time.Time              `json:"time"`
		Dialect    string                 `json:"dialect"` // "": no part of a GenAI span
		System     []genai.Part           `json:"system,omitempty"`
		Input      []genai.Message        `json:"input,omitempty"`
		Output     []genai.Message        `json:"output,omitempty"`
		Body       *genai.Value           `json:"body,omitempty"`
		Attributes map[string]genai.Value `json:"attributes,omitempty"`
	}
	toolJSON struct {
		Name      string     `json:"name"`
		CallID    string     `json:"call_id,omitempty"`
		Arguments genai.JSON `json:"arguments,omitempty"`
		Result    genai.JSON `json:"result,omitempty"`
	}
	explainedSourceJSON struct {
		Event   string          `json:"event,omitempty"`
		Record  int             `json:"log_record,omitempty"` // its number, from 1 on
		Key     string          `json:"key,omitempty"`
		Dialect string          `json:"dialect,omitempty"`
		Rule    string          `json:"rule,omitempty"`
		Outcome dialect.Outcome `json:"outcome"`
		Fields  []string        `json:"fields,omitempty"`
		Value   string          `json:"value,omitempty"` // its beginning
		Cut     bool            `json:"value_cut,omitempty"`
	}
)

// canonical are messages that print as the conventions have them, not as their sender did.
func canonical(list []genai.Message) []genai.Message {
	out := slices.Clone(list)
	for i := range out {
		out[i].Encoded = ""
	}
	return out
}

func (s *explained) json() explainedJSON {
	out := explainedJSON{
		Type: "span", TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), Name: s.Name, Dialect: s.Dialect, Version: s.DialectVersion,
		Operation: string(s.Operation), Provider: s.Provider, Framework: s.Framework,
		RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, ResponseID: s.ResponseID,
		System: s.System, Input: canonical(s.Input), Output: canonical(s.Output), Query: s.Retrieval.Query, Documents: s.Retrieval.Documents,
		PromptName: s.Prompt.Name, PromptVersion: s.Prompt.Version,
		Rollup: s.Usage.Rollup, CacheRule: s.Usage.Rule, Cost: s.Cost.Amount, Finish: s.FinishReasons,
		Conversation: s.Conversation, User: s.User, Agent: s.Agent.Name, Workflow: s.Workflow, LogRecords: s.records,
		Sources: []explainedSourceJSON{},
	}
	if !s.ParentSpanID.IsZero() {
		out.ParentSpanID = s.ParentSpanID.String()
	}
	if s.Cost.Amount != "" {
		out.Currency = cmp.Or(s.Cost.Currency, "USD")
	}
	if s.copies > 1 {
		out.Copies = s.copies
	}
	for _, e := range s.Embedding.Items {
		out.Embeddings = append(out.Embeddings, embeddingJSON{e.Text, len(e.Vector)})
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
	for _, src := range s.account.Sources {
		out.Sources = append(out.Sources, explainedSourceJSON(src))
	}
	return out
}

func (r *stray) json() strayJSON {
	out := strayJSON{Type: "log_record", Name: r.Name, Time: r.Start, Dialect: r.Dialect, System: r.System, Input: canonical(r.Input), Output: canonical(r.Output)}
	if !r.TraceID.IsZero() {
		out.TraceID = r.TraceID.String()
	}
	if !r.SpanID.IsZero() {
		out.SpanID = r.SpanID.String()
	}
	if !r.plain {
		return out
	}
	for i := range r.Events {
		e := &r.Events[i]
		if e.Body.Type != genai.TypeEmpty {
			out.Body = &e.Body
		}
		out.Attributes = make(map[string]genai.Value, len(e.Attributes))
		for _, a := range e.Attributes {
			out.Attributes[a.Key] = a.Value
		}
	}
	return out
}
