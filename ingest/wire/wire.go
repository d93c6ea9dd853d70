// Package wire reads OTLP requests in place, over their protobuf bytes.
//
// A reader allocates nothing and copies nothing, but for a resource or scope that came in several
// pieces, which no known sender does: every []byte it hands out lives as long as the request does,
// of which it is a part. A request costs time in proportion to its bytes. What is accepted depends on the bytes alone,
// never on a setting, so a request that was checked before the log reads the same after it, in
// every later run. A bad span costs that span; only broken framing outside the spans costs the
// request. Hostile bytes cannot make it panic, recurse without bound or loop.
//
// It knows the OTLP messages (opentelemetry-proto 1.11) and no attribute's meaning.
package wire

import "encoding/binary"

// Wire types of the protobuf encoding
// (https://protobuf.dev/programming-guides/encoding/#structure).
const (
	wireVarint     = 0
	wireI64        = 1
	wireLen        = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireI32        = 5
)

// maxVarintBytes is the longest varint: 64 bits in groups of seven. Bits past the 64th are
// dropped, as every protobuf implementation does.
const maxVarintBytes = 10

// broken is the position that stands for "the bytes are malformed from here on".
const broken = -1

// varint reads a varint at b[i:] and returns it with the position behind it, or broken.
func varint(b []byte, i int) (uint64, int) {
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return longVarint(b, i)
}

func longVarint(b []byte, i int) (uint64, int) {
	if i < 0 {
		return 0, broken
	}
	var v uint64
	for n := range maxVarintBytes {
		if i+n >= len(b) {
			return 0, broken
		}
		c := b[i+n]
		v |= uint64(c&0x7f) << (7 * n)
		if c < 0x80 {
			return v, i + n + 1
		}
	}
	return 0, broken
}

// field reads the field at b[i:]: its number, its wire type, its value (v for the numeric types,
// b[lo:end] for a length-delimited one) and the position behind it; end is broken when the bytes
// are malformed. A group, which OTLP never uses, is skipped whole and reported as wireStartGroup.
func field(b []byte, i int) (num int32, wt uint8, v uint64, lo, end int) {
	tag, i := varint(b, i)
	if i < 0 {
		return 0, 0, 0, 0, broken
	}
	num, wt = int32(tag>>3), uint8(tag&7)
	if num <= 0 {
		return 0, 0, 0, 0, broken
	}
	switch wt {
	case wireLen:
		v, i = varint(b, i)
		if i < 0 || v > uint64(len(b)-i) {
			return 0, 0, 0, 0, broken
		}
		return num, wt, 0, i, i + int(v)
	case wireVarint:
		v, i = varint(b, i)
		return num, wt, v, i, i
	case wireI64:
		if len(b)-i < 8 {
			return 0, 0, 0, 0, broken
		}
		return num, wt, binary.LittleEndian.Uint64(b[i:]), i + 8, i + 8
	case wireI32:
		if len(b)-i < 4 {
			return 0, 0, 0, 0, broken
		}
		return num, wt, uint64(binary.LittleEndian.Uint32(b[i:])), i + 4, i + 4
	case wireStartGroup:
		i = skipGroup(b, i, num, 0)
		return num, wt, 0, i, i
	}
	return 0, 0, 0, 0, broken
}

// skipGroup returns the position behind the end of group num, whose content starts at b[i:].
func skipGroup(b []byte, i int, num int32, depth int) int {
	if depth >= MaxNesting {
		return broken
	}
	for i >= 0 && i < len(b) {
		tag, next := varint(b, i)
		if next < 0 {
			return broken
		}
		switch n := int32(tag >> 3); tag & 7 {
		case wireEndGroup:
			if n != num {
				return broken
			}
			return next
		case wireStartGroup:
			if n <= 0 {
				return broken
			}
			i = skipGroup(b, next, n, depth+1)
		default:
			_, _, _, _, i = field(b, i)
		}
	}
	return broken
}
