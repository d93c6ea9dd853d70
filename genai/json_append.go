package genai

import "strconv"

// AppendJSON appends the JSON of the message: the sender's own when that says the same, else the
// canonical one, UTF-8 with keys in a fixed order. Reading it gives the message again.
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
	if m.Index != 0 {
		dst = strconv.AppendInt(append(dst, `,"index":`...), m.Index, 10)
	}
	return append(dst, '}')
}

// AppendJSON appends the canonical JSON of the part.
func (p *Part) AppendJSON(dst []byte) []byte {
	if !p.Type.known() && p.Raw != "" {
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
	call, response := `,"arguments":`, `,"response":`
	if p.Type == PartServerToolCall || p.Type == PartServerToolResult {
		call, response = `,"server_tool_call":`, `,"server_tool_call_response":`
	}
	if p.Arguments != "" {
		dst = appendJSON(append(dst, call...), p.Arguments)
	}
	if p.Response != "" {
		dst = appendJSON(append(dst, response...), p.Response)
	}
	return append(appendFields(dst, p.Raw), '}')
}

// known says whether the type is one of ours.
func (t PartType) known() bool {
	switch t {
	case PartText, PartReasoning, PartToolCall, PartToolCallResponse, PartServerToolCall, PartServerToolResult,
		PartBlob, PartFile, PartURI, PartRefusal, PartDocument, PartCompaction:
		return true
	}
	return false
}

// appendFields appends the fields of the object raw to an object that has some already.
func appendFields(dst []byte, raw JSON) []byte {
	if raw == "" {
		return dst
	}
	if j, ok := nested(string(raw)); ok && j[0] == '{' {
		if c := (scanner{s: string(j), pos: 1}); c.peek() == '}' {
			return dst
		}
		return append(append(dst, ','), j[1:len(j)-1]...)
	}
	return appendJSON(append(dst, `,"raw":`...), raw)
}

func appendField(dst []byte, k, v string) []byte {
	if v == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), k...), `":`...)
	return appendString(dst, v)
}

// appendJSON appends j, as a string when it is no JSON.
func appendJSON(dst []byte, j JSON) []byte {
	c := scanner{s: string(j)}
	if c.next(); c.err || c.loose || c.peek() != 0 || c.pos != len(j) {
		return appendString(dst, string(j))
	}
	return append(dst, j...)
}

// AppendJSON appends the canonical JSON of the definition.
func (t *ToolDefinition) AppendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"type":`...), t.Type)
	dst = appendField(dst, "name", t.Name)
	dst = appendField(dst, "description", t.Description)
	if t.Parameters != "" {
		dst = appendJSON(append(dst, `,"parameters":`...), t.Parameters)
	}
	return append(dst, '}')
}

// MarshalJSON is AppendJSON for package encoding/json, which escapes <, > and & in it; who stores
// or sends the text calls AppendJSON.
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// MarshalJSON is AppendJSON for package encoding/json.
func (p Part) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// UnmarshalJSON reads a message as ParseMessages does. It keeps a copy of b.
func (m *Message) UnmarshalJSON(b []byte) error {
	*m = Message{}
	p := parser{scanner: scanner{s: string(b)}}
	*m, _ = p.message("")
	return p.failure("message")
}

// UnmarshalJSON reads a part as ParseParts does. It keeps a copy of b.
func (p *Part) UnmarshalJSON(b []byte) error {
	*p = Part{}
	r := parser{scanner: scanner{s: string(b)}}
	if r.part(); len(r.slab) > 0 {
		*p = r.slab[0]
	}
	return r.failure("part")
}
