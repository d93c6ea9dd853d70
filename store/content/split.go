package content

import "strings"

const (
	// A text is cut where a rolling hash of its last 64 bytes says so: 1.3 KiB on average,
	// because a piece costs 16 bytes on every span that has it and about 60 bytes once.
	minChunk, maxChunk = 256, 16 << 10
	chunkMask          = uint64(1<<10-1) << 54
	// minElement is the least average length of the elements of a JSON array that is cut at
	// its elements: an array of numbers is text like any other.
	minElement = 64
)

// Split is how a text was cut: Pieces with Sep between them, and inside brackets for a JSON array.
type Split struct {
	Array  bool
	Sep    string // between the pieces of an array: a comma and white space
	Pieces []string
}

// SplitText cuts s, which is not copied. The pieces are appended to dst, which may be nil.
// A JSON array is cut at its elements if it can be rebuilt exactly from them, other text by content.
func SplitText(s string, dst []string) Split {
	if len(s) > 0 && s[0] == '[' {
		if sep, pieces, ok := splitArray(s, dst); ok {
			return Split{Array: true, Sep: sep, Pieces: pieces}
		}
	}
	return Split{Pieces: splitChunks(s, dst[:0])}
}

// Len is the length of the text that the pieces make.
func (s Split) Len() int {
	n := 0
	for _, p := range s.Pieces {
		n += len(p)
	}
	if s.Array {
		n += 2 + len(s.Sep)*max(0, len(s.Pieces)-1)
	}
	return n
}

// Append puts the text together again.
func (s Split) Append(dst []byte) []byte {
	if s.Array {
		dst = append(dst, '[')
	}
	for i, p := range s.Pieces {
		if s.Array && i > 0 {
			dst = append(dst, s.Sep...)
		}
		dst = append(dst, p...)
	}
	if s.Array {
		dst = append(dst, ']')
	}
	return dst
}

// splitArray cuts "[a, b]" into its elements. It does not check what an element is: the text is
// rebuilt from the pieces whatever they are. It gives up when separators differ.
func splitArray(s string, dst []string) (sep string, pieces []string, ok bool) {
	pieces = dst[:0]
	for at := 1; ; {
		end, ok := elementEnd(s, at)
		if !ok || end == at {
			return "", nil, false
		}
		pieces = append(pieces, s[at:end])
		if s[end] == ']' {
			ok := end == len(s)-1 && len(s) >= minElement*len(pieces)
			return sep, pieces, ok
		}
		next := end + 1 // behind the comma
		for next < len(s) && isSpace(s[next]) {
			next++
		}
		if len(pieces) == 1 {
			sep = s[end:next]
		} else if s[end:next] != sep {
			return "", nil, false
		}
		at = next
	}
}

// elementEnd finds the comma or bracket that ends the element at s[at].
func elementEnd(s string, at int) (end int, ok bool) {
	depth := 0
	for i := at; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = stringEnd(s, i+1); i < 0 {
				return 0, false
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i, s[i] == ']'
			}
			depth--
		case ',':
			if depth == 0 {
				return i, true
			}
		}
	}
	return 0, false
}

// stringEnd is the index of the quote that ends the JSON string which begins before s[at], or -1.
func stringEnd(s string, at int) int {
	for {
		q := strings.IndexByte(s[at:], '"')
		if q < 0 {
			return -1
		}
		q += at
		slashes := 0
		for q-1-slashes >= at && s[q-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return q
		}
		at = q + 1
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// splitChunks cuts by content (Gear hash; Xia et al., "Ddelta", 2014).
func splitChunks(s string, dst []string) []string {
	for len(s) > 0 {
		n := chunkEnd(s)
		dst = append(dst, s[:n])
		s = s[n:]
	}
	return dst
}

func chunkEnd(s string) int {
	if len(s) <= minChunk {
		return len(s)
	}
	limit := min(len(s), maxChunk)
	var h uint64
	// The hash forgets a byte after 64 shifts: beginning there gives the same cuts.
	for i := minChunk - 64; i < limit; i++ {
		h = h<<1 + gear[s[i]]
		if i >= minChunk && h&chunkMask == 0 {
			return i + 1
		}
	}
	return limit
}

// gear is a table of random numbers; stored data depends on them, so that they never change.
var gear = makeGear()

func makeGear() (t [256]uint64) {
	x := uint64(0x9E3779B97F4A7C15)
	for i := range t { // splitmix64
		x += 0x9E3779B97F4A7C15
		z := x
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		t[i] = z ^ z>>31
	}
	return t
}
