package genai

import (
	"fmt"
	"slices"
	"unsafe"
)

// MaxMessages and MaxParts are how many messages a list and parts a message may have: ten times
// the longest agent runs seen. What follows is left out.
const (
	MaxMessages = 10_000
	MaxParts    = 10_000
)

// ParseMessages appends the messages of a JSON text to dst: an array of messages, a single one,
// plain strings, in the shapes of OpenTelemetry, OpenAI (chat and responses), Anthropic, Bedrock,
// Gemini, LangChain and the AI SDK. Parts that lie in the list without a message around them form
// one message. Text that is no JSON becomes a message of that text. role is that of messages
// that name none. The code is WarnMalformedJSON when the text broke off, WarnTruncated when it has
// more than MaxMessages, MaxParts or MaxJSONDepth, else "". Behind the place where it broke off, or
// was nested too deeply, the rest is a message of that text.
//
// The messages share the memory of text.
func ParseMessages(dst []Message, text string, role Role) ([]Message, WarningCode) {
	p := parser{scanner: scanner{s: text}}
	first := len(dst)
	switch p.peek() {
	case '[':
		p.slab = make([]Part, 0, partsGuess(text))
		for e := p.open('['); p.more(']', e); e = false {
			if len(dst)-first >= MaxMessages {
				return dst, WarnTruncated
			}
			if p.peek() == 'n' && p.next().kind == jsonNull {
				continue
			}
			dst = p.appendMessage(dst, first, role)
		}
	case '{':
		p.slab = make([]Part, 0, 2)
		dst = p.appendMessage(dst, first, role)
		if p.peek() != 0 {
			p.fail()
		}
	case 0:
		return dst, ""
	case '"':
		n := p.next()
		if p.err || p.peek() != 0 {
			return append(dst, textMessage(role, text)), ""
		}
		text = n.text()
		if inner, ok := nested(text); ok {
			return ParseMessages(dst, string(inner), role)
		}
		return append(dst, textMessage(role, text)), ""
	default:
		return append(dst, textMessage(role, text)), ""
	}
	if rest := p.s[p.pos:]; p.err && rest != "" {
		dst = append(dst, textMessage(role, rest))
	}
	return dst, p.code()
}

// partsGuess is how many parts to make room for: messages of agents have about 1 KiB.
func partsGuess(text string) int { return min(1+len(text)/1024, 64) }

func textMessage(role Role, text string) Message {
	return Message{Role: role, Parts: []Part{{Type: PartText, Content: text}}}
}

// parser reads messages and parts.
type parser struct {
	scanner
	slab  []Part    // the parts of all messages, one behind the other
	arena []byte    // the texts that had escapes
	extra []segment // of the part being read: its fields that Part has no place for
	plain bool      // something was read that is no part: a number, an object of no known shape
	lone  bool      // the element before was a part without a message
	full  bool      // parts beyond MaxParts were left out
}

// code says what kept the parser from reading all.
func (p *parser) code() WarningCode {
	switch {
	case p.err && !p.deep:
		return WarnMalformedJSON
	case p.err || p.full:
		return WarnTruncated
	}
	return ""
}

// arenaChunk is how many bytes are allocated at least for texts with escapes; one message's
// worth, so that one text that is kept for long does not keep a whole list.
const arenaChunk = 4096

// text is that of the node, with the bytes of escaped strings in the arena.
func (p *parser) text(n node) string {
	if n.kind != jsonString || !n.escaped {
		return n.text()
	}
	s := n.body()
	if cap(p.arena)-len(p.arena) < len(s) {
		left := len(p.s) - p.pos + len(s)
		p.arena = make([]byte, 0, max(len(s), min(left, arenaChunk)))
	}
	at := len(p.arena)
	p.arena = appendUnescaped(p.arena, s)
	out := p.arena[at:]
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// appendMessage reads an element of a list. A part that is not within a message joins the one
// before it when that was such a part of the same role too.
func (p *parser) appendMessage(dst []Message, first int, role Role) []Message {
	at := len(p.slab)
	m, lone := p.message(role)
	if lone && len(m.Parts) == 0 {
		return dst // {}: content that was not captured
	}
	if p.lone = p.lone && lone && len(dst) > first; p.lone {
		if last := &dst[len(dst)-1]; last.Role == m.Role {
			last.Encoded = ""
			n := min(len(m.Parts), MaxParts-len(last.Parts))
			last.Parts = append(last.Parts, m.Parts[:n]...)
			p.full = p.full || n < len(m.Parts)
			p.slab = p.slab[:at] // they were copied
			return dst
		}
	}
	p.lone = lone
	return append(dst, m)
}

// message reads one message. Its text is the message's Encoded when reading that text alone gives
// the message again: it names its role and is whole; \u escapes would hide words from searches.
func (p *parser) message(role Role) (m Message, lone bool) {
	p.peek()
	start, loose, coded, full := p.pos, p.loose, p.coded, p.full
	p.loose, p.coded, p.full = false, false, false
	m.Role = role
	var named bool
	if p.peek() != '{' {
		at := len(p.slab)
		p.list(at)
		m.Parts = p.since(at)
	} else if named, lone = p.turn(&m); lone {
		p.pos, p.err, p.deep = start, false, false
		at := len(p.slab)
		p.part()
		m = Message{Role: role, Parts: p.since(at)}
		for i := range m.Parts {
			switch m.Parts[i].Type {
			case PartToolCall, PartServerToolCall, PartReasoning:
				m.Role, named = RoleAssistant, true
			case PartToolCallResponse:
				m.Role, named = RoleTool, true
			}
		}
	}
	if named && !p.err && !p.loose && !p.coded && !p.full {
		m.Encoded = JSON(p.s[start:p.pos])
	}
	p.loose, p.coded, p.full = p.loose || loose, p.coded || coded, p.full || full
	return m, lone
}

// since is the part of the slab from at on, which nobody else may append to.
func (p *parser) since(at int) []Part {
	if at == len(p.slab) {
		return nil
	}
	return p.slab[at:len(p.slab):len(p.slab)]
}

// turn is what a message is read into beside the message.
type turn struct {
	at      int // where its parts begin in the slab
	calls   int // where its tool calls begin, -1: none yet
	kind    string
	class   string // of which LangChain's constructor makes one
	callID  string
	content string // source of the content
	named   bool   // the message says its role
	message bool   // it has a field that only messages have
}

// turn reads the fields of a message. lone: it is no message, but a part.
func (p *parser) turn(m *Message) (named, lone bool) {
	t := turn{at: len(p.slab), calls: -1}
	for first := p.open('{'); p.more('}', first); first = false {
		k, ok := p.key()
		if !ok {
			break
		}
		p.messageField(m, &t, k)
	}
	if !t.message && t.content != "" {
		r := ParseRole(t.kind)
		switch {
		case r == RoleSystem || r == RoleAssistant || r == RoleUser || r == RoleTool: // LangChain
			m.Role, t.named, t.message = r, true, true
		case t.kind == "" || t.kind == "message":
			t.message = true
		}
	}
	if !t.message {
		p.slab = p.slab[:t.at]
		return false, true
	}
	m.Parts = p.since(t.at)
	if m.Role == RoleTool && t.callID != "" {
		p.answer(m, &t)
	}
	return t.named, false
}

func (p *parser) messageField(m *Message, t *turn, k string) {
	switch k {
	case "role":
		if n := p.next(); n.kind == jsonString && n.src != `""` {
			m.Role, t.named = ParseRole(p.text(n)), true
		}
		t.message = true
	case "name":
		m.Name = p.text(p.next())
	case "type":
		t.kind = p.text(p.next())
	case "finish_reason", "finishReason", "stop_reason":
		m.FinishReason = ParseFinishReason(p.text(p.next()))
		t.message = true
	case "index":
		m.Index = p.next().index()
	case "parts", "content":
		t.message = t.message || k == "parts"
		p.content(t)
	case "tool_calls":
		t.message = true
		at := len(p.slab)
		if p.list(t.at); t.calls < 0 && len(p.slab) > at {
			t.calls = at
		}
	case "function_call", "audio", "reasoning", "reasoning_content", "refusal":
		p.besideContent(t, k)
	case "kwargs":
		p.construct(m, t)
	case "tool_call_id", "id", "tool_use_id", "toolCallId":
		if k == "id" && p.peek() == '[' {
			t.class = p.lastText()
			return
		}
		if n := p.next(); t.callID == "" || k != "id" {
			t.callID = p.text(n)
		}
	case "message": // of a gen_ai.choice event, beside its finish_reason
		if p.peek() != '{' {
			p.content(t)
			t.message = true
			return
		}
		in, start := Message{Role: m.Role}, p.pos
		named, lone := p.turn(&in)
		if lone && !p.err {
			p.pos = start
			p.part()
		}
		m.Role, m.Name, t.named, t.message = in.Role, in.Name, t.named || named, true
		if m.FinishReason == "" {
			m.FinishReason = in.FinishReason
		}
	default:
		p.next()
	}
}

// classRoles are the roles of LangChain's classes of messages.
var classRoles = map[string]Role{
	"HumanMessage": RoleUser, "AIMessage": RoleAssistant, "SystemMessage": RoleSystem, "ToolMessage": RoleTool, "FunctionMessage": RoleTool,
	"HumanMessageChunk": RoleUser, "AIMessageChunk": RoleAssistant, "SystemMessageChunk": RoleSystem, "ToolMessageChunk": RoleTool,
}

// construct reads the arguments of LangChain's constructor {"lc", "type", "id", "kwargs"} of a message.
func (p *parser) construct(m *Message, t *turn) {
	role, known := classRoles[t.class]
	if t.kind != "constructor" || !known && t.class != "ChatMessage" || p.peek() != '{' {
		p.next()
		return
	}
	in := Message{Role: m.Role}
	if known {
		in.Role = role
	}
	_, lone := p.turn(&in)
	if lone {
		return
	}
	m.Role, m.Name, t.named, t.message = in.Role, in.Name, true, true
}

// lastText is the text of the last element of a list.
func (p *parser) lastText() (s string) {
	for first := p.open('['); p.more(']', first); first = false {
		s = p.next().text()
	}
	return s
}

// content reads parts, before the tool calls when the sender wrote them behind.
func (p *parser) content(t *turn) {
	p.peek()
	start, at := p.pos, len(p.slab)
	p.list(t.at)
	t.content = p.s[start:p.pos]
	if t.calls >= 0 && at > t.calls && len(p.slab) > at {
		calls := slices.Clone(p.slab[t.calls:at])
		n := copy(p.slab[t.calls:], p.slab[at:])
		copy(p.slab[t.calls+n:], calls)
		t.calls += n
	}
}

// besideContent reads what OpenAI and LiteLLM put beside a message's content.
func (p *parser) besideContent(t *turn, k string) {
	if b := p.peek(); b != '"' && b != '{' || b == '{' && k == "refusal" {
		p.next()
		return
	}
	n := len(p.slab)
	switch k {
	case "function_call", "audio":
		if p.peek() == '"' {
			p.next()
			return
		}
		r := partReader{kind: k}
		start := p.pos
		p.extra = p.extra[:0]
		p.fields(&r)
		p.settle(&r, start)
	default:
		kind := PartReasoning
		if k == "refusal" {
			kind = PartRefusal
		}
		if s := p.text(p.next()); s != "" {
			p.slab = append(p.slab, Part{Type: kind, Content: s})
		}
	}
	t.message = t.message || len(p.slab) > n
}

// answer turns the content of a message of role tool into the response to the call it names.
func (p *parser) answer(m *Message, t *turn) {
	switch {
	case len(m.Parts) == 1 && m.Parts[0].Type == PartText && m.Parts[0].Raw == "":
		m.Parts[0] = Part{Type: PartToolCallResponse, ID: t.callID, Response: toolResult(m.Parts[0].Content)}
	case len(m.Parts) == 1 && m.Parts[0].Type == PartToolCallResponse:
		if m.Parts[0].ID == "" {
			m.Parts[0].ID = t.callID
		}
	case len(m.Parts) > 0 && m.Parts[0].Type != PartToolCallResponse && !p.err && t.content != "":
		m.Parts[0] = Part{Type: PartToolCallResponse, ID: t.callID, Response: JSON(t.content)}
		m.Parts = m.Parts[:1:1]
	}
}

// toolResult is a tool's answer that was sent as text, as JSON.
func toolResult(s string) JSON {
	if j, ok := nested(s); ok {
		return j
	}
	return JSON(appendString(nil, s))
}

// failure is the error of a text that was not understood to its end.
func (p *parser) failure(what string) error {
	if p.peek() != 0 || p.err || p.pos < len(p.s) {
		return fmt.Errorf("read %s: no JSON at byte %d of %d", what, p.pos, len(p.s))
	}
	return nil
}
