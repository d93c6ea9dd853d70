package dialect

// The log records of Claude Code: what a call was asked, what it answered and what that cost, which its spans do not have.

import (
	"cmp"
	"math"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

const claudeRecords = "com.anthropic.claude_code"

// The events that say something about a span, without their prefix.
const (
	claudePrefix   = "claude_code."
	claudePrompt   = "user_prompt"
	claudeRequest  = "api_request_body"
	claudeResponse = "api_response_body"
	claudeFailure  = "api_error"
)

// claudeEvents are those events, with the operation that they are about.
var claudeEvents = map[string]genai.Operation{
	claudePrompt: genai.OpChat, claudeRequest: genai.OpChat, claudeResponse: genai.OpChat, claudeFailure: genai.OpChat,
	"api_request": genai.OpChat, "assistant_response": genai.OpChat,
	"tool_decision": genai.OpExecuteTool, "tool_result": genai.OpExecuteTool,
}

// readClaudeRecord reads a record of one of claudeEvents. It is joined with its span by what it names: the request, the execution of
// a tool, or its place in the turn (genai.Place). Where it names a span as well, that is the one of whoever started Claude Code, whose
// context it was given, not the call's.
func readClaudeRecord(r *reading, l *wire.LogRecord) bool {
	d := r.dst
	event := strings.TrimPrefix(d.Name, claudePrefix)
	op := claudeEvents[event]
	if op == "" || !strings.HasPrefix(d.Scope.Name, claudeRecords) {
		return false
	}
	join := claudeJoinOf(l.Attributes())
	asks := event == claudePrompt || event == claudeRequest // before the request has an id
	if !join.request && !join.tool && (join.turn == "" || !asks) {
		return false
	}
	d.Operation, d.SpanID = op, genai.SpanID{}
	e := genai.Event{Name: d.Name, Time: d.Start, Attributes: d.Attributes}
	r.readSet(l.Attributes(), &e)
	d.Attributes = e.Attributes
	if event == claudeFailure {
		d.Error.Type = cmp.Or(d.Error.Type, "failed")
	}
	if join.cut {
		r.warn(genai.WarnTruncated, "body", "the sender cut the value, at "+claudeBodyLimit+" unless set otherwise")
	}
	d.Turn = genai.Turn{ID: join.turn, Sequence: join.sequence}
	return true
}

// claudeBodyLimit is CLAUDE_CODE_OTEL_CONTENT_MAX_LENGTH when it is not set.
const claudeBodyLimit = "60 KB"

// claudeJoin is by what a record is joined with its span.
type claudeJoin struct {
	request, tool bool
	turn          string
	sequence      int64
	cut           bool
}

// claudeJoinOf reads by what the record is joined. What a turn's own model was not asked (a title for the session, a
// subagent's work) is a turn beside it: its requests are not those that follow what the user typed.
func claudeJoinOf(it wire.KeyValues) (j claudeJoin) {
	source := ""
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "request_id":
			j.request = len(v.Str()) > 0
		case "tool_use_id":
			j.tool = len(v.Str()) > 0
		case "prompt.id":
			j.turn = text(v.Str())
		case "event.sequence":
			if f, ok := numberOf(v); ok && math.Abs(f) <= maxExact {
				j.sequence = int64(f)
			}
		case "query_source":
			source = text(v.Str())
		case "body_truncated":
			j.cut = string(v.Str()) == "true" || v.Bool()
		}
	}
	if j.turn != "" && source != "" && source != "sdk" && !strings.HasPrefix(source, "repl_main_thread") {
		j.turn += " " + source
	}
	return j
}

// takeClaudeBody reads a body of Anthropic's Messages API: of a request, or of an answer. One that was cut is read as far as it goes.
func takeClaudeBody(r *reading, k key, v wire.Value) bool {
	if r.span != nil {
		return false
	}
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	if !ok || r.withheld(k, s) {
		return false
	}
	body := genai.JSON(trimmed(s))
	if strings.TrimPrefix(r.dst.Name, claudePrefix) == claudeRequest {
		return r.takeClaudeRequest(body, k)
	}
	found, all := r.wholeAnswer(body, k)
	if name, _ := body.Tail(); !found && name == "content" {
		r.messages(string(body), &r.dst.Output, genai.RoleAssistant, k)
	}
	if d := r.dst; d.ResponseModel == "" {
		d.ResponseModel = body.At("model").Text()
	}
	return all
}

func (r *reading) takeClaudeRequest(body genai.JSON, k key) bool {
	found, all := r.wholeRequest(body, k)
	if found {
		return all
	}
	body.Members(func(name string, v genai.JSON) { r.requestMember(name, v) })
	name, rest := body.Tail()
	if name == "messages" {
		r.messages(string(rest), &r.dst.Input, genai.RoleUser, k)
	} else if name != "" {
		r.requestMember(name, rest)
	}
	return false
}

// ofRecord reads a key of log records alone.
func ofRecord(take taker) taker {
	return func(r *reading, k key, v wire.Value) bool { return r.span == nil && take(r, k, v) }
}
