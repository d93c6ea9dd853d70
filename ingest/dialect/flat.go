package dialect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// element is one attribute of a flattened list. An element of the list may have several.
type element struct {
	list  uint8
	taken bool  // it ended in a field, or says what is there already
	index int64 // of the element in the list
	seq   int   // which attribute of the set it was
	at    int   // how many unknown attributes came before it
	name  []byte
	rest  int // where the part of the name behind the index begins
	v     wire.Value
}

func (e *element) leaf() []byte { return e.name[e.rest:] }

// addElement notes an attribute of a flattened list. An index beyond the limit leaves it an ordinary
// attribute; the valid ones are read all the same.
func (r *reading) addElement(name []byte, v wire.Value, seq, at int) bool {
	l, index, rest, ok := findList(name)
	if !ok {
		return false
	}
	if index >= int64(r.limits.ListElements) {
		if r.outOfRange&(1<<l) == 0 {
			r.outOfRange |= 1 << l
			r.warn(genai.WarnIndexOutOfRange, text(name), "the index is beyond the limit; the attribute stays as it was sent")
		}
		return false
	}
	if lists[l].own {
		r.evidence |= lists[l].of.bit
	}
	r.flat = append(r.flat, element{list: l, index: index, seq: seq, at: at, name: name, rest: rest, v: v})
	return true
}

// sortFlat puts the elements of each list together and in order. Most senders send them so.
func (r *reading) sortFlat() {
	byPlace := func(a, b element) int {
		return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.index, b.index), cmp.Compare(a.seq, b.seq))
	}
	if !slices.IsSortedFunc(r.flat, byPlace) {
		slices.SortFunc(r.flat, byPlace)
	}
}

// takeLists offers the flattened lists of a dialect to their fields.
func (r *reading) takeLists(d *speaker) {
	for i := 0; i < len(r.flat); {
		end := i + 1
		for end < len(r.flat) && r.flat[end].list == r.flat[i].list {
			end++
		}
		if l := &lists[r.flat[i].list]; l.of == d {
			if r.trace != nil {
				r.traceList(l, r.flat[i:end])
			} else {
				l.take(r, r.flat[i:end])
			}
		}
		i = end
	}
}

// groups calls each for the attributes of every element of a list, which share an index.
func groups(es []element, each func(es []element)) {
	for i := 0; i < len(es); {
		end := i + 1
		for end < len(es) && es[end].index == es[i].index {
			end++
		}
		each(es[i:end])
		i = end
	}
}

// What an attribute of a flattened message holds.
type leaf uint8

const (
	leafNone leaf = iota
	leafRole
	leafName
	leafAnswers // the id of the call that the message answers
	leafFinish
	leafContent
	leafRefusal

	leafType // of a part, and what follows too
	leafText
	leafData // an address, a data URL or base64
	leafMIME
	leafID
	leafFunction
	leafArguments
)

// slot says where an attribute of a flattened message goes: into the message, or into one of its
// parts.
type slot struct {
	leaf  leaf
	calls bool // the part is of the list of calls, not of the contents
	index int64
}

// partOf reports whether the leaf is of a part.
func (s slot) partOf() bool { return s.leaf >= leafType }

// A grammar says where an attribute of a flattened message goes, by what its name has behind the index.
type grammar func(leaf []byte) slot

// flatPart is a part of a message while its attributes are read.
type flatPart struct {
	genai.Part
	kind  string
	calls bool
	index int64
}

// takeFlatMessages reads a flattened list of messages, of which those that name no role have the
// one given. Missing indices are left out; a list that is there already stays.
func (r *reading) takeFlatMessages(es []element, to *[]genai.Message, own *bool, role genai.Role, where grammar, blocks bool) {
	if len(*to) > 0 {
		return
	}
	groups(es, func(es []element) {
		m, ok := r.flatMessage(es, role, where, blocks)
		if ok {
			*to = append(*to, m)
		}
	})
	*own = len(*to) > 0
}

// flatMessage reads one message. false: nothing was said of it. blocks: its content may be the JSON
// of a list of blocks.
func (r *reading) flatMessage(es []element, role genai.Role, where grammar, blocks bool) (m genai.Message, ok bool) {
	m.Role = role
	r.parts = r.parts[:0]
	var content, refusal, answers string
	for i := range es {
		e := &es[i]
		s := where(e.leaf())
		if s.leaf == leafNone {
			continue
		}
		if e.v.Kind() == wire.KindEmpty { // the AI SDK's bridge sends calls that there are none of
			e.taken = true
			continue
		}
		v, is := r.textOf(e.name, e.v)
		if !is {
			continue
		}
		e.taken = true
		if s.partOf() {
			e.taken = r.flatPartOf(s).set(s.leaf, v)
			ok = true
			continue
		}
		switch s.leaf {
		case leafRole:
			if v == "" {
				continue
			}
			m.Role = genai.ParseRole(v)
		case leafName:
			e.taken = first(&m.Name, v)
		case leafAnswers:
			e.taken = first(&answers, v)
		case leafFinish:
			m.FinishReason = genai.ParseFinishReason(v)
		case leafContent:
			e.taken = first(&content, v)
		case leafRefusal:
			e.taken = first(&refusal, v)
		}
		ok = true
	}
	if ok {
		r.settleFlat(&m, content, refusal, answers, blocks)
	}
	return m, ok
}

// first fills a text that is still empty, and says whether it has this value: of a key that comes twice the first
// counts.
func first(to *string, v string) bool {
	if *to == "" {
		*to = v
	}
	return *to == v
}

// textOf is the text of an attribute: strings as they are, lists and maps as JSON.
func (r *reading) textOf(name []byte, v wire.Value) (string, bool) {
	if v.Kind() == wire.KindString {
		return r.cut(text(name), v.Str()), true
	}
	if s, ok := r.jsonOf(text(name), v); ok {
		return s, true
	}
	if v.Kind() == wire.KindBytes {
		return "", false
	}
	b, _ := v.AppendText(nil, 0)
	return text(b), true
}

// flatPartOf finds the part of a slot. Senders write the attributes of a part one behind the other,
// so it is one of the last.
func (r *reading) flatPartOf(s slot) *flatPart {
	for i := len(r.parts) - 1; i >= 0; i-- {
		if p := &r.parts[i]; p.calls == s.calls && p.index == s.index {
			return p
		}
	}
	r.parts = append(r.parts, flatPart{calls: s.calls, index: s.index})
	return &r.parts[len(r.parts)-1]
}

// set takes a field of a part; false when the part has one already.
func (p *flatPart) set(l leaf, v string) bool {
	to := (*string)(nil)
	switch l {
	case leafType:
		to = &p.kind
	case leafText:
		to = &p.Content
	case leafData:
		to = &p.URI
	case leafMIME:
		to = &p.MIMEType
	case leafID:
		to = &p.ID
	case leafFunction:
		to = &p.Name
	case leafArguments:
		return fillJSON(&p.Arguments, v)
	default:
		return false
	}
	if *to == "" {
		*to = v
	}
	return *to == v
}

// settleFlat makes the message's parts of its content and of what was gathered.
func (r *reading) settleFlat(m *genai.Message, content, refusal, answers string, blocks bool) {
	if answers != "" {
		m.Parts = []genai.Part{{Type: genai.PartToolCallResponse, ID: answers, Response: genai.ToolResult(content)}}
		return
	}
	slices.SortStableFunc(r.parts, func(a, b flatPart) int {
		if a.calls != b.calls {
			return cmp.Compare(rank(a.calls), rank(b.calls))
		}
		return cmp.Compare(a.index, b.index)
	})
	n := len(r.parts)
	if content != "" || refusal != "" {
		n += 2
	}
	if n == 0 {
		return
	}
	m.Parts = make([]genai.Part, 0, n)
	silent := content == "" || content == "null" && m.Role == genai.RoleAssistant // JSON of no content
	if !silent && !r.hasText(content) {
		m.Parts = appendContent(m.Parts, content, blocks)
	}
	for i := range r.parts {
		p := &r.parts[i]
		if !p.settle() || p.calls && hasCall(m.Parts, &p.Part) {
			continue
		}
		m.Parts = append(m.Parts, p.Part)
	}
	if refusal != "" {
		m.Parts = append(m.Parts, genai.Part{Type: genai.PartRefusal, Content: refusal})
	}
}

func rank(calls bool) int {
	if calls {
		return 1
	}
	return 0
}

// hasText says whether a content is also one of the parts.
func (r *reading) hasText(s string) bool {
	for i := range r.parts {
		if r.parts[i].Content == s {
			return true
		}
	}
	return false
}

// hasCall says whether a call is among the parts already: OpenInference sends calls as contents and,
// again, as calls.
func hasCall(parts []genai.Part, c *genai.Part) bool {
	for i := range parts {
		if p := &parts[i]; p.Type == genai.PartToolCall && p.ID == c.ID && p.Name == c.Name && p.Arguments == c.Arguments {
			return true
		}
	}
	return false
}

// appendContent appends a message's content. It is text, whatever it looks like; only where senders
// are known to send blocks as JSON, a list of typed objects is one.
func appendContent(dst []genai.Part, s string, blocks bool) []genai.Part {
	if blocks && isBlocks(s) {
		parts, code := genai.ParseParts(dst, s)
		if code == "" {
			return parts
		}
	}
	return append(dst, genai.Part{Type: genai.PartText, Content: s})
}

// isBlocks says whether a text is a list of objects of which the first has a type.
func isBlocks(s string) bool {
	if len(s) < 2 || s[0] != '[' {
		return false
	}
	typed, n := false, 0
	ok := genai.JSON(s).Elements(func(e genai.JSON) {
		if n++; n == 1 {
			typed = e.At("type") != ""
		}
	})
	return ok && typed
}

// settle gives the part its type; false when there is nothing in it.
func (p *flatPart) settle() bool {
	switch {
	case p.Name != "" || p.Arguments != "" || p.calls:
		p.Type = genai.PartToolCall
		return p.Name != "" || p.Arguments != "" || p.ID != ""
	case p.URI != "":
		p.Part = genai.MediaPart(modality(p.kind), p.URI, p.MIMEType)
		return true
	case p.kind == "reasoning" || p.kind == "thinking":
		p.Type = genai.PartReasoning
	case p.kind == "refusal":
		p.Type = genai.PartRefusal
	default:
		p.Type = genai.PartText
	}
	return p.Content != ""
}

// modality is what a part's type says of a file.
func modality(kind string) string {
	switch kind {
	case "image", "audio", "video", "document":
		return kind
	}
	return ""
}

// takeFlatTools reads a flattened list of tool definitions whose elements have one attribute, the
// definition as JSON.
func takeFlatTools(name string) func(r *reading, es []element) {
	return func(r *reading, es []element) {
		d := r.dst
		if len(d.Tools) > 0 {
			return
		}
		for i := range es {
			e := &es[i]
			s, ok := r.jsonOf(text(e.name), e.v)
			if string(e.leaf()) != name || !ok || len(d.Tools) >= genai.MaxTools {
				continue
			}
			n := len(d.Tools)
			var code genai.WarningCode
			d.Tools, code = genai.ParseTools(d.Tools, s)
			r.doubt(code, text(e.name))
			e.taken = len(d.Tools) > n && code == ""
		}
	}
}

// takeFlatEmbeddings reads embedding.embeddings.N.embedding.{text,vector}.
func takeFlatEmbeddings(r *reading, es []element) {
	d := &r.dst.Embedding
	if len(d.Items) > 0 {
		return
	}
	groups(es, func(es []element) {
		var item genai.EmbeddingItem
		found := false
		for i := range es {
			e := &es[i]
			switch string(e.leaf()) {
			case "embedding.text":
				item.Text, e.taken = r.textOf(e.name, e.v)
			case "embedding.vector":
				item.Vector, e.taken = r.vector(text(e.name), e.v)
			}
			found = found || e.taken
		}
		if found {
			d.Items = append(d.Items, item)
		}
	})
}

// vector reads an embedding: numbers, or JSON of them. A marker in its place is warned about.
func (r *reading) vector(name string, v wire.Value) ([]float32, bool) {
	if v.Kind() == wire.KindArray {
		n := 0
		for it := v.Array(); it.Next(); {
			n++
		}
		out := make([]float32, 0, n)
		for it := v.Array(); it.Next(); {
			switch e := it.Value(); e.Kind() {
			case wire.KindDouble:
				out = append(out, float32(e.Double()))
			case wire.KindInt:
				out = append(out, float32(e.Int()))
			default:
				r.warn(genai.WarnWrongType, name, "want numbers, got "+e.Kind().String())
				return nil, false
			}
		}
		return out, true
	}
	return r.jsonVector(name, genai.JSON(r.cut(name, v.Str())))
}

func (r *reading) jsonVector(name string, s genai.JSON) ([]float32, bool) {
	if redacted(string(s)) {
		r.warn(genai.WarnContentMissing, name, marked)
		return nil, false
	}
	if r.lost(name, wire.StringValue(bytesOf(string(s)))) {
		return nil, false
	}
	out := make([]float32, 0, strings.Count(string(s), ",")+1)
	good := true
	whole := s.Elements(func(e genai.JSON) {
		f, err := strconv.ParseFloat(string(e), 32)
		out = append(out, float32(f))
		good = good && err == nil
	})
	if !whole || !good {
		r.warn(genai.WarnMalformedJSON, name, "want a JSON list of numbers")
		return nil, false
	}
	return out, true
}

// takeFlatDocuments reads retrieval.documents.N.document.{id,score,content,metadata}.
func takeFlatDocuments(r *reading, es []element) {
	d := &r.dst.Retrieval
	if len(d.Documents) > 0 {
		return
	}
	groups(es, func(es []element) {
		var doc genai.Document
		found := false
		for i := range es {
			e := &es[i]
			leaf, ok := cutPrefix(e.leaf(), "document.")
			if !ok {
				continue
			}
			switch string(leaf) {
			case "id":
				doc.ID, e.taken = r.textOf(e.name, e.v)
			case "content":
				doc.Content, e.taken = r.textOf(e.name, e.v)
			case "score":
				doc.Score, e.taken = numberOf(e.v)
				doc.HasScore = e.taken
			case "metadata":
				var s string
				if s, e.taken = r.jsonOf(text(e.name), e.v); e.taken && s != "" {
					doc.Metadata = genai.JSON(s)
				}
			}
			found = found || e.taken
		}
		if found {
			d.Documents = append(d.Documents, doc)
		}
	})
}

// takeFlatEvaluations reads annotations.N.annotation.{name,score,label,explanation}. Who judged, and by
// what, stays.
func takeFlatEvaluations(prefix string) func(r *reading, es []element) {
	return func(r *reading, es []element) {
		groups(es, func(es []element) {
			if len(r.dst.Evaluations) >= maxEvaluations {
				return
			}
			n := genai.Evaluation{Time: r.dst.End}
			for i := range es {
				e := &es[i]
				leaf, _ := cutPrefix(e.leaf(), prefix)
				switch string(leaf) {
				case "name":
					n.Name, e.taken = r.textOf(e.name, e.v)
				case "label":
					n.Label, e.taken = r.textOf(e.name, e.v)
				case "explanation":
					n.Explanation, e.taken = r.textOf(e.name, e.v)
				case "score":
					n.Score, e.taken = numberOf(e.v)
					n.HasScore = e.taken
				}
			}
			if n.Name != "" {
				r.dst.Evaluations = append(r.dst.Evaluations, n)
				return
			}
			for i := range es {
				es[i].taken = false // nobody could ask for it
			}
		})
	}
}

// maxEvaluations bounds the evaluations that one span carries.
const maxEvaluations = 256

// firstTokenAt fills the time to the first token from the time of the event that marks it, and says
// whether it is the one that did.
func (r *reading) firstTokenAt(unixNanos uint64) bool {
	d := r.dst
	at := unixNano(unixNanos)
	if d.TimeToFirstToken != 0 || d.Start.IsZero() || at.Before(d.Start) {
		return false
	}
	d.TimeToFirstToken = at.Sub(d.Start)
	return true
}
