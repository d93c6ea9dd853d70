package main

// What dialect test prints for people.

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

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
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", src.Outcome, visible(key), strings.Join(api.FieldPaths(src.Fields), ", "), strings.TrimSpace(src.Dialect+" "+src.Rule))
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
