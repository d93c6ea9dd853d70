package dialect

// The fields of a span, one by one, so that two states of it can be compared.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/tiltmeter/tiltmeter/genai"
)

// sumSeed is that of all sums, so that they can be compared.
var sumSeed = maphash.MakeSeed()

// sumsOf gives a sum for each of spanFields, another one when a step fills or extends the field. It costs the same
// whatever the fields hold, so that a span of many steps and long contents is explained in a time that is bounded by
// both and not by their product.
func sumsOf(s *genai.Span) []uint64 {
	out := make([]uint64, 0, len(spanFields))
	var h maphash.Hash
	h.SetSeed(sumSeed)
	eachField(s, func(_ string, v reflect.Value) {
		h.Reset()
		addSum(&h, v)
		out = append(out, h.Sum64())
	})
	return out
}

const (
	sumText     = 256 // a longer text is told apart by where it lies
	sumElements = 8   // of a list, at its beginning and at its end: steps append, or go on with the last one
)

func addSum(h *maphash.Hash, v reflect.Value) {
	number := func(n uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], n)
		_, _ = h.Write(b[:])
	}
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		number(uint64(len(s)))
		if len(s) <= sumText {
			_, _ = h.WriteString(s)
		} else {
			number(uint64(uintptr(unsafe.Pointer(unsafe.StringData(s)))))
		}
	case reflect.Bool:
		if v.Bool() {
			number(1)
		} else {
			number(0)
		}
	case reflect.Float32, reflect.Float64:
		number(math.Float64bits(v.Float()))
	case reflect.Pointer:
		if !v.IsNil() {
			number(1)
			addSum(h, v.Elem())
		}
	case reflect.Slice:
		n := v.Len()
		number(uint64(n)) //nolint:gosec // a length
		for i := range n {
			if i < sumElements || i >= n-sumElements {
				addSum(h, v.Index(i))
			}
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			number(uint64(t.UnixNano()))
			return
		}
		for _, f := range v.Fields() {
			addSum(h, f)
		}
	default:
		if v.CanInt() {
			number(uint64(v.Int())) //nolint:gosec // any number will do
		} else {
			number(v.Uint())
		}
	}
}

// spanField is a field of genai.Span that attributes can fill.
type spanField struct {
	name  string
	index []int // see reflect.Value.FieldByIndex
}

// spanFields are all of them, those of structs within the span one by one.
var spanFields = fieldsIn(reflect.TypeFor[genai.Span](), "", nil)

// eachField calls f with the fields of a span that attributes can fill.
func eachField(s *genai.Span, f func(name string, v reflect.Value)) {
	v := reflect.ValueOf(s).Elem()
	for i := range spanFields {
		f(spanFields[i].name, v.FieldByIndex(spanFields[i].index))
	}
}

func fieldsIn(t reflect.Type, prefix string, at []int) (out []spanField) {
	for i := range t.NumField() {
		name, index := prefix+t.Field(i).Name, append(slices.Clone(at), i)
		switch reflect.Zero(t.Field(i).Type).Interface().(type) {
		case genai.Service, genai.Scope, []genai.Attribute, []genai.Event, []genai.Link, genai.Dropped, []byte, []genai.Warning, []genai.ReportedCount,
			genai.TraceID, genai.SpanID, time.Time:
		case genai.Request, genai.Retrieval, genai.ToolExecution, genai.Embedding, genai.Usage, genai.Agent, genai.Prompt, genai.Error:
			out = append(out, fieldsIn(t.Field(i).Type, name+".", index)...)
		default:
			if name != "Project" && name != "Partial" && name != "Turn" { // of who sent it, and of how it is merged
				out = append(out, spanField{name, index})
			}
		}
	}
	return out
}

// isEmpty says whether a field holds nothing.
func isEmpty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

// valuesOf gives the fields that are not empty, with what they hold as text.
func valuesOf(s *genai.Span) map[string]string {
	out := map[string]string{}
	eachField(s, func(name string, v reflect.Value) {
		if isEmpty(v) {
			return
		}
		b, err := json.Marshal(v.Interface())
		if err != nil { // NaN
			b = fmt.Append(nil, v.Interface())
		}
		out[name] = string(b)
	})
	return out
}

// Differences names the fields that two readings of a span have otherwise.
func Differences(a, b *genai.Span) (names []string) {
	va, vb := valuesOf(a), valuesOf(b)
	eachField(a, func(name string, _ reflect.Value) {
		if va[name] != vb[name] {
			names = append(names, name)
		}
	})
	return names
}
