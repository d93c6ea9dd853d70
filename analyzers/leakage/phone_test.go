package leakage

import (
	"strings"
	"testing"
)

func TestTelephoneNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{ // the number stands between | and |
		"Tel. |668 5702|", "please call me back on |9498777106|", "my mobile (|+49 (0) 30 1234567|) is off", "|+33612345678|", "|+12127365000|",
		"|001-253-366-9781x123|", "I saw it: |345-899-3560|.", "|(898)666-3621|", "|259.735.7502|", "|1 (212) 736-5000|", "|(05321) 27 26 81|", "|06 12 34 56 78|",
		"|0478 31 92 55|", "|070-123 45 67|", "|+7 495 123-45-67|", "|+86 138 1234 5678|", "|03-1234-5678|", "Reach John at |612 345 678| today.",
		"Contact: |91 12 34 56|", "T: |699 868 88 55|", "|737 219 628| is my phone number", "Jane Doe\n14 Main Street\n|345-899-3560|", "电话|13912345678|，谢谢",
		"the order is late, call |0664 1234567|", "fax |040 123 4567| ext 12", "phone: |(510) 889-8690|, order: 12", "|+44 20 7031 3000| or |+44 20 7031 3001|",
		"Desk: |+1-604-696-5272x565|\nFax: |+41 (0)71 526 99 04|",
	} {
		parts := strings.Split(text, "|")
		plain := strings.Join(parts, "")
		var want []string
		for i := 1; i < len(parts); i += 2 {
			want = append(want, parts[i])
		}
		var got []string
		for _, f := range Find(plain) {
			if f.Kind == KindPhone {
				got = append(got, strings.TrimSuffix(plain[f.Start:f.End], " ext 12"))
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"license 2270-66-1551", "order 020-1234-5678", "case no 123 456 789", "on 03-04-2024 at 10 15 20", "GPS 52.5200 13.4050", "0.123 456 789", "phi 1.618 033 988",
		"ISBN 0-306-40615-2", "pages 100-200, 300-400", "1990-2000 2001-2010", "zip 90210-1234", "score 21-12 21-18 15-13", "the sum 1000000000", "serial 040-123-4567",
		"my driver's license number is 2127365000", "passport 0612345678", "1 234 567 890 people", "12 345 678", "account 0123 4567 89", "31 (15731/31 = 507)", "2024 0312 1015",
		"$1 234 567 890", "tracking 9400 1000 0000 0000", "the office is at 17031 2202 Rissik St", "2001:db8::8a2e:370:7334", "v10.2.14.3", "15 821 125.78", "ratio 16:9", "x=5551234567",
	} {
		for _, f := range Find(text) {
			if f.Kind == KindPhone {
				t.Errorf("%q: %q is no telephone number", text, text[f.Start:f.End])
			}
		}
	}
}

func TestWhatIsNobodys(t *testing.T) {
	t.Parallel()
	for text, impersonal := range map[string]bool{
		"call 0808 157 0192": true, "call 1-800-331-0500": true, "call (555) 123-4567": true, "call 212-555-0187": true, "call 020 7946 0123": true, "call 123-456-7890": true,
		"call 212-736-5000": false, "call 020 7031 3000": false, "jo@example.org": true, "jo@mail.example.com": true, "jo@shop.test": true, "noreply@brightwater.be": true,
		"jo@brightwater.be": false, "ip 10.1.2.3": true, "ip 203.0.113.9": true, "fe80::1ff:fe23:4567:890a": true, "2001:db8::1": true, "ip 185.12.64.1": false,
		"2a00:1450:4007::200e": false, "4242 4242 4242 4242": true, "4929 1872 3391 0020": false, "ftp://a:<password>@h.be": true, "ftp://a:hV7wq2Lx@h.be": false,
	} {
		found := Find(text)
		if len(found) != 1 || found[0].Impersonal != impersonal {
			t.Errorf("%q: %+v, want one finding that is impersonal: %v", text, found, impersonal)
		}
	}
	for _, text := range []string{"127.0.0.1", "0.0.0.0", "netmask 255.255.255.0", "::1", "std::vector", "at 12:30:45", "00:1a:2b:3c:4d:5e", "version 10.2.14.3", "icon@2x.png", "git@github.com:a/b", "a@b", "@user", "x@y.z1"} {
		if found := Find(text); len(found) > 0 {
			t.Errorf("%q: %+v", text, found)
		}
	}
}
