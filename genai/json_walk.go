package genai

// The methods here walk JSON texts of which a few fields count: tool definitions, documents,
// metadata. They slice the text in place and hand out its pieces.

// Elements calls each for the elements of a JSON array. It returns false when j is no array or
// breaks off; each was then called for the elements before the break.
func (j JSON) Elements(each func(JSON)) bool {
	c := scanner{s: string(j)}
	for first := c.open('['); c.more(']', first); first = false {
		n := c.next()
		if c.err {
			return false
		}
		each(JSON(n.src))
	}
	return !c.err
}

// First is the first element of a JSON array, "" when there is none. It reads no further.
func (j JSON) First() JSON {
	c := scanner{s: string(j)}
	if !c.open('[') || !c.more(']', true) {
		return ""
	}
	n := c.next()
	if c.err {
		return ""
	}
	return JSON(n.src)
}

// Members does for the members of a JSON object what Elements does for an array. The name comes
// without its quotes and escapes.
func (j JSON) Members(each func(name string, value JSON)) bool {
	c := scanner{s: string(j)}
	for first := c.open('{'); c.more('}', first); first = false {
		name, _ := c.key()
		n := c.next()
		if c.err {
			return false
		}
		each(name, JSON(n.src))
	}
	return !c.err
}

// Tail is the member in which a JSON object breaks off, with its value as far as that goes; "" when it does not, or not within a value.
func (j JSON) Tail() (name string, value JSON) {
	c := scanner{s: string(j)}
	for first := c.open('{'); c.more('}', first); first = false {
		name, _ = c.key()
		if c.err {
			return "", ""
		}
		at := c.pos
		if c.next(); c.err {
			return name, JSON(c.s[at:])
		}
	}
	return "", ""
}

// Begins is the first byte that is no white space: what kind of value the text begins. 0: there is none.
func (j JSON) Begins() byte {
	c := scanner{s: string(j)}
	return c.peek()
}

// At is the value under a path of member names, "" when there is none.
func (j JSON) At(path ...string) JSON {
	for _, name := range path {
		var found JSON
		j.Members(func(n string, v JSON) {
			if found == "" && n == name {
				found = v
			}
		})
		j = found
	}
	return j
}

// Text is the text of a JSON string, the JSON itself of another value, "" for null. What is no
// JSON comes back as it is.
func (j JSON) Text() string {
	c := scanner{s: string(j)}
	if n := c.next(); !c.err {
		return n.text()
	}
	return string(j)
}

// ToolResult is a tool's answer that was sent as text, as JSON: the text when it is an object or
// array, else a JSON string.
func ToolResult(text string) JSON { return toolResult(text) }

// MediaPart is an image, recording, video or document that was sent as an address, a data URL
// (RFC 2397) or base64. mime may be "".
func MediaPart(modality, data, mime string) Part {
	r := partReader{Part: Part{Type: PartBlob, Modality: modality, MIMEType: mime, Content: data}}
	if isAddress(data) {
		r.Type, r.URI, r.Content = PartURI, data, ""
	}
	r.settleMedia()
	return r.Part
}
