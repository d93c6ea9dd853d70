package cues

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// Word is one word of a text. Of Han and Kana, which are written without spaces, a word is the longest one of cues.txt,
// else a character; elsewhere a run of letters and digits.
type Word struct {
	Hash       uint32 // of the plain lower-case word; of all numbers the same
	Start, End int
	classes    class
	starts     []uint16
	Flags
}

// Flags tell how a word is written.
type Flags uint16

// The flags of words.
const (
	Clause   Flags = 1 << iota // a clause begins with it
	Quoted                     // an opening quote stands before it
	Capitals                   // two letters or more, all of them capitals
	Disguise                   // look-alikes or invisible characters within
	Known                      // cues.txt holds it
	Number                     // digits alone
	Title                      // begins with a capital
	Long                       // four letters or more, two of Han: long enough to carry a topic
)

// Hit is a cue with the bytes of the text that show it.
type Hit struct {
	Cue        Cue
	Start, End int
}

// Marks tell what stands between the words of a sentence.
type Marks uint8

// The marks of sentences.
const (
	Quote Marks = 1 << iota // of any kind, apostrophes within words apart
	Colon
	Link // an address of the web
)

// Sentence is a sentence with its words, marks and cues.
type Sentence struct {
	text.Range
	Marks
	First, Last int // Words[First:Last]
	Cues        [Len]bool
	FirstHit    int // Hits[FirstHit:LastHit]
	LastHit     int
}

// Scan is what Read finds in a text. Its memory is used again by the next Read.
type Scan struct {
	Content   string
	Words     []Word
	Sentences []Sentence
	Hits      []Hit
	ranges    []text.Range
}

// Read scans content.
func (s *Scan) Read(content string) {
	s.Content = content
	s.Words, s.Sentences, s.Hits = s.Words[:0], s.Sentences[:0], s.Hits[:0]
	s.ranges = text.Sentences(s.ranges[:0], content)
	for _, r := range s.ranges {
		s.Sentences = append(s.Sentences, Sentence{Range: r, First: len(s.Words), FirstHit: len(s.Hits)})
		at := &s.Sentences[len(s.Sentences)-1]
		s.words(at)
		at.Last = len(s.Words)
		s.patterns(at)
		s.writing(at)
		at.LastHit = len(s.Hits)
	}
}

func (s *Scan) hit(at *Sentence, c Cue, start, end int) {
	if at.Cues[c] {
		return
	}
	at.Cues[c] = true
	s.Hits = append(s.Hits, Hit{c, start, end})
}

// padding is how many line breaks in a row push what stands before them out of sight.
const padding = 4

// words cuts a sentence into words.
func (s *Scan) words(at *Sentence) {
	content := s.Content[:at.End]
	flags := Clause
	role := true // the next word may name a speaker
	breaks := 0
	for i := at.Start; i < at.End; {
		c := rune(content[i])
		n := 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(content[i:])
		}
		switch {
		case ideograph(c):
			i = s.ideographs(content, i, flags)
			flags, role, breaks = 0, false, 0
		case isLetter(c):
			end := s.word(at, content, i, flags)
			if role && end < at.End && content[end] == ':' && speaker(content[i:end]) {
				s.hit(at, FakeTurn, i, end+1)
			}
			i = end
			flags, role, breaks = 0, false, 0
		default:
			flags = s.between(at, content, i, c, n, flags)
			if c == '\n' || c == '\\' {
				breaks++
				if breaks == padding {
					s.hit(at, FakeTurn, i, i+n)
				}
			}
			if c == '\\' && i+1 < at.End && (content[i+1] == 'n' || content[i+1] == 't' || content[i+1] == 'r') {
				n, flags, role = 2, Clause, true // an escaped break of JSON
			}
			i += n
		}
	}
}

// between reads one character that belongs to no word and says what it means for the next one.
func (s *Scan) between(at *Sentence, content string, i int, c rune, n int, flags Flags) Flags {
	switch c {
	case ' ', '\t', '\u00a0', '’', '-', '_', '&', '%', '/':
		return flags &^ Quoted
	case '"', '`', '“', '„', '«', '‘', '「', '『':
		at.Marks |= Quote
		return flags | Clause | Quoted
	case ':':
		at.Marks |= Colon
		if strings.HasPrefix(content[i:], "://") {
			at.Marks |= Link
		}
	case '\'':
		if i > at.Start && i+1 < at.End && isLetter(rune(content[i-1])) && isLetter(rune(content[i+1])) {
			return flags
		}
		at.Marks |= Quote
		return flags | Clause | Quoted
	case '<', '[', '{', '#', '=':
		if end := delimiter(content[i:at.End]); end > 0 {
			s.hit(at, FakeTurn, i, i+end)
		}
	}
	if c > 0x2000 && (tag(c) || invisible(c)) {
		if tag(c) {
			s.hit(at, Obfuscated, i, i+n)
		}
		return flags
	}
	return flags&^Quoted | Clause
}

// delimiters are the marks by which prompts part the turns of a conversation, in lower case.
var delimiters = []string{
	"<|", "[inst]", "[/inst]", "<<sys>>", "<system", "</system", "<assistant", "</assistant", "<user>", "</user>", "<instruction", "</instruction", "[system", "[/system", "{system", "{{system",
	"### instruction", "### system", "###instruction", "### human", "### response", "### new", "<end", "[end", "===end", "=== end", "[admin", "[developer", "{\"role\"", "<prompt", "</prompt", "[hidden", "[inject", "<!--",
}

// delimiter is the length of the delimiter at the beginning of s, or 0.
func delimiter(s string) int {
	for _, d := range delimiters {
		if len(s) >= len(d) && strings.EqualFold(s[:len(d)], d) {
			return len(d)
		}
	}
	return 0
}

func speaker(word string) bool {
	switch len(word) {
	case 2:
		return word == "AI"
	case 4:
		return strings.EqualFold(word, "user")
	case 5:
		return strings.EqualFold(word, "human")
	case 6:
		return strings.EqualFold(word, "system")
	case 9:
		return strings.EqualFold(word, "assistant")
	}
	return false
}

// reading is a word while it is read: what it looks like, and the hashes of its plain readings.
type reading struct {
	hash             uint32 // as it is written, in lower case
	one, ell         uint32 // with letters for digits and marks, and Latin letters for those that look like them; 1 as i, as l
	latin, foreign   int    // letters
	capitals, digits int
	marks            int // amid letters: those that stand for letters, and twice the invisible ones
	alike, forms     int // foreign letters that look Latin; other forms of Latin letters
}

// word appends the word at i and returns its end.
func (s *Scan) word(at *Sentence, content string, i int, flags Flags) int {
	start := i
	r := reading{hash: fnvOffset}
	i = r.letters(content[:at.End], i)
	if i < at.End && (content[i] >= utf8.RuneSelf || isASCIIWord(content[i]) || leet(rune(content[i])) != 0) {
		r.one, r.ell = r.hash, r.hash
		i = r.rest(content[:at.End], i)
	}
	w := Word{Hash: nonZero(r.hash), Start: start, End: i, Flags: flags | r.flags(content[start])}
	if w.Flags&Number != 0 {
		w.Hash = numberHash
	}
	e := lexicon.find(w.Hash)
	if e.hash == 0 && r.disguised() {
		e = w.undisguise(&r)
	}
	if e.hash != 0 {
		w.classes, w.starts, w.Flags = e.classes, e.starts, w.Flags|Known
		if r.marks >= 2 && r.latin > 0 {
			w.Flags |= Disguise
		}
	}
	s.Words = append(s.Words, w)
	if i-start >= minEncoded && r.capitals >= 2 && r.latin-r.capitals >= 2 {
		if end := encoded(content, start, at.End); end > 0 {
			s.hit(at, Obfuscated, start, end)
		}
	}
	if i-start == len("www") && i < at.End && content[i] == '.' && strings.EqualFold(content[start:i], "www") {
		at.Marks |= Link
	}
	return i
}

// letters reads ASCII letters, of which most words are.
func (r *reading) letters(content string, i int) int {
	h := r.hash
	start := i
	for ; i < len(content); i++ {
		c := content[i]
		if 'A' <= c && c <= 'Z' {
			r.capitals++
			c += 'a' - 'A'
		} else if c < 'a' || c > 'z' {
			break
		}
		h = (h ^ uint32(c)) * fnvPrime
	}
	r.hash, r.latin = h, r.latin+i-start
	return i
}

// rest reads the other characters of a word.
func (r *reading) rest(content string, i int) int {
	for i < len(content) {
		c, n := utf8.DecodeRuneInString(content[i:])
		switch {
		case ideograph(c):
			return i
		case c >= utf8.RuneSelf && n > 1 && invisible(c):
			r.marks += 2
			i += n
			continue
		case !isLetter(c):
			if leet(c) == 0 || i+n >= len(content) || !isASCIIWord(content[i+n]) {
				return i
			}
			r.marks++
		}
		r.add(c)
		i += n
	}
	return i
}

// add adds one character to the hashes.
func (r *reading) add(c rune) {
	shown := unicode.ToLower(c)
	r.hash = hashRune(r.hash, shown)
	if l := leet(c); l != 0 {
		if '0' <= c && c <= '9' {
			r.digits++
		}
		r.one = hashRune(r.one, l)
		if l == 'i' {
			l = 'l'
		}
		r.ell = hashRune(r.ell, l)
		return
	}
	latin := shown
	switch q, ok := plain(c); {
	case ok:
		latin = q
		r.forms++
	case alike[shown] != 0:
		latin = alike[shown]
		r.alike++
	}
	switch {
	case c >= utf8.RuneSelf:
		r.foreign++
	case c > '9':
		r.latin++
	default:
		r.digits++ // 2, which stands for no letter
	}
	if shown != c {
		r.capitals++
	}
	r.one, r.ell = hashRune(r.one, latin), hashRune(r.ell, latin)
}

func (r *reading) flags(first byte) (f Flags) {
	letters := r.latin + r.foreign
	if letters == 0 && r.digits > 0 {
		f |= Number
	}
	if letters >= 4 {
		f |= Long
	}
	if 'A' <= first && first <= 'Z' {
		f |= Title
	}
	if r.capitals >= 2 && r.capitals == letters {
		f |= Capitals
	}
	return f
}

// disguised says whether the plain readings differ from the written one.
func (r *reading) disguised() bool {
	return r.latin+r.foreign > 0 && (r.digits > 0 || r.marks > 0) || r.certain()
}

// certain says whether the plain reading is the right one even of a word that cues.txt does not hold.
func (r *reading) certain() bool { return r.forms > 0 || r.alike > 0 && r.latin > 0 }

// undisguise takes one of the plain readings of a word when cues.txt knows it, or when letters that are alike make it certain.
func (w *Word) undisguise(r *reading) *entry {
	e := lexicon.find(nonZero(r.one))
	if e.hash == 0 && r.ell != r.one {
		e = lexicon.find(nonZero(r.ell))
	}
	switch {
	case e.hash != 0:
		w.Hash = e.hash
		w.Flags |= Disguise
	case r.certain():
		w.Hash = nonZero(r.one)
	}
	return e
}

var numberHash = hashWord("0")

// minEncoded is the least length in bytes of a word that is tried as base64: 15 bytes of text.
const minEncoded = 20

// encoded is the end of the base64 text that begins at start, or 0 if what stands there does not decode to words.
func encoded(content string, start, limit int) int {
	end := start
	for end < limit && (isASCIIWord(content[end]) || content[end] == '+' || content[end] == '/') {
		end++
	}
	const most = 512
	head := content[start:min(end, start+most)]
	head = head[:len(head)/4*4]
	var buf [most]byte
	n, err := base64.StdEncoding.Decode(buf[:], []byte(head))
	if err != nil || n == 0 {
		return 0
	}
	spaces := 0
	for _, b := range buf[:n] {
		if b == ' ' {
			spaces++
		}
		if b < ' ' && b != '\n' && b != '\t' || b >= utf8.RuneSelf {
			return 0
		}
	}
	if spaces == 0 {
		return 0
	}
	return end
}

// ideographs appends one word of a script without spaces and returns its end.
func (s *Scan) ideographs(content string, i int, flags Flags) int {
	const longest = 4 // characters of such a word in cues.txt
	h := uint32(fnvOffset)
	w := Word{Start: i, Flags: flags}
	end := i
	for k := 0; k < longest && end < len(content); k++ {
		c, m := utf8.DecodeRuneInString(content[end:])
		if !ideograph(c) {
			break
		}
		h = hashRune(h, c)
		end += m
		if k == 0 {
			w.Hash, w.End = nonZero(h), end
		}
		if e := lexicon.find(nonZero(h)); e.hash != 0 {
			w.Hash, w.End = e.hash, end
			w.classes, w.starts, w.Flags = e.classes, e.starts, w.Flags|Known
		}
	}
	s.Words = append(s.Words, w)
	return w.End
}

// patterns finds the cues of cues.txt in a sentence.
func (s *Scan) patterns(at *Sentence) {
	words := s.Words[at.First:at.Last]
	lead := lexicon.lead
	for i := range words {
		if i > 0 && words[i-1].classes&lead != 0 {
			words[i].Flags |= Clause
		}
		for _, id := range words[i].starts {
			p := &lexicon.patterns[id]
			if at.Cues[p.cue] || p.clause && words[i].Flags&Clause == 0 {
				continue
			}
			if last := p.match(words, i, 1); last >= 0 {
				s.hit(at, p.cue, words[i].Start, words[last].End)
			}
		}
	}
}

// match is the index of the last word of a match of the steps from step on behind words[i], or -1.
func (p *pattern) match(words []Word, i, step int) int {
	if step == len(p.steps) {
		return i
	}
	e := &p.steps[step]
	for j := i + 1; j <= i+1+e.gap && j < len(words); j++ {
		if words[j].is(e) {
			if last := p.match(words, j, step+1); last >= 0 {
				return last
			}
		}
	}
	return -1
}

func (w *Word) is(e *element) bool {
	return w.classes&e.classes != 0 || e.quoted && w.Flags&Quoted != 0 || e.name && w.Flags&(Title|Clause) == Title || slices.Contains(e.words, w.Hash)
}

// writing finds how a sentence is written: shouting, spread letters, disguise.
func (s *Scan) writing(at *Sentence) {
	const shouted, spread = 4, 6 // words in a row
	words := s.Words[at.First:at.Last]
	capitals, single, plainWords, disguised := 0, 0, 0, 0
	shout := -1
	for i := range words {
		w := &words[i]
		switch {
		case w.Flags&Capitals != 0:
			if capitals++; capitals == shouted {
				shout = i
			}
		case w.End-w.Start > 1 && w.Flags&Number == 0:
			capitals = 0
			plainWords++
		}
		if w.End-w.Start == 1 && w.Flags&Number == 0 {
			if single++; single == spread {
				s.hit(at, Obfuscated, words[i+1-spread].Start, w.End)
			}
		} else {
			single = 0
		}
		if w.Flags&Disguise != 0 {
			if disguised++; disguised == 1 {
				s.hit(at, Obfuscated, w.Start, w.End)
			}
		}
	}
	if shout >= 0 && plainWords > 0 {
		s.hit(at, Shouted, words[shout+1-shouted].Start, words[shout].End)
	}
}

func isASCIIWord(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

func isLetter(c rune) bool {
	if c < utf8.RuneSelf {
		return isASCIIWord(byte(c)) //nolint:gosec // ASCII
	}
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c) || unicode.Is(unicode.So, c) && isPlain(c))
}

func isPlain(c rune) bool {
	_, ok := plain(c)
	return ok
}

// ideograph says whether c is of a script that puts no space between words.
func ideograph(c rune) bool {
	return c >= 0x3040 && (c <= 0x30FF || 0x3400 <= c && c <= 0x9FFF || 0xF900 <= c && c <= 0xFAFF || 0x20000 <= c && c <= 0x3FFFF)
}

// Language says whether a sentence is plainly English, plainly German, by the commonest words that only one of them has.
func (s *Scan) Language(at *Sentence) (english, german bool) {
	en, de := 0, 0
	for i := at.First; i < at.Last; i++ {
		if c := s.Words[i].classes; c != 0 {
			if c&lexicon.english != 0 {
				en++
			}
			if c&lexicon.german != 0 {
				de++
			}
		}
	}
	return en > 1 && de == 0, de > 1 && en == 0
}

// Common says whether the word is too common to carry a topic.
func (w *Word) Common() bool { return w.classes&lexicon.common != 0 }

// Person says whether the word is of the first, of the second person.
func (w *Word) Person() (first, second bool) {
	return w.classes&lexicon.first != 0, w.classes&lexicon.second != 0
}

// Please says whether the word asks politely.
func (w *Word) Please() bool { return w.classes&lexicon.please != 0 }

// Imperative says whether the word is a verb by which assistants are told what to do.
func (w *Word) Imperative() bool { return w.classes&lexicon.imperative != 0 }
