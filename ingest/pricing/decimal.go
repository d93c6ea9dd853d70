package pricing

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// decimals is the scale of every price and amount here: units of 10^-18 dollars. Vendors write
// prices for a million tokens with up to four decimals, that is 10^-10 a token; the rest is room for
// prices that others computed in binary.
const decimals = 18

// maxExponent bounds the exponent of a price that is read. 1e400 is no price, and padding it would cost memory.
const maxExponent = 40

// Price is what one token, image, request or second costs, in units of 10^-18 dollars; at most
// 18.44 dollars. The zero value is free of charge: whether there is a price at all is said elsewhere.
type Price uint64

// Decimal is an amount in units of 10^-18 dollars; never negative.
type Decimal struct{ hi, lo uint64 }

var (
	errNotNumber = errors.New("not a decimal number")
	errNegative  = errors.New("a price cannot be negative")
	errTooLarge  = errors.New("more than 18 dollars for one unit")
)

// ParsePrice reads a decimal number of dollars ("0.0000025", "2.5e-06"). Digits behind the 18th
// decimal are rounded, half up: they are noise of whoever computed the price in binary.
func ParsePrice(s string) (Price, error) { return parsePrice(s, 0) }

// parsePrice is ParsePrice of s * 10^-shift.
func parsePrice(s string, shift int) (Price, error) {
	digits, exp, err := splitNumber(s)
	if err != nil {
		return 0, fmt.Errorf("price %q: %w", clip(s), err)
	}
	if digits == "" {
		return 0, nil
	}
	if exp > maxExponent || exp < -maxExponent*2 {
		return 0, fmt.Errorf("price %q: an exponent beyond %d", clip(s), maxExponent)
	}
	zeros := decimals - shift + exp // behind the digits
	up := false
	if zeros < 0 {
		cut := len(digits) + zeros
		if cut < 0 {
			return 0, nil
		}
		up = digits[cut] >= '5'
		digits, zeros = digits[:cut], 0
	}
	var n uint64
	for i := range len(digits) + zeros {
		d := uint64(0)
		if i < len(digits) {
			d = uint64(digits[i] - '0')
		}
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, d, 0)
		if hi != 0 || carry != 0 {
			return 0, fmt.Errorf("price %q: %w", clip(s), errTooLarge)
		}
		n = sum
	}
	if up {
		if n++; n == 0 {
			return 0, fmt.Errorf("price %q: %w", clip(s), errTooLarge)
		}
	}
	return Price(n), nil
}

// splitNumber takes a JSON number apart: its digits without leading zeros, "" for zero, and the
// power of ten that they are multiplied by.
func splitNumber(s string) (digits string, exp int, err error) {
	if strings.HasPrefix(s, "-") {
		return "", 0, errNegative
	}
	mantissa, power, has := strings.Cut(strings.ToLower(s), "e")
	if has {
		if exp, err = smallInt(power); err != nil {
			return "", 0, err
		}
	}
	whole, frac, dot := strings.Cut(mantissa, ".")
	if whole == "" || dot && frac == "" || len(mantissa) > 64 {
		return "", 0, errNotNumber
	}
	digits = whole + frac
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return "", 0, errNotNumber
		}
	}
	return strings.TrimLeft(digits, "0"), exp - len(frac), nil
}

func smallInt(s string) (int, error) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+"), "0")
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i > 3 {
			return 0, errNotNumber
		}
		n = n*10 + int(s[i]-'0')
	}
	if neg {
		n = -n
	}
	return n, nil
}

// clip keeps an error short whatever was sent.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// times is n units at the price p. It cannot overflow.
func (p Price) times(n int64) Decimal {
	hi, lo := bits.Mul64(uint64(p), uint64(max(n, 0)))
	return Decimal{hi, lo}
}

// thousandths is n thousandths of a unit at the price p, what is left over dropped: less than 10^-18 dollars.
func (p Price) thousandths(n int64) Decimal {
	d := p.times(n)
	hi := d.hi / 1000
	lo, _ := bits.Div64(d.hi%1000, d.lo, 1000)
	return Decimal{hi, lo}
}

// String is the price of one unit in dollars, exact.
func (p Price) String() string { return Decimal{lo: uint64(p)}.String() }

// add is d plus e; false when that is beyond 3.4*10^20 dollars.
func (d Decimal) add(e Decimal) (Decimal, bool) {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, carry := bits.Add64(d.hi, e.hi, carry)
	return Decimal{hi, lo}, carry == 0
}

// IsZero reports whether the amount is nothing.
func (d Decimal) IsZero() bool { return d == Decimal{} }

// Cmp is -1 when d is less than e, 0 when they are the same, else 1.
func (d Decimal) Cmp(e Decimal) int {
	switch {
	case d == e:
		return 0
	case d.hi < e.hi || d.hi == e.hi && d.lo < e.lo:
		return -1
	}
	return 1
}

// Picodollars is the amount in units of 10^-12 dollars, rounded towards zero, as 128 bits: what a
// Decimal(38, 12) column holds.
func (d Decimal) Picodollars() (hi, lo uint64) {
	const unit = 1_000_000
	hi = d.hi / unit
	lo, _ = bits.Div64(d.hi%unit, d.lo, unit)
	return hi, lo
}

// maxDecimalBytes is the longest text of a Decimal: 39 digits and a point.
const maxDecimalBytes = 40

// Append appends the amount in dollars: exact, no exponent, no zeros behind the last digit ("0.00125").
func (d Decimal) Append(dst []byte) []byte {
	var b [maxDecimalBytes]byte
	i := len(b)
	seen := false // a digit of the fraction that is not zero
	for place := 0; place <= decimals || d != (Decimal{}); place++ {
		if place == decimals && seen {
			i--
			b[i] = '.'
		}
		var digit uint64
		hi := d.hi / 10
		d.lo, digit = bits.Div64(d.hi%10, d.lo, 10)
		d.hi = hi
		if place < decimals && digit == 0 && !seen {
			continue
		}
		seen = seen || place < decimals
		i--
		b[i] = '0' + byte(digit) //nolint:gosec // a remainder by ten
	}
	return append(dst, b[i:]...)
}

// String is Append as a string.
func (d Decimal) String() string {
	var b [maxDecimalBytes]byte
	return string(d.Append(b[:0]))
}
