package leakage

// International bank account numbers: ISO 13616, with the lengths of the registry that SWIFT keeps (release 98).

var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21,
	"CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18,
	"FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
	"IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
	"MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
	"PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
	"SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// iban is the account number that x begins with.
func iban(_ *finder, x *number, _ int) (Kind, int) {
	if x.n < 15 || class[x.text[0]]&isLetter == 0 || class[x.text[1]]&isLetter == 0 ||
		class[x.text[2]]&isDigit == 0 || class[x.text[3]]&isDigit == 0 {
		return "", 0
	}
	n := ibanLengths[string(x.text[:2])]
	if n == 0 || n > x.n {
		return "", 0
	}
	if groups := x.groups(n); groups == 0 || !x.uniform(groups) || mod97(x.text[4:n], x.text[:4]) != 1 {
		return "", 0
	}
	return KindIBAN, n
}

// mod97 is the remainder of the number that the parts are together, with letters as two digits (ISO 7064, MOD 97-10).
func mod97(parts ...[]byte) (r int) {
	for _, part := range parts {
		for _, c := range part {
			if class[c]&isDigit != 0 {
				r = (r*10 + int(c-'0')) % 97
			} else {
				r = (r*100 + int(c-'A') + 10) % 97
			}
		}
	}
	return r
}
