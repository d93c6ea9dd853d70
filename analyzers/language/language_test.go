package language_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/language"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"You can return the tent within sixty days of delivery, as long as it is unused.", "en"},
		{"Sie können den Artikel innerhalb von 60 Tagen nach der Lieferung unbenutzt zurückgeben.", "de"},
		{"Puede devolver el artículo sin usar en un plazo de 60 días desde la entrega.", "es"},
		{"未使用であれば、到着後60日以内に返品できます。", "ja"},
		{"未使用的商品可以在收到后六十天内退货。", "zh"},
		{"Да, наша мастерская может это починить, но это будет не раньше пятницы.", "ru"},
		{"lorem ipsum dolor", language.Undetermined},
		{"", language.Undetermined},
		{strings.Repeat("\xff\xfe ", 100), language.Undetermined},
	} {
		var tally language.Tally
		tally.Letters(c.text)
		text.Words(c.text, nil, func(w []byte, _ text.Range) bool {
			tally.Word(w)
			return true
		})
		got, score := tally.Language()
		if got != c.want || score < 0 || score > 1 || !slices.Contains(language.All(), got) {
			t.Errorf("%q: %s (%v), want %s", c.text, got, score, c.want)
		}
	}
}
