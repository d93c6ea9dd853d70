package leakage

// National numbers of people. Those whose check digits and shape leave chance little room count by themselves; the others
// need a word beside them that names them: one of eleven numbers of eleven digits passes a check modulo eleven.

import "strings"

// nationalNumber is how the number of one country is told.
type nationalNumber struct {
	kind  Kind
	words *words // name it, in the languages of its country and in English

	// read says how many characters of x are such a number, 0 for none, and whether that is sure without a word.
	read func(x *number) (n int, certain bool)
}

var nationalNumbers = []nationalNumber{
	{KindSSN, newWords("ssn", "social security", "social-security", "taxpayer"), usSSN},
	{"uk_nino", newWords("national insurance", "nino", "ni number", "ni no"), ukNINO},
	{"uk_nhs", newWords("nhs"), ukNHS},
	{"de_tax_id", newWords("steuer", "idnr", "tin", "tax id", "tax number", "tax identification"), deTaxID},
	{"fr_insee", newWords("insee", "sécurité sociale", "securite sociale", "nir", "social security"), frINSEE},
	{"es_dni", newWords("dni", "nif", "documento nacional"), esDNI},
	{"es_nie", newWords("nie", "extranjero"), esNIE},
	{"it_codice_fiscale", newWords("codice fiscale"), itCodiceFiscale},
	{"nl_bsn", newWords("bsn", "burgerservice", "sofinummer", "citizen service"), nlBSN},
	{"be_national_number", newWords("rijksregister", "national number", "numéro national", "registre national"), beNational},
	{"pl_pesel", newWords("pesel"), plPESEL},
	{"se_personnummer", newWords("personnummer", "personal identity", "samordningsnummer"), sePersonnummer},
	{"fi_hetu", newWords("henkilötunnus", "hetu", "personal identity"), fiHETU},
	{"no_fodselsnummer", newWords("fødselsnummer", "fodselsnummer", "personnummer", "national identity"), noFodselsnummer},
	{"ch_ahv", newWords("ahv", "avs", "social security"), chAHV},
	{"br_cpf", newWords("cpf", "cadastro de pessoas"), brCPF},
	{"mx_curp", newWords("curp"), mxCURP},
	{"ca_sin", newWords("sin", "social insurance"), caSIN},
	{"au_tfn", newWords("tfn", "tax file"), auTFN},
	{"in_aadhaar", newWords("aadhaar", "aadhar", "uidai"), inAadhaar},
	{"cn_resident_id", newWords("身份证", "resident id", "identity card"), cnResidentID},
	{"kr_rrn", newWords("주민등록", "resident registration", "rrn"), krRRN},
	{"tr_kimlik", newWords("kimlik", "tckn"), trKimlik},
	{"za_id", newWords("id number", "identity number", "south african id"), zaID},
}

// national is the national number that x begins with.
func national(f *finder, x *number, start int) (Kind, int) {
	if x.n < 9 {
		return "", 0
	}
	for i := range nationalNumbers {
		c := &nationalNumbers[i]
		n, certain := c.read(x)
		if n > 0 && x.groups(n) > 0 && (certain || f.near(start, x.at[n-1]+1, c.words)) {
			return c.kind, n
		}
	}
	return "", 0
}

// all says whether the n characters of x are digits.
func (x *number) all(n int) bool { return x.n >= n && x.digits() >= n }

// value is the number that the digits [from, to) are.
func (x *number) value(from, to int) (v int) {
	for _, c := range x.text[from:to] {
		v = v*10 + int(c-'0')
	}
	return v
}

// weighted is the sum of the first digits, each times its weight.
func (x *number) weighted(weights ...int) (sum int) {
	for i, w := range weights {
		sum += int(x.text[i]-'0') * w
	}
	return sum
}

func day(month, d int) bool { return 1 <= month && month <= 12 && 1 <= d && d <= 31 }

// usSSN: area, group and serial number, of which some are never given (Social Security Administration, POMS RM 10201.035).
func usSSN(x *number) (int, bool) {
	if !x.all(9) {
		return 0, false
	}
	area, group, serial := x.value(0, 3), x.value(3, 5), x.value(5, 9)
	if area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0 {
		return 0, false
	}
	grouped := x.shape(3, 2, 4) && x.uniform(3)
	if !grouped && x.sizes[0] != 9 {
		return 0, false
	}
	return 9, grouped && x.seps[0] == '-'
}

// ukNINO: two letters, of which some pairs are never given, six digits, a letter A to D (HMRC, NIM39110).
func ukNINO(x *number) (int, bool) {
	if x.n < 9 || class[x.text[0]]&isLetter == 0 || class[x.text[1]]&isLetter == 0 || x.text[8] < 'A' || x.text[8] > 'D' {
		return 0, false
	}
	for _, c := range x.text[2:8] {
		if class[c]&isDigit == 0 {
			return 0, false
		}
	}
	if strings.IndexByte("DFIQUV", x.text[0]) >= 0 || strings.IndexByte("DFIQUVO", x.text[1]) >= 0 {
		return 0, false
	}
	switch string(x.text[:2]) {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
		return 0, false
	}
	return 9, x.shape(2, 2, 2, 2, 1) && x.uniform(5)
}

// ukNHS: ten digits, the last a check modulo 11 (NHS Data Dictionary).
func ukNHS(x *number) (int, bool) {
	if !x.all(10) || !x.shape(10) && (!x.shape(3, 3, 4) || !x.uniform(3)) {
		return 0, false
	}
	check := 11 - x.weighted(10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if check == 11 {
		check = 0
	}
	return pass(10, check == x.value(9, 10))
}

// pass is n characters that need their word, when they passed.
func pass(n int, ok bool) (int, bool) {
	if !ok {
		return 0, false
	}
	return n, false
}

// sure is n characters that need no word, when they passed.
func sure(n int, ok bool) (int, bool) {
	if !ok {
		return 0, false
	}
	return n, true
}

// deTaxID: eleven digits, none 0 at first, exactly one digit two or three times among the first ten, ISO 7064 MOD 11,10
// (Bundeszentralamt für Steuern).
func deTaxID(x *number) (int, bool) {
	if !x.all(11) || x.text[0] == '0' || !x.shape(11) && !x.shape(2, 3, 3, 3) {
		return 0, false
	}
	var count [10]int
	for _, c := range x.text[:10] {
		count[c-'0']++
	}
	repeated := 0
	for _, n := range count {
		if n > 3 {
			return 0, false
		}
		if n > 1 {
			repeated++
		}
	}
	product := 10
	for _, c := range x.text[:10] {
		sum := (int(c-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return pass(11, repeated == 1 && (11-product)%10 == x.value(10, 11))
}

// frINSEE: sex, year, month, department, commune, order, and 97 less the remainder of all that (INSEE).
func frINSEE(x *number) (int, bool) {
	const n = 15
	if x.n < n || x.text[0] != '1' && x.text[0] != '2' || x.sizes[0] != n && x.sizes[0] != 13 && x.sizes[0] != 1 {
		return 0, false
	}
	less, digits := 0, x.text
	if digits[5] == '2' && (digits[6] == 'A' || digits[6] == 'B') {
		less, digits[6] = 1000000*int(digits[6]-'A'+1), '0'
	}
	v := 0
	for _, c := range digits[:n] {
		if class[c]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	body := v / 100
	month := body / 100000000 % 100
	if month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return 0, false
	}
	body -= less // Corsica: 2A counts as 19, 2B as 18
	return sure(n, 97-body%97 == v%100)
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

// esDNI: eight digits and the letter of their remainder modulo 23 (Real Decreto 1553/2005).
func esDNI(x *number) (int, bool) {
	if x.n < 9 || x.digits() != 8 || class[x.text[8]]&isLetter == 0 || !x.shape(9) && !x.shape(8, 1) {
		return 0, false
	}
	v := x.value(0, 8)
	if dniLetters[v%23] != x.text[8] {
		return 0, false
	}
	dated := v > 19000000 && v < 21000000 && day(v/100%100, v%100)
	return 9, !dated
}

// esNIE: X, Y or Z for 0, 1 or 2, seven digits, the letter of a DNI (Orden INT/2058/2008).
func esNIE(x *number) (int, bool) {
	if x.n < 9 || x.text[0] < 'X' || x.text[0] > 'Z' || class[x.text[8]]&isLetter == 0 || !x.shape(9) && !x.shape(1, 7, 1) && !x.shape(8, 1) {
		return 0, false
	}
	v := int(x.text[0] - 'X')
	for _, c := range x.text[1:8] {
		if class[c]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return sure(9, dniLetters[v%23] == x.text[8])
}

// itCodiceFiscale: name, birth and place in sixteen characters, the last a check of the others (D.M. 23 December 1976).
func itCodiceFiscale(x *number) (int, bool) {
	if x.n < 16 || x.sizes[0] != 16 && x.sizes[0] != 3 {
		return 0, false
	}
	for i, c := range x.text[:16] {
		digit := class[c]&isDigit != 0
		switch i {
		case 6, 7, 9, 10, 12, 13, 14:
			if !digit && (c < 'L' || c > 'V') { // letters replace digits where two people would have the same
				return 0, false
			}
		default:
			if digit {
				return 0, false
			}
		}
	}
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range x.text[:15] {
		v := int(c - 'A')
		if class[c]&isDigit != 0 {
			v = int(c - '0')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return sure(16, int(x.text[15]-'A') == sum%26)
}

// nlBSN: nine digits that pass the test of eleven (Besluit BSN).
func nlBSN(x *number) (int, bool) {
	if !x.all(9) || !x.shape(9) && !x.shape(4, 2, 3) && !x.shape(3, 3, 3) {
		return 0, false
	}
	return pass(9, x.weighted(9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0 && x.value(0, 9) > 0)
}

// beNational: birth, order, and 97 less the remainder, of births since 2000 with a 2 before (Koninklijk besluit 3 April 1984).
func beNational(x *number) (int, bool) {
	if !x.all(11) || !x.shape(11) && !x.shape(2, 2, 2, 3, 2) && !x.shape(6, 3, 2) || !day(x.value(2, 4)%20, x.value(4, 6)) {
		return 0, false
	}
	body, check := x.value(0, 9), x.value(9, 11)
	if 97-body%97 != check && 97-(2000000000+body)%97 != check {
		return 0, false
	}
	return 11, x.shape(2, 2, 2, 3, 2)
}

// plPESEL: birth with the century in its month, order, sex, check (Ustawa o ewidencji ludności).
func plPESEL(x *number) (int, bool) {
	if !x.all(11) || !x.shape(11) || !day(x.value(2, 4)%20, x.value(4, 6)) {
		return 0, false
	}
	return pass(11, (10-x.weighted(1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == x.value(10, 11))
}

// sePersonnummer: birth, order, check by Luhn (Folkbokföringslagen 18 §); a coordination number has 60 more days.
func sePersonnummer(x *number) (int, bool) {
	from := 0
	switch {
	case x.shape(8, 4) && (x.value2(0) == 19 || x.value2(0) == 20):
		from = 2
	case x.shape(6, 4):
	default:
		return 0, false
	}
	if !x.all(from+10) || !day(x.value(from+2, from+4), (x.value(from+4, from+6)-1)%60+1) || !luhn(x.text[from:from+10]) {
		return 0, false
	}
	return from + 10, x.seps[0] == '-'
}

// value2 is the number of two digits at i, or -1.
func (x *number) value2(i int) int {
	if x.n < i+2 || class[x.text[i]]&isDigit == 0 || class[x.text[i+1]]&isDigit == 0 {
		return -1
	}
	return x.value(i, i+2)
}

// fiHETU: birth, the century's sign, order, a check modulo 31 (Digi- ja väestötietovirasto). Only the sign that is a hyphen is a
// separator here; the others are letters.
func fiHETU(x *number) (int, bool) {
	const letters = "0123456789ABCDEFHJKLMNPRSTUVWXY"
	i := 6
	switch {
	case x.shape(6, 4) && x.seps[0] == '-':
	case x.shape(11) && x.n >= 11 && x.text[6] >= 'A' && x.text[6] <= 'Y':
		i = 7
	default:
		return 0, false
	}
	if x.digits() < 6 || x.n < i+4 || !day(x.value(2, 4), x.value(0, 2)) {
		return 0, false
	}
	v := x.value(0, 6)
	for _, c := range x.text[i : i+3] {
		if class[c]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return sure(i+4, letters[v%31] == x.text[i+3])
}

// noFodselsnummer: birth, order, two checks modulo 11 (Skatteetaten).
func noFodselsnummer(x *number) (int, bool) {
	if !x.all(11) || !x.shape(11) && !x.shape(6, 5) || !day(x.value(2, 4)%40, x.value(0, 2)%40) {
		return 0, false
	}
	return pass(11, x.weighted(3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 && x.weighted(5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0)
}

// chAHV: 756 and ten digits, checked like an EAN (Verordnung über die AHV, Art. 133).
func chAHV(x *number) (int, bool) {
	if !x.all(13) || x.value(0, 3) != 756 || !x.shape(13) && !x.shape(3, 4, 4, 2) {
		return 0, false
	}
	if x.weighted(1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 != 0 {
		return 0, false
	}
	return 13, x.shape(3, 4, 4, 2)
}

// brCPF: nine digits and two checks modulo 11 (Receita Federal).
func brCPF(x *number) (int, bool) {
	if !x.all(11) || !x.shape(11) && !x.shape(3, 3, 3, 2) {
		return 0, false
	}
	same := true
	for _, c := range x.text[1:11] {
		same = same && c == x.text[0]
	}
	first := x.weighted(10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	second := x.weighted(11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	if same || first != x.value(9, 10) || second != x.value(10, 11) {
		return 0, false
	}
	return 11, x.shape(3, 3, 3, 2) && x.seps[2] == '-'
}

// mxCURP: name, birth, sex, state in eighteen characters, the last a check (RENAPO, DOF 18 October 2021).
func mxCURP(x *number) (int, bool) {
	const letters = "0123456789ABCDEFGHIJKLMN.OPQRSTUVWXYZ" // the point stands for Ñ
	if !x.shape(18) || x.text[10] != 'H' && x.text[10] != 'M' && x.text[10] != 'X' || class[x.text[17]]&isDigit == 0 {
		return 0, false
	}
	sum := 0
	for i, c := range x.text[:17] {
		digit := class[c]&isDigit != 0
		if (i >= 4 && i < 10) != digit && i != 16 {
			return 0, false
		}
		for v := range len(letters) {
			if letters[v] == c {
				sum += v * (18 - i)
			}
		}
	}
	return sure(18, day(x.value(6, 8), x.value(8, 10)) && (10-sum%10)%10 == int(x.text[17]-'0'))
}

// caSIN: nine digits checked by Luhn (Service Canada).
func caSIN(x *number) (int, bool) {
	if !x.all(9) || !x.shape(9) && !x.shape(3, 3, 3) || x.text[0] == '0' || x.text[0] == '8' {
		return 0, false
	}
	return pass(9, luhn(x.text[:9]))
}

// auTFN: nine digits whose weighted sum eleven divides (Australian Taxation Office).
func auTFN(x *number) (int, bool) {
	if !x.all(9) || !x.shape(9) && !x.shape(3, 3, 3) {
		return 0, false
	}
	return pass(9, x.weighted(1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0)
}

// inAadhaar: twelve digits, the first 2 to 9, checked by Verhoeff's scheme (UIDAI).
func inAadhaar(x *number) (int, bool) {
	if !x.all(12) || x.text[0] < '2' || !x.shape(12) && (!x.shape(4, 4, 4) || !x.uniform(3)) || x.groups(12) != len(x.sizes) {
		return 0, false
	}
	return pass(12, verhoeff(x.text[:12]))
}

// verhoeff says whether the last digit checks the others (Verhoeff, Error Detecting Decimal Codes, 1969).
func verhoeff(digits []byte) bool {
	c := uint8(0)
	for i := range digits {
		d := digits[len(digits)-1-i] - '0'
		for range i % 8 {
			d = "1576283094"[d] - '0'
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in the dihedral group of the pentagon.
func dihedral(a, b uint8) uint8 {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b-5)%5
	case b < 5:
		return 5 + (a-5+5-b)%5
	default:
		return (a - b + 5) % 5
	}
}

// cnResidentID: place, birth, order, ISO 7064 MOD 11-2 (GB 11643-1999).
func cnResidentID(x *number) (int, bool) {
	if !x.shape(18) || x.digits() < 17 || !day(x.value(10, 12), x.value(12, 14)) || x.value2(6) < 18 || x.value2(6) > 20 {
		return 0, false
	}
	sum := x.weighted(7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
	return sure(18, "10X98765432"[sum%11] == x.text[17])
}

// krRRN: birth, sex with century, order, and until 2020 a check modulo 11 (주민등록법 시행규칙).
func krRRN(x *number) (int, bool) {
	if !x.all(13) || !x.shape(6, 7) || x.seps[0] != '-' || !day(x.value(2, 4), x.value(4, 6)) || x.text[6] == '0' || x.text[6] == '9' {
		return 0, false
	}
	return 13, (11-x.weighted(2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10 == x.value(12, 13)
}

// trKimlik: eleven digits, the last two checks (Nüfus ve Vatandaşlık İşleri).
func trKimlik(x *number) (int, bool) {
	if !x.all(11) || !x.shape(11) || x.text[0] == '0' {
		return 0, false
	}
	tenth := ((x.weighted(7, 0, 7, 0, 7, 0, 7, 0, 7)-x.weighted(0, 1, 0, 1, 0, 1, 0, 1))%10 + 10) % 10
	return pass(11, tenth == x.value(9, 10) && x.weighted(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)%10 == x.value(10, 11))
}

// zaID: birth, order, citizenship, Luhn (Department of Home Affairs).
func zaID(x *number) (int, bool) {
	if !x.all(13) || !x.shape(13) && !x.shape(6, 4, 3) || !day(x.value(2, 4), x.value(4, 6)) || x.value(10, 11) > 1 {
		return 0, false
	}
	return pass(13, luhn(x.text[:13]))
}
