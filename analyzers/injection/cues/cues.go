// Package cues finds in a text what an injected instruction is recognised by: the patterns of cues.txt, delimiters, and
// disguised writing; and it numbers the words of the text for a linear model.
//
// It weighs nothing: what a cue says of a text is the model's business. It knows no span. Time and memory are linear in
// the text, invalid UTF-8 is passed over.
package cues

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Cue is one kind of sign. The order is part of the format of the fitted weights.
type Cue uint8

// The cues. Those before Shouted have their patterns in cues.txt under their names.
const (
	OverrideInstructions Cue = iota // earlier instructions are to be set aside
	SetsAside                       // what was said or given is to be left out
	NewTask                         // new instructions are announced
	RevealPrompt                    // the hidden instructions are asked for
	RoleSwitch                      // the model is to be somebody else
	RolePlay                        // a scene with a part for the model: also in ordinary requests
	JailbreakPersona                // somebody without rules
	ForcedOutput                    // the answer's words are given
	NoRefusal                       // the model must not decline
	FakeTurn                        // a turn or delimiter of the conversation is faked
	SteersAnswer                    // a text says how what is written about it must look
	AddressesModel                  // the reader is a model
	SpeaksOfUser                    // the text knows of the user and the question
	Conceal                         // something is to stay hidden
	Exfiltrate                      // data is to leave
	TaskRequest                     // a task for an assistant
	Mention                         // the words are spoken of, not used
	Shouted                         // capitals amid ordinary writing
	Obfuscated                      // disguised writing: look-alikes, invisible or spread letters, an encoding
	Len                             // how many there are
)

var names = [Len]string{
	"override_instructions", "sets_aside", "new_task", "reveal_prompt", "role_switch", "role_play", "jailbreak_persona", "forced_output", "no_refusal",
	"fake_turn", "steers_answer", "addresses_model", "speaks_of_user", "conceal", "exfiltrate", "task_request", "mention",
	"shouted", "obfuscated",
}

// String is the cue's name.
func (c Cue) String() string { return names[c] }

//go:embed cues.txt
var source string

var lexicon = must(parse(source))

func must(l *words, err error) *words {
	if err != nil {
		panic("analyzers/injection/cues: cues.txt: " + err.Error())
	}
	return l
}

// class is a set of the classes of words, one bit each.
type class uint64

// element is one step of a pattern.
type element struct {
	gap     int // words that may stand between this and the one before
	classes class
	words   []uint32 // hashes
	quoted  bool     // any word behind an opening quote
	name    bool     // any word that begins with a capital and no clause
}

type pattern struct {
	cue    Cue
	clause bool // only where a clause begins
	steps  []element
}

// entry is what is known of a word.
type entry struct {
	hash    uint32
	classes class
	starts  []uint16 // patterns that can begin with it
}

// words is an open hash table of entries by the words' hashes, and the patterns.
type words struct {
	table    []entry
	mask     uint32
	patterns []pattern
	lead     class // @lead: a clause begins behind them

	english, german, common, first, second, please, imperative class // of the questions that Word and Scan answer
}

func (l *words) find(hash uint32) *entry {
	for i := hash & l.mask; ; i = (i + 1) & l.mask {
		e := &l.table[i]
		if e.hash == hash || e.hash == 0 {
			return e
		}
	}
}

// parse reads the format that cues.txt describes.
func parse(source string) (*words, error) {
	p := &parser{classes: map[string]class{}, entries: map[uint32]*entry{}}
	for n, line := range strings.Split(source, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return p.build(), nil
}

type parser struct {
	classes  map[string]class
	entries  map[uint32]*entry
	patterns []pattern
}

func (p *parser) line(line string) error {
	if name, list, ok := strings.Cut(line, " = "); ok && name[0] == '@' {
		bit, known := p.classes[name]
		if !known {
			if len(p.classes) == 64 {
				return fmt.Errorf("%s is the 65th class", name)
			}
			bit = 1 << len(p.classes)
			p.classes[name] = bit
		}
		for w := range strings.FieldsSeq(list) {
			p.entry(hashWord(w)).classes |= bit
		}
		return nil
	}
	name, steps, ok := strings.Cut(line, ": ")
	if !ok {
		return fmt.Errorf("%q is neither a class nor a pattern", line)
	}
	pat := pattern{cue: Len}
	for c, n := range names {
		if n == name {
			pat.cue = Cue(c)
		}
	}
	if pat.cue == Len {
		return fmt.Errorf("there is no cue %q", name)
	}
	if err := p.steps(&pat, strings.Fields(steps)); err != nil {
		return err
	}
	p.patterns = append(p.patterns, pat)
	return nil
}

func (p *parser) steps(pat *pattern, fields []string) error {
	gap := 0
	for _, f := range fields {
		switch {
		case f == "^":
			pat.clause = true
			continue
		case strings.HasPrefix(f, ".."):
			if _, err := fmt.Sscanf(f, "..%d", &gap); err != nil {
				return fmt.Errorf("%q is no number of words", f)
			}
			continue
		}
		step := element{gap: gap}
		gap = 0
		for w := range strings.SplitSeq(f, "|") {
			switch {
			case w == "quoted":
				step.quoted = true
			case w == "Name":
				step.name = true
			case w[0] == '@':
				bit, ok := p.classes[w]
				if !ok {
					return fmt.Errorf("there is no class %s", w)
				}
				step.classes |= bit
			default:
				step.words = append(step.words, hashWord(w))
			}
		}
		pat.steps = append(pat.steps, step)
	}
	if len(pat.steps) == 0 || pat.steps[0].quoted || pat.steps[0].name {
		return fmt.Errorf("a pattern of %s does not begin with a word", pat.cue)
	}
	return nil
}

func (p *parser) entry(hash uint32) *entry {
	e := p.entries[hash]
	if e == nil {
		e = &entry{hash: hash}
		p.entries[hash] = e
	}
	return e
}

func (p *parser) build() *words {
	for i := range p.patterns {
		for _, step := range p.patterns[i].steps {
			for _, w := range step.words {
				p.entry(w)
			}
		}
	}
	for i := range p.patterns {
		first := p.patterns[i].steps[0]
		for _, e := range p.entries {
			if e.classes&first.classes != 0 || slices.Contains(first.words, e.hash) {
				e.starts = append(e.starts, uint16(i))
			}
		}
	}
	size := 1
	for size < 4*len(p.entries) {
		size *= 2
	}
	l := &words{
		table: make([]entry, size), mask: uint32(size - 1), //nolint:gosec // a few thousand
		patterns: p.patterns, lead: p.classes["@lead"],
		english: p.classes["@english"], german: p.classes["@german"], common: p.classes["@english"] | p.classes["@german"] | p.classes["@common"],
		first: p.classes["@pronoun"], second: p.classes["@your"] | p.classes["@second"], please: p.classes["@please"],
		imperative: p.classes["@task"] | p.classes["@alter"] | p.classes["@override"] | p.classes["@say"] | p.classes["@reveal"] | p.classes["@tell"] | p.classes["@send"],
	}
	for _, e := range p.entries {
		*l.find(e.hash) = *e
	}
	return l
}
