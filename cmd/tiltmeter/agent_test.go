package main

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protojson"

	tiltmeterv1 "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

// agentTrace is a turn of a coding agent as Claude Code sends it: its spans have no contents, and its records, which have them, name
// neither trace nor span.
type agentTrace struct {
	trace                 pcommon.TraceID
	first, second, titled pcommon.SpanID
	tool                  pcommon.SpanID
}

const (
	agentTurn  = "7d3c9f0e-52a8-4f0b-9c55-1c9b3c0d7e21"
	agentFirst = "req_011CSHoEeqs5C35K2UUqR7Fy"
	agentNext  = "req_011CSHoFv9d1mDq3wP2kYt8Z"
	agentTitle = "req_011CSHoG1x7bN5cQ4rT6uV9W"
	agentCall  = "toolu_01A09q90qw90lq917835lq9"
)

// sendAgent sends the turn: half of the records, the spans, the other half.
func sendAgent(t *testing.T, s *server) agentTrace {
	t.Helper()
	a, td, records := newAgent(t)
	sendGRPC(t, s, nil, &records[0])
	sendGRPC(t, s, &td, nil)
	sendGRPC(t, s, nil, &records[1])
	return a
}

// newAgent makes the spans of the turn and its records, in halves.
func newAgent(t *testing.T) (agentTrace, ptrace.Traces, [2]plog.Logs) {
	t.Helper()
	a := agentTrace{pcommon.TraceID{0x55, 1}, pcommon.SpanID{0x55, 2}, pcommon.SpanID{0x55, 3}, pcommon.SpanID{0x55, 4}, pcommon.SpanID{0x55, 5}}
	began := time.Now().Add(-time.Minute)
	at := func(ms int) pcommon.Timestamp {
		return pcommon.NewTimestampFromTime(began.Add(time.Duration(ms) * time.Millisecond))
	}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "claude-code")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("com.anthropic.claude_code.tracing")
	span := func(id pcommon.SpanID, name string, from, to int, attrs map[string]any) {
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(a.trace)
		sp.SetSpanID(id)
		sp.SetName(name)
		sp.SetStartTimestamp(at(from))
		sp.SetEndTimestamp(at(to))
		if id[1] != 1 {
			sp.SetParentSpanID(pcommon.SpanID{0x55, 1})
		}
		put(t, sp.Attributes(), attrs)
	}
	call := func(request string, in int64) map[string]any {
		return map[string]any{"model": "claude-of-no-book", "request_id": request, "input_tokens": in, "output_tokens": int64(5), "stop_reason": "end_turn"}
	}
	span(pcommon.SpanID{0x55, 1}, "claude_code.interaction", 0, 9000, map[string]any{"user_prompt": "<REDACTED>"})
	span(a.titled, "claude_code.llm_request", 50, 900, call(agentTitle, 3))
	span(a.first, "claude_code.llm_request", 100, 2000, call(agentFirst, 10))
	span(a.tool, "claude_code.tool", 2100, 3000, map[string]any{"tool_name": "Bash", "tool_use_id": agentCall})
	span(a.second, "claude_code.llm_request", 3100, 8000, call(agentNext, 20))

	var records [2]plog.Logs
	var lists [2]plog.LogRecordSlice
	for i := range records {
		records[i] = plog.NewLogs()
		rl := records[i].ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "claude-code")
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("com.anthropic.claude_code.events")
		lists[i] = sl.LogRecords()
	}
	sequence := int64(0)
	record := func(event string, ms int, attrs map[string]any) {
		l := lists[sequence%2].AppendEmpty()
		l.SetTimestamp(at(ms))
		l.Body().SetStr("claude_code." + event)
		put(t, l.Attributes(), attrs)
		sequence++
		l.Attributes().PutStr("event.name", event)
		l.Attributes().PutStr("prompt.id", agentTurn)
		l.Attributes().PutInt("event.sequence", sequence)
	}
	record("user_prompt", 0, map[string]any{"prompt": "where is the quincemarmalade"})
	record("api_request_body", 50, map[string]any{"body": `{"model":"m","messages":[{"role":"user","content":"a title, please"}]}`, "query_source": "generate_session_title"})
	record("api_request_body", 100, map[string]any{"query_source": "repl_main_thread", "body": `{"model":"m","system":"be terse","messages":[{"role":"user","content":[{"type":"text","text":"a reminder"},{"type":"text","text":"where is the quincemarmalade"}]}]}`})
	record("assistant_response", 900, map[string]any{"request_id": agentTitle, "response": "Quince marmalade", "query_source": "generate_session_title"})
	record("api_request", 900, map[string]any{"request_id": agentTitle, "cost_usd": 0.001, "query_source": "generate_session_title"})
	record("api_request", 2000, map[string]any{"request_id": agentFirst, "cost_usd": 0.01, "query_source": "repl_main_thread"})
	record("api_response_body", 2001, map[string]any{"request_id": agentFirst, "query_source": "repl_main_thread", "body": `{"type":"message","role":"assistant","content":[{"type":"text","text":"let me look"},{"type":"tool_use","id":"` + agentCall + `","name":"Bash","input":{"command":"ls larder"}}]}`})
	record("assistant_response", 2002, map[string]any{"request_id": agentFirst, "response": "let me look", "query_source": "repl_main_thread"})
	record("tool_result", 3000, map[string]any{"tool_name": "Bash", "tool_use_id": agentCall, "success": "true", "tool_input": `{"command":"ls larder"}`})
	record("api_request", 8000, map[string]any{"request_id": agentNext, "cost_usd": 0.02, "query_source": "repl_main_thread"})
	record("assistant_response", 8001, map[string]any{"request_id": agentNext, "response": "in the larderofquinces", "query_source": "repl_main_thread"})
	return a, td, records
}

// put adds attributes in the order of their keys, so that each run sends the same.
func put(t *testing.T, to pcommon.Map, attrs map[string]any) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		if err := to.PutEmpty(key).FromRaw(attrs[key]); err != nil {
			t.Fatal(err)
		}
	}
}

// check asks the API for everything of the turn.
func (a agentTrace) check(t *testing.T, s *server) {
	t.Helper()
	// The records of the second half may still be on their way to the store.
	path := s.url() + "/v1/traces/" + a.trace.String()
	read := func(id pcommon.SpanID) *tiltmeterv1.Span {
		out := new(tiltmeterv1.Span)
		code, body := get(path + "/spans/" + id.String())
		if err := protojson.Unmarshal([]byte(body), out); code != http.StatusOK || err != nil {
			t.Fatalf("span %s: %d %v %.300s", id, code, err, body)
		}
		return out
	}
	if !eventually(startWithin, func() bool {
		last := read(a.second)
		return len(last.GetOutputMessages()) > 0 && last.GetCost().GetReportedAmount() != ""
	}) {
		t.Fatal("the records do not come")
	}
	type told struct {
		Input, Output, Tool []string
		Cost, Reported      string
	}
	want := map[string]told{
		"titled": {Input: []string{"user: a title, please"}, Output: []string{"assistant: Quince marmalade"}, Cost: "0.001", Reported: "0.001"},
		"first": {
			Input:  []string{"user: a reminder where is the quincemarmalade"},
			Output: []string{`assistant: let me look {"command":"ls larder"}`}, Cost: "0.01", Reported: "0.01",
		},
		"tool":   {Tool: []string{"Bash", agentCall, `{"command":"ls larder"}`}},
		"second": {Output: []string{"assistant: in the larderofquinces"}, Cost: "0.02", Reported: "0.02"},
	}
	texts := func(list []*tiltmeterv1.Message) (out []string) {
		for _, m := range list {
			line := m.GetRole() + ":"
			for _, p := range m.GetParts() {
				line += " " + strings.TrimSpace(p.GetContent()+p.GetArguments())
			}
			out = append(out, line)
		}
		return out
	}
	got := map[string]told{}
	for name, id := range map[string]pcommon.SpanID{"titled": a.titled, "first": a.first, "tool": a.tool, "second": a.second} {
		sp := read(id)
		one := told{Input: texts(sp.GetInputMessages()), Output: texts(sp.GetOutputMessages()), Cost: sp.GetCost().GetAmount(), Reported: sp.GetCost().GetReportedAmount()}
		if tool := sp.GetTool(); tool != nil {
			one.Tool = []string{tool.GetName(), tool.GetCallId(), tool.GetArguments()}
		}
		got[name] = one
		var reading tiltmeterv1.SpanReading
		code, body := get(path + "/spans/" + id.String() + "/reading")
		if err := protojson.Unmarshal([]byte(body), &reading); code != http.StatusOK || err != nil || len(reading.GetDifferingFields()) > 0 {
			t.Errorf("how %s was read: %d %v, stored otherwise: %v", name, code, err, reading.GetDifferingFields())
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if first := read(a.first); len(first.GetWarnings()) > 0 || len(first.GetSystemInstructions()) != 1 {
		t.Errorf("the first call: warnings %v, instructions %v", first.GetWarnings(), first.GetSystemInstructions())
	}
	var hits struct {
		Hits []struct{ TraceID, SpanID, SpanName string }
	}
	for words, id := range map[string]pcommon.SpanID{"quincemarmalade": a.first, "larderofquinces": a.second} {
		for _, filter := range []string{"", "&filter=" + url.QueryEscape("dialect = claude-code")} {
			getJSON(t, s.url()+"/v1/spans:search?query="+words+filter, &hits)
			if len(hits.Hits) != 1 || hits.Hits[0].TraceID != a.trace.String() || hits.Hits[0].SpanID != id.String() || hits.Hits[0].SpanName != "claude_code.llm_request" {
				t.Errorf("%s%s is found in %+v, want span %s", words, filter, hits, id)
			}
		}
	}
	var list struct {
		Traces []struct {
			TraceID, InputPreview, OutputPreview string
			Usage                                struct{ InputTokens string }
			Cost                                 struct{ Amount string }
		}
	}
	getJSON(t, s.url()+"/v1/traces?query=larderofquinces", &list)
	if len(list.Traces) != 1 || list.Traces[0].Cost.Amount != "0.031" || list.Traces[0].Usage.InputTokens != "33" || list.Traces[0].InputPreview == "" {
		t.Errorf("in the list: %+v", list)
	}
	var opened struct {
		Summary struct{ Cost struct{ Amount string } }
	}
	if getJSON(t, path, &opened); opened.Summary.Cost.Amount != "0.031" {
		t.Errorf("opened: %+v", opened)
	}
}
