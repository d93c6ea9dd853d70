package leakage

import (
	"strings"
	"testing"
)

// numbers are real in form and nobody's: the examples that the authorities, and those who explain their checks, publish.
var numbers = []struct {
	kind    Kind
	text    string // the number stands between | and |
	checked bool   // by a check digit, which sees every single wrong digit
}{
	{KindSSN, "my SSN |536-32-3065|", false},
	{KindSSN, "social security number |536323065|", false},
	{"uk_nino", "national insurance no |AB123456C|", false},
	{"uk_nino", "|AB 12 34 56 C|", false},
	{"uk_nhs", "NHS number |943 476 5919|", true},
	{"de_tax_id", "Steuer-ID |86095742719|", true},
	{"de_tax_id", "IdNr. |86 095 742 719|", true},
	{"fr_insee", "|2 55 08 14 168 025 38|", true},
	{"fr_insee", "|255081416802538|", true},
	{"es_dni", "|12345678Z|", true},
	{"es_nie", "|X1234567L|", true},
	{"es_nie", "|X-1234567-L|", true},
	{"it_codice_fiscale", "|RSSMRA85T10A562S|", true},
	{"nl_bsn", "BSN |111222333|", true},
	{"be_national_number", "|85.07.30-033.28|", true},
	{"pl_pesel", "PESEL |44051401359|", true},
	{"se_personnummer", "|811218-9876|", true},
	{"se_personnummer", "|19811218-9876|", true},
	{"fi_hetu", "|131052-308T|", true},
	{"no_fodselsnummer", "fødselsnummer |29029600013|", true},
	{"ch_ahv", "|756.9217.0769.85|", true},
	{"br_cpf", "|529.982.247-25|", true},
	{"br_cpf", "CPF |52998224725|", true},
	{"mx_curp", "|HEGG560427MVZRRL04|", true},
	{"ca_sin", "SIN |130 692 544|", true},
	{"au_tfn", "tax file number |123 456 782|", true},
	{"in_aadhaar", "Aadhaar |2341 2341 2346|", true},
	{"cn_resident_id", "身份证|11010519491231002X|号码", true},
	{"kr_rrn", "|820701-2409181|", true},
	{"tr_kimlik", "TC kimlik |10000000146|", true},
	{"za_id", "ID number |8001015009087|", true},
	{KindIBAN, "|GB82 WEST 1234 5698 7654 32|", true},
	{KindIBAN, "|de89370400440532013000|", true},
	{KindIBAN, "|NO93 8601 1117 947|", true},
	{KindIBAN, "|MT84MALT011000012345MTLCAST001S|", true},
	{KindCard, "|4929 1872 3391 0020|", true},
	{KindCard, "|3714-496353-98431|", true},
	{KindCard, "card |6304000000000000|", true},
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range numbers {
		parts := strings.Split(c.text, "|")
		text := strings.Join(parts, "")
		start := len(parts[0])
		end := start + len(parts[1])
		found := Find(text)
		if len(found) != 1 || found[0].Kind != c.kind || found[0].Start != start || found[0].End != end {
			t.Errorf("%s: %+v, want [%d, %d)", c.text, found, start, end)
			continue
		}
		if !c.checked {
			continue
		}
		for i := start; i < end; i++ {
			if class[text[i]]&isDigit == 0 {
				continue
			}
			wrong := text[:i] + string('0'+(text[i]-'0'+1)%10) + text[i+1:]
			for _, f := range Find(wrong) {
				if f.Kind == c.kind {
					t.Errorf("%s passes with a wrong digit: %s", c.kind, wrong)
				}
			}
		}
	}
}
