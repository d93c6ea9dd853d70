// Package content cuts what spans carry into pieces that are stored once.
//
// A piece is named by its hash. Lists of pieces are trees whose shape depends on the pieces
// alone, so that a history that is sent again with one message more shares all but its last
// nodes; long texts are cut where their own bytes say so, with the same effect. Everything that
// is cut can be put together again, byte for byte.
//
// It knows bytes, JSON arrays and the shape of OTLP attribute values. It does not know where
// pieces are kept.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"unsafe"
)

// Hash names a content: the first 128 bits of its SHA-256. Within a project, contents come from
// people whom nobody vouches for (they end up in prompts), so that a fast hash, for which two
// texts with one hash can be constructed, would let one text be shown in place of another.
type Hash [16]byte

// IsZero reports whether the hash names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// String is the hexadecimal form, 32 characters.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Of is the name of a content.
func Of(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(sum[:16])
}

// OfString is the name of a content. It does not copy s.
func OfString(s string) Hash {
	return Of(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// ofNode is the name of a list node. It differs from the name of a text with the same bytes.
func ofNode(children []Hash) Hash {
	if len(children) == 0 {
		return Hash{}
	}
	h := Of(unsafe.Slice(&children[0][0], len(children)*len(Hash{})))
	for i := range h {
		h[i] ^= 0xA5
	}
	return h
}
