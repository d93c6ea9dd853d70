package leakage

import (
	"strings"
	"testing"
)

var prose = strings.Repeat("The committee met on 14 March 2019 and agreed, after 3 hours, that the 12 proposals (worth $4,500,000) would be sent to the "+
	"council: see section 4.2 of the report. Nobody objected; the vote was 17 to 2.\n", 28)[:5500]

func BenchmarkFind(b *testing.B) {
	for name, text := range map[string]string{
		"prose":   prose,
		"plain":   strings.Repeat("The quick brown fox jumps over the lazy dog and says nothing at all of it. ", 74)[:5500],
		"numbers": strings.Repeat("It is not divisible by 31 (15731/31 = 507 with a remainder), nor is 15732.5 by 0.75 on 2023-10-11. ", 60)[:5500],
		"urls":    strings.Repeat("See https://docs.example.com/v2/api/reference?id=12345&page=2 for the key details of the token. ", 60)[:5500],
		"found":   "My card 4532867250822690, mail jo@mail.org, phone (510) 889-8690, token ghp_" + "wJalrXUtnFEMIK7MDENGbPxRfiCYzzKEYabc" + ".",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Find(text)
			}
		})
	}
}
