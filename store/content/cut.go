package content

import (
	"bytes"
	"errors"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Shape is a protobuf message of OTLP that holds attribute values.
type Shape uint8

// The messages that are cut. The rest are parts of them.
const (
	SpanShape Shape = iota
	LogRecordShape
	ResourceShape
	eventShape
	linkShape
	keyValueShape
	valueShape
	arrayShape
	listShape
	leaf
)

const (
	// CutThreshold is the length in bytes from which a value is worth refs of its own.
	CutThreshold = 512
	// Fields of AnyValue that stand for a cut string_value (1) or bytes_value (7); the public
	// message ends at 8.
	cutString, cutBytes = protowire.Number(100), protowire.Number(101)
	// maxCutDepth bounds recursion; what is deeper stays as it is.
	maxCutDepth = 200

	asIs, cut = 0, 1 // the first byte of what Cut makes
)

// ErrMalformed says that bytes are not the protobuf message that they should be.
var ErrMalformed = errors.New("malformed protobuf")

// inner is the shape of a message field; leaf for everything else.
func inner(s Shape, num protowire.Number) Shape {
	switch {
	case s == SpanShape && num == 9, s == eventShape && num == 3, s == linkShape && num == 4,
		s == LogRecordShape && num == 6, s == ResourceShape && num == 1, s == listShape && num == 1:
		return keyValueShape
	case s == SpanShape && num == 11:
		return eventShape
	case s == SpanShape && num == 13:
		return linkShape
	case s == LogRecordShape && num == 5, s == keyValueShape && num == 2, s == arrayShape && num == 1:
		return valueShape
	case s == valueShape && num == 5:
		return arrayShape
	case s == valueShape && num == 6:
		return listShape
	}
	return leaf
}

// Fields is a set of field numbers below 64.
type Fields uint64

// FieldSet makes a set.
func FieldSet(nums ...int) (f Fields) {
	for _, n := range nums {
		f |= 1 << n
	}
	return f
}

func (f Fields) has(n protowire.Number) bool { return n < 64 && f>>n&1 == 1 }

// Cut appends msg to dst without the top-level fields of skip, and with every string and bytes
// value from CutThreshold on replaced by what put returns for it. Restore undoes it.
//
// Restore writes lengths in the shortest form, as every known encoder does. A message that has others
// where values were cut, that uses the private field numbers itself, or that is malformed, is kept as
// it is, with the fields of skip: what comes back is the message to the byte.
func Cut(dst, msg []byte, shape Shape, skip Fields, put func(value string) []byte) []byte {
	start := len(dst)
	c := cutter{put: put}
	out, ok := c.message(append(dst, cut), msg, shape, skip, 0)
	if !ok {
		return append(append(out[:start], asIs), msg...)
	}
	return out
}

type cutter struct{ put func(string) []byte }

func (c *cutter) message(dst, msg []byte, shape Shape, skip Fields, depth int) (_ []byte, ok bool) {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 || shape == valueShape && (num == cutString || num == cutBytes) {
			return dst, false
		}
		size := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if size < 0 {
			return dst, false
		}
		whole, value := msg[:n+size], msg[n:n+size]
		msg = msg[n+size:]
		switch {
		case skip.has(num):
		case typ != protowire.BytesType:
			dst = append(dst, whole...)
		default:
			body, _ := protowire.ConsumeBytes(value)
			if dst, ok = c.field(dst, whole, body, shape, num, depth); !ok {
				return dst, false
			}
		}
	}
	return dst, true
}

// field appends one length-delimited field.
func (c *cutter) field(dst, whole, body []byte, shape Shape, num protowire.Number, depth int) (_ []byte, ok bool) {
	in := inner(shape, num)
	isValue := shape == valueShape && (num == 1 || num == 7)
	switch {
	case isValue && len(body) >= CutThreshold:
		if !shortest(whole, body, num) {
			return dst, false
		}
		private := cutString
		if num == 7 {
			private = cutBytes
		}
		dst = protowire.AppendTag(dst, private, protowire.BytesType)
		return protowire.AppendBytes(dst, c.put(unsafe.String(&body[0], len(body)))), true
	case in == leaf:
		return append(dst, whole...), true
	case len(body) < CutThreshold:
		// Too short to hold a long value, but it must not use our numbers.
		return append(dst, whole...), !c.private(body, in, depth+1)
	case depth >= maxCutDepth || !shortest(whole, body, num):
		return dst, false
	}
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	at := len(dst)
	if dst, ok = c.message(dst, body, in, 0, depth+1); !ok {
		return dst, false
	}
	return insertLength(dst, at), true
}

// shortest reports whether the tag and length before body have no byte more than they need.
func shortest(whole, body []byte, num protowire.Number) bool {
	return len(whole) == protowire.SizeTag(num)+protowire.SizeBytes(len(body))
}

// private reports whether msg uses the private field numbers, or cannot be read.
func (c *cutter) private(msg []byte, shape Shape, depth int) bool {
	if depth > maxCutDepth {
		return true
	}
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 || shape == valueShape && (num == cutString || num == cutBytes) {
			return true
		}
		size := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if size < 0 {
			return true
		}
		if in := inner(shape, num); in != leaf && typ == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(msg[n : n+size])
			if c.private(body, in, depth+1) {
				return true
			}
		}
		msg = msg[n+size:]
	}
	return false
}

// insertLength puts the length of dst[at:] before it.
func insertLength(dst []byte, at int) []byte {
	length := len(dst) - at
	n := protowire.SizeVarint(uint64(length))
	for range n {
		dst = append(dst, 0)
	}
	copy(dst[at+n:], dst[at:at+length])
	protowire.AppendVarint(dst[:at], uint64(length))
	return dst
}

// Restore appends the message that Cut made b from; get appends the value that put's answer stands for.
func Restore(dst, b []byte, shape Shape, get func(dst, ref []byte) ([]byte, error)) ([]byte, error) {
	if len(b) == 0 || b[0] > cut {
		return dst, ErrMalformed
	}
	if b[0] == asIs {
		return append(dst, b[1:]...), nil
	}
	return restore(dst, b[1:], shape, get, 0)
}

func restore(dst, msg []byte, shape Shape, get func(dst, ref []byte) ([]byte, error), depth int) (_ []byte, err error) {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return dst, ErrMalformed
		}
		size := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if size < 0 || depth > maxCutDepth+1 {
			return dst, ErrMalformed
		}
		whole, value := msg[:n+size], msg[n:n+size]
		msg = msg[n+size:]
		in := inner(shape, num)
		private := shape == valueShape && (num == cutString || num == cutBytes)
		if typ != protowire.BytesType || in == leaf && !private {
			dst = append(dst, whole...)
			continue
		}
		body, _ := protowire.ConsumeBytes(value)
		switch {
		case num == cutString && private:
			num = 1
		case num == cutBytes && private:
			num = 7
		}
		begin := len(dst)
		dst = protowire.AppendTag(dst, num, protowire.BytesType)
		at := len(dst)
		if private {
			dst, err = get(dst, body)
		} else {
			dst, err = restore(dst, body, in, get, depth+1)
		}
		if err != nil {
			return dst, err
		}
		if !private && bytes.Equal(dst[at:], body) {
			dst = append(dst[:begin], whole...) // nothing was cut in it: not even its lengths change
			continue
		}
		dst = insertLength(dst, at)
	}
	return dst, nil
}

// HasRefs reports whether what Cut made stands for values that were cut.
func HasRefs(b []byte) bool { return len(b) > 0 && b[0] == cut }

// Refs calls visit for every answer of put that is in b, in order.
func Refs(b []byte, shape Shape, visit func(ref []byte)) error {
	_, err := Restore(nil, b, shape, func(dst, ref []byte) ([]byte, error) {
		visit(ref)
		return dst, nil
	})
	return err
}

// HasField reports whether what Cut made b from has a top-level field num that was not skipped.
func HasField(b []byte, num protowire.Number) bool {
	for msg := b[min(1, len(b)):]; len(msg) > 0; {
		n, typ, size := protowire.ConsumeTag(msg)
		if size < 0 {
			return false
		}
		if n == num {
			return true
		}
		value := protowire.ConsumeFieldValue(n, typ, msg[size:])
		if value < 0 {
			return false
		}
		msg = msg[size+value:]
	}
	return false
}
