package genai

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
)

// ValueType is the type that an attribute had on the wire.
type ValueType uint8

// The types of opentelemetry/proto/common/v1.AnyValue. Array, map and bytes values are held as JSON text.
const (
	TypeEmpty ValueType = iota
	TypeString
	TypeBool
	TypeInt
	TypeDouble
	TypeBytes // Text is the base64 form
	TypeArray // Text is a JSON array
	TypeMap   // Text is a JSON object
)

// Value is one attribute value. Text holds strings, and the JSON of arrays and maps; Num holds the rest.
type Value struct {
	Type ValueType
	Num  uint64
	Text string
}

// String makes a string value.
func String(s string) Value { return Value{Type: TypeString, Text: s} }

// Int makes an integer value.
func Int(n int64) Value { return Value{Type: TypeInt, Num: uint64(n)} } //nolint:gosec // two's complement, read back by Int

// Double makes a floating-point value.
func Double(f float64) Value { return Value{Type: TypeDouble, Num: math.Float64bits(f)} }

// Bool makes a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{Type: TypeBool, Num: 1}
	}
	return Value{Type: TypeBool}
}

// Int is the integer of a TypeInt value.
func (v Value) Int() int64 { return int64(v.Num) } //nolint:gosec // inverse of the constructor

// Double is the number of a TypeDouble value.
func (v Value) Double() float64 { return math.Float64frombits(v.Num) }

// Bool is the truth of a TypeBool value.
func (v Value) Bool() bool { return v.Num != 0 }

// String is the value as text: strings as they are, everything else as JSON.
func (v Value) String() string {
	switch v.Type {
	case TypeBool:
		return strconv.FormatBool(v.Bool())
	case TypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case TypeDouble:
		return formatDouble(v.Double())
	default:
		return v.Text
	}
}

// MarshalJSON writes the value as plain JSON: null, string, boolean, number, array or object;
// bytes become a base64 string, NaN and infinities the strings that proto3 JSON gives them.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.Type {
	case TypeEmpty:
		return []byte("null"), nil
	case TypeString, TypeBytes:
		return json.Marshal(v.Text)
	case TypeDouble:
		if f := v.Double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return json.Marshal(formatDouble(f))
		}
	case TypeArray, TypeMap:
		return JSON(v.Text).MarshalJSON()
	}
	return []byte(v.String()), nil
}

func formatDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// Bytes makes a bytes value.
func Bytes(b []byte) Value {
	return Value{Type: TypeBytes, Text: base64.StdEncoding.EncodeToString(b)}
}

// MarshalJSON writes the text as it is when it is JSON, and as a JSON string when it is not.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("null"), nil
	}
	if json.Valid([]byte(j)) {
		return []byte(j), nil
	}
	return json.Marshal(string(j))
}

// UnmarshalJSON keeps the text as it stands.
func (j *JSON) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*j = ""
		return nil
	}
	*j = JSON(b)
	return nil
}
