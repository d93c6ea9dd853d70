package leakage

// Many keywords in one pass: the automaton of Aho and Corasick (1975), over bytes with ASCII case folded.

import "math"

// automaton finds the keywords that it was built of.
type automaton struct {
	class [256]uint8 // of a byte, folded; 0 is every byte that no keyword has
	width int        // classes
	next  []uint16   // state × class → state
	ends  [][]uint16 // of a state: the keywords that end there, by number
}

// newAutomaton builds the automaton of lower-case keywords.
func newAutomaton(keywords []string) *automaton {
	a := &automaton{width: 1}
	for _, k := range keywords {
		for i := range len(k) {
			if a.class[k[i]] == 0 {
				a.class[k[i]] = uint8(a.width) //nolint:gosec // fewer than 256: keywords are lower case
				a.width++
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		a.class[c-'a'+'A'] = a.class[c]
	}
	a.grow()
	for n, k := range keywords {
		state := 0
		for i := range len(k) {
			to := state*a.width + int(a.class[k[i]])
			if a.next[to] == 0 {
				a.next[to] = uint16(len(a.ends)) //nolint:gosec // grow bounds the states
				a.grow()
			}
			state = int(a.next[to])
		}
		a.ends[state] = append(a.ends[state], uint16(n))
	}
	a.link()
	return a
}

// grow adds a state. The lists are our own: one that needs too many is an error of ours.
func (a *automaton) grow() {
	if len(a.ends) > math.MaxUint16 {
		panic("leakage: too many keywords for an automaton")
	}
	a.next = append(a.next, make([]uint16, a.width)...)
	a.ends = append(a.ends, nil)
}

// link makes every step of a state without one that of its longest proper suffix, breadth first.
func (a *automaton) link() {
	fail := make([]uint16, len(a.ends))
	queue := make([]uint16, 0, len(a.ends))
	for c := range a.width {
		if to := a.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		suffix := fail[state]
		a.ends[state] = append(a.ends[state], a.ends[suffix]...)
		for c := range a.width {
			at := int(state)*a.width + c
			by := a.next[int(suffix)*a.width+c]
			if to := a.next[at]; to != 0 {
				fail[to] = by
				queue = append(queue, to)
			} else {
				a.next[at] = by
			}
		}
	}
}

// find calls yield with the number of every keyword and where it ends, at every place, until it returns false.
func (a *automaton) find(s string, yield func(keyword uint16, end int) bool) {
	state := 0
	for i := range len(s) {
		state = int(a.next[state*a.width+int(a.class[s[i]])])
		for _, k := range a.ends[state] {
			if !yield(k, i+1) {
				return
			}
		}
	}
}

// holds says whether s has any of the keywords.
func (a *automaton) holds(s string) (found bool) {
	a.find(s, func(uint16, int) bool { found = true; return false })
	return found
}
