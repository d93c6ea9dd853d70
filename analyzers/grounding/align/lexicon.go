package align

// What closed classes of English words say about a sentence. Texts in other languages have no such words: their sentences are
// judged by overlap, numbers and names alone.

import "strings"

// class is a set of the classes of a word.
type class uint32

const (
	stop class = 1 << iota
	negation
	hedge
	advice
	conclusion
	sourceNoun // what the answer calls its context by: "passages"
	saying     // what a source does: "mention"
	example
	pronoun
	causal
	contrast
	unable
	greeting
	quantifier
	person // "you": the answer turns to its reader
	month
	numberWord
	scaleWord
	unit
	asks // question words
)

// lexicon is the classes of a lower-case word.
var lexicon = func() map[string]class {
	m := map[string]class{}
	add := func(c class, words string) {
		for w := range strings.FieldsSeq(words) {
			m[w] |= c
		}
	}
	add(stop, `a an the of to in on at by for with from as into onto upon about than then that this these those is are was were be been
		being am do does did doing done have has had having and or but if so it its it's he she they them his her their theirs him we us our
		you your yours i me my mine there here which who whom whose what when where why how not no nor can could may might will would shall
		should must also such very just too more most some any each other own same both all only over under again further once up down out
		off between through during before after above below while because until against let's that's i'm i'll isn't aren't don't doesn't
		didn't can't won't wouldn't shouldn't couldn't wasn't weren't hasn't haven't hadn't one's get gets got like within without via per
		etc e.g i.e one another either neither however therefore thus hence`)
	add(negation, `not no never none neither nor nothing nobody nowhere without cannot can't don't doesn't didn't won't wouldn't shouldn't
		couldn't isn't aren't wasn't weren't hasn't haven't hadn't fail fails failed lack lacks lacking rarely hardly unlikely unable`)
	add(hedge, `may might could possibly perhaps likely probably typically generally usually often sometimes approximately about around
		suggest suggests appear appears seem seems potentially tend tends commonly can`)
	add(advice, `should must recommend recommended recommends consult advisable important essential crucial ensure ensuring always please
		remember note noting consider considering advised necessary need best helpful careful sure adjust professional seek`)
	add(conclusion, `therefore overall conclusion thus hence summary consequently ultimately finally so summarize`)
	add(sourceNoun, `passage passages context document documents text texts article articles information source sources excerpt excerpts
		paragraph paragraphs snippet snippets data transcript results`)
	add(saying, `mention mentions mentioned specify specifies specified provide provides provided state states stated contain contains
		discuss discusses discussed indicate indicates indicated describe describes described explain explains given according based say
		says said address addresses report reports reported detail details include includes`)
	add(example, `example examples such including include includes like e.g instance etc various different several other others`)
	add(pronoun, `it its they them their this these those he she his her him`)
	add(causal, `because since due cause causes caused causing result results resulting leads leading lead allow allows allowing help helps
		helping prevent prevents preventing reduce make makes making`)
	add(contrast, `however while whereas although though but unlike instead rather despite alternatively additionally moreover furthermore
		also`)
	add(unable, `unable cannot can't impossible unclear unknown insufficient unsure undetermined`)
	add(greeting, `sure hope hello hi thanks thank enjoy welcome happy certainly course sorry apologize yes yeah`)
	add(quantifier, `all always never only every most many few none exactly each any entire both single sole first last highest lowest
		largest smallest best worst`)
	add(person, `you your yours we our us i me my`)
	add(month, `january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept
		oct nov dec monday tuesday wednesday thursday friday saturday sunday`)
	add(numberWord, `two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
		nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred dozen half twice double triple`)
	add(scaleWord, `thousand million billion trillion k m bn mn millions billions thousands`)
	add(unit, `year years month months week weeks day days hour hours minute minutes second seconds degree degrees percent percentage dollar
		dollars pound pounds ounce ounces cup cups inch inches foot feet mile miles gram grams mg kg lb lbs calorie calories f c euro euros
		meter meters kilometer kilometers gallon gallons teaspoon teaspoons tablespoon tablespoons`)
	add(asks, `what who whom whose when where why how which`)
	return m
}()

// values of the words of class numberWord, and of scaleWord what they multiply by.
var values = map[string]float64{
	"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
	"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "dozen": 12,
	"half": 0.5, "twice": 2, "double": 2, "triple": 3,
	"thousand": 1e3, "thousands": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9, "trillion": 1e12,
	"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9,
}

// opposites are words of which one denies the other; by the hash of their stems, both ways.
var opposites = func() map[uint32]uint32 {
	m := map[uint32]uint32{}
	pairs := strings.Fields(`increase decrease rise fall rose fell grow shrink grew shrank gain loss high low higher lower highest lowest
		more less most least many few large small larger smaller big little long short longer shorter longest shortest old new older newer
		young old early late earlier later before after first last fast slow faster slower hot cold warm cool hard easy difficult easy
		strong weak stronger weaker good bad better worse best worst positive negative profit loss success failure succeed fail win lose
		won lost allow forbid allow prevent permit prohibit accept reject agree disagree like dislike love hate open close opened closed
		start end begin finish started ended above below over under up down upper lower inside outside include exclude including excluding
		included excluded true false right wrong correct incorrect same different similar different able unable possible impossible likely
		unlikely safe dangerous legal illegal guilty innocent alive dead male female man woman men women boy girl father mother son daughter
		brother sister husband wife north south east west northern southern eastern western left right morning evening day night buy sell
		bought sold import export maximum minimum majority minority rich poor cheap expensive public private internal external domestic
		foreign support oppose supported opposed approve disapprove confirm deny confirmed denied remember forget always never everyone
		nobody all none both neither active inactive improve worsen improved worsened improvement deterioration exceed miss
		strength weakness advantage disadvantage optimistic pessimistic effective ineffective efficient inefficient common rare major minor
		known unknown willing unwilling happy unhappy sad happy dry wet full empty thick thin heavy light heavier lighter raise lower raised
		lowered expand contract expansion contraction upgrade downgrade credit debit asset liability hire fire hired fired add remove added
		removed enable disable enabled disabled temporary permanent simple complex optimal suboptimal`)
	for i := 0; i+1 < len(pairs); i += 2 {
		a, b := hash(stem([]byte(pairs[i]))), hash(stem([]byte(pairs[i+1])))
		if a == b {
			continue
		}
		if _, ok := m[a]; !ok {
			m[a] = b
		}
		if _, ok := m[b]; !ok {
			m[b] = a
		}
	}
	return m
}()

// hash is FNV-1a of b.
func hash(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// stem is the front of a lower-case word that its English inflections share, roughly: a prefix of w, at least three bytes long.
func stem(w []byte) []byte {
	if n := len(w); n > 2 && w[n-2] == '\'' {
		w = w[:n-2]
	}
	n := len(w)
	if n <= 3 {
		return w
	}
	switch {
	case n > 5 && ends(w, "ies"):
		w = w[:n-2]
	case n > 4 && ends(w, "sses"), n > 5 && (ends(w, "shes") || ends(w, "ches") || ends(w, "xes") || ends(w, "zes")):
		w = w[:n-2]
	case ends(w, "s") && !ends(w, "ss") && !ends(w, "us") && !ends(w, "is"):
		w = w[:n-1]
	}
	n = len(w)
	switch {
	case n > 6 && ends(w, "ation"):
		w = w[:n-3]
	case n > 6 && (ends(w, "ment") || ends(w, "ness") || ends(w, "able")):
		w = w[:n-4]
	case n > 5 && ends(w, "ing"):
		w = undouble(w[:n-3])
	case n > 5 && ends(w, "ion"):
		w = w[:n-3]
	case n > 4 && ends(w, "ed"):
		w = undouble(w[:n-2])
	case n > 4 && ends(w, "ly"):
		w = w[:n-2]
	case n > 4 && ends(w, "er"):
		w = undouble(w[:n-2])
	}
	if n = len(w); n > 3 && (w[n-1] == 'e' || w[n-1] == 'y' || w[n-1] == 'i') {
		w = w[:n-1]
	}
	return w
}

func ends(w []byte, suffix string) bool {
	return len(w) >= len(suffix) && string(w[len(w)-len(suffix):]) == suffix
}

func undouble(w []byte) []byte {
	if n := len(w); n > 3 && w[n-1] == w[n-2] && w[n-1] != 'l' && w[n-1] != 's' {
		return w[:n-1]
	}
	return w
}
