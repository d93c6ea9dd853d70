package store

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// The column detail holds what no typed column holds, as a protobuf message of our own; the
// numbers below are its fields and never change their meaning. Texts are named by their index
// in the column refs.
const (
	fTraceState = iota + 1
	fStatusMessage
	fRequest
	fReported
	fCost
	fAgent
	fWarning
	fSystem
	fInput
	fOutput
	fTools
	fRetrieval
	fTool
	fEmbedding
	fVariable
	fEvaluation
	fError
	fEvent
	fLink
	fDropped
	fAttributeTypes
	fAttribute
	fEnd
	fCore // of fragments: what spans have in columns
	fStart
	fFinishReason
	fTag
)

// Kinds of contents.
const (
	kindMessage  = "message"
	kindPart     = "part"
	kindTool     = "tool"
	kindDocument = "document"
	kindText     = "text"
)

// encoder builds detail and refs of one row, and hands contents to the batch.
type encoder struct {
	b       *Batch
	project string
	number  uint32
	day     uint16
	buf     []byte
	refs    []content.Hash
	members []content.Hash
	pieces  []string
	scratch []byte
	raw     []byte
	head    []byte
	memo    []memo
	lists   content.ListBuilder

	lastResource, lastScope hashed

	// versions and what it reads: the contents of the span's instructions and tools.
	versions      versions
	system, tools []content.Hash
}

// memo remembers a text by its place in memory: the raw span holds the same bytes as the canonical
// one where dialects did not have to rewrite them.
type memo struct {
	at   *byte
	size int
	hash content.Hash
}

func (e *encoder) start(b *Batch, project string, day uint16) {
	e.b, e.project, e.day = b, project, day
	e.number = b.projectNumber(project)
	e.buf, e.refs, e.memo = e.buf[:0], e.refs[:0], e.memo[:0]
}

func (e *encoder) str(num protowire.Number, s string) {
	if s != "" {
		e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
		e.buf = protowire.AppendString(e.buf, s)
	}
}

func (e *encoder) int(num protowire.Number, n int64) {
	if n != 0 {
		e.put(num, n)
	}
}

// put writes zeros too: for fields whose presence says something.
func (e *encoder) put(num protowire.Number, n int64) {
	e.buf = protowire.AppendTag(e.buf, num, protowire.VarintType)
	e.buf = protowire.AppendVarint(e.buf, protowire.EncodeZigZag(n))
}

func (e *encoder) float(num protowire.Number, f float64) {
	e.buf = protowire.AppendTag(e.buf, num, protowire.Fixed64Type)
	e.buf = protowire.AppendFixed64(e.buf, math.Float64bits(f))
}

func (e *encoder) time(num protowire.Number, t time.Time) {
	if !t.IsZero() {
		e.put(num, t.UnixNano())
	}
}

func (e *encoder) begin(num protowire.Number) int {
	e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
	return len(e.buf)
}

func (e *encoder) end(at int) {
	length := len(e.buf) - at
	n := protowire.SizeVarint(uint64(length))
	e.buf = append(e.buf, "          "[:n]...)
	copy(e.buf[at+n:], e.buf[at:at+length])
	protowire.AppendVarint(e.buf[:at], uint64(length))
}

// hash names a text, once for each place in memory.
func (e *encoder) hash(s string) content.Hash {
	at := unsafe.StringData(s)
	for i := range e.memo {
		if e.memo[i].at == at && e.memo[i].size == len(s) {
			return e.memo[i].hash
		}
	}
	h := content.OfString(s)
	e.memo = append(e.memo, memo{at, len(s), h})
	return h
}

func (e *encoder) readable(kind, s string) content.Hash {
	h := e.hash(s)
	e.b.addContent(e, h, kind, s)
	return h
}

func (e *encoder) unread(s string) content.Hash {
	h := e.hash(s)
	if !e.b.hasContent(e, h) {
		e.b.addChunk(e, h, s, nil)
	}
	return h
}

// text writes a text that people read: a content of its own, whatever its length.
func (e *encoder) text(num protowire.Number, kind, s string) {
	if s != "" {
		e.refs = append(e.refs, e.readable(kind, s))
		e.put(num, int64(len(e.refs)-1))
	}
}

// list writes the list of e.members.
func (e *encoder) list(num protowire.Number) {
	if len(e.members) == 0 {
		return
	}
	at := e.begin(num)
	e.listBody()
	e.end(at)
}

func (e *encoder) listBody() {
	l := e.lists.Build(e.members, func(h content.Hash, children []content.Hash) { e.b.addChunk(e, h, "", children) })
	e.int(1, int64(e.place(l.Refs)))
	e.int(2, int64(len(l.Refs)))
	e.int(3, int64(l.Level))
	e.int(4, int64(l.Count))
}

// place finds the refs among those of the row, or appends them.
func (e *encoder) place(refs []content.Hash) int {
next:
	for i := 0; i+len(refs) <= len(e.refs); i++ {
		for j := range refs {
			if e.refs[i+j] != refs[j] {
				continue next
			}
		}
		return i
	}
	e.refs = append(e.refs, refs...)
	return len(e.refs) - len(refs)
}

// long writes a text that nobody searches: in place when short, else cut.
func (e *encoder) long(num protowire.Number, s string) {
	switch {
	case s == "":
	case len(s) < content.CutThreshold:
		e.str(num, s)
	default:
		at := e.begin(num + longOffset)
		e.cut(s)
		e.end(at)
	}
}

// longOffset is added to the number of a text's field when the text is cut.
const longOffset = 100

// cut writes how to put s together again.
func (e *encoder) cut(s string) {
	e.members = e.members[:0]
	at := unsafe.StringData(s)
	for i := range e.memo {
		if e.memo[i].at == at && e.memo[i].size == len(s) { // it is a content as a whole
			e.members = append(e.members, e.memo[i].hash)
			e.listBody()
			return
		}
	}
	split := content.SplitText(s, e.pieces)
	e.pieces = split.Pieces
	for _, p := range split.Pieces {
		e.members = append(e.members, e.unread(p))
	}
	e.listBody()
	if split.Array {
		e.put(5, 1)
		e.str(6, split.Sep)
	}
}

// putRaw is what content.Cut calls for every long value.
func (e *encoder) putRaw(value string) []byte {
	at := len(e.buf)
	e.cut(value)
	e.scratch = append(e.scratch[:0], e.buf[at:]...)
	e.buf = e.buf[:at]
	return e.scratch
}

func (e *encoder) messages(num protowire.Number, list []genai.Message) {
	e.members = e.members[:0]
	for i := range list {
		e.members = append(e.members, e.readable(kindMessage, encodeMessage(&list[i])))
	}
	e.list(num)
}

func (e *encoder) json(num protowire.Number, kind string, n int, at func(int) any) {
	e.members = e.members[:0]
	if n == 0 {
		return
	}
	for i := range n {
		b, err := json.Marshal(at(i))
		if err != nil {
			continue // plain structs of strings: cannot happen
		}
		e.members = append(e.members, e.readable(kind, string(b)))
	}
	e.list(num)
}

// detail writes everything of s that has no column.
func (e *encoder) detail(s *genai.Span) {
	e.str(fTraceState, s.TraceState)
	e.long(fStatusMessage, s.StatusMessage)
	e.request(&s.Request)
	for _, r := range s.Usage.Reported {
		at := e.begin(fReported)
		e.str(1, r.Key)
		e.int(2, r.N)
		e.end(at)
	}
	if s.Cost.Amount != "" {
		e.group(fCost, s.Cost.Amount, s.Cost.Source, s.Cost.Currency)
	}
	e.group(fAgent, s.Agent.ID, s.Agent.Description, s.Agent.Version)
	for _, w := range s.Warnings {
		e.group(fWarning, string(w.Code), w.Field, w.Text)
	}
	e.json(fSystem, kindPart, len(s.System), func(i int) any { return &s.System[i] })
	e.system = append(e.system[:0], e.members...)
	e.messages(fInput, s.Input)
	e.system = append(e.system, e.members[:s.SystemMessages()]...)
	e.messages(fOutput, s.Output)
	e.json(fTools, kindTool, len(s.Tools), func(i int) any { return &s.Tools[i] })
	e.tools = append(e.tools[:0], e.members...)
	e.retrieval(&s.Retrieval)
	e.tool(&s.Tool)
	e.embedding(&s.Embedding)
	for _, v := range s.Prompt.Variables {
		at := e.begin(fVariable)
		e.str(1, v.Name)
		e.long(2, v.Value)
		e.end(at)
	}
	e.results(s.Evaluations)
	if s.Error.Message != "" || s.Error.Stacktrace != "" || s.Error.HTTPStatus != 0 {
		at := e.begin(fError)
		e.text(1, kindText, s.Error.Message)
		e.text(2, kindText, s.Error.Stacktrace)
		e.int(3, s.Error.HTTPStatus)
		e.end(at)
	}
	e.events(s)
}

func (e *encoder) group(num protowire.Number, a, b, c string) {
	if a == "" && b == "" && c == "" {
		return
	}
	at := e.begin(num)
	e.str(1, a)
	e.str(2, b)
	e.str(3, c)
	e.end(at)
}

func (e *encoder) request(r *genai.Request) {
	at := e.begin(fRequest)
	for i, p := range []*int64{r.MaxTokens, r.Seed, r.ChoiceCount} {
		if p != nil {
			e.put(protowire.Number(1+i), *p)
		}
	}
	for i, p := range []*float64{r.Temperature, r.TopP, r.TopK, r.FrequencyPenalty, r.PresencePenalty} {
		if p != nil {
			e.float(protowire.Number(4+i), *p)
		}
	}
	if r.Stream != nil {
		e.put(9, int64(boolean(*r.Stream)))
	}
	for _, s := range r.StopSequences {
		e.buf = protowire.AppendString(protowire.AppendTag(e.buf, 10, protowire.BytesType), s)
	}
	e.str(11, r.OutputType)
	e.str(12, r.ReasoningLevel)
	e.str(13, r.ServerAddress)
	e.str(14, string(r.OutputSchema))
	if len(e.buf) == at {
		e.buf = e.buf[:at-1] // nothing was said: the tag of a field below 16 is one byte
		return
	}
	e.end(at)
}

func (e *encoder) retrieval(r *genai.Retrieval) {
	if r.DataSource == "" && r.Query == "" && r.TopK == 0 && len(r.Documents) == 0 {
		return
	}
	at := e.begin(fRetrieval)
	e.str(1, r.DataSource)
	e.text(2, kindText, r.Query)
	e.int(3, r.TopK)
	for i := range r.Documents {
		d := &r.Documents[i]
		doc := e.begin(4)
		e.str(1, d.ID)
		if d.HasScore {
			e.float(2, d.Score)
		}
		e.text(3, kindDocument, d.Content)
		e.long(4, string(d.Metadata))
		e.end(doc)
	}
	e.end(at)
}

func (e *encoder) tool(t *genai.ToolExecution) {
	if *t == (genai.ToolExecution{}) {
		return
	}
	at := e.begin(fTool)
	e.str(1, t.Type)
	e.long(2, t.Description)
	e.text(4, kindText, string(t.Arguments))
	e.text(5, kindText, string(t.Result))
	e.str(6, t.Name)
	e.end(at)
}

func (e *encoder) embedding(m *genai.Embedding) {
	if m.Dimensions == 0 && len(m.Items) == 0 {
		return
	}
	at := e.begin(fEmbedding)
	e.int(1, m.Dimensions)
	for i := range m.Items {
		item := e.begin(2)
		e.text(1, kindText, m.Items[i].Text)
		if v := m.Items[i].Vector; len(v) > 0 {
			b := make([]byte, 0, 4*len(v))
			for _, f := range v {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
			}
			e.long(2, string(b))
		}
		e.end(item)
	}
	e.end(at)
}

func (e *encoder) results(list []genai.Evaluation) {
	for i := range list {
		v := &list[i]
		at := e.begin(fEvaluation)
		e.str(1, v.Name)
		if v.HasScore {
			e.float(2, v.Score)
		}
		e.str(3, v.Label)
		e.text(4, kindText, v.Explanation)
		e.str(5, v.ResponseID)
		e.str(6, v.ErrorType)
		e.time(7, v.Time)
		e.end(at)
	}
}

func (e *encoder) events(s *genai.Span) {
	for i := range s.Events {
		at := e.begin(fEvent)
		e.str(1, s.Events[i].Name)
		e.time(2, s.Events[i].Time)
		e.attributes(3, s.Events[i].Attributes)
		e.attribute(4, "", s.Events[i].Body)
		e.end(at)
	}
	for i := range s.Links {
		l := &s.Links[i]
		at := e.begin(fLink)
		e.str(1, string(l.TraceID[:]))
		e.str(2, string(l.SpanID[:]))
		e.str(3, l.TraceState)
		e.attributes(4, l.Attributes)
		e.end(at)
	}
	if s.Dropped != (genai.Dropped{}) {
		at := e.begin(fDropped)
		e.int(1, int64(s.Dropped.Attributes))
		e.int(2, int64(s.Dropped.Events))
		e.int(3, int64(s.Dropped.Links))
		e.end(at)
	}
}

func (e *encoder) attributes(num protowire.Number, list []genai.Attribute) {
	for i := range list {
		at := e.begin(num)
		e.str(1, list[i].Key)
		e.value(list[i].Value)
		e.end(at)
	}
}

func (e *encoder) attribute(num protowire.Number, key string, v genai.Value) {
	if v.Type == genai.TypeEmpty && key == "" {
		return
	}
	at := e.begin(num)
	e.str(1, key)
	e.value(v)
	e.end(at)
}

func (e *encoder) value(v genai.Value) {
	e.int(2, int64(v.Type))
	e.int(3, int64(v.Num))
	e.long(4, v.Text)
}

// fragment writes what spans have in columns.
func (e *encoder) fragment(s *genai.Span) {
	e.detail(s)
	e.attributes(fAttribute, s.Attributes)
	for _, f := range s.FinishReasons {
		e.str(fFinishReason, string(f))
	}
	for _, t := range s.Tags {
		e.str(fTag, t)
	}
	at := e.begin(fCore)
	for i, p := range fragmentStrings(s) {
		e.str(protowire.Number(1+i), *p)
	}
	for i, t := range []genai.Tokens{s.Usage.Input, s.Usage.Output, s.Usage.CacheRead, s.Usage.CacheWrite, s.Usage.Reasoning} {
		if t.Known {
			e.put(protowire.Number(firstToken+i), t.N)
		}
	}
	e.int(firstToken+5, int64(s.TimeToFirstToken))
	e.int(firstToken+6, int64(s.StatusCode))
	if s.Partial {
		e.int(firstToken+7, 1)
	}
	e.end(at)
	e.time(fStart, s.Start)
	e.time(fEnd, s.End)
}

// firstToken is the number of the first count in fCore, behind the strings.
const firstToken = 40

// fragmentStrings are the plain strings of fCore, in the order of their numbers.
func fragmentStrings(s *genai.Span) []*string {
	return []*string{
		&s.Name, &s.Dialect, &s.DialectVersion, (*string)(&s.Operation), &s.Provider, &s.Framework,
		&s.RequestModel, &s.ResponseModel, &s.ResponseID, &s.Agent.Name, &s.Workflow, &s.Conversation,
		&s.User, &s.Prompt.Name, &s.Prompt.Version, &s.Error.Type,
		&s.Service.Name, &s.Service.Namespace, &s.Service.Version, &s.Service.InstanceID, &s.Service.Environment,
		&s.Service.Language, &s.Scope.Name, &s.Scope.Version, &s.Tool.CallID,
	}
}

func encodeMessage(m *genai.Message) string {
	if m.Encoded != "" {
		return string(m.Encoded)
	}
	b := m.AppendJSON(nil)
	return unsafe.String(unsafe.SliceData(b), len(b))
}
