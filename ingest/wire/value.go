package wire

import "math"

// Kind is the kind of an attribute's value.
type Kind uint8

// The kinds, as opentelemetry.proto.common.v1.AnyValue has them. A value that was not set, or
// that refers to a profile's string table, is KindEmpty.
const (
	KindEmpty Kind = iota
	KindString
	KindBool
	KindInt
	KindDouble
	KindArray
	KindMap
	KindBytes
)

var kindNames = [...]string{"empty", "string", "bool", "int", "double", "array", "map", "bytes"}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[min(int(k), len(kindNames)-1)] }

// Value is one AnyValue, read in place. Nested values are decoded when they are visited.
type Value struct {
	b    []byte
	num  uint64
	kind Kind
}

// StringValue is a value that was not sent: the text b, whose memory it shares.
func StringValue(b []byte) Value { return Value{kind: KindString, b: b} }

// DoubleValue is a value that was not sent: a number.
func DoubleValue(f float64) Value { return Value{kind: KindDouble, num: math.Float64bits(f)} }

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return v.kind }

// Str returns the text of a KindString value, as it was sent: it may be invalid UTF-8.
func (v Value) Str() []byte { return v.only(KindString) }

// Bytes returns the bytes of a KindBytes value.
func (v Value) Bytes() []byte { return v.only(KindBytes) }

// Bool returns the value of KindBool.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Int returns the value of KindInt, 0 for other kinds.
func (v Value) Int() int64 {
	if v.kind != KindInt {
		return 0
	}
	return int64(v.num)
}

// Double returns the value of KindDouble, 0 for other kinds.
func (v Value) Double() float64 {
	if v.kind != KindDouble {
		return 0
	}
	return math.Float64frombits(v.num)
}

// Array returns the elements of a KindArray value; it is empty for other kinds.
func (v Value) Array() Values { return Values{b: v.only(KindArray)} }

// Map returns the pairs of a KindMap value; it is empty for other kinds.
func (v Value) Map() KeyValues { return KeyValues{b: v.only(KindMap), field: 1} }

// Raw returns the encoded content of an array or map and the bytes of a string or bytes value:
// a measure of its size, and something to hash.
func (v Value) Raw() []byte { return v.b }

func (v Value) only(k Kind) []byte {
	if v.kind != k {
		return nil
	}
	return v.b
}

// read takes the fields of an encoded AnyValue over into v; the last one set wins, so reading
// the pieces of a value one after the other merges them. It stops at malformed bytes.
func (v *Value) read(b []byte) {
	for i := 0; i < len(b); {
		num, _, n, lo, end := field(b, i)
		if end < 0 {
			return
		}
		switch num {
		case 1:
			*v = Value{kind: KindString, b: b[lo:end]}
		case 2:
			*v = Value{kind: KindBool, num: n}
		case 3:
			*v = Value{kind: KindInt, num: n}
		case 4:
			*v = Value{kind: KindDouble, num: n}
		case 5:
			*v = Value{kind: KindArray, b: b[lo:end]}
		case 6:
			*v = Value{kind: KindMap, b: b[lo:end]}
		case 7:
			*v = Value{kind: KindBytes, b: b[lo:end]}
		case 8:
			*v = Value{}
		}
		i = end
	}
}

// Values iterates over the elements of an array:
//
//	for it := v.Array(); it.Next(); {
//		use(it.Value())
//	}
type Values struct {
	b   []byte
	pos int
	cur Value
}

// Next moves to the next element and says whether there is one.
func (it *Values) Next() bool {
	for it.pos < len(it.b) {
		num, _, _, lo, end := field(it.b, it.pos)
		if end < 0 {
			break
		}
		it.pos = end
		if num == 1 {
			it.cur = Value{}
			it.cur.read(it.b[lo:end])
			return true
		}
	}
	it.pos = len(it.b)
	return false
}

// Value returns the element Next moved to.
func (it *Values) Value() Value { return it.cur }

// KeyValues iterates over attributes or over the pairs of a map, in the order sent. A key that
// was sent twice comes twice.
//
//	for it := span.Attributes(); it.Next(); {
//		use(it.Key(), it.Value())
//	}
type KeyValues struct {
	b     []byte
	pos   int
	field int32
	key   []byte
	raw   []byte
	val   Value
}

// Next moves to the next pair and says whether there is one.
func (it *KeyValues) Next() bool {
	for it.pos < len(it.b) {
		num, _, _, lo, end := field(it.b, it.pos)
		if end < 0 {
			break
		}
		it.pos = end
		if num == it.field {
			it.read(it.b[lo:end])
			return true
		}
	}
	it.pos = len(it.b)
	return false
}

func (it *KeyValues) read(b []byte) {
	it.raw, it.key, it.val = b, nil, Value{}
	for i := 0; i < len(b); {
		num, _, _, lo, end := field(b, i)
		if end < 0 {
			return
		}
		switch num {
		case 1:
			it.key = b[lo:end]
		case 2:
			it.val.read(b[lo:end])
		}
		i = end
	}
}

// Key returns the key of the pair Next moved to, as it was sent.
func (it *KeyValues) Key() []byte { return it.key }

// Value returns the value of the pair Next moved to.
func (it *KeyValues) Value() Value { return it.val }

// Raw returns the encoded KeyValue message of the pair Next moved to.
func (it *KeyValues) Raw() []byte { return it.raw }

// checkKeyValue says what is wrong with an encoded KeyValue that lies in depth other messages of
// the same attribute.
func checkKeyValue(b []byte, depth int) Reason {
	if depth >= MaxNesting {
		return ReasonNesting
	}
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			return ReasonMalformed
		}
		switch num {
		case 1:
			if wt != wireLen {
				return ReasonMalformed
			}
		case 2:
			if wt != wireLen {
				return ReasonMalformed
			}
			if r := checkValue(b[lo:end], depth+1); r != ReasonNone {
				return r
			}
		case 3:
			if wt != wireVarint {
				return ReasonMalformed
			}
		}
		i = end
	}
	return ReasonNone
}

// checkValue says what is wrong with an encoded AnyValue.
func checkValue(b []byte, depth int) Reason {
	if depth >= MaxNesting {
		return ReasonNesting
	}
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			return ReasonMalformed
		}
		want, r := wt, ReasonNone
		switch num {
		case 1, 7:
			want = wireLen
		case 2, 3, 8:
			want = wireVarint
		case 4:
			want = wireI64
		case 5, 6:
			want = wireLen
			if wt == wireLen {
				r = checkList(b[lo:end], depth+1, num == 6)
			}
		}
		if wt != want {
			return ReasonMalformed
		}
		if r != ReasonNone {
			return r
		}
		i = end
	}
	return ReasonNone
}

// checkList says what is wrong with an encoded ArrayValue, or KeyValueList if pairs is set.
func checkList(b []byte, depth int, pairs bool) Reason {
	if depth >= MaxNesting {
		return ReasonNesting
	}
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			return ReasonMalformed
		}
		if num == 1 {
			if wt != wireLen {
				return ReasonMalformed
			}
			var r Reason
			if pairs {
				r = checkKeyValue(b[lo:end], depth+1)
			} else {
				r = checkValue(b[lo:end], depth+1)
			}
			if r != ReasonNone {
				return r
			}
		}
		i = end
	}
	return ReasonNone
}
