package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// messageRole is the role that a message event of 1.28 to 1.36 stands for, "" for other events.
func messageRole(event string) genai.Role {
	switch event {
	case "gen_ai.system.message":
		return genai.RoleSystem
	case "gen_ai.user.message", "gen_ai.content.prompt":
		return genai.RoleUser
	case "gen_ai.assistant.message", "gen_ai.choice", "gen_ai.content.completion":
		return genai.RoleAssistant
	case "gen_ai.tool.message":
		return genai.RoleTool
	}
	return ""
}

// structured says whether the event's attributes are those of a span.
func structured(event string) bool {
	switch event {
	case "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result", "gen_ai.client.operation.exception":
		return true
	}
	return false
}

// readEvents takes over what span events say in the keys of spans, and keeps every event.
func (r *reading) readEvents(it wire.Events) {
	for n := 0; it.Next(); n++ {
		if n >= r.limits.Events {
			r.warn(genai.WarnTruncated, "events", "the span has more events than the limit; the rest is in the raw span only")
			return
		}
		e := it.Event()
		name := text(e.Name)
		if structured(name) || name == "exception" {
			r.takeKnown(e.Attributes())
			r.genEvents = r.genEvents || name != "exception"
		}
		if role := messageRole(name); role != "" {
			r.genEvents = true
			r.readMessageEvent(name, role, e)
		}
		r.dst.Events = append(r.dst.Events, genai.Event{
			Name: name, Time: unixNano(e.TimeUnixNano), Attributes: r.attributes(e.Attributes()),
		})
	}
}

// readMessageEvent reads a message from a span event: its body as JSON (Semantic Kernel, Azure AI
// Inference), or its fields as attributes (Strands). On a tool span the tool message holds the
// arguments and the choice the result.
func (r *reading) readMessageEvent(name string, role genai.Role, e *wire.Event) {
	var body, content, finish string
	for it := e.Attributes(); it.Next(); {
		switch string(it.Key()) {
		case "gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion":
			body = r.cut(it.Key(), it.Value().Str())
		case "content", "message":
			content = r.cut(it.Key(), it.Value().Str())
		case "finish_reason":
			finish = text(it.Value().Str())
		}
	}
	d, out := r.dst, strings.HasSuffix(name, ".choice") || strings.HasSuffix(name, ".completion")
	if op := r.held[keyOperationName].v.Str(); r.present.has(keyOperationName) && string(op) == string(genai.OpExecuteTool) {
		if out {
			d.Tool.Result = genai.JSON(content)
		} else {
			d.Tool.Arguments = genai.JSON(content)
		}
		return
	}
	to := &d.Input
	if out {
		to = &d.Output
	}
	var code genai.WarningCode
	if body != "" {
		*to, code = genai.ParseMessages(*to, body, role)
	} else {
		m := genai.Message{Role: role, FinishReason: genai.ParseFinishReason(finish)}
		m.Parts, code = genai.ParseParts(nil, content)
		*to = append(*to, m)
		if m.FinishReason != "" {
			d.FinishReasons = append(d.FinishReasons, m.FinishReason)
		}
	}
	if code != "" {
		r.warn(code, name, "the JSON broke off; what follows is kept as text")
	}
}

// takeKnown holds the known attributes of an event beside those of its span, which win.
func (r *reading) takeKnown(it wire.KeyValues) {
	for it.Next() {
		if k := lookup(it.Key()); k != noKey && !r.present.has(k) {
			r.present.add(k)
			r.held[k] = heldAttribute{it.Value(), len(r.dst.Attributes)}
			r.gen = r.gen || k <= lastGenKey
		}
	}
}

// readLog reads a record into a fragment; false when it is no GenAI event.
func (r *reading) readLog(l *wire.LogRecord) bool {
	d := r.dst
	d.TraceID, d.SpanID = l.TraceID, l.SpanID
	d.Start = unixNano(l.TimeUnixNano)
	if l.TimeUnixNano == 0 {
		d.Start = unixNano(l.ObservedUnixNano)
	}
	d.Name = text(l.EventName)
	for it := l.Attributes(); d.Name == "" && it.Next(); {
		if string(it.Key()) == "event.name" {
			d.Name = text(it.Value().Str())
		}
	}
	role := messageRole(d.Name)
	if role == "" && !structured(d.Name) {
		d.Events = append(d.Events, genai.Event{
			Name: d.Name, Time: d.Start, Attributes: r.attributes(l.Attributes()), Body: r.value([]byte("body"), l.Body),
		})
		return false
	}
	r.readAttributes(l.Attributes())
	d.Dialect = otelGenAI{}.name()
	otelGenAI{}.fill(d, r)
	if role != "" {
		r.readMessage(d, role, l.Body)
	}
	r.finish()
	return true
}

// readMessage reads the body of a message event.
func (r *reading) readMessage(d *genai.Span, role genai.Role, body wire.Value) {
	s := ""
	switch body.Kind() {
	case wire.KindMap, wire.KindArray:
		s = r.json([]byte("body"), body)
	case wire.KindString:
		s = r.cut([]byte("body"), body.Str())
	}
	if s == "" {
		r.warn(genai.WarnContentMissing, d.Name, "the event has no body")
		return
	}
	d.Partial = true
	to := &d.Input
	if d.Name == "gen_ai.choice" || strings.HasSuffix(d.Name, ".completion") {
		to = &d.Output
	}
	var code genai.WarningCode
	if *to, code = genai.ParseMessages(*to, s, role); code != "" {
		r.warn(code, "body", "the JSON broke off; what follows is kept as text")
	}
}
