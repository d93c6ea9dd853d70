package store

import (
	"sync"

	"github.com/tiltmeter/tiltmeter/store/content"
)

// DefaultKnownContents is the default bound of the contents known to be stored, about 64 bytes each.
const DefaultKnownContents = 1 << 20

// knownKey is a content of a project and day in one of the two tables of contents.
type knownKey struct {
	hash    content.Hash
	project uint32
	day     uint16
	table   uint8
}

// known remembers contents that are stored, the last ones of about max: two generations, of which
// the older is forgotten when the younger is full.
type known struct {
	max int
	mu  sync.RWMutex
	// mu guards everything below.
	young, old map[knownKey]struct{}
	projects   map[string]uint32
}

func newKnown(maxEntries int) *known {
	return &known{max: max(2, maxEntries), young: map[knownKey]struct{}{}, projects: map[string]uint32{}}
}

// project numbers a project.
func (k *known) project(name string) uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, ok := k.projects[name]
	if !ok {
		n = uint32(len(k.projects)) //nolint:gosec // projects are few
		k.projects[name] = n
	}
	return n
}

func (k *known) has(key knownKey) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	_, ok := k.young[key]
	if !ok {
		_, ok = k.old[key]
	}
	return ok
}

func (k *known) add(keys map[knownKey]struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range keys {
		if len(k.young) >= k.max/2 {
			k.old, k.young = k.young, make(map[knownKey]struct{}, k.max/2)
		}
		k.young[key] = struct{}{}
	}
}
