package leakage

// Telephone numbers. What they look like says little, and most that looks so is a date, an amount, an order or a licence: so
// Google's numbering plans (libphonenumber, by github.com/nyaruka/phonenumbers) must know the number, and what stands around
// it must not say that it is something else.

import (
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// A telephone number has so many digits: ITU-T E.164 allows fifteen, and those with less than seven are for emergencies and services.
const (
	minPhoneDigits = 7
	maxPhoneDigits = 15
)

// maxParsed bounds the numbers of one text that the library is asked about; those behind it are none.
const maxParsed = 128

// regions are where a number without a country code is tried: large ones, and those whose plans differ.
var regions = []string{
	"US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "SE", "DK", "NO", "FI", "PL", "PT", "IE", "CZ", "GR", "HU", "AU", "NZ", "IN",
	"BR", "MX", "ZA", "JP", "CN", "KR", "SG", "IL", "TR",
}

// phoneWords say that a number is a telephone's.
var phoneWords = newWords(
	"phone", "telephone", "tel", "mobile", "cell", "cellphone", "call", "calling", "called", "fax", "sms", "text me", "texting", "whatsapp",
	"dial", "hotline", "helpline", "pager", "viber", "landline", "voicemail", "toll-free", "toll free", "handy", "telefon", "téléphone", "teléfono",
	"telefono", "móvil", "movil", "celular", "portable", "mobil", "puhelin", "telefone", "cellulare", "rufnummer", "tlf", "gsm", "reach me",
	"reach us", "my number", "new number", "电话", "手机", "電話", "телефон",
)

// perhapsWords say so of a number that a numbering plan knows.
var perhapsWords = newWords(
	"contact", "reach", "ring", "desk", "office", "registered", "message", "messages", "text", "customer service", "support", "direct", "ext",
	"home", "work", "emergency", "ph", "mob", "t:", "p:", "m:", "f:", "c:",
)

// otherWords say that a number is something else.
var otherWords = newWords(
	"license", "licence", "driver", "order", "invoice", "account", "ssn", "social security", "zip", "postcode", "postal", "case", "ticket",
	"isbn", "issn", "doi", "version", "ref", "reference", "serial", "tracking", "card", "policy", "passport", "id", "case no", "patent",
	"sku", "iban", "pmid", "arxiv", "coordinates", "latitude", "longitude", "lat", "lon", "score", "population", "page", "pages", "pp", "section",
	"article", "figure", "table", "chapter", "bill", "transaction", "booking", "flight", "po box", "box", "usd", "eur", "gbp", "rs", "inr",
	"member", "membership", "vin", "imei", "model", "part", "item", "upc", "ean", "barcode", "routing", "swift", "nhs", "dni", "cpf", "timestamp",
	"years", "year", "from", "between", "since", "date", "dated", "born", "apt", "suite", "ste", "unit", "room", "street",
)

// phone notes the telephone number whose first digit is at start, and gives its end, or 0.
func (f *finder) phone(start int) int {
	s := f.s
	if class[s[start]]&isDigit == 0 {
		return 0
	}
	p := phoneAt(s, start, f.skip)
	end := extension(s, p.end)
	if p.digits < minPhoneDigits || p.digits > maxPhoneDigits || !bounded(s, p.start, end) {
		return 0
	}
	if p.end < len(s) && strings.IndexByte("%°", s[p.end]) >= 0 || p.start > 0 && strings.IndexByte("$#=_/\\&?", s[p.start-1]) >= 0 ||
		strings.HasSuffix(s[:p.start], "€") || strings.HasSuffix(s[:p.start], "£") {
		return 0
	}
	if !f.telephone(&p) {
		return 0
	}
	f.add(KindPhone, p.start, end)
	f.out[len(f.out)-1].Impersonal = fictitious(s[p.start:p.end])
	return end
}

// written is a run of groups of digits that can be a telephone number.
type written struct {
	start, end    int
	digits        int
	international bool // with + or 00 before
	bracket       bool // with a part in brackets
	trunk         bool // begins with one 0, in several groups
	sizes         [8]int
	groups        int
	seps          [8]byte // behind each group
}

// phoneAt reads what is written around the first digit at start, not before floor.
func phoneAt(s string, start, floor int) (w written) {
	w.start, w.end = start, start
	if w.start > floor && s[w.start-1] == '(' {
		w.start--
		w.bracket = true
	}
	if w.start > floor && s[w.start-1] == '+' {
		w.start--
		w.international = true
		if w.start > floor && s[w.start-1] == '(' {
			w.start--
			w.bracket = true
		}
	}
	if strings.HasPrefix(s[start:], "00") && !strings.HasPrefix(s[start:], "000") {
		w.international = true
	}
	for i := start; i < len(s) && w.groups < len(w.sizes); {
		first := i
		for i < len(s) && class[s[i]]&isDigit != 0 {
			i++
		}
		w.sizes[w.groups] = i - first
		w.digits += i - first
		w.end = i
		w.groups++
		if w.digits > maxPhoneDigits+3 {
			return w
		}
		sep, width := joint(s[i:])
		if width == 0 || w.groups == len(w.sizes) {
			break
		}
		w.bracket = w.bracket || sep == '('
		w.seps[w.groups-1] = sep
		i += width
	}
	w.trunk = s[start] == '0' && !w.international && w.groups > 1
	w.settle(s)
	return w
}

// settle takes what cannot be one number for none: brackets around more than an area, two kinds of marks, a fraction at the end.
func (w *written) settle(s string) {
	text := s[w.start:w.end]
	if text[0] == '(' && strings.Count(text, "(") > strings.Count(text, ")") {
		w.start++ // the bracket was around more than the number
		text = text[1:]
	}
	open, shut := strings.IndexByte(text, '('), strings.IndexByte(text, ')')
	w.bracket = open >= 0
	if (open >= 0) != (shut >= 0) || shut >= 0 && (shut < open+2 || shut > open+6 || open > 5) {
		w.digits = 0
		return
	}
	mark := byte(0)
	for _, sep := range w.seps[:max(0, w.groups-1)] {
		if sep == ' ' || sep == '(' || sep == ')' {
			continue
		}
		if mark != 0 && sep != mark || sep == '/' && mark != 0 {
			w.digits = 0
		}
		mark = sep
	}
	if w.groups > 1 && (w.sizes[w.groups-1] < 2 || w.seps[0] == '.' && text[0] == '0' && w.sizes[0] == 1) {
		w.digits = 0
	}
}

// joint is what stands between two groups of a telephone number: one mark, or a bracket with a space.
func joint(s string) (sep byte, width int) {
	for width < len(s) && width < 4 && class[s[width]]&isDigit == 0 {
		b, n := separator(s[width:])
		switch {
		case s[width] == '(' || s[width] == ')':
			b, n = s[width], 1
		case n == 0:
			return 0, 0
		}
		if sep == 0 || b == '(' || b == ')' && sep != '(' {
			sep = b
		} else if sep != '(' && sep != ')' && b != ' ' {
			return 0, 0
		}
		width += n
	}
	if width == len(s) || width > 0 && class[s[width]]&isDigit == 0 {
		return 0, 0
	}
	return sep, width
}

// extension is where the extension behind a number ends, or end.
func extension(s string, end int) int {
	i := end
	for i < len(s) && i < end+2 && (s[i] == ' ' || s[i] == ',') {
		i++
	}
	rest := s[i:]
	for _, mark := range [...]string{"extension ", "ext. ", "ext.", "ext ", "Ext. ", "Ext.", "x", "#"} {
		if !strings.HasPrefix(rest, mark) {
			continue
		}
		n := len(mark)
		for n < len(rest) && class[rest[n]]&isDigit != 0 {
			n++
		}
		if n > len(mark) && n <= len(mark)+6 && (n == len(rest) || class[rest[n]]&isLetter == 0) {
			return i + n
		}
	}
	return end
}

// Of a number that only perhapsWords speak for.
const (
	leastPerhaps = 8  // digits
	nearby       = 24 // bytes before it in which they must begin
)

// behindWords are those that stand behind a number: "555 0100 (fax)".
var behindWords = newWords("phone", "mobile", "fax", "cell", "tel")

// telephone decides. Of the words before a number, the last one says what it is.
func (f *finder) telephone(w *written) bool {
	s := f.s[w.start:w.end]
	if !w.international && w.dated() {
		return false
	}
	strong := f.distance(w.start, contextBefore, phoneWords)
	named, shaped := strong < contextBefore || f.behind(w.end, behindWords), w.shaped()
	if !w.international && !named && !shaped && w.digits < leastPerhaps {
		return false
	}
	other := contextBefore
	if line := strings.LastIndexByte(f.s[max(0, w.start-contextBefore):w.start], '\n'); line < 0 {
		other = f.distance(w.start, contextBefore, otherWords)
	} else if reach := min(w.start, contextBefore) - line - 1; f.before(w.start, reach, otherWords) {
		other = f.distance(w.start, reach, otherWords)
	}
	called := named && strong <= other
	if !w.international {
		if called && w.plausible() {
			return true
		}
		perhaps := f.distance(w.start, contextBefore, perhapsWords)
		if perhaps > other || !shaped && (perhaps >= nearby || street(f.s[w.end:])) {
			return false
		}
	}
	if f.parsed++; f.parsed > maxParsed {
		return false
	}
	digits := digitsOf(s)
	if !w.international {
		marked := w.bracket || w.american() && w.seps[0] != ' '
		return marked && w.american() && inAmerica(s) || valid(digits)
	}
	if !strings.Contains(s[:min(2, len(s))], "+") {
		digits = strings.TrimPrefix(digits, "00")
	}
	return abroad(digits, called)
}

// plan is the numbering plan of a region.
type plan struct {
	region string
	code   int
	trunk  string // what is dialled before a number within it
}

// plans are those of regions, and codes the region that each country code stands for.
var plans, codes = sync.OnceValue(func() (list []plan) {
	for _, r := range regions {
		list = append(list, plan{r, phonenumbers.GetCountryCodeForRegion(r), phonenumbers.GetNddPrefixForRegion(r, true)})
	}
	return list
}), sync.OnceValue(func() map[string]plan {
	m := map[string]plan{}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		r := phonenumbers.GetRegionCodeForCountryCode(code)
		m[strconv.Itoa(code)] = plan{r, code, phonenumbers.GetNddPrefixForRegion(r, true)}
	}
	return m
})

// number makes what the library asks about of the digits behind a country code. Its parser does so too, with a dozen regular
// expressions for what is known here.
func (p plan) number(national string) *phonenumbers.PhoneNumber {
	code := int32(p.code) //nolint:gosec // three digits at most
	value, err := strconv.ParseUint(national, 10, 64)
	if err != nil {
		return nil
	}
	n := &phonenumbers.PhoneNumber{CountryCode: &code, NationalNumber: &value}
	if zeros := len(national) - len(strings.TrimLeft(national, "0")); zeros > 0 {
		leading, count := true, int32(zeros) //nolint:gosec // fifteen at most
		n.ItalianLeadingZero, n.NumberOfLeadingZeros = &leading, &count
	}
	return n
}

// abroad says whether the digits behind a + are a number: one that a plan gives out, or, when it is called a number, one as long as its
// plan's. The trunk's digit may be told in brackets.
func abroad(digits string, called bool) bool {
	for width := 1; width <= 3 && width < len(digits); width++ {
		p, ok := codes()[digits[:width]]
		if !ok {
			continue
		}
		national := digits[width:]
		for _, d := range [...]string{national, strings.TrimPrefix(national, p.trunk)} {
			if n := p.number(d); n != nil && (phonenumbers.IsValidNumber(n) || called && phonenumbers.IsPossibleNumber(n)) {
				return true
			}
		}
	}
	return false
}

// street says whether what follows a number begins with a name, as the number of a house does.
func street(s string) bool {
	return len(s) > 2 && s[0] == ' ' && 'A' <= s[1] && s[1] <= 'Z' && 'a' <= s[2] && s[2] <= 'z'
}

// valid says whether the plan of a region gives out a number that is dialled there so.
func valid(digits string) bool {
	for _, p := range plans() {
		national := digits
		if p.trunk != "" && len(digits) > minPhoneDigits {
			national = strings.TrimPrefix(digits, p.trunk)
		}
		if n := p.number(national); n != nil && phonenumbers.IsValidNumberForRegion(n, p.region) {
			return true
		}
	}
	return false
}

// plausible says whether a number that is called one can be: not a year, a range of years or a decimal fraction.
func (w *written) plausible() bool {
	if w.groups == 2 && (w.seps[0] == '.' || w.sizes[0] == 4 && w.sizes[1] == 4 && w.seps[0] == '-') {
		return false
	}
	return w.digits >= minPhoneDigits && w.digits <= 13
}

// shaped says whether the groups alone look like a telephone number: the North American form, a trunk 0 before two groups or
// more, or an area in brackets.
func (w *written) shaped() bool {
	if w.digits < 9 || w.digits > 12 {
		return false
	}
	return w.american() || w.bracket && w.groups >= 2 || w.trunk
}

// american says whether the groups are those of the North American plan.
func (w *written) american() bool {
	n := w.groups
	return n >= 3 && w.sizes[n-1] == 4 && w.sizes[n-2] == 3 && w.sizes[n-3] == 3 && (n == 3 || n == 4 && w.sizes[0] == 1)
}

// inAmerica says whether digits can be a number of that plan: area and exchange begin with 2 to 9 (NANPA). The plan's areas
// change, and what a model invents is often in none.
func inAmerica(s string) bool {
	d := digitsOf(s)
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	return len(d) == 10 && d[0] >= '2' && d[3] >= '2'
}

func digitsOf(s string) string {
	digits := make([]byte, 0, maxPhoneDigits)
	for i := range len(s) {
		if class[s[i]]&isDigit != 0 {
			digits = append(digits, s[i])
		}
	}
	return string(digits)
}

// dated says whether the groups are a date, a time or a range of years.
func (w *written) dated() bool {
	a, b, c := w.sizes[0], w.sizes[1], w.sizes[2]
	switch {
	case w.bracket:
		return false
	case w.groups == 3 && a == 4 && b <= 2 && c <= 2, w.groups >= 3 && a <= 2 && b <= 2 && c == 4 && w.seps[0] == w.seps[1]:
		return true
	case w.groups == 3 && a <= 2 && b <= 2 && c == 2, w.groups == 2 && a == 4 && b == 4 && w.seps[0] != ' ':
		return true
	}
	return false
}

// fictitious says whether a number is nobody's: free of charge, the exchange 555 in North America, Ofcom's numbers for drama,
// and rows of digits.
func fictitious(s string) bool {
	const rows = "01234567890123456789"
	d := digitsOf(s)
	if strings.Contains(rows, d) || strings.Contains(d, "234567890") {
		return true
	}
	for _, free := range [...]string{"1800", "1833", "1844", "1855", "1866", "1877", "1888", "0800", "0808", "00800"} {
		if strings.HasPrefix(d, free) || len(d) == 10 && strings.HasPrefix(d, free[1:]) && free[0] == '1' {
			return true
		}
	}
	if n := len(d); n == 7 || n == 10 || n == 11 && d[0] == '1' {
		if d[n-7:n-4] == "555" || n > 7 && d[n-10:n-7] == "555" {
			return true
		}
	}
	d = strings.TrimPrefix(strings.TrimPrefix(d, "0044"), "44")
	d = strings.TrimPrefix(d, "0")
	for _, drama := range [...]string{"1632960", "7700900", "2079460"} {
		if strings.HasPrefix(d, drama) {
			return true
		}
	}
	return false
}
