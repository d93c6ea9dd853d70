package align

import (
	"unicode"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// word is one word of a page.
type word struct {
	stem       uint32 // hash of its stem; of a number, of its value
	front      uint32 // hash of its first five bytes; 0 of a short word
	idf        float32
	start, end int32 // bytes of its text
	sentence   int32
	class      class
	marks      mark
}

// mark is what is known of a word beside its classes.
type mark uint8

const (
	content  mark = 1 << iota // says something: no stop word
	isNumber                  // a number; numbers holds its value
	isName                    // begins with a capital within a sentence, or holds capitals or digits behind its first letter
	begins                    // a clause begins here
	isListed                  // the number of a list item
	cites                     // the number of a passage: "passage 2", "[2]"
	isQuoted                  // within quotation marks
)

// sentence is one sentence of a page.
type sentence struct {
	text        int32 // which text of the page
	block       int32 // which passage of the text, counted over the page
	start, end  int32 // bytes of its text
	first, last int32 // words [first, last)
	nums, nume  int32 // numbers [nums, nume)
	classes     class // of its words together
	negations   int32
	listed      bool
	heading     bool // ends in a colon
	cut         bool // ends in no mark at all
}

// page is texts cut into sentences, words and numbers.
type page struct {
	words     []word
	sentences []sentence
	numbers   []number
	blocks    []block
	urls      []address
	texts     int32
	ranges    []text.Range
	buf       []byte
}

// block is one passage: a text, or what a line like "passage 2:" begins within it.
type block struct {
	text   int32
	number int32 // how an answer cites it
	first  int32 // sentences [first, last)
	last   int32
}

func (p *page) reset() {
	p.words, p.sentences, p.numbers, p.blocks, p.texts = p.words[:0], p.sentences[:0], p.numbers[:0], p.blocks[:0], 0
	p.urls = p.urls[:0]
}

// maxBlocks bounds the passages of a page; what follows belongs to the last.
const maxBlocks = 1024

// maxWords bounds the words of a page; the rest of its texts is not read. 1<<17 words are some 700 KB of English.
const maxWords = 1 << 17

// add cuts s. Blocks are numbered as the text numbers them, or on from the last.
func (p *page) add(s string, idf *IDF) {
	p.ranges = text.Sentences(p.ranges[:0], s)
	next := int32(1)
	if n := len(p.blocks); n > 0 {
		next = p.blocks[n-1].number + 1
	}
	if len(p.blocks) < maxBlocks {
		p.blocks = append(p.blocks, block{p.texts, next, int32(len(p.sentences)), int32(len(p.sentences))})
	}
	for _, r := range p.ranges {
		if len(p.words) >= maxWords {
			break
		}
		p.sentence(s, r, idf)
	}
	p.texts++
}

// sentence cuts one sentence.
func (p *page) sentence(s string, r text.Range, idf *IDF) {
	at := int32(len(p.sentences))
	sen := sentence{
		text: p.texts, start: int32(r.Start), end: int32(r.End), first: int32(len(p.words)), nums: int32(len(p.numbers)),
		heading: s[r.End-1] == ':', cut: inWord(s[r.End-1]),
	}
	part := s[r.Start:r.End]
	prev := 0 // where the word before ended
	quoted := false
	p.buf = text.Words(part, p.buf, func(w []byte, pos text.Range) bool {
		if pos.Start < prev {
			return true // within a number that was read whole
		}
		between := part[prev:pos.Start]
		m := gap(between, &quoted)
		if quoted {
			m |= isQuoted
		}
		prev = pos.End
		if c := part[pos.Start]; c >= '0' && c <= '9' {
			prev = max(prev, p.figure(part, pos, between, m, at, r.Start))
			return true
		}
		p.word(part, w, pos, m, at, r.Start, idf)
		return len(p.words) < maxWords
	})
	sen.last, sen.nume = int32(len(p.words)), int32(len(p.numbers))
	for i := sen.first; i < sen.last; i++ {
		w := &p.words[i]
		sen.classes |= w.class
		if w.class&negation != 0 {
			sen.negations++
		}
	}
	sen.listed = sen.last > sen.first && p.words[sen.first].marks&isListed != 0 || bullet(part)
	if n := p.passage(&sen); n > 0 && len(p.blocks) < maxBlocks {
		p.blocks = append(p.blocks, block{p.texts, n, at, at})
	}
	b := len(p.blocks) - 1
	sen.block = int32(b)
	p.sentences = append(p.sentences, sen)
	p.addresses(s, r.Start, r.End, at)
	p.blocks[b].last = at + 1
}

// passage is the number in a sentence that begins like "passage 2:" or "[2]", or 0.
func (p *page) passage(sen *sentence) int32 {
	for i := sen.first; i < min(sen.first+2, sen.last); i++ {
		if w := &p.words[i]; w.marks&cites != 0 && sen.nume > sen.nums {
			if n := p.numbers[sen.nums].value; n >= 1 && n < 1000 {
				return int32(n)
			}
		}
	}
	return 0
}

// word appends a word that is no number in figures.
func (p *page) word(s string, w []byte, pos text.Range, m mark, sen int32, base int, idf *IDF) {
	c := lexicon[string(w)]
	st := stem(w)
	h := hash(st)
	nw := word{
		stem: h, start: int32(base + pos.Start), end: int32(base + pos.End), sentence: sen, class: c,
		marks: m, idf: idf.Of(h),
	}
	if len(st) > 5 {
		nw.front = hash(st[:5])
	}
	if c&stop == 0 && (len(w) > 1 || w[0] >= utf8.RuneSelf) {
		nw.marks |= content
	}
	if named(s, pos, m, len(p.words) == 0 || p.words[len(p.words)-1].sentence != sen) {
		nw.marks |= isName
	}
	i := int32(len(p.words))
	switch {
	case c&scaleWord != 0 && p.follows(i, sen):
		p.numbers[len(p.numbers)-1].scaled(values[string(w)])
		nw.marks &^= content
	case c&unit != 0 && p.follows(i, sen) && (string(w) == "percent" || string(w) == "percentage"):
		p.numbers[len(p.numbers)-1].percent = true
	case c&numberWord != 0:
		v := values[string(w)]
		if p.follows(i, sen) && v == 100 {
			p.numbers[len(p.numbers)-1].scaled(100)
			break
		}
		nw.marks |= isNumber
		p.numbers = append(p.numbers, number{value: v, plain: v, ulp: 1, digits: 1, word: i})
	}
	p.words = append(p.words, nw)
}

// follows says whether the word before word i of sentence sen is a number.
func (p *page) follows(i, sen int32) bool {
	return i > 0 && p.words[i-1].marks&isNumber != 0 && p.words[i-1].sentence == sen && len(p.numbers) > 0
}

// figure appends the numbers of a word that begins with a digit, and says where the last one ends.
func (p *page) figure(s string, pos text.Range, between string, m mark, sen int32, base int) int {
	end := pos.Start
	for i := pos.Start; i < pos.End; {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		n, stopAt := scan(s, i)
		end = stopAt
		if n.value == 0 && i > 1 && s[i-1] == ':' && s[i-2] >= '0' && s[i-2] <= '9' {
			i = stopAt // "20:00" says 20
			continue
		}
		at := int32(len(p.words))
		n.word = at
		first := at == 0 || p.words[at-1].sentence != sen
		w := word{
			stem: hashNumber(n.value), start: int32(base + i), end: int32(base + stopAt), sentence: sen,
			marks: m | isNumber, idf: 3,
		}
		switch {
		case first && n.value < 100 && stopAt < len(s) && (s[stopAt] == '.' || s[stopAt] == ')'):
			w.marks = w.marks&^isNumber | isListed
		case !first && p.words[at-1].class&sourceNoun != 0, bracketed(between, s[stopAt:]):
			w.marks |= cites
		}
		p.words = append(p.words, w)
		if w.marks&isNumber != 0 {
			p.numbers = append(p.numbers, n)
		}
		i = stopAt
	}
	return end
}

// bracketed says whether a number stands alone in square brackets.
func bracketed(before, after string) bool {
	return before != "" && before[len(before)-1] == '[' && after != "" && after[0] == ']'
}

func hashNumber(v float64) uint32 {
	u := uint64(v*1000 + 0.5)
	u *= 0x9E3779B97F4A7C15
	return uint32(u>>32) | 1
}

// named says whether a word is written like a name.
func named(s string, pos text.Range, m mark, first bool) bool {
	c, n := utf8.DecodeRuneInString(s[pos.Start:])
	for i := pos.Start + n; i < pos.End; i++ {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9' {
			return true
		}
	}
	if first || m&begins != 0 && m&isQuoted != 0 || !unicode.IsUpper(c) {
		return false
	}
	return pos.End-pos.Start > 1
}

// gap reads what stands between two words: the start of a clause, quotation marks.
func gap(s string, quoted *bool) (m mark) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',', ';', ':', '(', ')', '[', ']', '.', '|', '\t':
			m |= begins
		case '"':
			*quoted = !*quoted
			m |= begins
		case 0x80, 0x93, 0x94, 0x9c, 0x9d:
			if i >= 2 && s[i-2] == 0xe2 && s[i-1] == 0x80 {
				m |= begins
				*quoted = s[i] == 0x9c || *quoted && s[i] != 0x9d
			}
		}
	}
	return m
}

// bullet says whether a line begins like a list item.
func bullet(s string) bool {
	c, n := utf8.DecodeRuneInString(s)
	return (c == '*' || c == '-' || c == '•' || c == '–') && len(s) > n && (s[n] == ' ' || s[n] == '\t')
}

// inWord says whether a byte is of a word.
func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}
