package genai

import "strings"

// mediaField reads what wraps the fields of a call or names a file; false when it is left over.
func (p *parser) mediaField(r *partReader, k string) bool {
	switch k {
	case "modality":
		return p.set(&r.Modality)
	case "mime_type", "mimeType", "media_type", "mediaType", "contentType":
		return p.set(&r.MIMEType)
	case "file_id", "fileId":
		return p.set(&r.FileID)
	case "uri", "url", "file_uri", "fileUri":
		return p.set(&r.URI)
	case "format":
		return p.set(&r.format)
	case "data", "bytes":
		if !p.set(&r.Content) {
			return false
		}
		r.bytes = true
	case "thought":
		if p.peek() != '"' {
			r.thought = p.next().src == "true"
			return true
		}
		return p.wording(r, "reasoning")
	case "ref": // Genkit
		return p.set(&r.ID)
	case "function", "functionCall", "function_call", "toolUse", "toolRequest", "tool_call":
		return p.within(r, string(PartToolCall))
	case "functionResponse", "function_response", "toolResult", "toolResponse", "tool_call_result":
		return p.within(r, string(PartToolCallResponse))
	case "reasoningContent", "reasoningText":
		return p.within(r, string(PartReasoning))
	case "executableCode", "executable_code":
		r.kind, r.Name = string(PartServerToolCall), "code_execution"
		r.Arguments = p.next().json()
	case "codeExecutionResult", "code_execution_result":
		r.kind, r.Name = string(PartServerToolResult), "code_execution"
		r.Response = p.next().json()
	case "summary":
		return p.summary(r)
	case "image_url", "audio_url", "video_url", "document_url", "file_url",
		"image", "audio", "video", "document", "input_audio", "file", "media",
		"fileData", "file_data", "inlineData", "inline_data", "blob", "source", "s3Location":
		return p.media(r, k)
	default:
		return p.next().empty()
	}
	return true
}

// within reads an object whose fields belong to the part around it, which it makes a kind.
func (p *parser) within(r *partReader, kind string) bool {
	if p.peek() != '{' {
		return p.next().empty()
	}
	p.fields(r)
	r.kind = kind
	return true
}

// media reads where a file, image, recording or document is: an address, base64, or an object.
func (p *parser) media(r *partReader, k string) bool {
	kind := r.kind
	if kind == "" {
		kind = k
	}
	switch p.peek() {
	case '{':
		if p.isIndexMap() {
			r.kind = kind
			p.next()
			return false
		}
		p.fields(r)
		r.words = k == "source" && (r.kind == "text" || r.kind == "content")
	case '"':
		to := &r.Content
		if strings.HasSuffix(k, "_url") || isAddress(p.s[p.pos+1:]) {
			to = &r.URI
		}
		if !p.set(to) {
			return false
		}
		r.bytes = r.bytes || to == &r.Content
	default:
		return p.next().empty()
	}
	r.kind = kind
	return true
}

// isIndexMap says whether the object at pos is bytes that JavaScript wrote as {"0":137,"1":80}.
func (p *parser) isIndexMap() bool {
	rest := strings.TrimLeft(p.s[p.pos+1:], " \n\r\t")
	return len(rest) > 1 && rest[0] == '"' && rest[1] >= '0' && rest[1] <= '9'
}

// maxSchemeBytes bounds the search for the end of a scheme; base64 has no colon.
const maxSchemeBytes = 16

func isAddress(s string) bool {
	scheme, _, ok := strings.Cut(s[:min(len(s), maxSchemeBytes)], ":")
	return ok && !strings.ContainsAny(scheme, `"\`)
}

// summary reads the Responses API's summary of a reasoning: a list of texts.
func (p *parser) summary(r *partReader) bool {
	start := p.pos
	n := p.next()
	if n.kind != jsonArray || r.Content != "" || n.empty() {
		return n.empty()
	}
	var texts []string
	c := parser{scanner: scanner{s: p.s[start:p.pos]}}
	c.list(0)
	for i := range c.slab {
		if c.slab[i].Type != PartText || c.slab[i].Raw != "" {
			return false
		}
		texts = append(texts, c.slab[i].Content)
	}
	r.Content = strings.Join(texts, "\n\n")
	return true
}

// partType is the canonical type of what was read; false when it is not ours.
func (r *partReader) partType() (PartType, bool) {
	switch t := PartType(r.kind); t {
	case PartText, "output_text", "input_text", "summary_text":
		if r.thought {
			return PartReasoning, true
		}
		return PartText, true
	case PartReasoning, "thinking", "reasoning_text":
		return PartReasoning, true
	case PartToolCall, "function", "tool_use", "toolUse", "tool-call", "function_call", "functionCall", "toolCall":
		return PartToolCall, true
	case PartToolCallResponse, "tool_result", "tool-result", "toolResult", "function_call_output",
		"functionResponse", "function_response":
		return PartToolCallResponse, true
	case PartServerToolCall, "server_tool_use":
		return PartServerToolCall, true
	case PartServerToolResult:
		return t, true
	case PartRefusal, PartCompaction:
		return t, true
	case PartDocument:
		if r.words || !r.bytes && r.URI == "" && r.FileID == "" {
			return t, r.Content != "" || r.content.kind != jsonNone
		}
	case "":
		return r.untyped()
	}
	if strings.HasSuffix(r.kind, "_tool_result") {
		return PartServerToolResult, true
	}
	modality, ok := mediaKind(r.kind)
	if !ok {
		return "", false
	}
	if r.Modality == "" {
		r.Modality = modality
	}
	if t := PartType(r.kind); isMedia(t) {
		return t, true
	}
	return PartBlob, true
}

// untyped is the type of a part that names none, from the fields it has.
func (r *partReader) untyped() (PartType, bool) {
	text := r.content.kind == jsonString || r.Content != ""
	switch {
	case r.FileID != "" || r.URI != "" || r.bytes:
		return PartBlob, true
	case r.Response != "":
		return PartToolCallResponse, true
	case r.Name != "" && r.Arguments != "": // LangChain, LiteLLM
		return PartToolCall, true
	case r.ID != "" && r.content.kind != jsonNone:
		return PartToolCallResponse, true
	case r.thought && text:
		return PartReasoning, true
	}
	return PartText, text
}

func isMedia(t PartType) bool { return t == PartBlob || t == PartFile || t == PartURI }

// mediaKind says whether a sender's type or key names a file, and of what modality.
func mediaKind(kind string) (modality string, ok bool) {
	k := strings.TrimPrefix(kind, "input_")
	k = strings.TrimSuffix(strings.TrimSuffix(k, "_url"), "-url")
	switch k {
	case "image", "audio", "video", "document":
		return k, true
	case "file", "binary", "blob", "uri", "media", "source", "fileData", "file_data", "inlineData", "inline_data":
		return "", true
	}
	return "", false
}

// settleMedia takes data URLs apart and says whether there is anything that can be shown.
func (r *partReader) settleMedia() bool {
	data := r.URI
	if data == "" {
		data = r.Content
	}
	if mime, body, ok := splitDataURL(data); ok && (r.URI == "" || r.Content == "") {
		r.URI, r.Content = "", body
		if r.MIMEType == "" {
			r.MIMEType = mime
		}
	}
	if r.Modality == "" {
		r.Modality = modalityOf(r.MIMEType)
	}
	if r.format != "" && r.MIMEType == "" {
		r.MIMEType = mimeOf(r.Modality, r.format)
	}
	switch {
	case r.Type == PartFile && r.FileID != "":
	case r.Type == PartURI && r.URI != "":
	case r.Type == PartBlob && r.Content != "":
	case r.FileID != "":
		r.Type = PartFile
	case r.URI != "":
		r.Type = PartURI
	case r.Content != "":
		r.Type = PartBlob
	default:
		return false
	}
	return true
}

// splitDataURL reads data:<mime>;base64,<content> (RFC 2397).
func splitDataURL(s string) (mime, body string, ok bool) {
	s, ok = strings.CutPrefix(s, "data:")
	if !ok {
		return "", "", false
	}
	comma := strings.IndexByte(s[:min(len(s), maxDataURLHead)], ',')
	if comma < 0 {
		return "", "", false
	}
	mime, ok = strings.CutSuffix(s[:comma], ";base64")
	return mime, s[comma+1:], ok
}

// maxDataURLHead bounds the search for the comma of a data URL.
const maxDataURLHead = 256

func modalityOf(mime string) string {
	kind, _, _ := strings.Cut(mime, "/")
	switch kind {
	case "image", "audio", "video":
		return kind
	case "text", "application":
		return "document"
	}
	return ""
}

func mimeOf(modality, format string) string {
	switch {
	case strings.Contains(format, "/"):
		return format
	case modality == "" || modality == "document":
		return "application/" + format
	}
	return modality + "/" + format
}
