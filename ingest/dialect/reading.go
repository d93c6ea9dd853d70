package dialect

import (
	"bytes"
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
	speakers []speaker

	// held has the known attributes of the set that is read: of the span, of one event or of a
	// record. present and consumed say which are there and which ended in a canonical field.
	held              [numKeys]heldAttribute
	present, consumed keySet
	since             uint8 // the newest minor version of the conventions that a key shows
	gen, genRepo      bool  // a gen_ai key was seen; one of the unreleased conventions was
	genEvents         bool  // an event with a GenAI name was seen

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

	service  genai.Service // of resRaw
	resRaw   []byte
	resID    uint64      // of the resource that was read last: it is that of service
	scope    genai.Scope // of scopeRaw
	scopeRaw []byte
	scopeID  uint64
}

type heldAttribute struct {
	v  wire.Value
	at int // how many unknown attributes came before it
}

func (r *reading) begin(dst *genai.Span, res *wire.Resource, scope *wire.Scope) {
	reset(dst)
	r.dst, r.span, r.speakers = dst, nil, r.speakers[:0]
	r.present, r.consumed = keySet{}, keySet{}
	r.since, r.gen, r.genRepo, r.genEvents = 0, false, false, false
	r.params, r.total, r.disagree, r.httpStatus = nil, genai.Tokens{}, false, 0
	r.eval, r.evalEvent, r.ownInput, r.ownOutput = genai.Evaluation{}, false, false, false
	if res != nil {
		dst.Service = r.readResource(res)
	}
	if scope != nil {
		dst.Scope = r.readScope(scope)
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
	r.scopeRaw = raw
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
	r.load(s.Attributes(), &d.Attributes)
	if s.EventCount > 0 {
		r.genEvents = hasGenEvents(s.Events())
	}
	if s.LinkCount > 0 {
		r.readLinks(s.Links())
	}
}

// load sorts a set of attributes into known ones, which are held, and others, which go to rest.
func (r *reading) load(it wire.KeyValues, rest *[]genai.Attribute) {
	n := 0
	for it.Next() {
		if n++; n > r.limits.Attributes {
			r.warn(genai.WarnTruncated, "attributes", "there are more attributes than the limit; the rest is in the raw span only")
			return
		}
		name := it.Key()
		if k := lookup(name); k != noKey && !r.present.has(k) {
			r.present.add(k)
			r.held[k] = heldAttribute{it.Value(), len(*rest)}
			if k <= lastGenKey {
				r.gen = true
				if s := keys[k].since; s == repo {
					r.genRepo = true
				} else {
					r.since = max(r.since, s)
				}
			}
			continue
		}
		if !r.takePrefixed(name, it.Value()) {
			*rest = append(*rest, genai.Attribute{Key: text(name), Value: r.value(name, it.Value())})
		}
	}
}

// fill lets every dialect that speaks read what is held. What means the same on every span is
// read on every span.
func (r *reading) fill() {
	for _, d := range r.speakers {
		d.fill(r.dst, r)
	}
	r.take(&generalKeys)
	if r.eval.Name != "" {
		r.dst.Evaluations = append(r.dst.Evaluations, r.eval)
	}
	r.eval = genai.Evaluation{}
}

// finish puts the known attributes that no dialect consumed back among the others, where the
// sender had them, and holds nothing any more.
func (r *reading) finish(to *[]genai.Attribute) {
	var buf [16]key
	left := buf[:0]
	for w := range r.present {
		for m := r.present[w] &^ r.consumed[w]; m != 0; m &= m - 1 {
			left = append(left, key(w*64+trailingZeros(m))) //nolint:gosec // below numKeys
		}
	}
	present := r.present
	r.present, r.consumed = keySet{}, keySet{}
	defer r.forget(present)
	if len(left) == 0 {
		return
	}
	slices.SortStableFunc(left, func(a, b key) int { return r.held[a].at - r.held[b].at })
	for i, k := range left {
		name := keys[k].name
		a := genai.Attribute{Key: name, Value: r.value([]byte(name), r.held[k].v)}
		*to = slices.Insert(*to, min(r.held[k].at+i, len(*to)), a)
	}
}

// forget lets go of the memory of a set.
func (r *reading) forget(set keySet) {
	for w := range set {
		for m := set[w]; m != 0; m &= m - 1 {
			r.held[w*64+trailingZeros(m)] = heldAttribute{}
		}
	}
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

func (r *reading) warn(code genai.WarningCode, field, text string) {
	if len(r.dst.Warnings) < maxWarnings {
		r.dst.Warnings = append(r.dst.Warnings, genai.Warning{Code: code, Field: field, Text: text})
	}
}

// text is b as a string that shares b's memory; only invalid UTF-8 is copied, repaired.
func text(b []byte) string {
	if !utf8.Valid(b) {
		b = wire.AppendValidUTF8(make([]byte, 0, len(b)+8), b)
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// unixNano is the time of n nanoseconds since 1970; 0 means not said and gives the zero time.
func unixNano(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n/1e9), int64(n%1e9)).UTC() //nolint:gosec // both quotients fit
}
