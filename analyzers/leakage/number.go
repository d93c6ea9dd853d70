package leakage

// Numbers: what stands in groups of digits and letters. A number is read once into groups; each standard then says whether
// a beginning of them, which ends where a group ends, is one of its own.

import "strings"

// maxCompact bounds the letters and digits of one number: an IBAN has 34 at most.
const maxCompact = 40

// maxNumbers bounds the groups of digits of one text that are looked at; those behind them are not.
const maxNumbers = 1 << 15

// number is what begins at some place of a text, read as groups of ASCII letters and digits with single separators between.
type number struct {
	text  [maxCompact]byte // the letters in upper case
	n     int
	at    [maxCompact]int // where each stands
	sizes []int           // of the groups
	ends  []int           // of the groups, in text
	seps  []byte          // between them; 0 is a space that is no ASCII
	size  [maxCompact]int
	end   [maxCompact]int
	sep   [maxCompact]byte
}

// read reads the number that begins at start.
func (x *number) read(s string, start int) {
	x.n, x.sizes, x.ends, x.seps = 0, x.size[:0], x.end[:0], x.sep[:0]
	for i := start; i < len(s) && x.n < maxCompact; {
		first := x.n
		for i < len(s) && x.n < maxCompact && class[s[i]]&(isDigit|isLetter) != 0 {
			c := s[i]
			if c >= 'a' {
				c -= 'a' - 'A'
			}
			x.text[x.n], x.at[x.n] = c, i
			x.n++
			i++
		}
		if i < len(s) && class[s[i]]&(isDigit|isLetter) != 0 {
			x.n = first // the group goes on beyond what any number has
			return
		}
		x.sizes = append(x.sizes, x.n-first)
		x.ends = append(x.ends, x.n)
		sep, width := separator(s[i:])
		if width == 0 || i+width >= len(s) || class[s[i+width]]&(isDigit|isLetter) == 0 {
			return
		}
		x.seps = append(x.seps, sep)
		i += width
	}
}

// separator is what may stand between two groups.
func separator(s string) (sep byte, width int) {
	if s == "" {
		return 0, 0
	}
	switch s[0] {
	case ' ', '-', '.', '/':
		return s[0], 1
	}
	for _, space := range [...]string{"\u00a0", "\u202f", "\u2011", "\u2009"} {
		if strings.HasPrefix(s, space) {
			return ' ', len(space)
		}
	}
	return 0, 0
}

// groups is how many groups the first n characters are; 0 when they end within one.
func (x *number) groups(n int) int {
	for i, e := range x.ends {
		if e == n {
			return i + 1
		}
	}
	return 0
}

// uniform says whether the first groups are joined all by spaces or all by hyphens.
func (x *number) uniform(groups int) bool {
	for i := range groups - 1 {
		if x.seps[i] != x.seps[0] || x.seps[i] != ' ' && x.seps[i] != '-' {
			return false
		}
	}
	return true
}

// shape says whether the first groups have the sizes.
func (x *number) shape(sizes ...int) bool {
	if len(x.sizes) < len(sizes) {
		return false
	}
	for i, n := range sizes {
		if x.sizes[i] != n {
			return false
		}
	}
	return true
}

// digits says how many digits begin it.
func (x *number) digits() (n int) {
	for n < x.n && class[x.text[n]]&isDigit != 0 {
		n++
	}
	return n
}

// number looks at the digit at i, notes what it is part of, and says where to go on.
func (f *finder) number(i int) int {
	if f.numbers++; f.numbers > maxNumbers {
		f.skip = len(f.s)
		return f.skip
	}
	start := i
	for start > f.skip && i-start < maxCompact && class[f.s[start-1]]&(isDigit|isLetter) != 0 {
		start--
	}
	if f.skip <= start && numerous(f.s, start) && bounded(f.s[:start], start, start) {
		x := &f.at
		if lead := lettersBefore(f.s, start, f.skip); lead < start {
			x.read(f.s, lead)
			if kind, n := national(f, x, lead); n > 0 && x.at[n-1] > start && bounded(f.s, lead, x.at[n-1]+1) {
				f.skip = x.at[n-1] + 1
				f.add(kind, lead, f.skip)
				return f.skip
			}
		}
		x.read(f.s, start)
		if x.n > 0 {
			if end := f.standard(x, start); end > 0 {
				f.skip = end
				return end
			}
		}
		if end := f.phone(start); end > 0 {
			f.skip = end
			return end
		}
	}
	for i < len(f.s) && class[f.s[i]]&(isDigit|isLetter) != 0 {
		i++
	}
	f.skip = i
	return i
}

// lettersBefore is where one or two capitals begin that stand before start as a group of their own, or start.
func lettersBefore(s string, start, floor int) int {
	i := start - 1
	if i <= floor || s[i] != ' ' && s[i] != '-' {
		return start
	}
	for i > floor && start-i < 4 && 'A' <= s[i-1] && s[i-1] <= 'Z' {
		i--
	}
	if i == start-1 || !bounded(s[:i], i, i) {
		return start
	}
	return i
}

// standard notes the number when a standard knows it, and gives its end, or 0.
func (f *finder) standard(x *number, start int) int {
	if start > 1 && class[f.s[start-2]]&isDigit != 0 && strings.IndexByte(".-/", f.s[start-1]) >= 0 {
		return 0 // the end of a longer one
	}
	if n := ipv4(x); n > 0 && f.address4(x, start, n) {
		return x.at[n-1] + 1
	}
	for _, read := range [...]func(*finder, *number, int) (Kind, int){iban, card, national} {
		kind, n := read(f, x, start)
		if n == 0 {
			continue
		}
		end := x.at[n-1] + 1
		at := x.at[0]
		if !bounded(f.s, at, end) || follows(f.s, end) {
			continue
		}
		f.add(kind, at, end)
		if kind == KindCard {
			f.out[len(f.out)-1].Impersonal = testCard(x.text[:n])
		}
		return end
	}
	return 0
}

// follows says whether more of the same number stands at end: what ends before a hyphen or point with a digit behind is a part.
func follows(s string, end int) bool {
	return end+1 < len(s) && (s[end] == '-' || s[end] == '.' || s[end] == '/') && class[s[end+1]]&isDigit != 0
}

// numerous says whether what begins at start can have the digits of the shortest number: six, or four between points. It only
// spares reading what has not.
func numerous(s string, start int) bool {
	digits, points, letters, marks := 0, 0, 0, 0
	for i := start; i < len(s) && i < start+maxCompact; i++ {
		switch c := class[s[i]]; {
		case c&isDigit != 0:
			if digits++; digits >= 6 || digits >= 4 && points >= 3 {
				return true
			}
			letters, marks = 0, 0
		case c&isLetter != 0:
			if letters++; letters > 4 && digits > 0 {
				return false
			}
			marks = 0
		default:
			if marks++; marks > 3 || s[i] == ',' || s[i] == '\n' || s[i] == ':' || s[i] == ';' {
				return false
			}
			if s[i] == '.' {
				points++
			}
		}
	}
	return false
}
