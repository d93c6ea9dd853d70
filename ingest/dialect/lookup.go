package dialect

import (
	"encoding/binary"
	"math/bits"
)

// A key is the number of an attribute key that some dialect reads. Keys are numbered once, at
// start, in the order in which the dialects declare them.
type key uint16

// maxKeys bounds the keys of all dialects together; register panics beyond it.
const maxKeys = 512

const noKey key = maxKeys

// keyInfo is what is known of a key before any span came.
type keyInfo struct {
	name     string
	evidence uint32 // the bits of the dialects that a span with this key speaks
	since    uint8  // the minor version of the OpenTelemetry conventions 1.x that has it; 0: none, repo: unreleased
}

var (
	keys    [maxKeys]keyInfo
	numKeys key
)

// maxSlotBits bounds the table that finds keys; maxTries is how many multipliers are tried before it
// is made twice as large. A small table stays in the cache.
const (
	maxSlotBits = 14
	maxTries    = 2_000
)

// slots holds, by hash, the one key that a name can be; a comparison then settles it. multiplier
// was found to give every key a slot of its own, in a table of 1 << (64 - shift) slots.
var (
	slots      [1 << maxSlotBits]key
	multiplier uint64
	shift      = 64 - 11
)

// buildSlots looks for the multiplier. It is called once, when all keys are there.
func buildSlots() {
	folded := map[uint64]string{}
	for k := range numKeys {
		h := fold([]byte(keys[k].name))
		if other, ok := folded[h]; ok {
			panic("dialect: the keys " + other + " and " + keys[k].name + " have one hash; let fold read more of them")
		}
		folded[h] = keys[k].name
	}
	tries := 0
search:
	for multiplier = 0x9e3779b97f4a7c15; ; multiplier += 2 {
		if tries++; tries > maxTries && 64-shift < maxSlotBits {
			tries = 0
			shift--
		}
		for i := range slots[:1<<(64-shift)] {
			slots[i] = noKey
		}
		for k := range numKeys {
			s := &slots[slotOf(bytesOf(keys[k].name))]
			if *s != noKey {
				continue search
			}
			*s = k
		}
		return
	}
}

// slotOf is the place of a key in the table.
func slotOf(b []byte) uint64 { return fold(b) * multiplier >> (shift & 63) & (1<<maxSlotBits - 1) }

// fold hashes the length and the last sixteen bytes: keys that share those are of no dialect.
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
	k := slots[slotOf(name)]
	if k != noKey && string(name) == keys[k].name {
		return k
	}
	return noKey
}

// keySet is a set of keys. It is visited in the order of the keys, which is their precedence.
type keySet [maxKeys / 64]uint64

func (s *keySet) has(k key) bool { return s[k/64]&(1<<(k%64)) != 0 }
func (s *keySet) add(k key)      { s[k/64] |= 1 << (k % 64) }

func trailingZeros(m uint64) int { return bits.TrailingZeros64(m) }
