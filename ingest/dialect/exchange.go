package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Platforms that trace programs, not calls (Langfuse, LangSmith, MLflow, Laminar, LangWatch, logfire)
// send what went into a span and what came out of it as one value each: the provider's whole request
// and answer, a list of messages, or whatever the program had. What is here reads such values, by what
// the span's operation makes of them.

// takeSent reads what went into a span, and takeReceived what came out of it. The attribute stays when
// it says more than the fields.
var (
	takeSent     = sent(asSent)
	takeReceived = received(asSent)
)

func asSent(s string) string { return s }

// fromJSON is the text of a JSON string, for senders whose values are JSON throughout.
func fromJSON(s string) string {
	if n := len(s); n > 1 && s[0] == '"' && s[n-1] == '"' {
		return genai.JSON(s).Text()
	}
	return s
}

// sent makes takeSent for senders that wrap their values.
func sent(open func(string) string) taker {
	return func(r *reading, k key, v wire.Value) bool {
		d := r.dst
		s, ok := r.opened(k, v, open)
		if !ok || s == "" {
			return ok
		}
		switch d.Operation {
		case genai.OpExecuteTool:
			return fillJSON(&d.Tool.Arguments, s)
		case genai.OpRetrieval, genai.OpRerank:
			return r.sentQuery(s)
		case genai.OpEmbeddings:
			return r.sentTexts(genai.JSON(s))
		}
		if len(d.Input) > 0 {
			return r.filledBy(contentInput, v)
		}
		r.filled[contentInput], r.ownInput = v, true
		if r.messageList(s, &d.Input, genai.RoleUser, k) {
			return true
		}
		if found, all := r.wholeRequest(genai.JSON(trimmed(s)), k); found {
			return all
		}
		d.Input = append(d.Input, textMessage(genai.RoleUser, s))
		return true
	}
}

// received makes takeReceived for senders that wrap their values.
func received(open func(string) string) taker {
	return func(r *reading, k key, v wire.Value) bool {
		d := r.dst
		s, ok := r.opened(k, v, open)
		if !ok || s == "" {
			return ok
		}
		switch d.Operation {
		case genai.OpExecuteTool:
			return fillJSON(&d.Tool.Result, s)
		case genai.OpRetrieval, genai.OpRerank:
			return r.receivedDocuments(genai.JSON(s))
		case genai.OpEmbeddings:
			return false
		}
		if len(d.Output) > 0 {
			return r.filledBy(contentOutput, v)
		}
		r.filled[contentOutput], r.ownOutput = v, true
		if r.messageList(s, &d.Output, genai.RoleAssistant, k) {
			return true
		}
		if found, all := r.wholeAnswer(genai.JSON(trimmed(s)), k); found {
			return all
		}
		d.Output = append(d.Output, textMessage(genai.RoleAssistant, s))
		return true
	}
}

// opened is the text of a value without what the sender wrapped it in. false: there is none, or a marker, or an empty
// object, which only of a tool says something: that it takes no arguments.
func (r *reading) opened(k key, v wire.Value, open func(string) string) (string, bool) {
	if v.Kind() == wire.KindEmpty {
		return "", true
	}
	if r.lost(keys[k].name, v) {
		return "", false
	}
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	if !ok || r.withheld(k, s) || s == emptyObject && r.dst.Operation != genai.OpExecuteTool {
		return "", false
	}
	return open(s), true
}

// messageList reads a list of messages. false: it is none.
func (r *reading) messageList(s string, to *[]genai.Message, role genai.Role, k key) bool {
	if genai.JSON(s).Begins() == '{' || !isMessages(genai.JSON(s), r.dst.Operation.IsInference()) {
		return false
	}
	r.messages(s, to, role, k)
	return true
}

func (r *reading) messages(s string, to *[]genai.Message, role genai.Role, k key) {
	var code genai.WarningCode
	*to, code = genai.ParseMessages(*to, s, role)
	r.doubt(code, keys[k].name)
}

// trimmed is a JSON text from its first character on.
func trimmed(s string) string { return strings.TrimLeft(s, " \n\r\t") }

// isMessages says whether a value is a message, or a list that begins with one. The input of a call
// may be a list of texts, too.
func isMessages(s genai.JSON, call bool) bool {
	s = genai.JSON(trimmed(string(s)))
	if s == "" {
		return false
	}
	if s[0] == '{' {
		return isMessage(s)
	}
	first := s.First()
	if first == "" {
		return false
	}
	return call && first[0] == '"' || isMessage(first)
}

func isMessage(s genai.JSON) bool {
	var m signs
	s.Members(m.see)
	return m.message()
}

// signs of a message, by the members of an object: a role, or blocks, or LangChain's constructor of a message, or its
// type. Whoever walks an object for something else, too, sees them on the way.
type signs struct{ role, content, kind, constructs, typed, calls bool }

func (m *signs) see(name string, v genai.JSON) {
	switch name {
	case "role":
		m.role = len(v) > 0 && v[0] == '"'
	case "content", "parts", "tool_calls":
		m.content = true
		m.kind = m.kind || isBlocks(string(v))
	case "toolCallId":
		m.calls = true // the AI SDK's calls, without a message around them
	case "type":
		if t := v.Text(); t == "constructor" {
			m.constructs = true
		} else {
			m.kind = m.kind || genai.ParseRole(t) != genai.Role(t) || t == "tool" || t == "system"
		}
	case "id":
		m.typed = strings.HasSuffix(lastOf(v), "Message") || strings.HasSuffix(lastOf(v), "MessageChunk")
	}
}

func (m *signs) message() bool {
	return m.calls || m.content && (m.role || m.kind) || m.constructs && m.typed
}

// lastOf is the text of the last element of a list, "" when there is none.
func lastOf(list genai.JSON) (last string) {
	if len(list) == 0 || list[0] != '[' {
		return ""
	}
	list.Elements(func(e genai.JSON) { last = e.Text() })
	return last
}

// member is one of an object.
type member struct {
	name  string
	value genai.JSON
}

// maxMembers bounds the members of a request that are read; those of the providers have some dozens.
const maxMembers = 64

// wholeRequest reads a request as a provider's API takes it, or a message. found: it has messages. all: nothing of it
// is left out.
func (r *reading) wholeRequest(s genai.JSON, k key) (found, all bool) {
	if len(s) == 0 || s[0] != '{' {
		return false, false
	}
	call := r.dst.Operation.IsInference()
	ms := r.members[:0]
	all = true
	var m signs
	s.Members(func(name string, v genai.JSON) {
		m.see(name, v)
		switch name {
		case "messages":
			found = found || isMessages(flattened(v), call)
		case "contents", "prompt", "input":
			found = found || call && len(v) > 0 && (v[0] == '"' || v[0] == '[')
		}
		if all = len(ms) < maxMembers; all {
			ms = append(ms, member{name, v})
		}
	})
	r.members = ms
	if m.message() {
		clear(ms)
		r.messages(string(s), &r.dst.Input, genai.RoleUser, k)
		return true, true
	}
	for i := 0; found && i < len(ms); i++ {
		all = r.requestMember(ms[i].name, ms[i].value) && all
	}
	clear(ms)
	return found && len(r.dst.Input) > 0, all
}

// requestMember reads a member of a request and says whether a field holds it.
func (r *reading) requestMember(name string, v genai.JSON) bool {
	d := r.dst
	switch name {
	case "messages", "contents", "prompt", "input":
		if len(d.Input) > 0 {
			return false
		}
		var code genai.WarningCode
		d.Input, code = genai.ParseMessages(d.Input, string(flattened(v)), genai.RoleUser)
		return code == ""
	case "system", "instructions", "system_instruction", "systemInstruction":
		if v == "null" || len(d.System) > 0 {
			return v == "null"
		}
		var code genai.WarningCode
		d.System, code = genai.ParseParts(d.System, string(v))
		return code == ""
	case "tools":
		if v == "null" || v == "[]" || len(d.Tools) > 0 {
			return len(d.Tools) == 0
		}
		var code genai.WarningCode
		d.Tools, code = genai.ParseTools(d.Tools, string(v))
		return code == "" && len(d.Tools) > 0
	}
	return r.parameter(name, v)
}

// flattened is the only list of a list of lists: LangChain asks for several answers at once, and programs
// ask for one.
func flattened(list genai.JSON) genai.JSON {
	inner, n := list.First(), 0
	if inner == "" || inner[0] != '[' {
		return list
	}
	if list.Elements(func(genai.JSON) { n++ }); n != 1 {
		return list
	}
	return inner
}

// wholeAnswer reads an answer as a provider's API gives it, or a message. found: it was one. all: nothing of it is left
// out; of an answer there always is more: ids, counts, fingerprints.
func (r *reading) wholeAnswer(s genai.JSON, k key) (found, all bool) {
	if len(s) == 0 || s[0] != '{' {
		return false, false
	}
	d := r.dst
	var answer, usage, model genai.JSON
	var m signs
	candidates := false
	s.Members(func(name string, v genai.JSON) {
		m.see(name, v)
		list := len(v) > 0 && v[0] == '['
		switch {
		case name == "choices" && list, name == "output" && list && (isMessages(v, false) || isBlocks(string(v))),
			name == "messages" && isMessages(flattened(v), false), name == "generations" && list, name == "candidates" && list:
			answer, candidates = flattened(v), name == "candidates"
		case name == "content" && v.At("parts") != "": // Google's ADK hands on one of Gemini's answers
			answer, candidates = "["+s+"]", true
		case name == "message" && isMessage(v), name == "outputs" && isMessages(flattened(v), false):
			answer = v
		case name == "usage":
			usage = v
		case name == "model" && model == "":
			model = v
		}
	})
	if m.message() {
		r.messages(string(s), &d.Output, genai.RoleAssistant, k)
		r.wholeUsage(usage) // Anthropic's answer is a message
		return true, usage == ""
	}
	if d.ResponseModel == "" && d.Operation.IsInference() {
		d.ResponseModel = model.Text()
	}
	if answer == "" {
		return false, false
	}
	if candidates {
		answer.Elements(r.candidate)
	} else {
		d.Output, _ = genai.ParseMessages(d.Output, string(answer), genai.RoleAssistant)
	}
	r.wholeUsage(usage)
	return len(d.Output) > 0, false
}

// candidate reads one of Gemini's answers.
func (r *reading) candidate(c genai.JSON) {
	d := r.dst
	n := len(d.Output)
	d.Output, _ = genai.ParseMessages(d.Output, string(c.At("content")), genai.RoleAssistant)
	reason := c.At("finishReason")
	if reason == "" {
		reason = c.At("finish_reason")
	}
	if f := genai.ParseFinishReason(reason.Text()); len(d.Output) > n && f != "" {
		d.Output[n].FinishReason, d.Output[n].Encoded = f, ""
	}
}

// wholeUsage reads the counts of a provider's answer, where no attribute has them. Anthropic's leave
// out what a cache served.
func (r *reading) wholeUsage(s genai.JSON) {
	u := &r.dst.Usage
	if u.Known() {
		return
	}
	s.Members(func(name string, v genai.JSON) {
		switch name {
		case "prompt_tokens", "input_tokens", "promptTokens", "inputTokens":
			countOf(&u.Input, v)
		case "completion_tokens", "output_tokens", "completionTokens", "outputTokens":
			countOf(&u.Output, v)
		case "total_tokens", "totalTokens":
			countOf(&r.total, v)
		case "cache_read_input_tokens":
			countOf(&u.CacheRead, v)
			r.cachedOutside = true
		case "cache_creation_input_tokens":
			countOf(&u.CacheWrite, v)
			r.cachedOutside = true
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			r.usageDetails(v)
		case "completion_tokens_details", "output_tokens_details", "output_token_details":
			countOf(&u.Reasoning, v.At("reasoning_tokens"))
			countOf(&u.Reasoning, v.At("reasoning"))
		}
	})
}

func (r *reading) usageDetails(v genai.JSON) {
	u := &r.dst.Usage
	countOf(&u.CacheRead, v.At("cached_tokens"))
	countOf(&u.CacheRead, v.At("cache_read"))
	countOf(&u.CacheWrite, v.At("cache_creation"))
}

// sentQuery reads what was searched for: a text, or the only member of an object.
func (r *reading) sentQuery(s string) bool {
	if q, sole := soleText(genai.JSON(s)); sole {
		s = q
	}
	to := &r.dst.Retrieval.Query
	if *to == "" {
		*to = s
	}
	return *to == s
}

// soleText is the text of the only member of an object.
func soleText(s genai.JSON) (text string, ok bool) {
	if len(s) == 0 || s[0] != '{' {
		return "", false
	}
	n := 0
	good := s.Members(func(_ string, v genai.JSON) {
		if n++; len(v) > 0 && v[0] == '"' {
			text, ok = v.Text(), true
		}
	})
	return text, ok && good && n == 1
}

// sentTexts reads what was embedded: a text or a list of texts, which may be the input of a request.
func (r *reading) sentTexts(texts genai.JSON) bool {
	d := &r.dst.Embedding
	if len(d.Items) > 0 {
		return false
	}
	all := true
	if in := texts.At("input"); in != "" {
		texts, all = in, false
	}
	add := func(e genai.JSON) {
		if len(d.Items) < maxTexts {
			d.Items = append(d.Items, genai.EmbeddingItem{Text: e.Text()})
		}
	}
	if texts[0] == '[' && texts.Elements(add) {
		return all && len(d.Items) < maxTexts
	}
	d.Items = append(d.Items[:0], genai.EmbeddingItem{Text: fromJSON(string(texts))})
	return all
}

// receivedDocuments reads what a search found: a list, or the only list of an object.
func (r *reading) receivedDocuments(list genai.JSON) bool {
	d := &r.dst.Retrieval
	if len(d.Documents) > 0 {
		return false
	}
	for _, name := range []string{"outputs", "documents", "output"} {
		if in := list.At(name); in != "" && in[0] == '[' {
			list = in
			break
		}
	}
	return appendDocuments(d, list) && len(d.Documents) < maxDocuments
}
