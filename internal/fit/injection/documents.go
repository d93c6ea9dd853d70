package main

// What documents hold: texts with an instruction planted in them, and the same texts without.

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/cues"
	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
)

//go:embed emails.txt
var emailTexts string

//go:embed attacks.txt
var attackTexts string

// attack is an instruction to plant.
type attack struct {
	class, text, source string
	weight              float64
}

// document is what it is planted in.
type document struct{ source, text, question string }

// pair is a document with and without an attack.
type pair struct {
	attack
	document
	planted, clean *bag // all sentences
	truth          *bag // those of the attack alone
	fold           int  // of the document
}

// classes are our names for the classes of BIPIA, so that a class is held out whole.
var classes = map[string]string{
	"Task Automation": "task", "Business Intelligence": "business", "Conversational Agent": "chat", "Research Assistance": "research",
	"Sentiment Analysis": "sentiment", "Substitution Ciphers": "cipher", "Base Encoding": "encoding", "Reverse Text": "reverse",
	"Emoji Substitution": "emoji", "Language Translation": "translation", "Entertainment": "entertainment",
	"Information Dissemination": "information", "Marketing & Advertising": "marketing", "Scams & Fraud": "fraud",
	"Misinformation & Propaganda": "misinformation",
}

// Requests and attempts at the model's instructions of which there are many weigh less.
const (
	weightRequest = 0.7
	weightDirect  = 0.5
	longestAttack = 160 // bytes of one that is planted
)

func readAttacks(folder string) ([]attack, error) {
	var out []attack
	for line := range strings.SplitSeq(attackTexts, "\n") {
		if class, text, ok := strings.Cut(line, "\t"); ok {
			out = append(out, attack{class, text, "own", 1})
		}
	}
	for line := range strings.SplitSeq(ownPrompts, "\n") {
		if text, ok := strings.CutPrefix(line, "+ "); ok && !strings.Contains(text, `\n`) && len(text) < longestAttack {
			out = append(out, attack{"direct", text, "direct", weightDirect})
		}
	}
	rows, err := read(folder, "prompt_injection/piguard_suite.jsonl")
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if name, ok := strings.CutPrefix(rows[i].ID, "bipia-text-"); ok {
			class := classes[name[:strings.LastIndexByte(name, '-')]]
			if class == "" {
				return nil, fmt.Errorf("%s is of a class of attacks that has no name here", rows[i].ID)
			}
			out = append(out, attack{class, rows[i].Prompt, "bipia", 1})
		}
	}
	if rows, err = read(folder, "halueval_general/halueval_general.jsonl"); err != nil {
		return nil, err
	}
	for i := range rows {
		if text := rows[i].Prompt; !strings.Contains(text, "\n") && len(text) < longestAttack {
			out = append(out, attack{"request", text, "request", weightRequest})
		}
	}
	return out, nil
}

func readTexts(folder string, r *rand.Rand) ([]document, error) {
	var out []document
	for mail := range strings.SplitSeq(emailTexts, "===\n") {
		out = append(out, document{"email", strings.TrimSpace(mail), ""})
	}
	rows, err := read(folder, "presidio_pii/presidio_pii.jsonl")
	if err != nil {
		return nil, err
	}
	const mails, shortest, longest = 250, 3, 8 // made of sentences that people write in mails
	for i := range mails {
		var b strings.Builder
		fmt.Fprintf(&b, "SUBJECT: note %d EMAIL_FROM: a%d@mail.example RECEIVED DATE: 2023-0%d-1%d CONTENT: ", i, i, 1+i%9, i%9)
		for range shortest + r.IntN(longest-shortest+1) {
			b.WriteString(rows[r.IntN(len(rows))].Response + []string{" ", "\n"}[r.IntN(2)])
		}
		out = append(out, document{"presidio", strings.TrimSpace(b.String()), ""})
	}
	seen := map[string]bool{}
	for source, file := range map[string]string{"ragtruth": "ragtruth_qa/ragtruth_qa.jsonl", "summedits": "summedits/summedits.jsonl"} {
		if rows, err = read(folder, file); err != nil {
			return nil, err
		}
		for i := range rows {
			if c := rows[i].Context; !seen[c] {
				seen[c] = true
				out = append(out, document{source, c, rows[i].Prompt})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b document) int { return strings.Compare(a.source, b.source) })
	rows, err = read(folder, "agnews/agnews_test.jsonl")
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	const articles, news = 5, 300
	for i := 0; i+articles <= len(rows) && i < news*articles; i += articles {
		var b strings.Builder
		for _, row := range rows[i : i+articles] {
			b.WriteString(row.Response + "\n")
		}
		out = append(out, document{"agnews", b.String(), ""})
	}
	return out, err
}

func readDocuments(folder string, seed uint64) ([]*pair, error) {
	r := rand.New(rand.NewPCG(seed, 7))
	list, err := readAttacks(folder)
	if err != nil {
		return nil, err
	}
	texts, err := readTexts(folder, r)
	if err != nil {
		return nil, err
	}
	const copies, mailCopies = 3, 30 // each with another attack: there are few mails
	var out []*pair
	for i, d := range texts {
		n := copies
		if d.source == "email" {
			n = mailCopies
		}
		for range n {
			p := newPair(draw(list, r), d, r)
			p.fold = i % folds
			if d.source == "email" {
				p.truth.weight /= 6
				p.clean.weight /= 4
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// draw takes one attack: of the many requests and attempts at instructions fewer.
func draw(list []attack, r *rand.Rand) attack {
	a := list[r.IntN(len(list))]
	if r.IntN(4) == 0 {
		return a
	}
	for a.source == "request" || a.source == "direct" && r.IntN(3) > 0 {
		a = list[r.IntN(len(list))]
	}
	return a
}

// newPair plants an attack at the beginning, at the end or between two sentences, on a line of its own or not, in a document with or
// without further line breaks: so that where it stands says little.
func newPair(a attack, d document, r *rand.Rand) *pair {
	if r.IntN(2) == 0 {
		d.text = broken(d.text, r)
	}
	var s cues.Scan
	s.Read(d.text)
	at := []int{0, len(d.text), s.Sentences[r.IntN(len(s.Sentences))].End}[r.IntN(3)]
	gap := []string{"\n", "\n", " "}[r.IntN(3)]
	before, start := d.text[:at]+gap, at+len(gap)
	if at == 0 {
		before, start = "", 0
	}
	text := before + a.text + gap + d.text[at:]
	p := &pair{attack: a, document: d}
	p.planted, p.clean = sentences(d, text, 0, len(text)), sentences(d, d.text, 0, len(d.text))
	p.truth = sentences(d, text, start, start+len(a.text))
	p.truth.label, p.truth.weight, p.planted.label, p.clean.weight = true, a.weight, true, 1
	return p
}

// broken puts some sentences of a text on lines of their own.
func broken(text string, r *rand.Rand) string {
	var s cues.Scan
	s.Read(text)
	b := []byte(text)
	for _, at := range s.Sentences {
		if at.End < len(b) && b[at.End] == ' ' && r.IntN(3) > 0 {
			b[at.End] = '\n'
		}
	}
	return string(b)
}

// sentences is the bag of the sentences of text that overlap [start, end).
func sentences(d document, text string, start, end int) *bag {
	var s, asked cues.Scan
	var t model.Topic
	s.Read(text)
	asked.Read(d.question)
	t.Read(&s, &asked)
	b := &bag{text: text}
	for i := range s.Sentences {
		if at := &s.Sentences[i]; at.End > start && at.Start < end {
			var v model.Vector
			v.Data(&s, &t, i)
			b.passages = append(b.passages, v)
		}
	}
	return b
}

// The most false alarms that the threshold may give in cross-validation: of passages and news, and of mails full of polite requests.
const (
	mostDocuments = 0.01
	mostEmails    = 0.06
)

// fitDocuments cross-validates with documents and classes of attacks held out at once, chooses the threshold, and fits on all.
func fitDocuments(pairs []*pair, s settings) *result {
	r := &result{title: "documents", features: s.features, groups: map[string][]*bag{}, scores: map[*bag]float64{}}
	train := func(k int) (bags []*bag) {
		for _, p := range pairs {
			if p.document.source == "agnews" || p.fold == k {
				continue
			}
			bags = append(bags, p.clean)
			if k < 0 || fold(p.class) != k {
				bags = append(bags, p.truth)
			}
		}
		return bags
	}
	var judged []*bag
	for k := range folds {
		m := fit(train(k), s)
		for _, p := range pairs {
			known := p.attack.source == "request" || p.attack.source == "direct" // one class that is in every fold
			if p.fold != k || fold(p.class) != k && !known {
				continue
			}
			r.scores[p.planted], r.scores[p.clean] = score(m, p.planted), score(m, p.clean)
			p.planted.weight, p.planted.text = p.truth.weight, p.attack.text
			judged = append(judged, p.planted, p.clean)
			for _, name := range []string{p.document.source + " " + p.attack.source, p.document.source + " all", "class " + p.class} {
				r.groups[name] = append(r.groups[name], p.planted, p.clean)
			}
		}
	}
	r.model = fit(train(-1), s)
	r.threshold = lowest(func(t float64) bool {
		others := slices.Concat(r.groups["presidio all"], r.groups["ragtruth all"], r.groups["summedits all"])
		return alarms(others, r.scores, t) <= mostDocuments && alarms(r.groups["email all"], r.scores, t) <= mostEmails
	})
	calibrate(r.model, r.threshold, judged, r.scores)
	return r
}
