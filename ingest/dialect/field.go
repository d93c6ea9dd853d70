package dialect

import (
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// str is the text of the first key that holds one; an empty one counts as absent.
func (r *reading) str(ks ...key) string {
	for _, k := range ks {
		if !r.present.has(k) {
			continue
		}
		v := r.held[k].v
		if v.Kind() != wire.KindString {
			if v.Kind() != wire.KindEmpty {
				r.warn(genai.WarnWrongType, keyNames[k], "want a string, got "+v.Kind().String())
			}
			continue
		}
		r.consumed.add(k)
		if len(v.Str()) > 0 {
			return r.cut([]byte(keyNames[k]), v.Str())
		}
	}
	return ""
}

// float reads an int, a double or a string that holds a number.
func (r *reading) float(k key) (float64, bool) {
	if !r.present.has(k) {
		return 0, false
	}
	f, ok := 0.0, true
	switch v := r.held[k].v; v.Kind() {
	case wire.KindInt:
		f = float64(v.Int())
	case wire.KindDouble:
		f = v.Double()
	case wire.KindString:
		var err error
		f, err = strconv.ParseFloat(text(v.Str()), 64)
		ok = err == nil
	default:
		ok = false
	}
	if !ok {
		r.warn(genai.WarnWrongType, keyNames[k], "want a number")
		return 0, false
	}
	r.consumed.add(k)
	return f, true
}

// list reads an array of strings, or one string.
func (r *reading) list(k key) []string {
	if !r.present.has(k) {
		return nil
	}
	switch v := r.held[k].v; v.Kind() {
	case wire.KindString:
		r.consumed.add(k)
		return []string{text(v.Str())}
	case wire.KindArray:
		r.consumed.add(k)
		var out []string
		for it := v.Array(); it.Next(); {
			if it.Value().Kind() == wire.KindString {
				out = append(out, text(it.Value().Str()))
			}
		}
		return out
	}
	return nil
}

// jsonText is the JSON of the first key that is there: a string as sent, a list or map rendered.
func (r *reading) jsonText(ks ...key) (string, bool) {
	for _, k := range ks {
		if !r.present.has(k) {
			continue
		}
		v, name := r.held[k].v, []byte(keyNames[k])
		switch v.Kind() {
		case wire.KindString:
			r.consumed.add(k)
			return r.cut(name, v.Str()), true
		case wire.KindArray, wire.KindMap:
			r.consumed.add(k)
			return r.json(name, v), true
		}
	}
	return "", false
}
