package otlp

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// anyValueFields are the members of an AnyValue: exactly one should be set. Lists and maps are
// read here in full and not by the tables of jsonmessage.go, since they contain each other.
func anyValueField(name string) (protowire.Number, func(*converter, protowire.Number)) {
	switch name {
	case "stringvalue":
		return 1, readString
	case "boolvalue":
		return 2, readBool
	case "intvalue":
		return 3, readVarint
	case "doublevalue":
		return 4, readDouble
	case "arrayvalue":
		return 5, readArrayValue
	case "kvlistvalue":
		return 6, readKVListValue
	case "bytesvalue":
		return 7, readBytes
	}
	return 0, nil
}

// readAnyValue reads an AnyValue; where a sender put a plain JSON value instead, that.
func readAnyValue(c *converter, num protowire.Number) {
	if c.peek() != '{' {
		c.nested(num, c.plainValue)
		return
	}
	c.nested(num, func() {
		c.object(func(key []byte) {
			n, read := anyValueField(canonical(key))
			switch {
			case read == nil:
				c.skip()
			case c.null():
			default:
				read(c, n)
			}
		})
	})
}

// readArrayValue reads {"values": [AnyValue…]} or the list alone.
func readArrayValue(c *converter, num protowire.Number) {
	c.valuesOf(num, repeated(readAnyValue))
}

// readKVListValue reads {"values": [KeyValue…]}.
func readKVListValue(c *converter, num protowire.Number) {
	c.valuesOf(num, readKeyValues)
}

func (c *converter) valuesOf(num protowire.Number, read func(*converter, protowire.Number)) {
	c.nested(num, func() {
		if c.peek() != '{' {
			read(c, 1)
			return
		}
		c.object(func(key []byte) {
			switch {
			case canonical(key) != "values":
				c.skip()
			case c.null():
			default:
				read(c, 1)
			}
		})
	})
}

// readKeyValues reads attributes: a list of {"key", "value"} pairs, or an object whose members
// are the attributes, their values AnyValues or plain JSON.
func readKeyValues(c *converter, num protowire.Number) {
	switch c.peek() {
	case '[':
		c.array(func() {
			if !c.null() {
				readKeyValue(c, num)
			}
		})
	case '{':
		c.object(func(key []byte) { c.pair(num, key) })
	default:
		c.mismatch(num, wantPairs)
	}
}

func readKeyValue(c *converter, num protowire.Number) {
	if c.peek() != '{' {
		c.mismatch(num, wantPair)
		return
	}
	c.nested(num, func() {
		c.object(func(key []byte) {
			switch name := canonical(key); {
			case name == "key":
				readString(c, 1)
			case name != "value":
				c.skip()
			case c.null():
			default:
				readAnyValue(c, 2)
			}
		})
	})
}

// pair writes one attribute that was sent as a member of an object.
func (c *converter) pair(num protowire.Number, key []byte) {
	c.nested(num, func() {
		c.bytes(1, key)
		if c.peek() == '{' && c.looksLikeAnyValue() {
			readAnyValue(c, 2)
			return
		}
		c.nested(2, c.plainValue)
	})
}

// looksLikeAnyValue says whether the object that comes next has a member of AnyValue first.
func (c *converter) looksLikeAnyValue() bool {
	ahead := scanner{b: c.b, pos: c.pos + 1}
	if ahead.peek() != '"' {
		return false
	}
	_, read := anyValueField(canonical(ahead.str()))
	return read != nil
}

// plainValue writes the content of an AnyValue for the JSON value that comes next. A number
// without fraction and exponent is an integer, as in every JSON-to-OTLP bridge.
func (c *converter) plainValue() {
	switch ch := c.peek(); {
	case ch == '"':
		c.bytes(1, c.str())
	case ch == 't' && c.literal("true"):
		c.varint(2, 1)
	case ch == 'f' && c.literal("false"):
		c.varint(2, 0)
	case ch == 'n' && c.literal("null"):
	case ch == '[':
		c.nested(5, func() {
			c.array(func() { c.nested(1, c.plainValue) })
		})
	case ch == '{':
		c.nested(6, func() {
			c.object(func(key []byte) {
				c.nested(1, func() {
					c.bytes(1, key)
					c.nested(2, c.plainValue)
				})
			})
		})
	default:
		c.plainNumber(c.number())
	}
}

func (c *converter) plainNumber(text []byte) {
	whole := len(text) > 0
	for _, b := range text {
		whole = whole && b != '.' && b != 'e' && b != 'E'
	}
	if whole {
		if n, ok := parseInt(text); ok && (text[0] == '-') == (n < 0) {
			c.varint(3, uint64(n))
			return
		}
	}
	if f, ok := parseDouble(text); ok {
		c.double(4, f)
	}
}
