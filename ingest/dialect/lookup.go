package dialect

import (
	"encoding/binary"
	"math/bits"
)

// slotBits is the size of the table that finds keys: large enough that a multiplier without a
// collision turns up within some dozens of tries, small enough to stay in the cache.
const slotBits = 11

// slots holds, by hash, the one key that a name can be; a comparison then settles it. multiplier
// was found to give every key a slot of its own.
var slots, multiplier = func() (t [1 << slotBits]key, mul uint64) {
	for mul = 0x9e3779b97f4a7c15; ; mul += 2 {
		for i := range t {
			t[i] = noKey
		}
		k := key(0)
		for ; k < numKeys; k++ {
			s := &t[slot([]byte(keys[k].name), mul)]
			if *s != noKey {
				break
			}
			*s = k
		}
		if k == numKeys {
			return t, mul
		}
	}
}()

// slot hashes the length and the last sixteen bytes: keys that share those are of no dialect.
func slot(b []byte, mul uint64) uint64 {
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
	return h * mul >> (64 - slotBits)
}

// lookup finds the key of a name, noKey when no dialect reads it.
func lookup(name []byte) key {
	k := slots[slot(name, multiplier)]
	if k != noKey && string(name) == keys[k].name {
		return k
	}
	return noKey
}

// keySet is a set of keys. It is visited in the order of the keys, which is their precedence.
type keySet [(int(numKeys) + 63) / 64]uint64

func (s *keySet) has(k key) bool { return s[k/64]&(1<<(k%64)) != 0 }
func (s *keySet) add(k key)      { s[k/64] |= 1 << (k % 64) }

// generalKeys are those that mean the same on every span, allKeys are all.
var generalKeys, allKeys = func() (general, all keySet) {
	for k := range numKeys {
		all.add(k)
		if k >= firstGeneralKey && k <= lastGeneralKey {
			general.add(k)
		}
	}
	return general, all
}()

func trailingZeros(m uint64) int { return bits.TrailingZeros64(m) }
