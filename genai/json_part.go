package genai

// ParseParts appends the parts of a JSON text to dst: an array of parts, one part, a JSON string;
// anything else is one text part, as is JSON that says nothing of being a part. Shapes, code and
// memory are those of ParseMessages.
func ParseParts(dst []Part, text string) ([]Part, WarningCode) {
	p := parser{scanner: scanner{s: text}, slab: dst}
	first := len(dst)
	switch p.peek() {
	case '[', '{':
	case '"':
		n := p.next()
		if p.err || p.peek() != 0 {
			return append(dst, Part{Type: PartText, Content: text}), ""
		}
		text = n.text()
		if inner, ok := nested(text); ok {
			return ParseParts(dst, string(inner))
		}
		return append(dst, Part{Type: PartText, Content: text}), ""
	case 0:
		return dst, ""
	default:
		return append(dst, Part{Type: PartText, Content: text}), ""
	}
	p.list(first)
	dst = p.slab
	if p.peek() != 0 {
		p.fail()
	}
	if !p.err && p.plain {
		return append(dst[:first], Part{Type: PartText, Content: text}), ""
	}
	if rest := p.s[p.pos:]; p.err && rest != "" {
		dst = append(dst, Part{Type: PartText, Content: rest})
	}
	return dst, p.code()
}

// list reads an array of parts, one part, or a plain value. The parts from at on belong to the
// same message.
func (p *parser) list(at int) {
	if p.peek() != '[' {
		p.part()
		return
	}
	for first := p.open('['); p.more(']', first); first = false {
		if len(p.slab)-at >= MaxParts {
			p.full = true
			p.next()
			continue
		}
		p.part()
	}
}

// segment is a field of the text: key, colon and value.
type segment struct{ from, to int }

// partReader is a part while its fields are read.
type partReader struct {
	Part
	kind      string  // the sender's type
	format    string  // file format without its kind: "png"
	content   node    // value of the key content, which means one thing or another
	contentAt segment // where it stands
	idAt      segment // where an id stands that is not the call's
	bytes     bool    // Content holds base64
	words     bool    // a document's source is text
	thought   bool    // Gemini's mark of reasoning
}

func (p *parser) part() {
	if p.peek() != '{' {
		n := p.next()
		if n.kind != jsonNull && n.kind != jsonNone {
			p.plain = p.plain || n.kind != jsonString
			p.slab = append(p.slab, Part{Type: PartText, Content: p.text(n)})
		}
		return
	}
	start := p.pos
	p.extra = p.extra[:0]
	var r partReader
	p.fields(&r)
	p.settle(&r, start)
}

// fields reads an object's fields into the part and notes those that it has no place for.
func (p *parser) fields(r *partReader) {
	for first := p.open('{'); p.more('}', first); first = false {
		from := p.pos
		k, ok := p.key()
		if !ok {
			return
		}
		if !p.partField(r, k, from) && !p.err {
			p.extra = append(p.extra, segment{from, p.pos})
		}
	}
}

// partField reads the value of key k, which began at from; false when it is left over.
func (p *parser) partField(r *partReader, k string, from int) bool {
	switch k {
	case "type":
		r.kind = p.text(p.next())
	case "content":
		if r.content.kind != jsonNone {
			return p.next().empty()
		}
		r.content = p.next()
		r.contentAt = segment{from, p.pos}
	case "text", "thinking", "refusal", "reasoning", "transcript":
		return p.wording(r, k)
	case "id":
		if r.ID != "" {
			return p.next().empty()
		}
		r.ID = p.text(p.next())
		r.idAt = segment{from, p.pos}
	case "tool_call_id", "tool_use_id", "toolUseId", "call_id", "toolCallId":
		if r.idAt.to > 0 && r.ID != "" { // the Responses API numbers its items beside the calls
			p.extra = append(p.extra, r.idAt)
			r.ID = ""
		}
		r.idAt = segment{}
		return p.set(&r.ID)
	case "name", "toolName", "tool_name":
		return p.set(&r.Name)
	case "arguments", "input", "args", "server_tool_call":
		n := p.next()
		if r.Arguments != "" {
			return n.empty()
		}
		r.Arguments = n.unwrap()
	case "response", "result", "output", "server_tool_call_response":
		n := p.next()
		if r.Response != "" {
			return n.empty()
		}
		if r.Response = n.json(); k == "output" {
			r.Response = outputOf(n)
		}
	default:
		return p.mediaField(r, k)
	}
	return true
}

// wording reads a text under a key that says what kind of text it is.
func (p *parser) wording(r *partReader, k string) bool {
	n := p.next()
	if n.kind == jsonObject || n.kind == jsonArray || r.Content != "" {
		return n.empty()
	}
	r.Content = p.text(n)
	switch {
	case r.kind != "":
	case k == "refusal":
		r.kind = string(PartRefusal)
	case k == "thinking" || k == "reasoning":
		r.kind = string(PartReasoning)
	}
	return true
}

// set reads a text into a field that is still empty.
func (p *parser) set(to *string) bool {
	n := p.next()
	if *to != "" || n.kind == jsonObject || n.kind == jsonArray {
		return n.empty()
	}
	*to = p.text(n)
	return true
}

// settle gives the part its type and appends it; one that is not ours is kept whole.
func (p *parser) settle(r *partReader, start int) {
	if p.s[start:p.pos] == "{}" {
		return
	}
	t, ok := r.partType()
	r.Type = t
	if ok {
		p.settleContent(r)
		ok = !isMedia(t) || r.settleMedia()
	}
	if !ok {
		p.plain = p.plain || r.kind == ""
		raw := p.s[start:p.pos]
		switch {
		case !p.err:
			p.slab = append(p.slab, Part{Type: PartType(r.kind), Raw: JSON(raw)})
		case raw != "": // what broke off is no JSON any more
			p.slab = append(p.slab, Part{Type: PartText, Content: raw})
		}
		return
	}
	r.Raw = p.leftOver()
	p.slab = append(p.slab, r.Part)
}

// settleContent puts the value of the key content where the type wants it.
func (p *parser) settleContent(r *partReader) {
	n := r.content
	switch {
	case n.kind == jsonNone || n.kind == jsonNull:
	case (r.Type == PartToolCallResponse || r.Type == PartServerToolResult) && r.Response == "":
		r.Response = outputOf(n)
	case r.Content == "":
		r.Content = p.text(n)
		r.bytes = r.bytes || isMedia(r.Type)
	default:
		p.extra = append(p.extra, r.contentAt)
	}
}

// leftOver is the object of the fields that are left over, "" when there are none.
func (p *parser) leftOver() JSON {
	if len(p.extra) == 0 {
		return ""
	}
	size := 2
	for _, e := range p.extra {
		size += e.to - e.from + 1
	}
	b := make([]byte, 0, size)
	for i, e := range p.extra {
		b = append(append(b, "{,"[min(i, 1)]), p.s[e.from:e.to]...)
	}
	return JSON(append(b, '}'))
}

// outputOf is a tool's answer: text that holds JSON and the AI SDK's wrapping are opened, lists of
// blocks (Anthropic, Bedrock) stay as sent.
func outputOf(n node) JSON {
	switch n.kind {
	case jsonString:
		return n.unwrap()
	case jsonObject: // AI SDK: {"type":"json","value":...}
		if v, ok := soleValue(n.src, "value"); ok {
			return v.json()
		}
	}
	return n.json()
}

// soleValue is the value of key in an object that has no other field, but for type.
func soleValue(object, key string) (v node, ok bool) {
	c := scanner{s: object}
	for first := c.open('{'); c.more('}', first); first = false {
		k, _ := c.key()
		n := c.next()
		switch {
		case k == key && !ok:
			v, ok = n, n.kind != jsonNull
		case k != "type":
			return v, false
		}
	}
	return v, ok && !c.err
}
