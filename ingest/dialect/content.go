package dialect

import (
	"fmt"
	"slices"
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
	contentCalls
	numContents
)

const (
	brokeOff = "the JSON broke off; what follows is kept as text"
	marked   = "the sender sent a marker instead of the content"
)

// beyond is what the limits of genai leave out of messages.
var beyond = fmt.Sprintf("the first %d messages of a list are kept, the first %d parts of each and %d levels of JSON; the rest is in the raw span only",
	genai.MaxMessages, genai.MaxParts, genai.MaxJSONDepth)

// content gives the JSON of a content that nothing filled yet. Otherwise again says whether the
// value is the one that did.
func (r *reading) content(c int, empty bool, k key, v wire.Value) (s string, fresh, again bool) {
	if !empty {
		return "", false, r.filledBy(c, v)
	}
	s, ok := r.jsonOf(keys[k].name, v)
	if ok {
		r.filled[c] = v
	} else if v.Kind() != wire.KindEmpty && !lost(v) {
		r.warn(genai.WarnWrongType, keys[k].name, "want JSON, got "+v.Kind().String())
	}
	return s, ok, v.Kind() == wire.KindEmpty
}

// filledBy says whether the value is the one that filled a content.
func (r *reading) filledBy(c int, v wire.Value) bool {
	f := r.filled[c]
	return f.Kind() == v.Kind() && string(f.Raw()) == string(v.Raw())
}

func (r *reading) doubt(code genai.WarningCode, field string) {
	switch code {
	case "":
	case genai.WarnTruncated:
		r.warn(code, field, beyond)
	case genai.WarnMalformedJSON:
		if !r.cutShort(field) {
			r.warn(code, field, brokeOff)
		}
	}
}

// cutShort says whether a limit of ours cut the value, so that its JSON breaks off there.
func (r *reading) cutShort(field string) bool {
	return slices.ContainsFunc(r.dst.Warnings, func(w genai.Warning) bool { return w.Code == genai.WarnTruncated && w.Field == field })
}

// withheld says whether a text stands for content that the sender chose not to send.
func (r *reading) withheld(k key, s string) bool {
	if !redacted(s) {
		return false
	}
	r.warn(genai.WarnContentMissing, keys[k].name, marked)
	return true
}

// emptyObject is what went into a function without arguments, or what a program had when it had nothing. Only Google's
// ADK means by it that the content was not captured.
const emptyObject = "{}"

// wordless says whether a text has nothing to read: it is withheld, or says nothing.
func (r *reading) wordless(k key, s string) bool { return s == emptyObject || r.withheld(k, s) }

// redacted says whether a text is what OpenInference or Google's ADK put in the place of a content.
func redacted(s string) bool { return s == "__REDACTED__" || s == "<REDACTED>" }

func takeSystem(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, fresh, again := r.content(contentSystem, len(d.System) == 0, k, v)
	if !fresh || r.wordless(k, s) {
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
	if !fresh || r.wordless(k, s) {
		return fresh || again
	}
	var code genai.WarningCode
	*to, code = genai.ParseMessages(*to, s, role)
	r.doubt(code, keys[k].name)
	*own = true
	return true
}

// textMessage is a message of one text.
func textMessage(role genai.Role, s string) genai.Message {
	return genai.Message{Role: role, Parts: []genai.Part{{Type: genai.PartText, Content: s}}}
}

// takeRef warns that content lies elsewhere; the attribute keeps the place.
func takeRef(r *reading, k key, _ wire.Value) bool {
	r.warn(genai.WarnExternalContent, keys[k].name, "the content lies behind this URI, it was not sent")
	return false
}

// maxDocuments bounds the list within one attribute, ten times what is seen in the wild.
const maxDocuments = 10_000

// takeTools reads tool definitions: a JSON array or one object, or a list of JSON strings.
func takeTools(r *reading, k key, v wire.Value) bool {
	d := r.dst
	if v.Kind() == wire.KindArray && len(d.Tools) == 0 && r.takeToolTexts(k, v) {
		return true
	}
	s, fresh, again := r.content(contentTools, len(d.Tools) == 0, k, v)
	if !fresh || r.wordless(k, s) {
		return fresh || again
	}
	var code genai.WarningCode
	d.Tools, code = genai.ParseTools(d.Tools, s)
	return r.toolsRead(k, code)
}

// takeToolTexts reads a list of texts, each a definition, in place. false: it is another list.
func (r *reading) takeToolTexts(k key, v wire.Value) bool {
	for it := v.Array(); it.Next(); {
		if it.Value().Kind() != wire.KindString || len(it.Value().Str()) == 0 || it.Value().Str()[0] != '{' {
			return false
		}
	}
	d := r.dst
	r.filled[contentTools] = v
	for it := v.Array(); it.Next(); {
		if len(d.Tools) >= genai.MaxTools {
			return r.toolsRead(k, genai.WarnTruncated)
		}
		var code genai.WarningCode
		d.Tools, code = genai.ParseTools(d.Tools, text(it.Value().Str()))
		r.doubt(code, keys[k].name)
	}
	return true
}

// toolsRead says what is wrong with a list of definitions, and whether the attribute can be forgotten.
func (r *reading) toolsRead(k key, code genai.WarningCode) bool {
	switch code {
	case genai.WarnMalformedJSON:
		r.warn(code, keys[k].name, "the tool definitions are no JSON list")
		return false
	case genai.WarnTruncated:
		r.warn(code, keys[k].name, "tool definitions beyond "+strconv.Itoa(genai.MaxTools)+" are in the raw span only")
	}
	return true
}

func takeDocuments(r *reading, k key, v wire.Value) bool {
	d := &r.dst.Retrieval
	s, fresh, again := r.content(contentDocuments, len(d.Documents) == 0, k, v)
	if !fresh || r.wordless(k, s) {
		return fresh || again
	}
	if !appendDocuments(d, genai.JSON(s)) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the documents are no whole JSON list")
		return false
	}
	if len(d.Documents) == maxDocuments {
		r.warn(genai.WarnTruncated, keys[k].name, "documents beyond "+strconv.Itoa(maxDocuments)+" are in the raw span only")
	}
	return true
}

// appendDocuments reads a list of documents, up to the limit. false: it is none, or breaks off.
func appendDocuments(d *genai.Retrieval, list genai.JSON) bool {
	return list.Elements(func(e genai.JSON) {
		if len(d.Documents) < maxDocuments {
			d.Documents = append(d.Documents, document(e))
		}
	})
}

// document reads one document. The conventions allow fields of the sender's own; with those, and
// without metadata, the whole element is the metadata.
func document(raw genai.JSON) (doc genai.Document) {
	if in := raw.At("kwargs"); in != "" { // LangChain's constructor of a document
		raw = in
	}
	extra, scored := false, false
	if !raw.Members(func(name string, v genai.JSON) {
		switch name {
		case "id", "document_id":
			doc.ID = v.Text()
		case "score":
			doc.Score, doc.HasScore = score(v)
			scored = true
		case "content", "text", "page_content", "pageContent":
			doc.Content = v.Text()
		case "metadata":
			if v != "null" {
				doc.Metadata = v
			}
		default:
			extra = extra || name != "type" || v != `"Document"`
		}
	}) {
		doc.Content = raw.Text()
		return doc
	}
	if doc.ID == "" { // LangChain's stores put both into the metadata
		doc.ID = doc.Metadata.At("id").Text()
	}
	if !scored { // a score of null says that there is none
		doc.Score, doc.HasScore = score(doc.Metadata.At("score"))
	}
	if extra && doc.Metadata == "" {
		doc.Metadata = raw
	}
	return doc
}

func score(v genai.JSON) (f float64, ok bool) {
	f, err := strconv.ParseFloat(v.Text(), 64)
	return f, err == nil
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
	return fillJSON(to, s)
}

// fillJSON fills the arguments or the result of a tool, and says whether they are what the text has.
func fillJSON(to *genai.JSON, s string) bool {
	j := genai.JSON(s).Unwrap()
	if j == "null" {
		return *to == ""
	}
	if *to == "" {
		*to = j
	}
	return *to == j
}

// settleOTel is what follows from several fields.
func settleOTel(d *genai.Span, r *reading) {
	if d.Operation == "" && r.span != nil && d.RequestModel != "" && d.Usage.Output.Known {
		d.Operation = genai.OpChat // 1.26 and Google ADK name no operation
	}
	if d.Operation == "" && r.span != nil && d.ResponseModel != "" && len(d.Output) > 0 {
		d.Operation = genai.OpChat // Semantic Kernel names what answered, and says nothing else
	}
	if d.Operation == genai.OpEmbeddings && len(d.Embedding.Items) == 0 {
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
}

// settle is what follows from several fields, whoever filled them.
func (r *reading) settle() {
	if d := r.dst; d.Operation == "" && r.span != nil && len(d.Input)+len(d.Output) > 0 {
		d.Operation = genai.OpTask // without an operation nobody would show what it has
		if d.RequestModel != "" || d.ResponseModel != "" || d.Usage.Known() {
			d.Operation = genai.OpChat
		}
	}
	r.dst.CompleteFinishReasons()
	r.settleUsage()
}
