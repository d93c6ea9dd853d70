package genai

import "strconv"

// MaxMessages and MaxParts are how many messages a list and parts a message may have: ten times
// the longest agent runs seen. What follows is kept as one text part.
const (
	MaxMessages = 10_000
	MaxParts    = 10_000
)

// ParseMessages appends the messages of a JSON text to dst: an array of messages, a single one,
// plain strings. Text that is no JSON becomes a message of that text. role is that of messages
// that name none. The code is WarnMalformedJSON when the text broke off, else "".
func ParseMessages(dst []Message, text string, role Role) ([]Message, WarningCode) {
	c := scanner{s: text}
	switch c.peek() {
	case '[':
		c.items('[', ']', func() {
			if len(dst) >= MaxMessages {
				c.fail()
				return
			}
			if c.peek() == 'n' && c.next().kind == jsonNull {
				return
			}
			dst = append(dst, c.message(role))
		})
	case '{':
		dst = append(dst, c.message(role))
	case 0:
		return dst, ""
	default:
		if n := c.next(); !c.err && n.kind == jsonString {
			if inner, ok := n.unwrap(); ok {
				return ParseMessages(dst, string(inner), role)
			}
			text = n.text()
		}
		return append(dst, textMessage(role, text)), ""
	}
	if !c.err {
		return dst, ""
	}
	if rest := c.s[c.pos:]; rest != "" {
		dst = append(dst, textMessage(role, rest))
	}
	return dst, WarnMalformedJSON
}

func textMessage(role Role, text string) Message {
	return Message{Role: role, Parts: []Part{{Type: PartText, Content: text}}}
}

// ParseParts appends the parts of a JSON text to dst: an array of parts, one part, a JSON string;
// anything else is one text part.
func ParseParts(dst []Part, text string) ([]Part, WarningCode) {
	c := scanner{s: text}
	switch c.peek() {
	case '[', '{', '"':
	case 0:
		return dst, ""
	default:
		return append(dst, Part{Type: PartText, Content: text}), ""
	}
	dst = c.parts(dst)
	if !c.err {
		return dst, ""
	}
	if rest := c.s[c.pos:]; rest != "" {
		dst = append(dst, Part{Type: PartText, Content: rest})
	}
	return dst, WarnMalformedJSON
}

// message reads one message in the shape of OpenTelemetry or of OpenAI's chat.
func (c *scanner) message(role Role) (m Message) {
	m.Role = role
	if c.peek() != '{' {
		m.Parts = c.parts(nil)
		return m
	}
	var content, calls []Part
	callID := ""
	c.fields(func(k string) {
		switch k {
		case "role":
			if n := c.next(); n.text() != "" {
				m.Role = ParseRole(n.text())
			}
		case "name":
			m.Name = c.next().text()
		case "finish_reason":
			m.FinishReason = ParseFinishReason(c.next().text())
		case "parts", "content":
			content = c.parts(content)
		case "tool_calls":
			calls = c.parts(calls)
		case "tool_call_id", "id":
			callID = c.next().text()
		case "message": // of a gen_ai.choice event, beside its finish_reason
			in := c.message(m.Role)
			m.Role, content = in.Role, append(content, in.Parts...)
		default:
			c.next()
		}
	})
	if callID != "" && m.Role == RoleTool && len(content) == 1 && content[0].Type == PartText {
		content[0] = Part{Type: PartToolCallResponse, ID: callID, Response: toolResult(content[0].Content)}
	}
	m.Parts = append(content, calls...)
	return m
}

func toolResult(s string) JSON {
	if j, ok := nested(s); ok {
		return j
	}
	return JSON(appendString(nil, s))
}

// parts reads an array of parts, one part, or a plain value.
func (c *scanner) parts(dst []Part) []Part {
	if c.peek() != '[' {
		return c.part(dst)
	}
	c.items('[', ']', func() {
		if len(dst) >= MaxParts {
			c.fail()
			return
		}
		dst = c.part(dst)
	})
	return dst
}

func (c *scanner) part(dst []Part) []Part {
	if c.peek() != '{' {
		n := c.next()
		if n.kind != jsonNull && n.kind != jsonNone {
			dst = append(dst, Part{Type: PartText, Content: n.text()})
		}
		return dst
	}
	start := c.pos
	var p Part
	known := false
	c.fields(func(k string) { known = c.partField(&p, k) || known })
	c.settle(&p, start, known)
	return append(dst, p)
}

// partField reads one field and says whether it gives the part a meaning of its own.
func (c *scanner) partField(p *Part, k string) bool {
	switch k {
	case "type":
		p.Type = PartType(c.next().text())
		return false
	case "content", "text", "thinking":
		p.Content = c.next().text()
	case "id", "tool_call_id", "tool_use_id", "toolUseId", "call_id", "toolCallId":
		p.ID = c.next().text()
	case "name", "toolName":
		p.Name = c.next().text()
	case "arguments", "input", "args", "server_tool_call":
		n := c.next()
		if p.Arguments = n.json(); n.kind == jsonString {
			p.Arguments = p.Arguments.Unwrap()
		}
	case "response", "result", "output", "server_tool_call_response":
		p.Response = c.next().json()
	case "modality":
		p.Modality = c.next().text()
	case "mime_type":
		p.MIMEType = c.next().text()
	case "file_id":
		p.FileID = c.next().text()
	case "uri":
		p.URI = c.next().text()
	case "function", "toolUse":
		p.Type = PartToolCall
		c.inner(p)
	case "toolResult":
		p.Type = PartToolCallResponse
		c.fields(func(k string) {
			if k == "content" {
				p.Response = c.next().json()
				return
			}
			c.partField(p, k)
		})
	default:
		c.next()
		return false
	}
	return true
}

// inner reads the fields of an object that holds what belongs to the part around it.
func (c *scanner) inner(p *Part) {
	if c.peek() != '{' {
		c.next()
		return
	}
	t := p.Type
	c.fields(func(k string) { c.partField(p, k) })
	p.Type = t
}

// settle gives the part its canonical type; one that is not ours is kept whole.
func (c *scanner) settle(p *Part, start int, known bool) {
	switch p.Type {
	case PartText, PartReasoning, PartToolCall, PartToolCallResponse, PartServerToolCall, PartServerToolResult,
		PartBlob, PartFile, PartURI, PartRefusal, PartDocument, PartCompaction:
		return
	case "function", "tool_use", "toolUse", "tool-call":
		p.Type = PartToolCall
		return
	case "output_text", "input_text":
		p.Type = PartText
		return
	case "thinking":
		p.Type = PartReasoning
		return
	case "":
		if known && p.Content != "" {
			p.Type = PartText
			return
		}
	}
	raw := JSON(c.s[start:c.pos])
	if c.err {
		raw = JSON(appendString(nil, string(raw)))
	}
	*p = Part{Type: p.Type, Raw: raw}
}

// AppendJSON appends the canonical JSON of the message: UTF-8, keys in a fixed order.
func (m *Message) AppendJSON(dst []byte) []byte {
	if m.Encoded != "" {
		return append(dst, m.Encoded...)
	}
	dst = appendString(append(dst, `{"role":`...), string(m.Role))
	dst = appendField(dst, "name", m.Name)
	dst = append(dst, `,"parts":[`...)
	for i := range m.Parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.Parts[i].AppendJSON(dst)
	}
	dst = appendField(append(dst, ']'), "finish_reason", string(m.FinishReason))
	return append(dst, '}')
}

// AppendJSON appends the canonical JSON of the part.
func (p *Part) AppendJSON(dst []byte) []byte {
	if p.Raw != "" {
		return appendJSON(dst, p.Raw)
	}
	dst = appendString(append(dst, `{"type":`...), string(p.Type))
	dst = appendField(dst, "id", p.ID)
	dst = appendField(dst, "name", p.Name)
	dst = appendField(dst, "modality", p.Modality)
	dst = appendField(dst, "mime_type", p.MIMEType)
	dst = appendField(dst, "file_id", p.FileID)
	dst = appendField(dst, "uri", p.URI)
	dst = appendField(dst, "content", p.Content)
	if p.Arguments != "" {
		dst = appendJSON(append(dst, `,"arguments":`...), p.Arguments)
	}
	if p.Response != "" {
		dst = appendJSON(append(dst, `,"response":`...), p.Response)
	}
	return append(dst, '}')
}

func appendField(dst []byte, k, v string) []byte {
	if v == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), k...), `":`...)
	return appendString(dst, v)
}

func appendJSON(dst []byte, j JSON) []byte {
	c := scanner{s: string(j)}
	if c.next(); c.err || c.loose || c.peek() != 0 || c.pos != len(j) {
		return appendString(dst, string(j))
	}
	return append(dst, j...)
}

// appendString appends s as a JSON string; only control characters are written as \u escapes.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		i := plainEnd(s, 0)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		switch b := s[i]; b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, `\u00`...)
			if b < 16 {
				dst = append(dst, '0')
			}
			dst = strconv.AppendUint(dst, uint64(b), 16)
		}
		s = s[i+1:]
	}
}
