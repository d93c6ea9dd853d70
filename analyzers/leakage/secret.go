package leakage

// Secrets, by the rules of gitleaks (secrets.json; how it is made: internal/tools/secretrules). A rule looks only at windows
// around long runs of letters with digits, and only at those that hold one of its keywords.

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
)

// What the rules look at.
const (
	windowBefore  = 160      // bytes before a run: name, operator and quotes stand there
	windowAfter   = 48       // bytes behind it: what ends it, at most the last line of a private key
	maxRun        = 8 << 10  // a longer run is a file, no secret
	maxSecretText = 64 << 10 // bytes of all windows of one text; the runs behind them are not looked at
)

//go:embed secrets.json
var secretsJSON []byte

// secretRule is one rule of gitleaks.
type secretRule struct {
	ID       string      `json:"id"`
	Regex    string      `json:"regex"`
	Group    int         `json:"group"` // that is the secret; 0: the first that matched
	Entropy  float64     `json:"entropy"`
	Keywords []string    `json:"keywords"`
	Allow    []allowlist `json:"allow"`

	compile func() *regexp.Regexp // once, when its keyword is seen first
}

// allowlist says what is no secret.
type allowlist struct {
	Target  string   `json:"target"` // "" the secret, "match", "line"
	Regexes []string `json:"regexes"`
	Words   []string `json:"words"`

	compile func() []*regexp.Regexp
	stop    func() *automaton // of Words
}

// genericRule takes what is assigned to a name like "key" or "token"; what another rule takes is not its.
const genericRule = "generic-api-key"

// rules are the rules, read when the first run is seen.
var rules = sync.OnceValue(readRules)

type ruleSet struct {
	Everywhere allowlist    `json:"everywhere"`
	Rules      []secretRule `json:"rules"`

	keywords *automaton
	of       [][]uint16 // by keyword: the rules that have it
}

func readRules() *ruleSet {
	set := &ruleSet{}
	if err := json.Unmarshal(secretsJSON, set); err != nil {
		panic(fmt.Sprintf("read the rules of secrets: %v", err))
	}
	numbers := map[string]int{}
	var keywords []string
	for i := range set.Rules {
		r := &set.Rules[i]
		r.compile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(r.Regex) })
		for a := range r.Allow {
			r.Allow[a].prepare()
		}
		for _, k := range r.Keywords {
			n, known := numbers[k]
			if !known {
				n = len(keywords)
				numbers[k] = n
				keywords = append(keywords, k)
				set.of = append(set.of, nil)
			}
			set.of[n] = append(set.of[n], uint16(i))
		}
	}
	set.Everywhere.prepare()
	set.keywords = newAutomaton(keywords)
	return set
}

func (a *allowlist) prepare() {
	a.compile = sync.OnceValue(func() (list []*regexp.Regexp) {
		for _, r := range a.Regexes {
			list = append(list, regexp.MustCompile(r))
		}
		return list
	})
	a.stop = sync.OnceValue(func() *automaton { return newAutomaton(a.Words) })
}

// allows says whether a secret is none.
func (a *allowlist) allows(secret, match, line string) bool {
	text := secret
	switch a.Target {
	case "match":
		text = match
	case "line":
		text = line
	}
	for _, r := range a.compile() {
		if r.MatchString(text) {
			return true
		}
	}
	return len(a.Words) > 0 && a.stop().holds(secret)
}

// secrets notes what the rules find around the runs.
func (f *finder) secrets() {
	left := maxSecretText
	for i := 0; i < len(f.runs); {
		if f.runs[i].end-f.runs[i].start > maxRun {
			i++
			continue
		}
		from, to := f.runs[i].start-windowBefore, f.runs[i].end+windowAfter
		for i++; i < len(f.runs) && f.runs[i].start-windowBefore <= to && f.runs[i].end-f.runs[i].start <= maxRun && to-from < left; i++ {
			to = f.runs[i].end + windowAfter
		}
		from, to = max(0, from), min(len(f.s), to)
		if left -= to - from; left < 0 {
			return
		}
		f.window(from, to)
	}
}

// window runs the rules whose keywords the bytes [from, to) hold.
func (f *finder) window(from, to int) {
	set := rules()
	text := f.s[from:to]
	var seen [8]uint64 // by rule
	last := -1
	generic := -1
	set.keywords.find(text, func(k uint16, _ int) bool {
		if int(k) == last {
			return true
		}
		last = int(k)
		for _, r := range set.of[k] {
			seen[r/64] |= 1 << (r % 64)
		}
		return true
	})
	for i := range set.Rules {
		if seen[i/64]&(1<<(i%64)) == 0 {
			continue
		}
		if set.Rules[i].ID == genericRule {
			generic = i
			continue
		}
		f.apply(set, &set.Rules[i], text, from)
	}
	if generic >= 0 {
		f.apply(set, &set.Rules[generic], text, from)
	}
}

// apply notes what one rule finds in a window that begins at from.
func (f *finder) apply(set *ruleSet, r *secretRule, text string, from int) {
	for _, m := range r.compile().FindAllStringSubmatchIndex(text, -1) {
		start, end := m[0], m[1]
		for g := 1; 2*g < len(m); g++ {
			if m[2*g] >= 0 && m[2*g+1] > m[2*g] && (r.Group == 0 || r.Group == g) {
				start, end = m[2*g], m[2*g+1]
				break
			}
		}
		secret := text[start:end]
		if r.Entropy > 0 && entropy(secret) <= r.Entropy || r.allowed(&set.Everywhere, text, secret, m) {
			continue
		}
		if r.ID == genericRule && f.taken(from+start, from+end) {
			continue
		}
		f.out = append(f.out, Finding{Kind: KindSecret, Start: from + start, End: from + end, Rule: r.ID})
	}
}

func (r *secretRule) allowed(everywhere *allowlist, text, secret string, m []int) bool {
	match := text[m[0]:m[1]]
	first := strings.LastIndexByte(text[:m[0]], '\n') + 1
	last := len(text)
	if i := strings.IndexByte(text[m[1]:], '\n'); i >= 0 {
		last = m[1] + i
	}
	line := text[first:last]
	if everywhere.allows(secret, match, line) {
		return true
	}
	for i := range r.Allow {
		if r.Allow[i].allows(secret, match, line) {
			return true
		}
	}
	return false
}

// taken says whether a finding overlaps [start, end).
func (f *finder) taken(start, end int) bool {
	for _, x := range f.out[f.first:] {
		if x.Start < end && start < x.End && x.Kind != KindPhone {
			return true
		}
	}
	return false
}

// entropy is that of Shannon of the bytes of s, in bits a byte.
func entropy(s string) (h float64) {
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			h -= p * math.Log2(p)
		}
	}
	return h
}
