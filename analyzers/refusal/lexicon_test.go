package refusal

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said is what a lexicon of one file finds in a sentence: kinds and the texts of cues.
func said(t *testing.T, file, sentence string) []string {
	t.Helper()
	l := newLexicon([]string{"yes", "no"})
	if err := l.add(file); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var s search
	var all []string
	for _, f := range s.look(l, sentence) {
		all = append(all, l.kinds[f.kind]+": "+sentence[f.start:f.end])
	}
	return all
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, sentence string
		want                 []string
	}{
		{"words in order", "yes: can not help", "I CAN not  help, you", []string{"yes: CAN not  help"}},
		{"words apart", "yes: can help", "can never help", nil},
		{"a gap", "yes: can *2 help", "can I ever help", []string{"yes: can I ever help"}},
		{"a gap that is too long", "yes: can *2 help", "can you ever please help", nil},
		{"the nearest end", "yes: a *3 b", "a b b", []string{"yes: a b"}},
		{"a gap that must go further", "yes: a *3 b c", "a b b c", []string{"yes: a b b c"}},
		{"alternatives", "yes: can/will not", "will not", []string{"yes: will not"}},
		{"a class", "= w: can will\nyes: @w/may not", "may not", []string{"yes: may not"}},
		{"a class of a class", "= a: can\n= b: @a will\nyes: @b not", "can not", []string{"yes: can not"}},
		{"not followed", "yes: help !but", "help but laugh", nil},
		{"not followed, and is not", "yes: help !but", "help and laugh", []string{"yes: help"}},
		{"not followed, at the end", "yes: help !but", "help", []string{"yes: help"}},
		{"not within a gap", "yes: help *2 !but", "help you then but", nil},
		{"not in the middle", "yes: can !never *2 help", "can never help", nil},
		{"at the beginning", "yes: ^ no", "no, no", []string{"yes: no"}},
		{"not at the beginning", "yes: ^ no", "oh no", nil},
		{"a stem", "yes: помо~ вам", "Помогать вам", []string{"yes: Помогать вам"}},
		{"a stem is no word within", "yes: мог~", "помогать", nil},
		{"a typographic apostrophe", "yes: can't", "I can’t", []string{"yes: can’t"}},
		{"an elision", "yes: d'aider/n'ai pas", "Je n’ai pas l'envie d'aider", []string{"yes: n’ai pas"}},
		{"characters", "yes: 不能 *4 回答", "我不能在这里回答你", []string{"yes: 不能在这里回答"}},
		{"spaces between syllables", "yes: 수없습니다", "할 수 없습니다.", []string{"yes: 수 없습니다"}},
		{"Arabic without its marks", "yes: إلى", "الَى", []string{"yes: الَى"}},
		{"ё and е", "yes: её", "ее", []string{"yes: ее"}},
		{"two kinds", "yes 0.5: a\nno: b", "b a", []string{"no: b", "yes: a"}},
		{"a cue once", "yes: a", "a a a", []string{"yes: a"}},
		{"comments", "# yes: a\nyes: b # a", "a b", []string{"yes: b"}},
		{"nothing", "yes: a", "", nil},
		{"no text", "yes: a", "\xff\xfe\x00 \u0301", nil},
	} {
		if d := cmp.Diff(c.want, said(t, c.file, c.sentence)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestPatternErrors(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"yes":                                   "line 1: \"yes\" is neither",
		"\n\nmaybe: a":                          "line 3: there is no kind \"maybe\"",
		"yes 2: a":                              "strength \"2\" is not in (0, 1]",
		"yes NaN: a":                            "is not in (0, 1]",
		"yes 0.5 0.5: a":                        "is not a kind with at most one strength",
		": a":                                   "is not a kind",
		"yes:":                                  "does not begin with words",
		"yes: !a b":                             "does not begin with words",
		"yes: *2 a":                             "gap at an end",
		"yes: a *2":                             "gap at an end",
		"yes: a *2 *3 b":                        "two gaps in a row",
		"yes: a *13 b":                          "1 to 12",
		"yes: a *0 b":                           "1 to 12",
		"yes: a *x b":                           "1 to 12",
		"yes: a ^ b":                            "no letter or digit",
		"yes: a / b":                            "no letter or digit",
		"yes: a//b":                             "no letter or digit",
		"yes: @none":                            "there is no class \"none\" above",
		"= w:":                                  "class \"w\" is empty",
		"= w: a\n= w: b":                        "line 2: class \"w\" is there already",
		"= w: @v":                               "there is no class \"v\" above",
		"yes: a b c d e f g h i":                "more than 8 elements",
		"yes: " + strings.Repeat("a", 64) + "~": "longer than 63 bytes",
		"yes: " + strings.Repeat("不", 33):       "has 33 units, more than 32",
	} {
		err := newLexicon([]string{"yes", "no"}).add(file)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want one with %q", file, err, want)
		}
	}
}

// TestFiles: every file is read, and each kind of a folder is used by at least one of its files.
func TestFiles(t *testing.T) {
	t.Parallel()
	for folder, kinds := range map[string][]string{"lang": kindNames[:], "prompts": promptKindNames[:]} {
		l, err := read(folder, kinds)
		if err != nil {
			t.Fatal(err)
		}
		for k, name := range kinds {
			if !slices.ContainsFunc(l.cues, func(c cue) bool { return c.kind == kind(k) }) {
				t.Errorf("%s: no cue is of kind %q", folder, name)
			}
		}
	}
}

// TestEveryCueCanBeSaid: a sentence made of a cue's own first words, without what its gaps allow, says it. A cue that its own
// words do not find would be dead.
func TestEveryCueCanBeSaid(t *testing.T) {
	t.Parallel()
	for _, l := range []*lexicon{answerCues(), promptCues()} {
		text := make([]string, len(l.words))
		for w, id := range l.words {
			text[id] = strings.TrimSuffix(w, "~")
		}
		var s search
		for i := range l.cues {
			c := &l.cues[i]
			var words []string
			for _, e := range c.elements {
				if !e.not {
					first := true
					each(e.words, func(id int) {
						if first {
							words = append(words, text[id])
						}
						first = false
					})
				}
			}
			sentence := strings.Join(words, " ")
			if !slices.ContainsFunc(s.look(l, sentence), func(f found) bool { return f.cue == c }) {
				t.Errorf("cue %d (%s) is not found in %q", i, l.kinds[c.kind], sentence)
			}
		}
	}
}

func FuzzLexicon(f *testing.F) {
	for _, folder := range []string{"lang", "prompts"} {
		entries, err := files.ReadDir(folder)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			text, err := files.ReadFile(folder + "/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), "I'm sorry, but I can't help with that. 抱歉，我无法协助。")
		}
	}
	f.Add("= w: a b\nyes 0.5: ^ @w/c *3 !d e~ # why", "a e c")
	kinds := append(slices.Clone(kindNames[:]), promptKindNames[:]...)
	f.Fuzz(func(t *testing.T, file, sentence string) {
		l := newLexicon(kinds)
		if l.add(file) != nil {
			return
		}
		var s search
		for _, c := range s.look(l, sentence) {
			if c.start < 0 || c.start >= c.end || c.end > len(sentence) || !(c.strength > 0 && c.strength <= 1) {
				t.Errorf("cue [%d, %d) of strength %v in %d bytes", c.start, c.end, c.strength, len(sentence))
			}
		}
	})
}
