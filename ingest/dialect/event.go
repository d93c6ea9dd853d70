package dialect

import (
	"cmp"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// messageRole is the role that a message event of 1.28 to 1.36 stands for, "" for other events.
func messageRole(event string) genai.Role {
	switch event {
	case "gen_ai.system.message":
		return genai.RoleSystem
	case "gen_ai.user.message", eventPrompt:
		return genai.RoleUser
	case "gen_ai.assistant.message", eventChoice, eventCompletion:
		return genai.RoleAssistant
	case "gen_ai.tool.message":
		return genai.RoleTool
	}
	return ""
}

const (
	eventPrompt     = "gen_ai.content.prompt"     // 1.26: the whole input
	eventCompletion = "gen_ai.content.completion" // 1.26: the whole output
	eventChoice     = "gen_ai.choice"
	eventDetails    = "gen_ai.client.inference.operation.details"
	eventEvaluation = "gen_ai.evaluation.result"
	eventException  = "exception"
)

// structured says whether the event's attributes are those of a span.
func structured(event string) bool {
	switch event {
	case eventDetails, eventEvaluation, "gen_ai.client.operation.exception":
		return true
	}
	return false
}

// hasGenEvents says whether one of the events speaks of a GenAI operation.
func hasGenEvents(it wire.Events) bool {
	for it.Next() {
		n := it.Event().Name
		if len(n) > 7 && string(n[:7]) == "gen_ai." && (structured(string(n)) || messageRole(string(n)) != "") {
			return true
		}
	}
	return false
}

// readEvents reads the events of a span after its attributes. An event that ended in fields
// leaves the list; one that says more stays with what it says more.
func (r *reading) readEvents(it wire.Events) {
	for n := 0; it.Next(); n++ {
		if n >= r.limits.Events {
			r.warn(genai.WarnTruncated, "events", "the span has more events than the limit; the rest is in the raw span only")
			return
		}
		e := it.Event()
		out := genai.Event{Name: text(e.Name), Time: unixNano(e.TimeUnixNano)}
		role := messageRole(out.Name)
		gone := false
		if r.traceStep(Source{Event: out.Name, Outcome: Filled}, func() { gone = r.readOwnEvent(e) }); gone {
			continue
		}
		switch {
		case role != "" && len(r.speakers) > 0 && r.isCall():
			m := r.readMessage(out.Name, role, e.Attributes(), wire.Value{})
			out.Attributes = m.rest
			r.traceMessage(out.Name, func(r *reading) { r.addMessage(out.Name, &m) })
		case out.Name == eventException,
			structured(out.Name) && len(r.speakers) > 0 && (out.Name != eventDetails || r.isCall() || namesCall(e.Attributes())):
			r.readSet(e.Attributes(), &out)
		default:
			out.Attributes = r.attributes(e.Attributes())
			r.dst.Events = append(r.dst.Events, out)
			if r.trace != nil {
				r.trace.note(0, Source{Event: out.Name, Outcome: Ignored}, wire.Value{})
				r.trace.set++
			}
			continue
		}
		if len(out.Attributes) > 0 {
			r.dst.Events = append(r.dst.Events, out)
		}
	}
}

// readOwnEvent reads an event that is of one dialect alone, and says whether it can be forgotten.
func (r *reading) readOwnEvent(e *wire.Event) bool {
	for _, d := range r.speakers {
		if d.event != nil && d.event(r, e) {
			return true
		}
	}
	return false
}

// isCall says whether the span calls a model, a tool or an agent, as far as its attributes tell. The
// messages that others repeat in their events (Strands' loop cycles) stay events.
func (r *reading) isCall() bool {
	return r.dst.Operation != "" || r.dst.RequestModel != "" || r.dst.ResponseModel != ""
}

// namesCall says whether an event names the call that it details, where its span does not.
func namesCall(it wire.KeyValues) bool {
	for it.Next() {
		switch string(it.Key()) {
		case "gen_ai.operation.name", "gen_ai.request.model":
			return true
		}
	}
	return false
}

// readSet reads the attributes of an event as those of a span.
func (r *reading) readSet(it wire.KeyValues, e *genai.Event) {
	if r.trace != nil {
		r.trace.event = e.Name
	}
	if r.evalEvent = e.Name == eventEvaluation; r.evalEvent {
		r.eval.Time = e.Time
	}
	r.load(it, &e.Attributes)
	r.fill()
	r.finish(&e.Attributes)
	r.evalEvent = false
}

// said is what a message event says.
type said struct {
	messages []genai.Message
	empty    bool // the event has no content: the sender does not capture it
	code     genai.WarningCode
	rest     []genai.Attribute
}

// readMessage reads a message event: its body as a map or JSON (OpenTelemetry, Semantic Kernel,
// Azure AI Inference), or its fields as attributes (Strands).
func (r *reading) readMessage(name string, role genai.Role, it wire.KeyValues, body wire.Value) (m said) {
	var whole, content, finish, id, calls string
	var index int64 // of a choice
	if r.trace != nil {
		r.trace.event = name
		defer r.trace.endSet(nil)
	}
	for n := 1; it.Next(); n++ {
		v := it.Value()
		switch string(it.Key()) {
		case "gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion":
			whole, _ = r.jsonOf(name, v)
			continue
		case "content", "message":
			content, _ = r.rendered(name, v)
			continue
		case "finish_reason":
			finish = text(v.Str())
			continue
		case "id":
			id = text(v.Str())
			continue
		case "tool_calls":
			calls, _ = r.jsonOf(name, v)
			continue
		case "index":
			index = max(v.Int(), 0)
			continue
		case "role":
			if s := text(v.Str()); s != "" {
				role = genai.ParseRole(s)
			}
			continue
		case "event.name":
			continue
		}
		if r.takesOffer(it.Key(), v, n) {
			continue
		}
		m.rest = append(m.rest, genai.Attribute{Key: text(it.Key()), Value: r.value(it.Key(), v)})
	}
	if s, ok := r.jsonOf("body", body); ok && s != "" {
		whole = s
	}
	if whole != "" {
		if m.messages, m.code = genai.ParseMessages(nil, whole, role); len(m.messages) == 0 {
			m.messages = []genai.Message{{Role: role}} // {}: said, but the content was not captured
		}
	} else {
		one := genai.Message{Role: role}
		if content != "" && content[0] == '{' && isMessage(genai.JSON(content)) { // Semantic Kernel
			var ms []genai.Message
			if ms, m.code = genai.ParseMessages(nil, content, role); len(ms) == 1 {
				one = ms[0]
				one.Encoded = ""
			}
		} else {
			one.Parts, m.code = genai.ParseParts(nil, content)
		}
		one.FinishReason, one.Index = cmp.Or(genai.ParseFinishReason(finish), one.FinishReason), index
		if calls != "" {
			one.Parts, m.code = genai.ParseParts(one.Parts, calls)
		}
		if role == genai.RoleTool && id != "" && len(one.Parts) == 1 && one.Parts[0].Type == genai.PartText {
			one.Parts[0] = genai.Part{Type: genai.PartToolCallResponse, ID: id, Response: genai.JSON(content)}
		}
		m.messages = []genai.Message{one}
	}
	m.empty = true
	for i := range m.messages {
		m.empty = m.empty && len(m.messages[i].Parts) == 0
	}
	return m
}

// takesOffer offers an attribute of a message event, of which seq is the place, to the dialects that speak.
func (r *reading) takesOffer(name []byte, v wire.Value, seq int) bool {
	if r.trace != nil {
		return r.traceOffer(name, v, seq)
	}
	k := lookup(name)
	return k != noKey && r.offer(k, v)
}

// isOutput says whether a message event holds what the model said.
func isOutput(event string) bool { return event == eventChoice || event == eventCompletion }

// addMessage adds what a message event of a span says. On a tool span the tool message holds the
// arguments and the choice the result. Where attributes hold the messages, the event repeats them.
func (r *reading) addMessage(name string, m *said) {
	d := r.dst
	r.doubt(m.code, name)
	to, own := &d.Input, r.ownInput
	if isOutput(name) {
		to, own = &d.Output, r.ownOutput
	}
	if d.Operation == genai.OpExecuteTool {
		field := &d.Tool.Arguments
		if isOutput(name) {
			field = &d.Tool.Result
		}
		if *field == "" {
			*field = toolJSON(m.messages)
		}
		return
	}
	if m.empty {
		r.warn(genai.WarnContentMissing, name, "the event has no content")
	}
	if !own {
		*to = append(*to, m.messages...)
	}
}

// readLog reads a record into a fragment; false when no dialect knows it as a part of a GenAI span.
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
	for _, s := range dialects {
		if s.log == nil {
			continue
		}
		r.speakers = append(r.speakers[:0], s)
		var known bool
		if r.trace != nil {
			known = r.traceLog(s, l)
		} else {
			known = s.log(r, l)
		}
		if !known {
			continue
		}
		d.Dialect = s.name
		r.settleFields()
		r.settleStatus()
		return true
	}
	d.Events = append(d.Events, genai.Event{
		Name: d.Name, Time: d.Start, Attributes: r.attributes(l.Attributes()), Body: r.value([]byte("body"), l.Body),
	})
	return false
}

// readGenAIRecord reads the records of the conventions, and those that AWS' distribution makes of spans.
func readGenAIRecord(r *reading, l *wire.LogRecord) bool {
	d := r.dst
	role := messageRole(d.Name)
	switch {
	case role != "":
		m := r.readMessage(d.Name, role, l.Attributes(), l.Body)
		d.Attributes = append(d.Attributes, m.rest...)
		r.addLogMessage(&m)
	case structured(d.Name):
		e := genai.Event{Name: d.Name, Time: d.Start, Attributes: d.Attributes}
		r.readSet(l.Attributes(), &e)
		if l.Body.Kind() == wire.KindMap {
			r.readSet(l.Body.Map(), &e)
		}
		d.Attributes = e.Attributes
	default:
		return r.readConversation(l.Body)
	}
	return true
}

// addLogMessage makes the record a part of a list. The events of 1.26 hold the whole list.
func (r *reading) addLogMessage(m *said) {
	d := r.dst
	r.doubt(m.code, "body")
	if m.empty {
		r.warn(genai.WarnContentMissing, d.Name, "the event has no content")
	}
	d.Partial = d.Name != eventPrompt && d.Name != eventCompletion
	if !isOutput(d.Name) {
		d.Input = append(d.Input, m.messages...)
		return
	}
	d.Output = append(d.Output, m.messages...)
}

// readConversation reads the records that AWS' distribution makes of a span's contents: a body
// {input: {messages}, output: {messages}}, named after the span's scope.
func (r *reading) readConversation(body wire.Value) bool {
	var in, out wire.Value
	for it := body.Map(); it.Next(); {
		to := &in
		switch string(it.Key()) {
		case "input":
		case "output":
			to = &out
		default:
			return false
		}
		for m := it.Value().Map(); m.Next(); {
			if string(m.Key()) == "messages" && m.Value().Kind() == wire.KindArray {
				*to = m.Value()
			}
		}
	}
	var code, code2 genai.WarningCode
	d := r.dst
	if in.Kind() == wire.KindArray {
		d.Input, code = genai.ParseMessages(d.Input, r.json("body", in), genai.RoleUser)
	}
	if out.Kind() == wire.KindArray {
		d.Output, code2 = genai.ParseMessages(d.Output, r.json("body", out), genai.RoleAssistant)
	}
	r.doubt(code, "body.input")
	r.doubt(code2, "body.output")
	return in.Kind() == wire.KindArray || out.Kind() == wire.KindArray
}

// toolJSON is what the message of a tool span holds: the arguments or the result.
func toolJSON(ms []genai.Message) genai.JSON {
	if len(ms) == 0 {
		return ""
	}
	for _, p := range ms[0].Parts {
		switch {
		case p.Response != "":
			return p.Response
		case p.Raw != "":
			return p.Raw
		case p.Content != "":
			return genai.JSON(strings.TrimSpace(p.Content))
		}
	}
	return ""
}
