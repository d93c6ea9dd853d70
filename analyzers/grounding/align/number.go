package align

// Numbers: what a text says in figures, with how exactly it says it, and whether another text bears it out by lookup, rounding or
// one step of arithmetic.

import (
	"math"
	"strings"
)

// number is a number as a text writes it.
type number struct {
	value   float64
	ulp     float64 // unit of the last written place: 0.1 million in "1.2 million"
	word    int32   // of the page
	digits  int8    // significant digits
	percent bool
	year    bool
	plain   float64 // value without the scale behind it
}

// maxDigits bounds the digits that count; what follows is only passed over.
const maxDigits = 18

// scan reads the number that begins with a digit at s[i], and says where it ends.
func scan(s string, i int) (n number, end int) {
	ulp, group, digits, zeros := 1.0, false, 0, 0
	start := i
	for ; i < len(s); i++ {
		c := s[i]
		if c == ',' && threeDigits(s[i+1:]) && i > start {
			group = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if digits < maxDigits {
			n.value = n.value*10 + float64(c-'0')
		}
		if c == '0' {
			zeros++
		} else {
			zeros = 0
		}
		if digits > 0 || c != '0' {
			digits++
		}
	}
	whole := i - start
	fraction := false
	if i+1 < len(s) && s[i] == '.' && s[i+1] >= '0' && s[i+1] <= '9' {
		fraction = true
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if digits < maxDigits {
				ulp /= 10
				n.value += ulp * float64(s[i]-'0')
				digits++
			}
		}
	}
	if j := pastSpace(s, i); j < len(s) && s[j] == '%' {
		n.percent = true
		i = j + 1
	}
	if !fraction {
		digits -= min(zeros, digits-1)
	}
	n.digits = int8(max(min(digits, maxDigits), 1))
	n.ulp, n.plain = ulp, n.value
	n.year = !fraction && !group && whole == 4 && n.value >= 1500 && n.value <= 2100
	return n, i
}

// pastSpace is i behind one space there, also one that does not break.
func pastSpace(s string, i int) int {
	for _, space := range [...]string{" ", "\u00a0", "\u202f"} {
		if strings.HasPrefix(s[i:], space) {
			return i + len(space)
		}
	}
	return i
}

// threeDigits says whether s begins with three digits and no fourth.
func threeDigits(s string) bool {
	if len(s) < 3 {
		return false
	}
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 3 || s[3] < '0' || s[3] > '9'
}

// scaled multiplies a number by the word behind it.
func (n *number) scaled(by float64) {
	n.value *= by
	n.ulp *= by
}

// says reports whether n is what the number of a source says: the same, rounded, or as a percentage.
func (n *number) says(o *number) bool {
	a, b := n.value, o.value
	if equal(a, b) {
		return true
	}
	if equal(n.plain, o.plain) {
		return n.plain == a || o.plain == b // two scales that are both written out must be the same
	}
	tabled := n.plain != n.value && o.plain == b // a table may say its scale elsewhere
	if n.rounds(b) || tabled && (n.rounds(b*1e3) || n.rounds(b*1e6)) {
		return true
	}
	return n.percent != o.percent && (equal(a, b*100) || equal(a*100, b) || n.rounds(b*100))
}

// rounds reports whether v, written as exactly as n is, reads like n. A year and small whole numbers round nothing.
func (n *number) rounds(v float64) bool {
	if n.year || n.digits < 2 && n.ulp == 1 && n.value < 100 {
		return false
	}
	return math.Abs(math.Abs(v)-n.value) <= n.ulp*0.5001
}

func equal(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

// step is one step of arithmetic.
type step uint8

const (
	noStep step = iota
	sum
	difference
	ratio
	percentOf // a/b in percent
	change    // (a-b)/b in percent
	average   // of two
	product
	totalOf   // of a row of more than two
	averageOf // of a row of more than two
)

// derived finds one step of arithmetic from two numbers of a source that gives n, written rounded or cut off.
func (n *number) derived(from []number) step {
	if n.year || n.value == 0 {
		return noStep
	}
	for x := range from {
		for y := range from {
			if x == y || from[y].plain == 0 {
				continue
			}
			if s := n.step(from[x].plain, from[y].plain, x < y); s != noStep {
				return s
			}
		}
	}
	return noStep
}

// step is the step from a and b to n, if there is one; both says that those in which their order does not matter count.
func (n *number) step(a, b float64, both bool) step {
	if both {
		switch {
		case n.near(a + b):
			return sum
		case n.near(a - b):
			return difference
		case n.near((a + b) / 2):
			return average
		case n.near(a * b):
			return product
		}
	}
	q := a / b
	switch {
	case n.near(q):
		return ratio
	case n.near(q * 100), n.near(q * 1e5), n.near(q * 0.1): // of thousands and millions
		return percentOf
	case n.near((q - 1) * 100), n.near(q - 1):
		return change
	}
	return noStep
}

// near reports whether v, rounded or cut off, reads like n, with its scale or without.
func (n *number) near(v float64) bool {
	v = math.Abs(v)
	if math.Abs(v-n.plain) <= n.ulp*(n.plain/n.value) {
		return true
	}
	return n.plain != n.value && math.Abs(v-n.value) <= n.ulp
}

// ofRow reports whether n is the sum or average of the first three or more numbers of a row, beside its years.
func (n *number) ofRow(row []number) step {
	total, count := 0.0, 0
	for i := range row {
		if row[i].year || i > 0 && row[i].plain == row[i-1].plain {
			continue // "-1727 (1727)" is one number
		}
		total += row[i].plain
		if count++; count < 3 {
			continue
		}
		if n.near(total) {
			return totalOf
		}
		if n.near(total / float64(count)) {
			return averageOf
		}
	}
	return noStep
}

// conversions multiply a number of one unit to that of another: inches, feet, miles, pounds, ounces, gallons, quarts, cups.
var conversions = [...]float64{2.54, 30.48, 0.3048, 1.609, 0.4536, 453.6, 28.35, 3.785, 0.946, 240, 60, 24, 7, 12}

// converts reports whether n is o in another unit: degrees, or one of conversions either way, to two parts in a hundred.
func (n *number) converts(o *number) bool {
	a, b := n.plain, o.plain
	if b > 30 && math.Abs((b-32)*5/9-a) <= 3 || math.Abs(b*9/5+32-a) <= 3 && b > 0 {
		return true
	}
	for _, c := range conversions {
		if math.Abs(b*c-a) <= 0.02*a || math.Abs(b/c-a) <= 0.02*a {
			return true
		}
	}
	return false
}
