package dialect

import (
	"encoding/binary"
	"math/bits"
)

// A key is the number of an attribute key that some dialect reads. Keys are numbered once, at
// start, in the order in which the dialects declare them.
type key uint16

// maxKeys bounds the keys of all dialects together; register panics beyond it.
const maxKeys = 1024

const noKey key = maxKeys

// keyInfo is what is known of a key before any span came.
type keyInfo struct {
	name     string
	evidence uint64 // the bits of the dialects that a span with this key speaks
	since    uint8  // the minor version of the OpenTelemetry conventions 1.x that has it; 0: none, repo: unreleased
}

var (
	keys    [maxKeys]keyInfo
	numKeys key
)

// slots finds keys by the hash of their names. A name whose slot is taken goes to the next free one;
// an eighth of the slots is taken at most, so that there is hardly ever a second step.
const slotBits = 13

var slots = func() (s [1 << slotBits]key) {
	for i := range s {
		s[i] = noKey
	}
	return s
}()

// addSlot makes lookup find a key.
func addSlot(k key) {
	at := slotOf(bytesOf(keys[k].name))
	for slots[at] != noKey {
		at = (at + 1) % uint64(len(slots))
	}
	slots[at] = k
}

// slotOf is where the search for a name begins. The multiplier is that of Fibonacci hashing.
func slotOf(b []byte) uint64 { return fold(b) * 0x9e3779b97f4a7c15 >> (64 - slotBits) }

// fold hashes the length and the last sixteen bytes, which hardly two keys share.
func fold(b []byte) uint64 {
	n := len(b)
	h := uint64(n)
	if n >= 8 {
		h += binary.LittleEndian.Uint64(b[n-8:])
		if n >= 16 {
			h ^= bits.RotateLeft64(binary.LittleEndian.Uint64(b[n-16:]), 29)
		} else {
			h ^= bits.RotateLeft64(binary.LittleEndian.Uint64(b), 29)
		}
	} else {
		for _, c := range b {
			h = h<<8 ^ uint64(c)
		}
	}
	h ^= h >> 32
	return h
}

// lookup finds the key of a name, noKey when no dialect reads it.
func lookup(name []byte) key {
	for at := slotOf(name); ; at = (at + 1) % uint64(len(slots)) {
		if k := slots[at]; k == noKey || string(name) == keys[k].name {
			return k
		}
	}
}

// keySet is a set of keys. It is visited in the order of the keys, which is their precedence.
type keySet [maxKeys / 64]uint64

func (s *keySet) has(k key) bool { return s[k/64]&(1<<(k%64)) != 0 }
func (s *keySet) add(k key)      { s[k/64] |= 1 << (k % 64) }

func trailingZeros(m uint64) int { return bits.TrailingZeros64(m) }
