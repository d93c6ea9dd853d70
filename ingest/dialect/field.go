package dialect

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// A taker reads one attribute into its field and says whether the attribute can be forgotten: it
// filled the field, or says what is there already. Otherwise it stays among the attributes.
type taker func(r *reading, k key, v wire.Value) bool

// take offers the held attributes that a dialect reads to their fields, in the order of the keys.
func (r *reading) take(d *speaker) {
	for _, k := range d.leadKeys {
		if r.present.has(k) {
			r.takeOne(d, k)
		}
	}
	for w := d.first; w <= d.last; w++ {
		for m := r.present[w] &^ r.consumed[w] & d.set[w]; m != 0; m &= m - 1 {
			k := key(w*64 + trailingZeros(m)) //nolint:gosec // below maxKeys
			r.takeOne(d, k)
		}
	}
}

func (r *reading) takeOne(d *speaker, k key) {
	if r.trace != nil {
		r.traceKey(d, k)
	} else if d.takers[k](r, k, r.held[k].v) {
		r.consumed.add(k)
	}
}

// offer offers a value outside the set to the dialects that speak, and says whether it can be forgotten.
func (r *reading) offer(k key, v wire.Value) bool {
	for _, d := range r.speakers {
		if d.takers[k] != nil && d.takers[k](r, k, v) {
			return true
		}
	}
	return false
}

// str is the value as text. A number or boolean is taken with a warning; an empty text is
// as good as none. false means that the value is neither.
func (r *reading) str(k key, v wire.Value) (string, bool) {
	switch v.Kind() {
	case wire.KindString:
		return r.cut(keys[k].name, v.Str()), true
	case wire.KindEmpty:
		return "", true
	case wire.KindBool, wire.KindInt, wire.KindDouble:
		r.warn(genai.WarnWrongType, keys[k].name, "want a string, got "+v.Kind().String())
		b, _ := v.AppendText(nil, 0)
		return text(b), true
	}
	r.warn(genai.WarnWrongType, keys[k].name, "want a string, got "+v.Kind().String())
	return "", false
}

// number reads an int, a double or a string that holds one; NaN and "" stand for unknown.
func (r *reading) number(k key, v wire.Value) (f float64, ok bool) {
	if f, ok = numberOf(v); ok || f != f || v.Kind() == wire.KindEmpty || v.Kind() == wire.KindString && len(v.Str()) == 0 {
		return f, ok
	}
	r.warn(genai.WarnWrongType, keys[k].name, "want a number, got "+v.Kind().String())
	return 0, false
}

// numberOf is number without the warning; NaN comes back, but is not ok.
func numberOf(v wire.Value) (f float64, ok bool) {
	switch v.Kind() {
	case wire.KindInt:
		return float64(v.Int()), true
	case wire.KindDouble:
		f = v.Double()
		return f, f == f
	case wire.KindString:
		f, err := strconv.ParseFloat(text(v.Str()), 64)
		if err != nil {
			return 0, false
		}
		return f, f == f
	}
	return 0, false
}

// whole is number for integers, without going through a float64 where the sender sent one.
func (r *reading) whole(k key, v wire.Value) (int64, bool) {
	if v.Kind() == wire.KindInt {
		return v.Int(), true
	}
	f, ok := r.number(k, v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > maxExact {
		return 0, false
	}
	return int64(f), true
}

// maxExact is the largest integer that a float64 counts up to without gaps.
const maxExact = 1 << 53

// each calls use for the strings of an array, or for one string.
func each(v wire.Value, use func(s string)) bool {
	switch v.Kind() {
	case wire.KindString:
		use(text(v.Str()))
		return true
	case wire.KindArray:
		for it := v.Array(); it.Next(); {
			if e := it.Value(); e.Kind() == wire.KindString {
				use(text(e.Str()))
			}
		}
		return true
	}
	return false
}

// jsonOf is the JSON of a value: a string as sent, a list or map rendered. Of a value that its sender lost there is
// none, which is warned of once.
func (r *reading) jsonOf(name string, v wire.Value) (string, bool) {
	if r.lost(name, v) {
		return "", false
	}
	return r.rendered(name, v)
}

// lost is the function lost, with a warning, which a value has once however often it is read.
func (r *reading) lost(name string, v wire.Value) bool {
	if !lost(v) {
		return false
	}
	w := genai.Warning{Code: genai.WarnMalformedJSON, Field: name, Text: lostText}
	if !slices.Contains(r.dst.Warnings, w) {
		r.warn(w.Code, w.Field, w.Text)
	}
	return true
}

// objectText is what JavaScript makes of an object where a text is wanted.
const (
	objectText = "[object Object]"
	lostText   = `the sender's SDK lost the value: it sent the text "` + objectText + `" in the place of JSON`
)

// lost says whether a value is the text of an object, or of a list of them.
func lost(v wire.Value) bool {
	if v.Kind() != wire.KindString || !bytes.HasPrefix(v.Str(), []byte(objectText)) {
		return false
	}
	for s := range bytes.SplitSeq(v.Str(), []byte(",")) {
		if string(s) != objectText {
			return false
		}
	}
	return true
}

// rendered is jsonOf of what may be text as well.
func (r *reading) rendered(name string, v wire.Value) (string, bool) {
	switch v.Kind() {
	case wire.KindString:
		return r.cut(name, v.Str()), true
	case wire.KindArray, wire.KindMap:
		return r.json(name, v), true
	}
	return "", false
}

// textTo fills a text field. Of an attribute that came too late, one that says the same is
// forgotten and another one stays.
func textTo(field func(*genai.Span) *string) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.str(k, v)
		to := field(r.dst)
		if *to == "" {
			*to = s
		}
		return ok && (s == "" || s == *to)
	}
}

// The fields that several dialects, or several keys of one, fill.
var (
	requestModel   = textTo(func(s *genai.Span) *string { return &s.RequestModel })
	responseModel  = textTo(func(s *genai.Span) *string { return &s.ResponseModel })
	reasoningLevel = textTo(func(s *genai.Span) *string { return &s.Request.ReasoningLevel })
	agentID        = textTo(func(s *genai.Span) *string { return &s.Agent.ID })
	agentName      = textTo(func(s *genai.Span) *string { return &s.Agent.Name })
	workflowName   = textTo(func(s *genai.Span) *string { return &s.Workflow })
	promptName     = textTo(func(s *genai.Span) *string { return &s.Prompt.Name })
	promptVersion  = textTo(func(s *genai.Span) *string { return &s.Prompt.Version })
	query          = textTo(func(s *genai.Span) *string { return &s.Retrieval.Query })
	errorMessage   = textTo(func(s *genai.Span) *string { return &s.Error.Message })

	toolName        = toolText(func(t *genai.ToolExecution) *string { return &t.Name })
	toolCallID      = toolText(func(t *genai.ToolExecution) *string { return &t.CallID })
	toolDescription = toolText(func(t *genai.ToolExecution) *string { return &t.Description })

	inputTokens      = tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Input })
	outputTokens     = tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Output })
	cacheReadTokens  = tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheRead })
	cacheWriteTokens = tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite })
	reasoningTokens  = tokensTo(func(u *genai.Usage) *genai.Tokens { return &u.Reasoning })
)

// params is the memory of one span's request parameters: one piece instead of one a parameter.
type params struct {
	maxTokens, seed, choices                     int64
	temperature, topP, topK, frequency, presence float64
	stream                                       bool
}

func (r *reading) memory() *params {
	if r.params == nil {
		r.params = new(params)
	}
	return r.params
}

func numberTo(field func(*genai.Request, *params) (**float64, *float64)) taker {
	return func(r *reading, k key, v wire.Value) bool {
		f, ok := r.number(k, v)
		if !ok {
			return false
		}
		to, at := field(&r.dst.Request, r.memory())
		if *to == nil {
			*to, *at = at, f
		}
		return **to == f
	}
}

func wholeTo(field func(*genai.Request, *params) (**int64, *int64)) taker {
	return func(r *reading, k key, v wire.Value) bool {
		n, ok := r.whole(k, v)
		if !ok {
			return false
		}
		to, at := field(&r.dst.Request, r.memory())
		if *to == nil {
			*to, *at = at, n
		}
		return **to == n
	}
}

func countTo(field func(*genai.Span) *int64) taker {
	return func(r *reading, k key, v wire.Value) bool {
		n, ok := r.whole(k, v)
		if !ok {
			return false
		}
		to := field(r.dst)
		if *to == 0 {
			*to = n
		}
		return *to == n
	}
}

// takeStream reads a boolean; LiteLLM sends it as Python prints it.
func takeStream(r *reading, k key, v wire.Value) bool {
	b := v.Bool()
	switch {
	case v.Kind() == wire.KindBool:
	case v.Kind() == wire.KindString && (string(v.Str()) == "True" || string(v.Str()) == "true"):
		b = true
	case v.Kind() == wire.KindString && (string(v.Str()) == "False" || string(v.Str()) == "false"):
	default:
		r.warn(genai.WarnWrongType, keys[k].name, "want a boolean, got "+v.Kind().String())
		return false
	}
	q := &r.dst.Request
	if q.Stream == nil {
		p := r.memory()
		p.stream, q.Stream = b, &p.stream
	}
	return *q.Stream == b
}
