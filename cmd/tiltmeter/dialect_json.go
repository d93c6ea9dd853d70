package main

// What dialect test prints for programs.

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

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
		src.Fields = api.FieldPaths(src.Fields)
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
