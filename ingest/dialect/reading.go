package dialect

import (
	"bytes"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// reading is one span or log record while it is read. It lives in a pool: nothing in it
// outlives the call except the cached resource and scope, which are copies.
type reading struct {
	limits   Limits
	dst      *genai.Span
	span     *wire.Span // nil for a log record
	speakers []*speaker

	// held has the known attributes of the set that is read: of the span, of one event or of a
	// record. present and consumed say which are there and which ended in a canonical field.
	held              [maxKeys]heldAttribute
	present, consumed keySet
	flat              []element  // the attributes of flattened lists of that set
	outOfRange        uint64     // the lists of which an index was beyond the limit, as bits
	evidence          uint64     // the bits of the dialects that the span shows
	scopeBits         uint64     // the part of it that the scope gave
	since             uint8      // the newest minor version of the conventions that a key shows
	genRepo           bool       // a key of the unreleased conventions was seen
	genEvents         bool       // an event with a GenAI name was seen
	parts             []flatPart // memory of takeFlatMessages
	members           []member   // memory of wholeRequest
	left              []leftOver // memory of finish
	trace             *tracer    // nil: nobody wants to know where fields came from
	rules             *Rules     // of the settings; nil: there are none
	ruling            ruling

	params     *params // memory of the request's parameters
	total      genai.Tokens
	disagree   bool // two counts of the same thing were different
	httpStatus int64
	eval       genai.Evaluation // of the set that is read
	evalEvent  bool             // the set is an evaluation's, so response id and error are its own
	// ownInput and ownOutput are set when attributes gave the messages; message events then only
	// repeat them.
	ownInput, ownOutput bool
	filled              [numContents]wire.Value // what filled each content
	composing           bool                    // the output is one message that several attributes add to
	// cached is what a dialect knows of the input count: that it leaves out what a cache served.
	cachedOutside  bool
	anthropicInput genai.Tokens // Anthropic's own input count

	service  genai.Service // of resRaw
	resRaw   []byte
	resID    uint64      // of the resource that was read last: it is that of service
	scope    genai.Scope // of scopeRaw
	scopeRaw []byte
	scopeID  uint64
}

type heldAttribute struct {
	v   wire.Value
	seq int32 // which attribute of the set it was
	at  int32 // how many unknown attributes came before it
}

// leftOver is an attribute that no dialect took.
type leftOver struct {
	seq, at int
	name    []byte
	v       wire.Value
}

func (r *reading) begin(dst *genai.Span, res *wire.Resource, scope *wire.Scope) {
	reset(dst)
	r.dst, r.span, r.speakers = dst, nil, r.speakers[:0]
	r.outOfRange, r.evidence, r.since, r.genRepo, r.genEvents = 0, 0, 0, false, false
	r.composing, r.cachedOutside, r.anthropicInput = false, false, genai.Tokens{}
	r.params, r.total, r.disagree, r.httpStatus = nil, genai.Tokens{}, false, 0
	r.eval, r.evalEvent, r.ownInput, r.ownOutput = genai.Evaluation{}, false, false, false
	if res != nil {
		dst.Service = r.readResource(res)
	}
	if scope != nil {
		dst.Scope = r.readScope(scope)
		r.evidence = r.scopeBits
	}
}

// reset empties s and keeps the memory of its slices. It clears in place: a literal would be
// built on the stack and copied.
func reset(s *genai.Span) {
	attrs, events, links, warnings := s.Attributes[:0], s.Events[:0], s.Links[:0], s.Warnings[:0]
	system, input, output, tools := s.System[:0], s.Input[:0], s.Output[:0], s.Tools[:0]
	finish, tags, evals, reported := s.FinishReasons[:0], s.Tags[:0], s.Evaluations[:0], s.Usage.Reported[:0]
	docs, items, vars, stops := s.Retrieval.Documents[:0], s.Embedding.Items[:0], s.Prompt.Variables[:0], s.Request.StopSequences[:0]
	*s = genai.Span{}
	s.Attributes, s.Events, s.Links, s.Warnings = attrs, events, links, warnings
	s.System, s.Input, s.Output, s.Tools = system, input, output, tools
	s.FinishReasons, s.Tags, s.Evaluations, s.Usage.Reported = finish, tags, evals, reported
	s.Retrieval.Documents, s.Embedding.Items, s.Prompt.Variables, s.Request.StopSequences = docs, items, vars, stops
}

// end lets go of the request's memory.
func (r *reading) end() {
	r.dst, r.span, r.params, r.eval = nil, nil, nil, genai.Evaluation{}
	r.filled = [numContents]wire.Value{}
}

// readResource reads the resource once for all spans that have it: requests repeat a resource
// for thousands of spans, and senders repeat it for ever. The cache compares the bytes and
// owns its copy, so that it neither trusts addresses nor keeps a request alive.
func (r *reading) readResource(res *wire.Resource) genai.Service {
	if res.ID != 0 && res.ID == r.resID {
		return r.service
	}
	r.resID = res.ID
	if r.resRaw != nil && bytes.Equal(r.resRaw, res.Raw) {
		return r.service
	}
	s := genai.Service{Raw: bytes.Clone(res.Raw)}
	for it := res.Attributes(); it.Next(); {
		var to *string
		switch string(it.Key()) {
		case "service.name":
			to = &s.Name
		case "service.namespace":
			to = &s.Namespace
		case "service.version":
			to = &s.Version
		case "service.instance.id":
			to = &s.InstanceID
		case "deployment.environment.name":
			to = &s.Environment
		case "deployment.environment": // until 1.26
			if s.Environment == "" {
				to = &s.Environment
			}
		case "telemetry.sdk.language":
			to = &s.Language
		}
		if to != nil {
			b, _ := it.Value().AppendText(nil, r.limits.Depth)
			*to = string(b)
		}
	}
	if s.Raw == nil {
		s.Raw = []byte{}
	}
	r.service, r.resRaw = s, s.Raw
	return s
}

func (r *reading) readScope(sc *wire.Scope) genai.Scope {
	if sc.ID != 0 && sc.ID == r.scopeID {
		return r.scope
	}
	r.scopeID = sc.ID
	if r.scopeRaw != nil && bytes.Equal(r.scopeRaw, sc.Raw) {
		return r.scope
	}
	raw := append([]byte{}, sc.Raw...)
	r.scope = genai.Scope{
		Name: strings.Clone(text(sc.Name)), Version: strings.Clone(text(sc.Version)), Raw: raw,
	}
	r.scopeRaw, r.scopeBits = raw, scopeEvidence(r.scope.Name)
	return r.scope
}

// readSpan copies what every span has and sorts its attributes into known and unknown ones.
func (r *reading) readSpan(s *wire.Span) {
	d := r.dst
	r.span = s
	d.TraceID, d.SpanID, d.ParentSpanID = s.TraceID, s.SpanID, s.ParentSpanID
	d.TraceState, d.Name, d.StatusMessage = text(s.TraceState), text(s.Name), text(s.StatusMessage)
	if s.Kind >= 0 && s.Kind <= int32(genai.KindConsumer) {
		d.Kind = genai.Kind(s.Kind)
	}
	if s.StatusCode >= 0 && s.StatusCode <= int32(genai.StatusError) {
		d.StatusCode = genai.StatusCode(s.StatusCode)
	}
	d.Start, d.End = unixNano(s.StartUnixNano), unixNano(s.EndUnixNano)
	d.Raw = s.Raw
	d.Dropped = genai.Dropped{Attributes: s.DroppedAttributes, Events: s.DroppedEvents, Links: s.DroppedLinks}
	if s.EndUnixNano < s.StartUnixNano {
		r.warn(genai.WarnEndBeforeStart, "end_time", "the span ends before it starts")
	}
	if d.Dropped != (genai.Dropped{}) {
		r.warn(genai.WarnSenderDropped, "dropped", "the sender's SDK dropped attributes, events or links")
	}
	r.evidence |= evidenceOf(spanPrefixes, d.Name)
	if r.rules != nil {
		r.rules.seek(r)
	}
	r.load(s.Attributes(), &d.Attributes)
	if r.rules != nil {
		r.rules.apply(r)
	}
	if s.EventCount > 0 {
		if r.genEvents = hasGenEvents(s.Events()); r.genEvents {
			r.evidence |= otelEvidence
		}
	}
	if s.LinkCount > 0 {
		r.readLinks(s.Links())
	}
}

// load sorts a set of attributes into known ones, which are held, those of flattened lists, and
// others, which go to rest.
func (r *reading) load(it wire.KeyValues, rest *[]genai.Attribute) {
	n := 0
	seeking := r.ruling.seeking
	for it.Next() {
		if n++; n > r.limits.Attributes {
			r.warn(genai.WarnTruncated, "attributes", "there are more attributes than the limit; the rest is in the raw span only")
			break
		}
		name := it.Key()
		if seeking != nil && seeking.filter.passes(name) {
			seeking.hold(&r.ruling, name, it.Value(), n)
		}
		if k := lookup(name); k != noKey && !r.present.has(k) {
			r.present.add(k)
			r.held[k] = heldAttribute{it.Value(), int32(n), int32(len(*rest))} //nolint:gosec // below the limit of attributes
			info := &keys[k]
			r.evidence |= info.evidence
			if info.since == repo {
				r.genRepo = true
			} else {
				r.since = max(r.since, info.since)
			}
			continue
		}
		if r.addElement(name, it.Value(), n, len(*rest)) || r.takePrefixed(name, it.Value(), n) {
			continue
		}
		*rest = append(*rest, genai.Attribute{Key: text(name), Value: r.value(name, it.Value())})
		if r.trace != nil {
			r.trace.note(n, Source{Key: string(name), Outcome: Ignored}, it.Value())
		}
	}
	if len(r.flat) > 1 {
		r.sortFlat()
	}
}

// listen finds the dialects that the span speaks and returns the place of the first, ofNone when there is none.
func (r *reading) listen() int {
	first := ofNone
	for m := r.evidence; m != 0; m &= m - 1 {
		d := dialects[bits.TrailingZeros64(m)]
		if len(r.speakers) == 0 {
			first = bits.TrailingZeros64(m)
			r.dst.Dialect = d.name
			if d.version != nil {
				r.dst.DialectVersion = d.version(r)
			}
		}
		r.speakers = append(r.speakers, d)
		if r.trace != nil {
			r.trace.speaks(r, d)
		}
	}
	return first
}

// fill lets every dialect that speaks read what is held. What means the same on every span is
// read on every span.
func (r *reading) fill() {
	for _, d := range r.speakers {
		if d.begin != nil && r.span != nil {
			r.beginSpan(d)
		}
		if len(r.flat) > 0 {
			r.takeLists(d)
		}
		r.take(d)
	}
	r.take(&general)
	if r.eval.Name != "" {
		if r.eval.Time.IsZero() {
			r.eval.Time = r.dst.Start
		}
		r.dst.Evaluations = append(r.dst.Evaluations, r.eval)
	}
	r.eval = genai.Evaluation{}
}

// beginSpan lets a dialect read the span's name.
func (r *reading) beginSpan(d *speaker) {
	if r.trace == nil {
		d.begin(r.dst)
	} else if changed := r.changes(func() { d.begin(r.dst) }); len(changed) > 0 {
		r.trace.note(0, Source{Dialect: d.name, Outcome: Derived, Fields: changed}, wire.Value{})
	}
}

// finish puts the attributes that no dialect took back among the others, where the sender had
// them, and holds nothing any more.
func (r *reading) finish(to *[]genai.Attribute) {
	for w := range int(numKeys+63) / 64 {
		if r.present[w] == 0 {
			continue
		}
		for m := r.present[w]; m != 0; m &= m - 1 {
			k := w*64 + trailingZeros(m)
			h := &r.held[k]
			if m&-m&r.consumed[w] == 0 {
				r.left = append(r.left, leftOver{int(h.seq), int(h.at), bytesOf(keys[k].name), h.v})
			}
			*h = heldAttribute{}
		}
		r.present[w], r.consumed[w] = 0, 0
	}
	if len(r.flat) > 0 {
		r.finishLists()
	}
	if r.trace != nil {
		r.trace.endSet(r.left)
	}
	if len(r.left) > 0 {
		r.giveBack(to)
	}
}

// finishLists is finish for the attributes of flattened lists.
func (r *reading) finishLists() {
	for i := range r.flat {
		if e := &r.flat[i]; !e.taken {
			r.left = append(r.left, leftOver{e.seq, e.at, e.name, e.v})
		}
	}
	clear(r.flat)
	r.flat = r.flat[:0]
	clear(r.parts[:cap(r.parts)])
}

// giveBack merges what is left over into a list of attributes, from the end of both.
func (r *reading) giveBack(to *[]genai.Attribute) {
	slices.SortFunc(r.left, func(a, b leftOver) int { return a.seq - b.seq })
	n := len(*to)
	*to = slices.Grow(*to, len(r.left))[:n+len(r.left)]
	for i, free := len(r.left)-1, len(*to)-1; i >= 0; i, free = i-1, free-1 {
		l := &r.left[i]
		for n > l.at {
			(*to)[free] = (*to)[n-1]
			n, free = n-1, free-1
		}
		(*to)[free] = genai.Attribute{Key: text(l.name), Value: r.value(l.name, l.v)}
	}
	clear(r.left)
	r.left = r.left[:0]
}

func (r *reading) readLinks(it wire.Links) {
	for n := 0; it.Next(); n++ {
		if n >= r.limits.Links {
			r.warn(genai.WarnTruncated, "links", "the span has more links than the limit; the rest is in the raw span only")
			return
		}
		l := it.Link()
		r.dst.Links = append(r.dst.Links, genai.Link{
			TraceID: l.TraceID, SpanID: l.SpanID, TraceState: text(l.TraceState), Attributes: r.attributes(l.Attributes()),
		})
	}
}

func (r *reading) attributes(it wire.KeyValues) []genai.Attribute {
	var out []genai.Attribute
	for it.Next() {
		if len(out) == r.limits.Attributes {
			r.warn(genai.WarnTruncated, "attributes", "an event or link has more attributes than the limit")
			break
		}
		out = append(out, genai.Attribute{Key: text(it.Key()), Value: r.value(it.Key(), it.Value())})
	}
	return out
}

// value is v as a canonical value, cut at the limit.
func (r *reading) value(name []byte, v wire.Value) genai.Value {
	switch v.Kind() {
	case wire.KindString:
		return genai.String(r.cut(text(name), v.Str()))
	case wire.KindBool:
		return genai.Bool(v.Bool())
	case wire.KindInt:
		return genai.Int(v.Int())
	case wire.KindDouble:
		return genai.Double(v.Double())
	case wire.KindBytes:
		b := v.Bytes()
		if len(b) > r.limits.AttributeValueBytes {
			r.warnCut(text(name))
			b = b[:r.limits.AttributeValueBytes]
		}
		return genai.Bytes(b)
	case wire.KindArray:
		return genai.Value{Type: genai.TypeArray, Text: r.json(text(name), v)}
	case wire.KindMap:
		return genai.Value{Type: genai.TypeMap, Text: r.json(text(name), v)}
	}
	return genai.Value{}
}

// json renders a list or map. A rendering over the limit is cut like text.
func (r *reading) json(name string, v wire.Value) string {
	b, cut := v.AppendJSON(make([]byte, 0, len(v.Raw())+2), r.limits.Depth)
	if cut {
		r.warn(genai.WarnTruncated, name, "the value is nested deeper than the limit")
	}
	return r.cut(name, b)
}

func (r *reading) cut(name string, b []byte) string {
	if len(b) > r.limits.AttributeValueBytes {
		b, _ = wire.CutText(b, r.limits.AttributeValueBytes)
		r.warnCut(name)
	}
	return text(b)
}

func (r *reading) warnCut(name string) {
	r.warn(genai.WarnTruncated, name, "the value is longer than "+
		strconv.Itoa(r.limits.AttributeValueBytes)+" bytes; the rest is in the raw span only")
}

// maxWarnings bounds the warnings of one span: one broken list must not leave thousands.
const maxWarnings = 32

// warn says a doubt once, however many rules have it.
func (r *reading) warn(code genai.WarningCode, field, text string) {
	w := genai.Warning{Code: code, Field: field, Text: text}
	if len(r.dst.Warnings) < maxWarnings && !slices.Contains(r.dst.Warnings, w) {
		r.dst.Warnings = append(r.dst.Warnings, w)
	}
}

// text is b as a string that shares b's memory; only invalid UTF-8 is copied, repaired.
func text(b []byte) string {
	if !utf8.Valid(b) {
		b = wire.AppendValidUTF8(make([]byte, 0, len(b)+8), b)
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// bytesOf shares the memory of s, which nobody may change.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// unixNano is the time of n nanoseconds since 1970; 0 means not said and gives the zero time.
func unixNano(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n/1e9), int64(n%1e9)).UTC() //nolint:gosec // both quotients fit
}
