package genai

// MaxTools is how many tools a list of definitions may have, ten times what is seen in the wild.
const MaxTools = 1_024

// ParseTools appends the tool definitions of a JSON text to dst: an array of them or one, each an
// object or a JSON string that holds one. It reads the flat form of OpenTelemetry, OpenAI's nested
// one, the AI SDK's and Anthropic's names of the schema, and bare names. The code is
// WarnMalformedJSON when the text is none of these, WarnTruncated when it has more than MaxTools.
func ParseTools(dst []ToolDefinition, text string) ([]ToolDefinition, WarningCode) {
	c := scanner{s: text}
	first := len(dst)
	add := func(t ToolDefinition) {
		if t.Name != "" || t.Description != "" || t.Parameters != "" {
			dst = append(dst, t)
		}
	}
	switch c.peek() {
	case '[':
		for e := c.open('['); c.more(']', e); e = false {
			if len(dst)-first >= MaxTools {
				return dst, WarnTruncated
			}
			if t := c.tool(); !c.err {
				add(t)
			}
		}
	case '{':
		add(c.tool())
	default:
		return dst, WarnMalformedJSON
	}
	if c.err || c.peek() != 0 {
		return dst, WarnMalformedJSON
	}
	return dst, ""
}

// tool reads one definition.
func (c *scanner) tool() (t ToolDefinition) {
	switch c.peek() {
	case '{':
		c.toolFields(&t)
	case '"':
		s := c.next().text()
		if in := (scanner{s: s}); in.peek() == '{' {
			in.toolFields(&t)
		} else {
			t.Name = s
		}
	default:
		c.next()
	}
	if t.Type == "" {
		t.Type = "function"
	}
	return t
}

func (c *scanner) toolFields(t *ToolDefinition) {
	for first := c.open('{'); c.more('}', first); first = false {
		k, ok := c.key()
		if !ok {
			return
		}
		if k == "function" && c.peek() == '{' {
			c.toolFields(t)
			continue
		}
		n := c.next()
		switch k {
		case "type":
			t.Type = n.text()
		case "name":
			t.Name = n.text()
		case "description":
			t.Description = n.text()
		case "parameters", "inputSchema", "input_schema", "parametersJsonSchema", "parameters_json_schema":
			t.Parameters = n.unwrap()
		}
	}
}
