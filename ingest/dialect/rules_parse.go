package dialect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Limits of the rules. They bound what a span may cost, which grows with each of them.
const (
	MaxRules          = 64
	MaxRuleConditions = 16   // attributes that one rule asks for
	MaxRuleSources    = 8    // attributes that one field may come from
	MaxRulePath       = 16   // steps into JSON
	MaxRuleTextBytes  = 1024 // of a name, pattern, key or value
)

// ParseRules reads the section of a settings file that holds the user's rules, which is a list:
//
//	dialects:
//	  - name: acme-gateway            # required, once
//	    match:                        # at least one of the three
//	      scope: acme.gateway*        # * stands for any run of characters
//	      span: "llm *"
//	      attributes: {acme.kind: llm, acme.model: "*"}
//	    set:                          # field: attribute, or a mapping
//	      request_model: acme.model
//	      operation: {value: chat}
//	      usage.input_tokens: {from: acme.usage, json: tokens.prompt}
//
// The error names every mistake as "file:line: path: what is wrong". docs/dialect-rules.md has all of it.
func ParseRules(file string, section *yaml.Node) (*Rules, error) {
	p := rulesParser{file: file, rules: &Rules{slots: map[string]int{}}}
	p.list(section)
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	if len(p.rules.rules) == 0 {
		return nil, nil //nolint:nilnil // no rules are no error, and cost nothing as nil
	}
	for key := range p.rules.slots {
		p.rules.filter.add(key)
	}
	return p.rules, nil
}

// rulesParser collects mistakes while it reads.
type rulesParser struct {
	file  string
	rules *Rules
	errs  []error
}

func (p *rulesParser) bad(n *yaml.Node, path, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s: %s", p.file, n.Line, path, fmt.Sprintf(format, args...)))
}

// entry is one of a mapping.
type entry struct {
	key   string
	name  *yaml.Node
	value *yaml.Node
}

// entries are those of a mapping, each key once.
func (p *rulesParser) entries(n *yaml.Node, path string) (out []entry) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		p.bad(n, path, "want a mapping of names to values")
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		m := entry{n.Content[i].Value, n.Content[i], resolved(n.Content[i+1])}
		if slices.ContainsFunc(out, func(o entry) bool { return o.key == m.key }) {
			p.bad(m.name, join(path, m.key), "is there twice")
			continue
		}
		out = append(out, m)
	}
	return out
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func join(path, name string) string { return path + "." + name }

// unknown says that there is no such name, and which one may be meant.
func (p *rulesParser) unknown(n *yaml.Node, path, name, what string, known []string) {
	hint := "; there are " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	} else if len(known) > 8 {
		hint = "; docs/dialect-rules.md lists them"
	}
	p.bad(n, join(path, name), "no such %s%s", what, hint)
}

// text is a plain value within the limit; an empty one is a mistake.
func (p *rulesParser) text(n *yaml.Node, path string) (string, bool) {
	switch n = resolved(n); {
	case n.Kind != yaml.ScalarNode:
		p.bad(n, path, "want one plain value")
	case n.Value == "" || n.Tag == "!!null":
		p.bad(n, path, "is empty")
	case len(n.Value) > MaxRuleTextBytes:
		p.bad(n, path, "has %d bytes, at most %d are allowed", len(n.Value), MaxRuleTextBytes)
	default:
		return n.Value, true
	}
	return "", false
}

func (p *rulesParser) list(section *yaml.Node) {
	section = resolved(section)
	if section.Kind == yaml.ScalarNode && section.Tag == "!!null" {
		return
	}
	if section.Kind != yaml.SequenceNode {
		p.bad(section, "dialects", "want a list of rules")
		return
	}
	if len(section.Content) > MaxRules {
		p.bad(section.Content[MaxRules], "dialects", "there are %d rules, at most %d are allowed", len(section.Content), MaxRules)
		return
	}
	for i, n := range section.Content {
		one := p.rule(n, fmt.Sprintf("dialects[%d]", i))
		one.place = i
		for j := range one.sets {
			s := &one.sets[j]
			s.misfit = fmt.Sprintf("rule %s: the value does not fit %s (%s)", one.name, s.field.name, fieldKindNames[s.field.kind])
		}
		if one.name != "" && slices.ContainsFunc(p.rules.rules, func(r rule) bool { return r.name == one.name }) {
			p.bad(n, fmt.Sprintf("dialects[%d].name", i), "%q is the name of another rule", one.name)
		}
		p.rules.rules = append(p.rules.rules, one)
	}
}

func (p *rulesParser) rule(n *yaml.Node, path string) (one rule) {
	n = resolved(n)
	var matches, sets bool
	for _, m := range p.entries(n, path) {
		switch at := join(path, m.key); m.key {
		case "name":
			one.name, _ = p.text(m.value, at)
			if strings.TrimSpace(one.name) != one.name || strings.ContainsFunc(one.name, unicode.IsControl) {
				p.bad(m.value, at, "a name is one line, without blanks around it")
			}
		case "match":
			matches = true
			p.match(m.value, at, &one)
		case "set":
			sets = true
			p.sets(m.value, at, &one)
		default:
			p.unknown(m.name, path, m.key, "setting", []string{"name", "match", "set"})
		}
	}
	if n.Kind != yaml.MappingNode {
		return one
	}
	if one.name == "" {
		p.bad(n, path, "the rule has no name")
	}
	if !matches {
		p.bad(n, path, "the rule has no match: say which spans it is for")
	}
	if !sets {
		p.bad(n, path, "the rule has no set: say which fields it fills")
	}
	return one
}

func (p *rulesParser) match(n *yaml.Node, path string, one *rule) {
	n = resolved(n)
	before := len(p.errs)
	found := 0
	for _, m := range p.entries(n, path) {
		found++
		switch at := join(path, m.key); m.key {
		case "scope":
			one.scope = p.pattern(m.value, at)
		case "span":
			one.span = p.pattern(m.value, at)
		case "attributes":
			p.conditions(m.value, at, one)
		default:
			p.unknown(m.name, path, m.key, "condition", []string{"scope", "span", "attributes"})
		}
	}
	if found == 0 && len(p.errs) == before {
		p.bad(n, path, "is empty: name a scope, a span or attributes")
	}
}

func (p *rulesParser) pattern(n *yaml.Node, path string) pattern {
	s, ok := p.text(n, path)
	if !ok {
		return nil
	}
	return newPattern(s)
}

func (p *rulesParser) conditions(n *yaml.Node, path string, one *rule) {
	list := p.entries(n, path)
	if len(list) > MaxRuleConditions {
		p.bad(n, path, "there are %d attributes, at most %d are allowed", len(list), MaxRuleConditions)
		return
	}
	if resolved(n).Kind == yaml.MappingNode && len(list) == 0 {
		p.bad(n, path, "is empty: name an attribute, and \"*\" for any value")
	}
	for _, m := range list {
		at := join(path, m.key)
		if len(m.key) == 0 || len(m.key) > MaxRuleTextBytes {
			p.bad(m.name, at, "an attribute's key has 1 to %d bytes", MaxRuleTextBytes)
			continue
		}
		value := p.pattern(m.value, at)
		if strings.Contains(m.key, "*") {
			p.bad(m.name, at, "a key is no pattern: name the attribute")
			continue
		}
		one.conditions = append(one.conditions, condition{m.key, p.slot(m.key), value})
	}
}

// slot is the place of an attribute's value while a span is read.
func (p *rulesParser) slot(key string) int {
	rs := p.rules
	if i, ok := rs.slots[key]; ok {
		return i
	}
	i := len(rs.slots)
	rs.slots[key] = i
	return i
}

func (p *rulesParser) sets(n *yaml.Node, path string, one *rule) {
	n = resolved(n)
	list := p.entries(n, path)
	if n.Kind == yaml.MappingNode && len(list) == 0 {
		p.bad(n, path, "is empty: say which fields the rule fills")
	}
	for _, m := range list {
		f := ruleFieldNamed(m.key)
		if f == nil {
			p.unknownField(m.name, path, m.key)
			continue
		}
		s := setting{field: f}
		before := len(p.errs)
		if m.value.Kind == yaml.MappingNode {
			p.steps(m.value, join(path, m.key), &s)
		} else {
			p.sources(m.value, join(path, m.key), &s)
		}
		if len(p.errs) == before {
			one.sets = append(one.sets, s)
		}
	}
}

// unknownField knows the convention's own names for a field, too.
func (p *rulesParser) unknownField(n *yaml.Node, path, name string) {
	known := make([]string, len(ruleFields))
	var like []string
	for i := range ruleFields {
		f := &ruleFields[i]
		known[i] = f.name
		if keys[f.key].name == name {
			like = []string{f.name}
			break
		}
		if len(name) > 2 && strings.Contains(f.name, strings.ToLower(name)) {
			like = append(like, f.name)
		}
	}
	switch {
	case slices.Contains([]string{"trace_id", "span_id", "parent_span_id", "start_time", "end_time"}, name):
		p.bad(n, join(path, name), "rules never change ids and times")
	case len(like) > 0:
		p.bad(n, join(path, name), "no such field; did you mean %s?", strings.Join(like, " or "))
	default:
		p.unknown(n, path, name, "field", known)
	}
}

// sources are the keys that a field comes from: one, or a list of which the first counts that a span has.
func (p *rulesParser) sources(n *yaml.Node, path string, s *setting) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 || len(list) > MaxRuleSources {
		p.bad(n, path, "name 1 to %d attributes", MaxRuleSources)
		return
	}
	for _, e := range list {
		key, ok := p.text(e, path)
		switch {
		case !ok:
		case strings.Contains(key, "*"):
			p.bad(e, path, "a field comes from one attribute: %q is a pattern", key)
		case s.field.name == "operation" && slices.Contains(genai.Operations, genai.Operation(key)):
			p.bad(e, path, "this names the attribute %q; for the operation itself write {value: %s}", key, key)
		default:
			s.from = append(s.from, p.slot(key))
		}
	}
}

var stepNames = []string{"from", "value", "json", "scale"}

// steps read a setting that is a mapping.
func (p *rulesParser) steps(n *yaml.Node, path string, s *setting) {
	given := map[string]*yaml.Node{}
	for _, m := range p.entries(n, path) {
		at := join(path, m.key)
		given[m.key] = m.value
		switch m.key {
		case "from":
			p.sources(m.value, at, s)
		case "value":
			p.constant(m.value, at, s)
		case "json":
			p.path(m.value, at, s)
		case "scale":
			p.scale(m.value, at, s)
		default:
			p.unknown(m.name, path, m.key, "step", stepNames)
		}
	}
	p.together(n, path, s, given)
}

// path reads a place in JSON. People who know JSONPath are told how it is written here.
func (p *rulesParser) path(n *yaml.Node, path string, s *setting) {
	str, ok := p.text(n, path)
	if !ok {
		return
	}
	s.path = strings.Split(str, ".")
	switch {
	case s.path[0] == "$" || strings.Contains(str, "["):
		write := "for the whole value leave json out"
		if plain := strings.Trim(strings.NewReplacer("$", "", "[", ".", "]", "", "'", "", `"`, "").Replace(str), "."); plain != "" {
			write = fmt.Sprintf("write %q", plain)
		}
		p.bad(n, path, "names and numbers of elements, with dots between them: %s", write)
	case len(s.path) > MaxRulePath:
		p.bad(n, path, "has %d steps, at most %d are allowed", len(s.path), MaxRulePath)
	case slices.Contains(s.path, ""):
		p.bad(n, path, "there is nothing between two dots, or before or behind one")
	}
}

// together finds steps that do not go with each other or with the field.
func (p *rulesParser) together(n *yaml.Node, path string, s *setting, given map[string]*yaml.Node) {
	_, from := given["from"]
	_, value := given["value"]
	switch {
	case from && value:
		p.bad(n, path, "has both from and value: a field is copied or constant")
	case !from && !value:
		p.bad(n, path, "has neither from, the attribute to read, nor value, a constant")
	case value && len(given) > 1:
		p.bad(n, path, "a constant needs no other step")
	}
	kind := fieldKindNames[s.field.kind]
	if s.scale != 0 && s.field.kind != kindNumber {
		p.bad(n, path, "scale changes numbers, and %s holds %s", s.field.name, kind)
	}
}

func (p *rulesParser) scale(n *yaml.Node, path string, s *setting) {
	str, ok := p.text(n, path)
	if !ok {
		return
	}
	f, err := strconv.ParseFloat(str, 64)
	if err != nil || f == 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		p.bad(n, path, "%q is no number to multiply by", str)
		return
	}
	s.scale = f
}

// constant checks that a value is one that the field takes.
func (p *rulesParser) constant(n *yaml.Node, path string, s *setting) {
	str, ok := p.text(n, path)
	if !ok {
		return
	}
	s.constant = wire.StringValue([]byte(str))
	if s.field.takes(s.constant) {
		return
	}
	if s.field.name == "operation" {
		p.unknown(n, path, str, "operation", operationNames())
		return
	}
	p.bad(n, path, "%q does not fit %s (%s)", str, s.field.name, fieldKindNames[s.field.kind])
}

// takes says whether a field takes a value without a doubt.
func (f *ruleField) takes(v wire.Value) bool {
	r := reading{limits: Limits{}.withDefaults(), dst: new(genai.Span)}
	return f.take(&r, f.key, v) && len(r.dst.Warnings) == 0
}

func operationNames() []string {
	names := make([]string, len(genai.Operations))
	for i, o := range genai.Operations {
		names[i] = string(o)
	}
	return names
}

// nearest is the name that a misspelt one may mean, "" when none is near.
func nearest(name string, known []string) string {
	best, at := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
