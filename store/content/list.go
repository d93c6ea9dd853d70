package content

import (
	"errors"
	"fmt"
)

const (
	// MaxInline is the number of refs that stay on the span, 16 bytes each. Fewer would make
	// short conversations pay for nodes, more would make long ones pay for every step.
	MaxInline = 16
	// A node ends after a ref whose last three bits are zero, so that it has 8 refs on average,
	// but at least two (or a list of one repeated ref would never get shorter) and at most 32.
	minFanout, maxFanout = 2, 32
	boundaryMask         = 7
	// MaxLevel bounds the height of a list: 8 levels hold 16 · 2^8 refs in the worst case that
	// the hash allows and 16 · 8^8 on average.
	MaxLevel = 24
	// MaxListRefs bounds what Expand builds in memory, in refs of 16 bytes.
	MaxListRefs = 1 << 20
)

// ErrBroken says that stored pieces do not fit together.
var ErrBroken = errors.New("stored list is broken")

// List is a list of contents: Refs name its members when Level is 0, else nodes of that level.
type List struct {
	Count int // members
	Level int
	Refs  []Hash
}

// ListBuilder makes lists. It reuses its memory; it is for one goroutine at a time.
type ListBuilder struct{ a, b []Hash }

// Build makes the list of members. It calls emit for every node; children is only valid during
// the call. Refs of the result are valid until the next Build.
//
// Equal members give equal nodes, and lists that share a beginning or an end share all nodes but
// those where they part.
func (lb *ListBuilder) Build(members []Hash, emit func(node Hash, children []Hash)) List {
	l := List{Count: len(members)}
	cur := append(lb.a[:0], members...) //nolint:gocritic // cur is a working copy
	next := lb.b[:0]
	for len(cur) > MaxInline {
		next = next[:0]
		for start := 0; start < len(cur); {
			end := nodeEnd(cur, start)
			h := ofNode(cur[start:end])
			emit(h, cur[start:end])
			next = append(next, h)
			start = end
		}
		cur, next = next, cur
		l.Level++
	}
	lb.a, lb.b = cur, next
	l.Refs = cur
	return l
}

// nodeEnd is where the node that begins at start ends. A rest of one joins the node before it by
// being its own: nodes of one ref exist only at the end of a list.
func nodeEnd(refs []Hash, start int) int {
	for i := start; i < len(refs); i++ {
		n := i - start + 1
		if n >= maxFanout || n >= minFanout && refs[i][15]&boundaryMask == 0 {
			return i + 1
		}
	}
	return len(refs)
}

// Expand returns the members of a list. It asks for the children of all nodes of one level at a
// time; fetch returns them in the order asked for.
func Expand(l List, fetch func(nodes []Hash) ([][]Hash, error)) ([]Hash, error) {
	if l.Level < 0 || l.Level > MaxLevel || l.Count < 0 || l.Count > MaxListRefs {
		return nil, fmt.Errorf("expand list of %d at level %d: %w", l.Count, l.Level, ErrBroken)
	}
	refs := l.Refs
	for level := l.Level; level > 0; level-- {
		nodes, err := fetch(refs)
		if err != nil {
			return nil, err
		}
		var below []Hash
		for _, children := range nodes {
			if len(below)+len(children) > l.Count {
				return nil, fmt.Errorf("expand list of %d at level %d: too many refs: %w", l.Count, level, ErrBroken)
			}
			below = append(below, children...)
		}
		refs = below
	}
	if len(refs) != l.Count {
		return nil, fmt.Errorf("expand list of %d: got %d: %w", l.Count, len(refs), ErrBroken)
	}
	return refs, nil
}
