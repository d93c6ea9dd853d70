package leakage

// Payment cards: the issuer ranges of ISO/IEC 7812 as the networks publish them, and the check digit of its annex B (Luhn).

// issuer is a range of first digits with the lengths that its numbers have.
type issuer struct {
	from, to int // of the first digits, as many as from has
	lengths  uint32
}

func lengths(of ...int) (bits uint32) {
	for _, n := range of {
		bits |= 1 << n
	}
	return bits
}

var issuers = []issuer{
	{4, 4, lengths(13, 16, 19)},                           // Visa
	{51, 55, lengths(16)},                                 // Mastercard
	{2221, 2720, lengths(16)},                             // Mastercard
	{34, 34, lengths(15)},                                 // American Express
	{37, 37, lengths(15)},                                 // American Express
	{300, 305, lengths(14, 16, 17, 18, 19)},               // Diners Club
	{309, 309, lengths(14, 16, 17, 18, 19)},               // Diners Club
	{36, 36, lengths(14, 15, 16, 17, 18, 19)},             // Diners Club
	{38, 39, lengths(14, 16, 17, 18, 19)},                 // Diners Club
	{35, 35, lengths(16, 17, 18, 19)},                     // JCB, which issues 3528 to 3589 today
	{2131, 2131, lengths(15)},                             // JCB
	{1800, 1800, lengths(15)},                             // JCB
	{2200, 2204, lengths(16, 17, 18, 19)},                 // Mir
	{6011, 6011, lengths(16, 17, 18, 19)},                 // Discover
	{644, 659, lengths(16, 17, 18, 19)},                   // Discover, RuPay
	{62, 62, lengths(16, 17, 18, 19)},                     // UnionPay
	{81, 82, lengths(16, 17, 18, 19)},                     // UnionPay, RuPay
	{50, 50, lengths(12, 13, 14, 15, 16, 17, 18, 19)},     // Maestro
	{56, 69, lengths(12, 13, 14, 15, 16, 17, 18, 19)},     // Maestro
	{604, 604, lengths(12, 13, 14, 15, 16, 17, 18, 19)},   // Maestro
	{5018, 5018, lengths(12, 13, 14, 15, 16, 17, 18, 19)}, // Maestro
}

// cardWords say that a number is a card's: numbers that are short for one need them.
var cardWords = newWords("card", "credit", "debit", "cc", "visa", "maestro", "mastercard", "amex", "american express", "payment", "carte", "karte", "tarjeta", "carta", "cartão")

// card is the payment card that x begins with.
func card(f *finder, x *number, _ int) (Kind, int) {
	n := x.digits()
	for ; n >= 12; n-- {
		groups := x.groups(n)
		if n > 19 || groups == 0 || groups > 5 || !x.uniform(groups) || x.sizes[0] < 3 || !issued(x.text[:n]) || !luhn(x.text[:n]) {
			continue
		}
		if n < 14 && !f.near(x.at[0], x.at[n-1]+1, cardWords) {
			continue
		}
		return KindCard, n
	}
	return "", 0
}

// issued says whether a network issues numbers of the length that begin so.
func issued(digits []byte) bool {
	for _, r := range issuers {
		if r.lengths&(1<<len(digits)) == 0 {
			continue
		}
		prefix := 0
		for i, limit := 0, r.from; limit > 0; i, limit = i+1, limit/10 {
			prefix = prefix*10 + int(digits[i]-'0')
		}
		if r.from <= prefix && prefix <= r.to {
			return true
		}
	}
	return false
}

// luhn says whether the last digit checks the others.
func luhn(digits []byte) bool {
	sum, same := 0, true
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		same = same && c == digits[0]
	}
	return sum%10 == 0 && !same
}

// testCards are numbers that payment providers publish for tests.
var testCards = map[string]bool{
	"4111111111111111": true, "4242424242424242": true, "4012888888881881": true, "4000056655665556": true, "5555555555554444": true,
	"5105105105105100": true, "2223003122003222": true, "378282246310005": true, "371449635398431": true, "378734493671000": true,
	"6011111111111117": true, "6011000990139424": true, "30569309025904": true, "38520000023237": true, "3530111333300000": true,
	"3566002020360505": true, "4222222222222": true, "6200000000000005": true,
}

func testCard(digits []byte) bool { return testCards[string(digits)] }
