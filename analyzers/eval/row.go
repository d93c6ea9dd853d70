package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// MaxRowBytes bounds one line of a file.
const MaxRowBytes = 64 << 20

// Row is one labelled item. Of the fields any may be missing.
type Row struct {
	ID       string
	Task     string
	System   string // the operator's instructions
	Prompt   string // what the user asked
	Context  string // what was retrieved; of leakage: what must not leak
	Response string
	Samples  []string // other answers to the same prompt
	Label    *bool    // nil: none, or neither 0 nor 1
	Split    string
	SourceID string // rows of one source are never in two folds
	Spans    []Span
}

// Span is a typed part of a response.
type Span struct {
	Type       string `json:"type"`
	Start, End int    // characters (Unicode code points) of the response
}

// UnmarshalJSON reads a line. A label is 0 or 1, true or false; another one is as none, and so are spans without offsets.
func (r *Row) UnmarshalJSON(b []byte) error {
	var plain struct {
		ID       json.RawMessage `json:"id"`
		Task     string          `json:"task"`
		System   string          `json:"system"`
		Prompt   string          `json:"prompt"`
		Context  string          `json:"context"`
		Response string          `json:"response"`
		Samples  []string        `json:"samples"`
		Label    json.RawMessage `json:"label"`
		Split    string          `json:"split"`
		SourceID json.RawMessage `json:"source_id"`
		Spans    json.RawMessage `json:"spans"`
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	*r = Row{
		ID: text(plain.ID), Task: plain.Task, System: plain.System, Prompt: plain.Prompt, Context: plain.Context, Response: plain.Response,
		Samples: plain.Samples, Split: plain.Split, SourceID: text(plain.SourceID),
	}
	if json.Unmarshal(plain.Spans, &r.Spans) != nil {
		r.Spans = nil // of another shape, as texts: they say no kind
	}
	yes, no := true, false
	switch string(plain.Label) {
	case "1", "true":
		r.Label = &yes
	case "0", "false":
		r.Label = &no
	}
	return nil
}

// text is a string or number of JSON.
func text(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return s
	}
	return string(b)
}

// SignalFor is the signal of an analyzer that rows are about, when nobody says: the one called like it, or the one that looks where most of the
// rows have something. Injections are then looked for in contexts where there are any, and leaked instructions where something must not leak and
// no spans are labelled.
func SignalFor(analyzer string, rows []Row) string {
	contexts, spans := 0, 0
	for i := range rows {
		if rows[i].Context != "" || rows[i].System != "" {
			contexts++
		}
		if len(rows[i].Spans) > 0 {
			spans++
		}
	}
	if 2*contexts <= len(rows) {
		return analyzer
	}
	switch {
	case analyzer == "injection":
		return "injection.indirect"
	case analyzer == "leakage" && spans == 0:
		return "leakage.prompt"
	}
	return analyzer
}

// Read reads JSON lines. Empty lines are passed over; a line that cannot be read is an error with its number.
func Read(r io.Reader, name string) (rows []Row, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, MaxRowBytes)
	for n := 1; in.Scan(); n++ {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var row Row
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, fmt.Errorf("%s:%d: want an object with the fields id, task, context, prompt, response, label, split: %w", name, n, err)
		}
		rows = append(rows, row)
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("%s: a line has more than %d bytes", name, MaxRowBytes)
	}
	return rows, in.Err()
}

// input is the span that a row would be: the context is a document that came with the question. What must not leak is an instruction.
func (r *Row) input(analyzer string) analyzers.Input {
	s := &genai.Span{Operation: genai.OpChat, SpanID: genai.SpanID{7: 1}}
	system, context := r.System, r.Context
	if analyzer == "leakage" && system == "" {
		system, context = context, ""
	}
	if system != "" {
		s.System = []genai.Part{{Type: genai.PartText, Content: system}}
	}
	ask := genai.Message{Role: genai.RoleUser}
	if context != "" {
		ask.Parts = append(ask.Parts, genai.Part{Type: genai.PartDocument, Content: context})
	}
	if r.Prompt != "" {
		ask.Parts = append(ask.Parts, genai.Part{Type: genai.PartText, Content: r.Prompt})
	}
	if len(ask.Parts) > 0 {
		s.Input = []genai.Message{ask}
	}
	for i, answer := range append([]string{r.Response}, r.Samples...) {
		if answer != "" || i == 0 {
			s.Output = append(s.Output, genai.Message{Role: genai.RoleAssistant, Index: int64(i), Parts: []genai.Part{{Type: genai.PartText, Content: answer}}})
		}
	}
	return analyzers.Input{Span: s}
}
