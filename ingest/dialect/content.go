package dialect

import (
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// The contents of a span that several sources may carry. What filled one is remembered, so that
// a source that says the same again is forgotten and one that says something else stays.
const (
	contentSystem = iota
	contentInput
	contentOutput
	contentTools
	contentDocuments
	numContents
)

const brokeOff = "the JSON broke off; what follows is kept as text"

// content gives the JSON of a content that nothing filled yet. Otherwise again says whether the
// value is the one that did.
func (r *reading) content(c int, empty bool, k key, v wire.Value) (s string, fresh, again bool) {
	if !empty {
		f := r.filled[c]
		return "", false, f.Kind() == v.Kind() && string(f.Raw()) == string(v.Raw())
	}
	s, ok := r.jsonOf(keys[k].name, v)
	if ok {
		r.filled[c] = v
	} else if v.Kind() != wire.KindEmpty {
		r.warn(genai.WarnWrongType, keys[k].name, "want JSON, got "+v.Kind().String())
	}
	return s, ok, v.Kind() == wire.KindEmpty
}

func (r *reading) doubt(code genai.WarningCode, field string) {
	if code != "" {
		r.warn(code, field, brokeOff)
	}
}

// withheld says whether a text stands for content that the sender chose not to send.
func (r *reading) withheld(k key, s string) bool {
	switch s {
	case "__REDACTED__", "<REDACTED>", "{}":
		r.warn(genai.WarnContentMissing, keys[k].name, "the sender sent a marker instead of the content")
		return true
	}
	return false
}

func takeSystem(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, fresh, again := r.content(contentSystem, len(d.System) == 0, k, v)
	if !fresh || r.withheld(k, s) {
		return fresh || again
	}
	var code genai.WarningCode
	d.System, code = genai.ParseParts(d.System, s)
	r.doubt(code, keys[k].name)
	return true
}

func takeInput(r *reading, k key, v wire.Value) bool {
	return r.takeMessages(contentInput, &r.dst.Input, &r.ownInput, genai.RoleUser, k, v)
}

func takeOutput(r *reading, k key, v wire.Value) bool {
	return r.takeMessages(contentOutput, &r.dst.Output, &r.ownOutput, genai.RoleAssistant, k, v)
}

// takeMessages reads a list of messages, of which those that name no role have the one given.
func (r *reading) takeMessages(c int, to *[]genai.Message, own *bool, role genai.Role, k key, v wire.Value) bool {
	s, fresh, again := r.content(c, len(*to) == 0, k, v)
	if !fresh || r.withheld(k, s) {
		return fresh || again
	}
	var code genai.WarningCode
	*to, code = genai.ParseMessages(*to, s, role)
	r.doubt(code, keys[k].name)
	*own = true
	return true
}

// takeRef warns that content lies elsewhere; the attribute keeps the place.
func takeRef(r *reading, k key, _ wire.Value) bool {
	r.warn(genai.WarnExternalContent, keys[k].name, "the content lies behind this URI, it was not sent")
	return false
}

// maxTools and maxDocuments bound lists within one attribute, ten times what is seen in the wild.
const (
	maxTools     = 1_024
	maxDocuments = 10_000
)

// takeTools reads tool definitions: a JSON array or one object, or a list of JSON strings.
func takeTools(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, fresh, again := r.content(contentTools, len(d.Tools) == 0, k, v)
	if !fresh || r.withheld(k, s) {
		return fresh || again
	}
	add := func(raw string) {
		if len(d.Tools) >= maxTools {
			return
		}
		if t := toolDefinition(raw); t.Name != "" || t.Parameters != "" {
			d.Tools = append(d.Tools, t)
		}
	}
	if !elements(s, add) {
		if len(d.Tools) == 0 {
			add(s)
		}
		if !members(s, func(string, string) {}) {
			r.warn(genai.WarnMalformedJSON, keys[k].name, "the tool definitions are no JSON list")
			return false
		}
	}
	if len(d.Tools) == maxTools {
		r.warn(genai.WarnTruncated, keys[k].name, "tool definitions beyond "+strconv.Itoa(maxTools)+" are in the raw span only")
	}
	return true
}

// toolDefinition reads the flat form of OpenTelemetry, OpenAI's nested one, the AI SDK's and
// Anthropic's names of the schema, a bare name, and any of them as a JSON string.
func toolDefinition(raw string) (t genai.ToolDefinition) {
	if raw != "" && raw[0] == '"' {
		s := unquote(raw)
		if s == "" || s[0] != '{' {
			return genai.ToolDefinition{Type: "function", Name: s}
		}
		raw = s
	}
	var nested string
	read := func(name, raw string) {
		switch name {
		case "type":
			t.Type = unquote(raw)
		case "name":
			t.Name = unquote(raw)
		case "description":
			t.Description = unquote(raw)
		case "parameters", "inputSchema", "input_schema":
			if raw != "null" {
				t.Parameters = genai.JSON(raw).Unwrap()
			}
		case "function":
			nested = raw
		}
	}
	members(raw, read)
	if nested != "" {
		members(nested, read)
	}
	if t.Type == "" {
		t.Type = "function"
	}
	return t
}

func takeDocuments(r *reading, k key, v wire.Value) bool {
	d := &r.dst.Retrieval
	s, fresh, again := r.content(contentDocuments, len(d.Documents) == 0, k, v)
	if !fresh || r.withheld(k, s) {
		return fresh || again
	}
	whole := elements(s, func(raw string) {
		if len(d.Documents) < maxDocuments {
			d.Documents = append(d.Documents, document(raw))
		}
	})
	if !whole {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the documents are no whole JSON list")
		return false
	}
	if len(d.Documents) == maxDocuments {
		r.warn(genai.WarnTruncated, keys[k].name, "documents beyond "+strconv.Itoa(maxDocuments)+" are in the raw span only")
	}
	return true
}

// document reads one document. The conventions allow fields of the sender's own; with those, and
// without metadata, the whole element is the metadata.
func document(raw string) (doc genai.Document) {
	extra := false
	if !members(raw, func(name, raw string) {
		switch name {
		case "id":
			doc.ID = unquote(raw)
		case "score":
			f, err := strconv.ParseFloat(unquote(raw), 64)
			doc.Score, doc.HasScore = f, err == nil
		case "content", "text", "page_content":
			doc.Content = unquote(raw)
		case "metadata":
			if raw != "null" {
				doc.Metadata = genai.JSON(raw)
			}
		default:
			extra = true
		}
	}) {
		doc.Content = unquote(raw)
		return doc
	}
	if extra && doc.Metadata == "" {
		doc.Metadata = genai.JSON(raw)
	}
	return doc
}

// toolText fills a field of a tool's execution. Chat spans carry a requested tool in the same
// keys (OpenLIT), so the operation decides.
func toolText(field func(*genai.ToolExecution) *string) taker {
	fill := textTo(func(s *genai.Span) *string { return field(&s.Tool) })
	return func(r *reading, k key, v wire.Value) bool {
		return r.dst.Operation == genai.OpExecuteTool && fill(r, k, v)
	}
}

func takeToolArguments(r *reading, k key, v wire.Value) bool {
	return takeToolJSON(r, k, v, &r.dst.Tool.Arguments)
}

func takeToolResult(r *reading, k key, v wire.Value) bool {
	return takeToolJSON(r, k, v, &r.dst.Tool.Result)
}

func takeToolJSON(r *reading, k key, v wire.Value, to *genai.JSON) bool {
	if r.dst.Operation != genai.OpExecuteTool {
		return false
	}
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		b, _ := v.AppendText(nil, 0)
		s = text(b)
	}
	if *to == "" {
		*to = genai.JSON(s).Unwrap()
	}
	return *to == genai.JSON(s).Unwrap()
}

// settle is what follows from several fields.
func (otelGenAI) settle(d *genai.Span, r *reading) {
	if d.Operation == "" && r.span != nil && d.RequestModel != "" && d.Usage.Output.Known {
		d.Operation = genai.OpChat // 1.26 and Google ADK name no operation
	}
	if d.Operation == genai.OpEmbeddings {
		for i := range d.Input {
			for j := range d.Input[i].Parts {
				d.Embedding.Items = append(d.Embedding.Items, genai.EmbeddingItem{Text: d.Input[i].Parts[j].Content})
			}
		}
		d.Input = d.Input[:0]
	}
	if d.Operation == genai.OpExecuteTool && (d.Tool.Arguments != "" || d.Tool.Result != "") {
		d.Input, d.Output = d.Input[:0], d.Output[:0] // they repeat the arguments and the result
	}
	d.CompleteFinishReasons()
	r.settleUsage()
}
