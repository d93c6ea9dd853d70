package behaviour

// Whether what had to be JSON is, and follows its schema: an answer when JSON was asked for, and the arguments of every call of a
// tool that was offered with a schema.

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// The labels of behaviour.format, from the best to the worst.
const (
	FormatValid     = "valid"
	FormatFenced    = "fenced"    // valid within a Markdown fence, with nothing around it
	FormatUnchecked = "unchecked" // JSON, with a schema that cannot be checked: broken, elsewhere, or too costly
	FormatSchema    = "schema"    // JSON that does not follow its schema
	FormatInvalid   = "invalid"   // no JSON
)

var formats = []string{FormatValid, FormatFenced, FormatUnchecked, FormatSchema, FormatInvalid}

// maxJSON bounds the bytes of JSON that are held against a schema.
const maxJSON = 1 << 20

// format tells of everything in the span that has a format; false when nothing has.
func (a *Analyzer) format(s *genai.Span, said []analyzers.Text) (analyzers.Signal, bool) {
	signal := analyzers.Signal{Name: SignalFormat, Label: FormatValid}
	checked, kept, worst := 0, 0, 0
	note := func(t *analyzers.Text, label, reason, sentence string, start int) {
		checked++
		for i, l := range formats {
			if l == label {
				worst = max(worst, i)
			}
		}
		if label == FormatValid || label == FormatFenced || label == FormatUnchecked {
			kept++
		}
		if start = min(whole(t.Content, start), whole(t.Content, len(t.Content)-1)); reason != "" && len(signal.Evidence) < maxTold {
			signal.Evidence = append(signal.Evidence, analyzers.Evidence{Reason: reason, Text: sentence, Passage: t.Passage(start, len(t.Content))})
		}
	}
	for i := range said {
		t := &said[i]
		switch t.Origin {
		case analyzers.Answer:
			if s.Request.OutputType != "json" && s.Request.OutputSchema == "" {
				continue
			}
			body, fenced := unfenced(t.Content)
			label, reason, sentence, at := a.check(body, s.Request.OutputSchema)
			if label == FormatValid && fenced {
				label, reason, sentence = FormatFenced, "json_fenced", "The JSON stands in a Markdown fence."
			}
			at += strings.Index(t.Content, body)
			note(t, label, reason, sentence, at)
		case analyzers.ToolCall:
			schema := offered(s, t.Name)
			if schema == "" {
				continue
			}
			label, reason, sentence, at := a.check(t.Content, schema)
			note(t, label, reason, sentence, at)
		}
	}
	if checked == 0 {
		return signal, false
	}
	signal.Score, signal.Label = float64(kept)/float64(checked), formats[worst]
	return signal, true
}

// whole is at, or the beginning of the character that it is in.
func whole(s string, at int) int {
	for at > 0 && at < len(s) && s[at]&0xC0 == 0x80 {
		at--
	}
	return at
}

// check says what a text is, and, when something is wrong, why and from which byte on.
func (a *Analyzer) check(text string, schema genai.JSON) (label, reason, sentence string, at int) {
	dec := json.NewDecoder(strings.NewReader(text))
	var value any
	if err := dec.Decode(&value); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // 1e999 is JSON, and no number of any machine
			return FormatUnchecked, "schema_unchecked", "A number is too large to be checked.", 0
		}
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = max(0, min(len(text), int(syntax.Offset)-1))
		}
		if len(bytes.TrimSpace([]byte(text))) == 0 {
			return FormatInvalid, "json_empty", "There is no JSON.", 0
		}
		return FormatInvalid, "json_invalid", "It is no JSON: " + err.Error() + ".", at
	}
	if end := int(dec.InputOffset()); strings.TrimSpace(text[end:]) != "" {
		return FormatInvalid, "json_trailing", "Something stands behind the JSON.", end
	}
	if schema == "" {
		return FormatValid, "", "", 0
	}
	if len(text) > maxJSON {
		return FormatUnchecked, "schema_unchecked", "The JSON is too long to be checked.", 0
	}
	switch err := a.schemas.validate(string(schema), value); {
	case err == nil:
		return FormatValid, "", "", 0
	case errors.Is(err, errUnchecked):
		return FormatUnchecked, "schema_unchecked", "The schema cannot be checked: " + err.Error() + ".", 0
	default:
		return FormatSchema, "schema_violated", err.Error(), 0
	}
}

// unfenced is a text without the Markdown fence that is all around it.
func unfenced(s string) (body string, fenced bool) {
	body = strings.TrimSpace(s)
	if !strings.HasPrefix(body, "```") || !strings.HasSuffix(body, "```") || len(body) < 6 {
		return body, false
	}
	inner := body[3 : len(body)-3]
	line := strings.IndexByte(inner, '\n')
	if line < 0 || strings.Contains(inner, "```") {
		return body, false
	}
	return strings.TrimSpace(inner[line:]), true
}

// offered is the schema of the arguments of a tool that the model was offered.
func offered(s *genai.Span, name string) genai.JSON {
	for i := range s.Tools {
		if s.Tools[i].Name == name {
			return s.Tools[i].Parameters
		}
	}
	return ""
}
