package pricing

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePrice(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"0", "0"},
		{"0.0", "0"},
		{"2.5e-06", "0.0000025"},
		{"2.5E-06", "0.0000025"},
		{"2.5e-6", "0.0000025"},
		{"0.0000025", "0.0000025"},
		{"1e-18", "0.000000000000000001"},
		{"4e-19", "0"},
		{"5e-19", "0.000000000000000001"},
		{"2.0000000000000003e-07", "0.0000002"}, // a double's noise
		{"1", "1"},
		{"18.4", "18.4"},
		{"000.5", "0.5"},
		{"0e400", "0"},
	} {
		got, err := ParsePrice(tc.in)
		if err != nil || got.String() != tc.want {
			t.Errorf("ParsePrice(%q) = %s, %v, want %s", tc.in, got, err, tc.want)
		}
	}
	for _, tc := range []struct {
		in   string
		want error
	}{
		{"", errNotNumber},
		{"-1", errNegative},
		{"-0", errNegative},
		{"1.", errNotNumber},
		{".5", errNotNumber},
		{"0x1p3", errNotNumber},
		{"NaN", errNotNumber},
		{"1e", nil},
		{"1_000", errNotNumber},
		{"18.5", errTooLarge},
		{"19", errTooLarge},
		{"1e30", errTooLarge},
		{"1e41", nil},
		{"1e-99", nil},
		{strings.Repeat("1", 65), errNotNumber},
	} {
		if got, err := ParsePrice(tc.in); tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("ParsePrice(%q) = %s, %v, want %v", tc.in, got, err, tc.want)
		} else if tc.want == nil && err == nil && tc.in != "1e" {
			t.Errorf("ParsePrice(%q) = %s, want an error", tc.in, got)
		}
	}
}

// big18 is the number of units as an exact fraction.
func big18(d Decimal) *big.Int {
	n := new(big.Int).SetUint64(d.hi)
	return n.Add(n.Lsh(n, 64), new(big.Int).SetUint64(d.lo))
}

func TestDecimalIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Price(rapid.Uint64().Draw(t, "price"))
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n")
		d := p.times(n)
		want := new(big.Int).Mul(new(big.Int).SetUint64(uint64(p)), big.NewInt(n))
		if big18(d).Cmp(want) != 0 {
			t.Fatalf("%d times %d = %s, want %s", p, n, big18(d), want)
		}
		if got := big18(p.thousandths(n)); got.Cmp(new(big.Int).Quo(want, big.NewInt(1000))) != 0 {
			t.Fatalf("thousandths: %s of %s", got, want)
		}
		text, ok := new(big.Rat).SetString(d.String())
		if !ok || text.Mul(text, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(decimals), nil))).Cmp(new(big.Rat).SetInt(want)) != 0 {
			t.Fatalf("text %q of %s", d, want)
		}
		hi, lo := d.Picodollars()
		if pico := big18(Decimal{hi, lo}); pico.Cmp(new(big.Int).Quo(want, big.NewInt(1e6))) != 0 {
			t.Fatalf("picodollars %s of %s", pico, want)
		}
		e := Price(rapid.Uint64().Draw(t, "other")).times(n)
		sum, ok := d.add(e)
		if exact := new(big.Int).Add(want, big18(e)); ok != (exact.BitLen() <= 128) || ok && big18(sum).Cmp(exact) != 0 {
			t.Fatalf("%s + %s = %s, %v", d, e, sum, ok)
		}
		if d.Cmp(e) != want.Cmp(big18(e)) {
			t.Fatalf("Cmp(%s, %s) = %d", d, e, d.Cmp(e))
		}
	})
}

func TestPriceReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Price(rapid.Uint64().Draw(t, "price"))
		if got, err := ParsePrice(p.String()); err != nil || got != p {
			t.Fatalf("ParsePrice(%q) = %d, %v", p, got, err)
		}
	})
}
