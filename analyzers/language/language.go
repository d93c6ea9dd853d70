// Package language tells the language of a text, by its script, and within a script by the words that its every sentence needs.
//
// It promises the same answer for the same text, in time linear in it, and none where it is not sure. It knows some
// fifty languages and no span.
package language

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Undetermined is the label of what is too short or in no language that is known here (ISO 639-2).
const Undetermined = "und"

// How sure the words must be.
const (
	leastWords   = 2    // of a language, and
	leastShare   = 0.12 // of all the words, and
	leastMargin  = 1.15 // times those of the next language
	leastLetters = 4    // of a script that only one language has
)

// functionWords are the most frequent words of a language that writes the Latin, Cyrillic, Arabic or Devanagari script.
var functionWords = map[string]string{
	"en": "the of and to in is that it for was on are as with his they at be this from have or by had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her him see could no make than been its who now people my made over did down only way use our us you he i don't it's",
	"de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde ich wir ihr mir dich kann wenn hier sehr bitte",
	"fr": "le de la et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la avec son cette aux ont ou mais comme nous sa être deux leur elle après avant vous je ils été tout même ses fait ces peut sans aussi bien donc où c'est d'une l'on qu'il votre voici très",
	"es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque qué sólo han yo hay vez puede todos así nos ni parte tiene él uno donde usted tu gracias",
	"it": "di che è la il un a per in una mi sono ho non ma lo ha le si ti i con cosa se io come da ci no questo qui hai sei del bene tu sì me più al mio c'è perché solo te era gli tutto della così mia ne questa fare quando ora fatto essere so mai chi o alla tutti dei anche poi quello nel delle suo lei nella sua",
	"pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse estão você tinha foram essa num nem suas meu às minha numa pode",
	"nl": "de en het van ik te dat die in een hij niet zijn is was op aan met als voor had er maar om hem dan zou of wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze u want nog zal me zij nu geen omdat iets worden wij jullie kunt kan dus",
	"sv": "och att det i på som är en av för den med till inte har om ett var jag de men så kan man när år från under han också efter eller nu sig där här vid mot ska skulle kommer ut får finns vara hade alla andra mycket vi än mer du hon över bara in detta utan blir sin upp varit nästa någon",
	"da": "og i at det er en den til af på med for de der som ikke har et han jeg var om fra kan vi så men også eller sig ud efter blev når man skal være havde hvor hans ved nu op hun meget end bliver over være deres dig min kun mange vil hvis denne alle blive kunne noget",
	"nb": "og i det er på som en til av for at med ikke den har de et om var jeg men så vi kan fra han seg når skal etter ved være vil også eller hadde hun nå over da blir mer dette opp noen mot ut hvor kunne alle hva bli enn sin hvis bare mange du være gjør noe måtte",
	"fi": "ja on ei että se hän oli ovat mutta kun myös joka tai niin kuin sen olla mitä ole jos vain olen jo nyt sitä tämä minä sinä voi ne mukaan sekä jonka ollut vielä hyvin niiden kanssa koska tämän jotka sitten siitä me te he joita missä kaikki ennen voit",
	"pl": "i w na z do się nie to że jest o jak po co a za od dla ale przez tym był tylko czy są by tak jego ma oraz może być już które który która było ich też jej przy więc sobie ten ta jeszcze bardzo gdy ze pan mnie ja on my tego lub nad pod można",
	"cs": "a v se na je že to s z do o i k ve pro za by ale si po jako podle od jsem tak jeho který která které jsou nebo už jen byl bylo při co více až má než ho před aby této však také kde když mi být jsme ty ten ne není může bude protože",
	"sk": "a v sa na je že to s z do o i k vo pre za by ale si po ako podľa od som tak jeho ktorý ktorá ktoré sú alebo už len bol bolo pri čo viac až má než ho pred aby tejto však tiež kde keď mi byť sme ty ten nie môže bude pretože nebol",
	"hu": "a az és hogy nem is egy ez de meg csak már volt mint el van ki még ha azt be vagy le kell fel ami amely sem lehet igen nagyon után azonban ezt volna most minden aki más én ő itt sok ezek akkor úgy így mert majd két több vannak lesz",
	"ro": "de și în a la cu o pe să nu din care că mai este un se pentru fi sunt ce au dar ca ai sau prin dacă am fost acest această lui ei cel cea foarte după către fără între când doar aceste poate te ne noi el ea lor tot toate era avea unei unui ale al",
	"tr": "ve bir bu da de için ile çok daha ne o gibi var olarak ama en sonra kadar ben her olan değil mi ki şey diye yok ya hem sen biz siz onu bana olduğu oldu ise veya nasıl iki bunu olur tarafından bütün göre önce böyle hiç şu zaman içinde",
	"id": "yang dan di dengan untuk tidak ini dari dalam akan pada juga itu saya ke adalah bisa ada oleh kita mereka karena anda atau sudah telah saat lebih seperti dia kami tersebut dapat hanya bahwa sebagai menjadi banyak kepada harus jika orang tahun masih lagi bagi",
	"vi": "và của là có không được cho một trong các với người những này đã để khi về như đến từ cũng tôi ra nhiều làm sẽ đó vào năm phải rất lại nhưng thì tại bạn hay sau nếu theo chỉ trên còn thể anh việc",
	"hr": "i u je se na da za su od s a o kao ne ili to koji koja koje će što bi iz do sam po nije ali kako može samo više već biti bio bilo ako još sve prema zbog kod te tako kada bila oni ona on mi vi ja li nakon između",
	"sl": "in je v na se da za so ki pa z s kot ne tudi po od bi ali še pri o do si iz kar bil bila lahko že sem to ter ga le ima ko več med če bo zaradi vse samo biti kako jih smo ni pred",
	"et": "ja on ei et see kui oli ka ning mis või aga ta ma seda nii oma veel kes ole siis selle nagu kuid pole välja olid üks juba saab tema mida kõik me sa te välja peab väga pärast võib",
	"lv": "un ir ka no ar uz par kas tas bija arī to vai kā pie bet nav ja es jau pēc tikai līdz viņš ko tā ļoti tiek kad būt gan vēl mēs jūs var šo šī lai",
	"lt": "ir kad yra į iš su tai kaip buvo bet ne tik apie per jis už jo nuo arba dar o dėl gali tačiau jau kai ar po šio bus man mes jūs labai yra šis kuris",
	"ca": "de la i a el que en per les un és del els una amb no es al dels va com més o però són han seva seu molt aquest aquesta també fins entre quan sobre ser està tot hi pot després sense perquè aquests vostè",
	"tl": "ang ng sa na mga at ay ko si hindi para ito niya ka mo ni siya kung may lang ako nang isang pa rin po din naman kanyang dahil ating kayo sila wala",
	"ru": "и в не на что я с он как это по но из у за от так для же вы то о к бы мы было все она был его только мне если ещё нет или да когда уже до есть они чтобы при во быть этого может также ты вас можно",
	"uk": "і в не на що я з він як це по але у за від так для та ви то до б ми було вона був його тільки мені якщо ще немає або є коли вже вони щоб при бути цього може також ти вас можна й із про які який",
	"bg": "и в не на че се да от за с е са по как това като ще той но си до му съм или ги го при бе ли той тя са има може много само след без беше към още някои която който които което аз ние вие",
	"sr": "и у је се на да за су од с а о као не или то који која које ће што би из до сам по није али како може само више већ бити био било ако још све",
	"ar": "في من على إلى أن هذا عن التي الذي ما لا مع هذه كان كل لم هو قد كما أو ذلك بعد هي بين إن حتى أي ثم لكن عند كانت يمكن غير هناك نحن أنا أنت إذا فقط",
	"fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز گفت می شود شد ما اما یا باید او هر آنها بود دو من شما است هستند کند اگر",
	"ur": "کے میں کی ہے اور سے کا کو اس یہ پر کہ نے ہیں ایک بھی تھا کر وہ نہیں جو ہو تو کیا لیے ان تھے کہا اپنے گیا ہم آپ",
	"hi": "के में है की और से का को हैं पर यह ने कि एक भी इस लिए नहीं कर तो हो ही या था कहा जो साथ अपने वह आप हम क्या मैं होता रहे गया",
	"mr": "आणि आहे या च्या ते तो ही हे एक नाही करण्यात साठी होते व आहेत आपण मी त्या की पण तर जर झाले काही मध्ये",
}

// alone are the scripts that tell the language by themselves.
var alone = []struct {
	script   *unicode.RangeTable
	language string
}{
	{unicode.Hiragana, "ja"},
	{unicode.Katakana, "ja"},
	{unicode.Hangul, "ko"},
	{unicode.Han, "zh"},
	{unicode.Thai, "th"},
	{unicode.Greek, "el"},
	{unicode.Hebrew, "he"},
	{unicode.Bengali, "bn"},
	{unicode.Tamil, "ta"},
	{unicode.Telugu, "te"},
	{unicode.Kannada, "kn"},
	{unicode.Malayalam, "ml"},
	{unicode.Gujarati, "gu"},
	{unicode.Gurmukhi, "pa"},
	{unicode.Sinhala, "si"},
	{unicode.Khmer, "km"},
	{unicode.Lao, "lo"},
	{unicode.Myanmar, "my"},
	{unicode.Ethiopic, "am"},
	{unicode.Armenian, "hy"},
	{unicode.Georgian, "ka"},
}

// shared are the scripts of several languages: their words tell.
var shared = []*unicode.RangeTable{unicode.Cyrillic, unicode.Arabic, unicode.Devanagari}

// All are the codes (ISO 639-1) that Tally tells, and Undetermined.
func All() []string {
	var list []string
	for l := range functionWords {
		list = append(list, l)
	}
	for _, a := range alone {
		list = append(list, a.language)
	}
	slices.Sort(list)
	return append(slices.Compact(list), Undetermined)
}

// dictionary are the words by the languages that have them.
type dictionary struct {
	languages []string
	words     map[string]uint64 // bits of languages
	share     [64]float64       // what a word counts for each of so many languages
}

var words = sync.OnceValue(func() *dictionary {
	d := &dictionary{words: map[string]uint64{}}
	for l := range functionWords {
		d.languages = append(d.languages, l)
	}
	slices.Sort(d.languages)
	for i, l := range d.languages {
		for w := range strings.FieldsSeq(functionWords[l]) {
			d.words[w] |= 1 << i
		}
	}
	for n := range d.share {
		d.share[n] = 1 / (1 + float64(n)/4)
	}
	return d
})

// Tally counts what tells the language. The zero value has counted nothing.
type Tally struct {
	letters [32]int
	other   int // letters of shared scripts
	all     int // words
	counts  [64]float64
}

// Letters counts the letters of a text that are of no Latin script: those, words tell.
func (t *Tally) Letters(s string) {
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		t.letter(c)
		i += n
	}
}

func (t *Tally) letter(c rune) {
	if c < 0x370 || !unicode.IsLetter(c) && !unicode.IsMark(c) {
		return
	}
	for i := range alone {
		if unicode.Is(alone[i].script, c) {
			t.letters[i]++
			return
		}
	}
	for _, s := range shared {
		if unicode.Is(s, c) {
			t.other++
			return
		}
	}
}

// Word counts a word in lower case for the languages that have it.
func (t *Tally) Word(w []byte) {
	t.all++
	d := words()
	bits := d.words[string(w)]
	if bits == 0 {
		return
	}
	n := 0
	for b := bits; b != 0; b &= b - 1 {
		n++
	}
	for i := 0; bits != 0; i, bits = i+1, bits>>1 {
		if bits&1 != 0 {
			t.counts[i] += d.share[n-1]
		}
	}
}

// Language is what the counts say, and how clearly, 0 to 1.
func (t *Tally) Language() (label string, score float64) {
	if l, share := t.script(); share >= 0.5 {
		return l, share
	}
	best, next, sum := -1, 0.0, 0.0
	for i, n := range t.counts {
		sum += n
		switch {
		case best < 0 || n > t.counts[best]:
			if best >= 0 {
				next = t.counts[best]
			}
			best = i
		case n > next:
			next = n
		}
	}
	top := t.counts[best]
	if top < leastWords*words().share[2] || top < leastShare*float64(t.all) || top < leastMargin*next {
		return Undetermined, 0
	}
	return words().languages[best], top / sum
}

// script is the language that a script has alone, and its share of all letters that are not ASCII words.
func (t *Tally) script() (language string, share float64) {
	sum, best, kana := t.other, 0, 0
	for i, n := range t.letters {
		sum += n
		if n > t.letters[best] {
			best = i
		}
	}
	if t.letters[best] < leastLetters {
		return "", 0
	}
	kana = t.letters[0] + t.letters[1]
	latin := max(0, t.all*4-sum) // words of other scripts are counted among all
	language, n := alone[best].language, t.letters[best]
	if language == "zh" || language == "ja" {
		n = t.letters[3] + kana // both write Han
		if language = "zh"; kana*10 > t.letters[3] {
			language = "ja"
		}
	}
	return language, float64(n) / float64(sum+latin)
}
