package refusal

// What refusals are said with: the kinds of cues and the languages' files.

import (
	"embed"
	"fmt"
	"sync"
)

//go:embed lang/*.cues prompts/*.cues
var files embed.FS

// The kinds of cues. lang/en.cues says what each means.
const (
	decline kind = iota
	inability
	policy
	rebuke
	moral
	privacy
	refute
	apology
	persona
	redirect
	support
	abstain
	letter
	opener
	comply
	failure
	kinds
)

var kindNames = [kinds]string{
	"decline", "inability", "policy", "rebuke", "moral", "privacy", "refute", "apology", "persona", "redirect", "support", "abstain", "letter", "opener", "comply", "error",
}

// answerCues are the cues of all languages. The files are part of the binary: one that cannot be read is a mistake in the
// program, which every test finds.
var answerCues = sync.OnceValue(func() *lexicon { return mustRead("lang", kindNames[:]) })

func mustRead(folder string, kinds []string) *lexicon {
	l, err := read(folder, kinds)
	if err != nil {
		panic("refusal: " + err.Error())
	}
	return l
}

// read reads the files of a folder into one lexicon.
func read(folder string, kinds []string) (*lexicon, error) {
	l := newLexicon(kinds)
	entries, err := files.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list the cues: %w", err)
	}
	for _, e := range entries {
		text, err := files.ReadFile(folder + "/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the cues: %w", err)
		}
		if err := l.add(string(text)); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", folder, e.Name(), err)
		}
	}
	return l, nil
}
