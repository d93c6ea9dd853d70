package dialect_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// parseRules reads the section of a settings file.
func parseRules(text string) (*dialect.Rules, error) {
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	section := doc["dialects"]
	return dialect.ParseRules("t.yaml", &section)
}

// oneRule is a rule for spans of the scope "acme" that sets what set says, in YAML's flow style.
func oneRule(t *testing.T, set string) *dialect.Rules {
	t.Helper()
	rules, err := parseRules("dialects:\n- {name: r, match: {scope: acme}, set: {" + set + "}}")
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestRuleFills: what a rule says is in the field, and an attribute that ended there whole is no attribute any more.
func TestRuleFills(t *testing.T) {
	t.Parallel()
	user := func(text string) []genai.Message { return []genai.Message{message(genai.RoleUser, say(text))} }
	for name, c := range map[string]struct {
		set   string
		attrs attributes
		got   func(*genai.Span) any
		want  any
		left  []string
	}{
		"copy":         {"request_model: m", attributes{"m": "x"}, func(s *genai.Span) any { return s.RequestModel }, "x", nil},
		"first there":  {"request_model: [a, m]", attributes{"m": "x"}, func(s *genai.Span) any { return s.RequestModel }, "x", nil},
		"none there":   {"request_model: [a, b]", attributes{"m": "x"}, func(s *genai.Span) any { return s.RequestModel }, "", []string{"m"}},
		"constant":     {"operation: {value: chat}", attributes{"m": "x"}, func(s *genai.Span) any { return s.Operation }, genai.OpChat, []string{"m"}},
		"JSON":         {"response_model: {from: m, json: a.1.b}", attributes{"m": `{"a":[0,{"b":"x"}]}`}, func(s *genai.Span) any { return s.ResponseModel }, "x", []string{"m"}},
		"JSON in JSON": {"response_model: {from: m, json: a.b}", attributes{"m": `{"a":"{\"b\":\"x\"}"}`}, func(s *genai.Span) any { return s.ResponseModel }, "x", []string{"m"}},
		"of a map":     {"response_model: {from: m, json: a}", attributes{"m": map[string]any{"a": "x"}}, func(s *genai.Span) any { return s.ResponseModel }, "x", []string{"m"}},
		"not JSON":     {"response_model: {from: m, json: a}", attributes{"m": `{"a`}, func(s *genai.Span) any { return s.ResponseModel }, "", []string{"m"}},
		"no such path": {"response_model: {from: m, json: a.9}", attributes{"m": `{"a":[1]}`}, func(s *genai.Span) any { return s.ResponseModel }, "", []string{"m"}},
		"null":         {"response_model: {from: m, json: a}", attributes{"m": `{"a":null}`}, func(s *genai.Span) any { return s.ResponseModel }, "", []string{"m"}},
		"scale":        {"time_to_first_token: {from: m, scale: 0.001}", attributes{"m": int64(1500)}, func(s *genai.Span) any { return s.TimeToFirstToken.Milliseconds() }, int64(1500), []string{"m"}},
		"scaled text":  {"time_to_first_token: {from: m, scale: 0.001}", attributes{"m": "1500"}, func(s *genai.Span) any { return s.TimeToFirstToken.Milliseconds() }, int64(1500), []string{"m"}},
		"tokens":       {"usage.input_tokens: m", attributes{"m": "12"}, func(s *genai.Span) any { return s.Usage.Input }, genai.Tokens{N: 12, Known: true}, nil},
		"reported":     {"usage.input_tokens: {from: m, json: a.b}, usage.output_tokens: m2", attributes{"m": `{"a":{"b":7}}`, "m2": int64(7)}, func(s *genai.Span) any { return s.Usage.Reported }, []genai.ReportedCount{{Key: "m.a.b", N: 7}, {Key: "m2", N: 7}}, []string{"m"}},
		"no tokens":    {"usage.input_tokens: m", attributes{"m": "many"}, func(s *genai.Span) any { return s.Usage.Input }, genai.Tokens{}, []string{"m"}},
		"text":         {"input_messages: m", attributes{"m": "hi"}, func(s *genai.Span) any { return s.Input }, user("hi"), nil},
		"messages":     {"input_messages: m", attributes{"m": `[{"role":"user","content":"hi"}]`}, func(s *genai.Span) any { return s.Input }, user("hi"), nil},
		"a list":       {"finish_reasons: m", attributes{"m": []any{"stop"}}, func(s *genai.Span) any { return s.FinishReasons }, []genai.FinishReason{"stop"}, nil},
		"tool":         {"tool.arguments: m", attributes{"m": `{"a":1}`}, func(s *genai.Span) any { return s.Tool.Arguments }, genai.JSON(`{"a":1}`), nil},
		"cost":         {"cost.amount: m", attributes{"m": 0.25}, func(s *genai.Span) any { return s.Cost.Amount }, "0.25", nil},
		"number, text": {"user_id: m", attributes{"m": int64(42)}, func(s *genai.Span) any { return fmt.Sprint(s.User, s.Warnings) }, "42[]", nil},
		"nothing":      {"user_id: m", attributes{"m": ""}, func(s *genai.Span) any { return fmt.Sprint(s.User, s.Dialect, s.Warnings) }, "[]", []string{"m"}},
		"weak keys":    {"operation: {value: chat}", attributes{"input": "hi", "output": "m"}, func(s *genai.Span) any { return s.Input }, user("hi"), nil},
		"blanks":       {"user_id: {from: m, json: 1.a}", attributes{"m": " [0, {\"a\": 7}]\n"}, func(s *genai.Span) any { return s.User }, "7", []string{"m"}},
		"a JSON list":  {"request.stop_sequences: {from: m, json: stop}", attributes{"m": `{"stop":["x","y"]}`}, func(s *genai.Span) any { return s.Request.StopSequences }, []string{"x", "y"}, []string{"m"}},
		"JSON tags":    {"tags: {from: m, json: t}", attributes{"m": `{"t":["x","y"]}`}, func(s *genai.Span) any { return s.Tags }, []string{"x", "y"}, []string{"m"}},
		"total":        {"usage.input_tokens: i, usage.output_tokens: o, usage.cache_read_tokens: c, usage.total_tokens: t", attributes{"i": int64(10), "o": int64(5), "c": int64(3), "t": int64(18)}, func(s *genai.Span) any { return s.Usage.Input.N }, int64(13), nil},
		"embedded":     {"operation: {value: embeddings}, embedding.items: m", attributes{"m": []any{"a", "b"}}, func(s *genai.Span) any { return s.Embedding.Items }, []genai.EmbeddingItem{{Text: "a"}, {Text: "b"}}, nil},
		"embedded one": {"embedding.items: m", attributes{"m": "a"}, func(s *genai.Span) any { return s.Embedding.Items }, []genai.EmbeddingItem{{Text: "a"}}, nil},
		"a flag":       {"request.stream: {value: true}", attributes{}, func(s *genai.Span) any { return s.Request.Stream != nil && *s.Request.Stream }, true, nil},
		"before":       {"request_model: m", attributes{"m": "x", "gen_ai.request.model": "y"}, func(s *genai.Span) any { return s.RequestModel }, "x", []string{"gen_ai.request.model"}},
		"beside":       {"user_id: m", attributes{"m": "x", "gen_ai.request.model": "y"}, func(s *genai.Span) any { return s.Dialect + s.RequestModel + s.User }, "otel-genaiyx", nil},
		"known key":    {"workflow: gen_ai.request.model", attributes{"gen_ai.request.model": "y"}, func(s *genai.Span) any { return s.Workflow + s.RequestModel }, "yy", nil},
		"dialect":      {"request_model: m", attributes{"m": "x"}, func(s *genai.Span) any { return s.Dialect + " " + s.DialectVersion }, "rules r", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, sources := spanOf(t, dialect.Options{Rules: oneRule(t, c.set)}, "acme", "", c.attrs)
			if d := cmp.Diff(c.want, c.got(&s), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(genai.Message{}, "Encoded")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			var left []string
			for _, a := range s.Attributes {
				left = append(left, a.Key)
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("the attributes left are %q, want %q", left, c.left)
			}
			for key := range c.attrs {
				if n := countOf(sources, key); n == 0 {
					t.Errorf("no account of %s: %+v", key, sources)
				}
			}
			if other, _ := spanOf(t, dialect.Options{Rules: oneRule(t, c.set)}, "acmes", "", c.attrs); other.Dialect == "rules" {
				t.Error("the rule read a span that it does not match")
			}
		})
	}
}

func countOf(sources []dialect.Source, key string) (n int) {
	for _, s := range sources {
		if s.Key == key {
			n++
		}
	}
	return n
}

// TestRuleMatches: all conditions of a rule must hold, the first rule wins, and each span is counted.
func TestRuleMatches(t *testing.T) {
	t.Parallel()
	rules, err := parseRules(`dialects:
- {name: first, match: {scope: "acme.*", span: "*call*", attributes: {kind: "l*m", n: "7", there: "*"}}, set: {request_model: m, workflow: {value: w}}}
- {name: second, match: {attributes: {there: "*"}}, set: {request_model: {value: other}, user_id: {value: u}}}`)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	all := attributes{"kind": "llm", "n": int64(7), "there": "", "m": "x"}
	without := func(key string, v any) attributes {
		attrs := maps.Clone(all)
		if delete(attrs, key); v != nil {
			attrs[key] = v
		}
		return attrs
	}
	for name, c := range map[string]struct {
		scope, span string
		attrs       attributes
		want        string
	}{
		"all":         {"acme.x", "a call b", all, "x w u"},
		"scope":       {"acme", "a call b", all, "other  u"},
		"span":        {"acme.x", "a cal", all, "other  u"},
		"value":       {"acme.x", "call", without("kind", "lm2"), "other  u"},
		"short value": {"acme.x", "call", without("kind", "l"), "other  u"},
		"number":      {"acme.x", "call", without("n", int64(8)), "other  u"},
		"double":      {"acme.x", "call", without("n", 7.0), "x w u"},
		"not there":   {"acme.x", "call", without("there", nil), "  "},
	} {
		s, _ := namedSpanOf(t, dialect.Options{Rules: rules}, c.scope, "", c.span, c.attrs)
		if got := s.RequestModel + " " + s.Workflow + " " + s.User; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	namedSpanOf(t, dialect.Options{Rules: rules, Registerer: reg}, "acme.x", "", "call", all)
	got := counters(t, reg)
	for name, want := range map[string]float64{
		`tiltmeter_dialect_rule_spans_total first`: 1, `tiltmeter_dialect_rule_spans_total second`: 1, `tiltmeter_dialect_spans_total rules`: 1,
		`tiltmeter_dialect_spans_total none`: 0, `tiltmeter_dialect_rule_failures_total first`: 0,
	} {
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%s is %v, want %v; Explain counts nothing", name, n, want)
		}
	}
}

// counters are the values of counters by name and label.
func counters(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	return got
}

// TestRuleCannotRead: a value that does not fit leaves its field empty, stays an attribute that nobody read, and is
// warned about and counted once. What is not there is no failure.
func TestRuleCannotRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   string
		value any
		fails bool
	}{
		"a half":              {"request.max_tokens: m", 1.5, true},
		"no number":           {"request.temperature: m", "hot", true},
		"no count":            {"usage.input_tokens: m", "1.5", true},
		"negative cost":       {"cost.amount: m", -1.0, true},
		"a year":              {"time_to_first_token: m", 1e9, true},
		"scaled text":         {"time_to_first_token: {from: m, scale: 0.001}", "soon", true},
		"no JSON":             {"workflow: {from: m, json: a}", "plain", true},
		"JSON that breaks":    {"workflow: {from: m, json: b}", `{"a": 1, "b`, true},
		"JSON of a number":    {"workflow: {from: m, json: a}", int64(7), true},
		"a member of a text":  {"workflow: {from: m, json: a.b}", `{"a": "x"}`, true},
		"a list as text":      {"user_id: m", []any{"x"}, true},
		"no tools":            {"tool_definitions: m", "lookup", true},
		"no flag":             {"request.stream: m", "perhaps", true},
		"an absent member":    {"workflow: {from: m, json: a.b}", `{"a": {"c": 1}}`, false},
		"an absent element":   {"workflow: {from: m, json: a.7}", `{"a": [1]}`, false},
		"a member of null":    {"workflow: {from: m, json: a.b}", `{"a": null}`, false},
		"a name for an index": {"workflow: {from: m, json: a.b}", `{"a": [1]}`, false},
		"nothing":             {"usage.input_tokens: m", "", false},
		"no value":            {"usage.input_tokens: m", nil, false},
		"nothing, scaled":     {"time_to_first_token: {from: m, scale: 2}", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewRegistry()
			s, sources := spanOf(t, dialect.Options{Rules: oneRule(t, c.set), Registerer: reg}, "acme", "", attributes{"m": c.value})
			failures := 0.0
			var warned []genai.Warning
			if c.fails {
				field, _, _ := strings.Cut(c.set, ":")
				failures, warned = 1, []genai.Warning{{Code: genai.WarnRuleFailed, Field: "m", Text: "rule r: the value does not fit " + field}}
			}
			got := slices.Clone(s.Warnings)
			for i := range got {
				got[i].Text, _, _ = strings.Cut(got[i].Text, " (") // the kind of the field
			}
			if d := cmp.Diff(warned, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("warnings (-want +got):\n%s", d)
			}
			counts := counters(t, reg)
			for _, name := range []string{"tiltmeter_dialect_rule_failures_total r", "tiltmeter_dialect_warnings_total rule_failed"} {
				if counts[name] != failures {
					t.Errorf("%s is %v, want %v", name, counts[name], failures)
				}
			}
			if want := []dialect.Source{{Key: "m", Outcome: dialect.Ignored}}; !cmp.Equal(sources, want, cmpopts.IgnoreFields(dialect.Source{}, "Value")) {
				t.Errorf("sources %+v, want %+v", sources, want)
			}
			if len(s.Attributes) != 1 || s.Dialect != "" {
				t.Errorf("dialect %q, attributes %+v", s.Dialect, s.Attributes)
			}
		})
	}
}

// TestRulesInEachOthersWay: of two rules for a field the first wins, which is no failure of the second; an attribute has one
// account a field, and one that was sent twice is forgotten once, however many fields it fills.
func TestRulesInEachOthersWay(t *testing.T) {
	t.Parallel()
	rules, err := parseRules(`dialects:
- {name: first, match: {scope: acme}, set: {request_model: m, workflow: m}}
- {name: second, match: {scope: acme}, set: {request_model: n, provider: {value: langchain}, framework: n}}`)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	norm := dialect.New(dialect.Options{Rules: rules, Registerer: reg})
	r := wire.ReadTraces(hostileSpan(t, "acme", "n", attributes{"m": "x"}, attributes{"m": "again"}, attributes{"n": "y"}))
	r.Next()
	var s, explained genai.Span
	norm.Span(&s, r.Resource(), r.Scope(), r.Span())
	want := []genai.Attribute{{Key: "m", Value: genai.String("again")}, {Key: "n", Value: genai.String("y")}}
	if d := cmp.Diff(want, s.Attributes); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
	if s.RequestModel != "x" || s.Workflow != "x" || s.Framework != "langchain" || len(s.Warnings) > 0 {
		t.Errorf("%q %q %q %v", s.RequestModel, s.Workflow, s.Framework, s.Warnings)
	}
	if got := counters(t, reg)["tiltmeter_dialect_rule_failures_total second"]; got != 0 {
		t.Errorf("a field that another rule had filled was counted as %v failures", got)
	}
	var lines []string
	for _, src := range norm.Explain(&explained, r.Resource(), r.Scope(), r.Span()) {
		lines = append(lines, fmt.Sprint(src.Outcome, " ", src.Key, src.Fields, " ", src.Rule))
	}
	if d := cmp.Diff([]string{
		"derived [Framework] second", "filled m[RequestModel] first", "filled m[Workflow] first", "ignored m[] ", "conflict n[RequestModel] second", "conflict n[Framework] second",
	}, lines); d != "" {
		t.Errorf("accounts (-want +got):\n%s", d)
	}
}

// TestRuleDigest: rules that read alike have one digest, however they are written; every change gives another.
func TestRuleDigest(t *testing.T) {
	t.Parallel()
	digest := func(text string) string {
		rules, err := parseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		return rules.Digest()
	}
	if d := digest("dialects: []"); d != "" {
		t.Errorf("no rules have the digest %q", d)
	}
	const text = "dialects: [{name: a, match: {scope: x, span: y, attributes: {k: v}}, set: {user_id: [l, m], cost.amount: {from: n, json: o.p, scale: 2}, provider: {value: q}}}]"
	if a, b := digest(text), digest("# rules\nx: &q q\n"+strings.Replace(text, "value: q", `"value": *q`, 1)); a != b || a == "" {
		t.Errorf("the same rules have the digests %q and %q", a, b)
	}
	seen := map[string]string{digest(text): text}
	for _, c := range [][2]string{
		{"name: a", "name: b"},
		{"scope: x", "scope: x*"},
		{"span: y", "span: x"},
		{"{k: v}", "{k2: v}"},
		{"{k: v}", "{k: w}"},
		{"user_id", "workflow"},
		{"[l, m]", "[m, l]"},
		{"[l, m]", "[l]"},
		{"from: n", "from: l"},
		{"o.p", "o"},
		{"scale: 2", "scale: 3"},
		{"value: q", "value: r"},
	} {
		changed := strings.Replace(text, c[0], c[1], 1)
		d := digest(changed)
		if was := seen[d]; was != "" {
			t.Errorf("one digest of\n%s\n%s", was, changed)
		}
		seen[d] = changed
	}
}

// TestRuleMistakes: each is named with its line and path, all of a file at once.
func TestRuleMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dialects: {}":   `t.yaml:1: dialects: want a list of rules`,
		"dialects: [5]":  `t.yaml:1: dialects[0]: want a mapping of names to values`,
		"dialects: [{}]": "t.yaml:1: dialects[0]: the rule has no name\nt.yaml:1: dialects[0]: the rule has no match: say which spans it is for\nt.yaml:1: dialects[0]: the rule has no set: say which fields it fills",
		"dialects:\n- {name: a, match: {scope: x}, set: {user_id: k}}\n- {name: a, match: {scope: x}, set: {user_id: k}}": `t.yaml:3: dialects[1].name: "a" is the name of another rule`,
		"dialects: [{name: a, match: {scop: x}, set: {user_id: k}}]":                                                      `t.yaml:1: dialects[0].match.scop: no such condition; did you mean "scope"?`,
		"dialects: [{name: a, match: {}, set: {user_id: k}}]":                                                             `t.yaml:1: dialects[0].match: is empty: name a scope, a span or attributes`,
		"dialects: [{name: a, match: {attributes: {}}, set: {user_id: k}}]":                                               `t.yaml:1: dialects[0].match.attributes: is empty: name an attribute, and "*" for any value`,
		"dialects: [{name: a, match: {attributes: {a*: x}}, set: {user_id: k}}]":                                          `t.yaml:1: dialects[0].match.attributes.a*: a key is no pattern: name the attribute`,
		"dialects: [{name: a, match: {scope: x}, set: {}}]":                                                               `t.yaml:1: dialects[0].set: is empty: say which fields the rule fills`,
		"dialects: [{name: a, match: {scope: x}, set: {model: k}}]":                                                       `t.yaml:1: dialects[0].set.model: no such field; did you mean request_model or response_model?`,
		"dialects: [{name: a, match: {scope: x}, set: {gen_ai.request.model: k}}]":                                        `t.yaml:1: dialects[0].set.gen_ai.request.model: no such field; did you mean request_model?`,
		"dialects: [{name: a, match: {scope: x}, set: {reqest_modl: k}}]":                                                 `t.yaml:1: dialects[0].set.reqest_modl: no such field; did you mean "request_model"?`,
		"dialects: [{name: a, match: {scope: x}, set: {trace_id: k}}]":                                                    `t.yaml:1: dialects[0].set.trace_id: rules never change ids and times`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: k*}}]":                                                    `t.yaml:1: dialects[0].set.user_id: a field comes from one attribute: "k*" is a pattern`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {from: k, value: v}}}]":                                   "t.yaml:1: dialects[0].set.user_id: has both from and value: a field is copied or constant",
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {json: k}}}]":                                             `t.yaml:1: dialects[0].set.user_id: has neither from, the attribute to read, nor value, a constant`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {form: k}}}]":                                             "t.yaml:1: dialects[0].set.user_id.form: no such step; did you mean \"from\"?\nt.yaml:1: dialects[0].set.user_id: has neither from, the attribute to read, nor value, a constant",
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {from: k, scale: 2}}}]":                                   `t.yaml:1: dialects[0].set.user_id: scale changes numbers, and user_id holds text`,
		"dialects: [{name: a, match: {scope: x}, set: {cost.amount: {from: k, scale: much}}}]":                            `t.yaml:1: dialects[0].set.cost.amount.scale: "much" is no number to multiply by`,
		"dialects: [{name: a, match: {scope: x}, set: {usage.input_tokens: {value: -1}}}]":                                `t.yaml:1: dialects[0].set.usage.input_tokens.value: "-1" does not fit usage.input_tokens (count)`,
		"dialects: [{name: a, match: {scope: x}, set: {operation: {value: caht}}}]":                                       `t.yaml:1: dialects[0].set.operation.value.caht: no such operation; did you mean "chat"?`,
		"dialects: [{name: a, match: {scope: x}, set: {operation: execute_tool}}]":                                        `t.yaml:1: dialects[0].set.operation: this names the attribute "execute_tool"; for the operation itself write {value: execute_tool}`,
		"dialects: [{name: a, match: {scope: x}, set: {cost.amount: {value: -1}}}]":                                       `t.yaml:1: dialects[0].set.cost.amount.value: "-1" does not fit cost.amount (number)`,
		"dialects: [{name: a, match: {scope: x}, set: {time_to_first_token: {value: .inf}}}]":                             `t.yaml:1: dialects[0].set.time_to_first_token.value: ".inf" does not fit time_to_first_token (number)`,
		"dialects: [{name: a, match: {scope: x}, set: {tool_definitions: {value: lookup}}}]":                              `t.yaml:1: dialects[0].set.tool_definitions.value: "lookup" does not fit tool_definitions (JSON)`,
		"dialects: [{name: a, match: {scope: x}, set: {request.stream: {value: yes}}}]":                                   `t.yaml:1: dialects[0].set.request.stream.value: "yes" does not fit request.stream (true or false)`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {from: k, json: a..b}}}]":                                 `t.yaml:1: dialects[0].set.user_id.json: there is nothing between two dots, or before or behind one`,
		"dialects: [{name: a, match: {scope: x}, set: {operation: chat}}]":                                                `t.yaml:1: dialects[0].set.operation: this names the attribute "chat"; for the operation itself write {value: chat}`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: k, user_id: l}}]":                                         `t.yaml:1: dialects[0].set.user_id: is there twice`,
		"dialects: [{name: a, match: {scope: " + strings.Repeat("x", 1025) + "}, set: {user_id: k}}]":                     `t.yaml:1: dialects[0].match.scope: has 1025 bytes, at most 1024 are allowed`,
		"dialects:\n" + strings.Repeat("- {}\n", 65):                                                                      `t.yaml:66: dialects: there are 65 rules, at most 64 are allowed`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {from: k, json: '$.a[0].b'}}}]":                           `t.yaml:1: dialects[0].set.user_id.json: names and numbers of elements, with dots between them: write "a.0.b"`,
		"dialects: [{name: a, match: {scope: x}, set: {user_id: {from: k, json: $}}}]":                                    `t.yaml:1: dialects[0].set.user_id.json: names and numbers of elements, with dots between them: for the whole value leave json out`,
		`dialects: [{name: "a\nb", match: {scope: x}, set: {user_id: k}}]`:                                                `t.yaml:1: dialects[0].name: a name is one line, without blanks around it`,
		`dialects: [{name: " ", match: {scope: x}, set: {user_id: k}}]`:                                                   `t.yaml:1: dialects[0].name: a name is one line, without blanks around it`,
		"dialects:": "",
	} {
		got := ""
		if rules, err := parseRules(text); err != nil {
			got = err.Error()
		} else if rules != nil {
			t.Errorf("%s: no mistake is found", text)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestRulesAreHarmless: whatever rules there are and whatever a span has, its ids and times stay, it reads alike each
// time, and one that no rule matches reads as without rules.
func TestRulesAreHarmless(t *testing.T) {
	t.Parallel()
	keys, values := captured(t)
	var fields, scaled []string
	for _, f := range dialect.RuleFields() {
		fields = append(fields, f.Name)
		if f.Kind == "number" {
			scaled = append(scaled, f.Name)
		}
	}
	plain := dialect.New(dialect.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SampledFrom(append([]string{"a", "b"}, keys...))
		set := map[string]any{}
		for range rapid.IntRange(1, 6).Draw(rt, "sets") {
			f := rapid.SampledFrom(fields).Draw(rt, "field")
			if f == "operation" {
				set[f] = map[string]any{"value": rapid.SampledFrom([]string{"chat", "embeddings", "execute_tool", "retrieval"}).Draw(rt, "operation")}
				continue
			}
			set[f] = rapid.OneOf(
				rapid.Map(key, func(k string) any { return k }), rapid.Map(key, func(k string) any { return []string{"a", k} }),
				rapid.Map(key, func(k string) any { return map[string]any{"from": k, "json": "messages.0"} }),
				rapid.Map(key, func(k string) any {
					if !slices.Contains(scaled, f) {
						return k
					}
					return map[string]any{"from": k, "scale": 0.001}
				}),
			).Draw(rt, "source")
		}
		asked := key.Draw(rt, "asked for")
		text, err := yaml.Marshal(map[string]any{"dialects": []any{
			map[string]any{"name": "r", "match": map[string]any{"scope": "acme*", "attributes": map[string]any{asked: rapid.SampledFrom([]string{"*", "x*", "7"}).Draw(rt, "value")}}, "set": set},
			map[string]any{"name": "again", "match": map[string]any{"scope": "acme.*.two"}, "set": set},
		}})
		if err != nil {
			rt.Fatal(err)
		}
		rules, err := parseRules(string(text))
		if err != nil {
			rt.Fatal(err)
		}
		n := dialect.New(dialect.Options{Rules: rules})
		attrs := map[string]any{}
		for range rapid.IntRange(0, 20).Draw(rt, "attributes") {
			attrs[key.Draw(rt, "key")] = rapid.OneOf(hostileValue(), rapid.Map(rapid.SampledFrom(values), func(s string) any { return s })).Draw(rt, "value")
		}
		if rapid.Bool().Draw(rt, "has it") {
			attrs[asked] = rapid.SampledFrom([]any{"x", int64(7), true, nil}).Draw(rt, "asked value")
		}
		_, has := attrs[asked]
		for _, scope := range []string{"acme.x", "acme.x.two", rapid.SampledFrom([]string{"", "ai", "langsmith", "openlit.x"}).Draw(rt, "scope")} {
			raw := hostileSpan(t, scope, "n", attrs)
			var first, again, explained, without genai.Span
			r := wire.ReadTraces(raw)
			r.Next()
			n.Span(&first, r.Resource(), r.Scope(), r.Span())
			n.Span(&again, r.Resource(), r.Scope(), r.Span())
			sources := n.Explain(&explained, r.Resource(), r.Scope(), r.Span())
			plain.Span(&without, r.Resource(), r.Scope(), r.Span())
			equal := func(what string, a, b genai.Span) {
				if d := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
					rt.Fatalf("%s read differently under\n%s\n%s", what, text, d)
				}
			}
			equal("the second time it", first, again)
			equal("explained it", first, explained)
			if !strings.HasPrefix(scope, "acme") || scope == "acme.x" && !has {
				equal("a span of no rule", first, without)
			}
			if first.TraceID != without.TraceID || first.SpanID != without.SpanID || first.ParentSpanID != without.ParentSpanID || !first.Start.Equal(without.Start) || !first.End.Equal(without.End) {
				rt.Fatalf("ids or times changed under\n%s", text)
			}
			held := map[string]bool{}
			for _, a := range first.Attributes {
				held[a.Key] = true
			}
			for _, src := range sources {
				if src.Outcome == dialect.Filled || src.Outcome == dialect.Repeated {
					held[src.Key] = true
				}
			}
			for k := range attrs {
				if !held[k] {
					rt.Fatalf("%s is neither in a field nor kept under\n%s\n%+v", k, text, sources)
				}
			}
		}
	})
}

// FuzzParseRules: a settings file is refused or gives rules; nothing panics, and what is refused has a line.
func FuzzParseRules(f *testing.F) {
	text, err := os.ReadFile(ruleDoc)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)[1]))
	f.Add("dialects: [{name: a, match: {scope: x, attributes: {k: \"*\"}}, set: {user_id: {from: k, json: a.b.0}}}]")
	f.Add("a: &a [*a]\ndialects: *a")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := parseRules(text)
		if err != nil {
			return
		}
		n := dialect.New(dialect.Options{Rules: rules})
		r := wire.ReadTraces(hostileSpan(t, "x", "n", attributes{"k": `{"a":{"b":["c"]}}`}))
		r.Next()
		var s genai.Span
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
	})
}

const ruleDoc = "../../docs/dialect-rules.md"

// TestRuleFields: the documentation lists every field that rules may fill.
func TestRuleFields(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| field | holds | |\n|---|---|---|\n")
	for _, f := range dialect.RuleFields() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", f.Name, f.Kind, f.About)
	}
	text, err := os.ReadFile(ruleDoc)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "-update -->\n", "<!-- end fields -->"
	i, j := strings.Index(string(text), begin), strings.Index(string(text), end)
	if i < 0 || j < i {
		t.Fatal("docs/dialect-rules.md has no list of fields")
	}
	limits := fmt.Sprintf("%d rules; in a rule %d attributes to match and %d attributes a field may come from; %d steps into JSON; 1,024 bytes of a name",
		dialect.MaxRules, dialect.MaxRuleConditions, dialect.MaxRuleSources, dialect.MaxRulePath)
	if !strings.Contains(string(text), limits) || dialect.MaxRuleTextBytes != 1024 {
		t.Errorf("docs/dialect-rules.md does not say %q", limits)
	}
	next := string(text[:i+len(begin)]) + table.String() + string(text[j:])
	if next == string(text) {
		return
	}
	if !*update {
		t.Error("docs/dialect-rules.md does not list the fields of today: go test ./ingest/dialect -run TestRuleFields -update")
		return
	}
	if err := os.WriteFile(ruleDoc, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkRules: what a span pays for rules of another scope, for rules that ask for attributes which it has not, and for one
// that reads it.
func BenchmarkRules(b *testing.B) {
	eight := func(match string) string {
		text := "dialects:\n"
		for i := range 8 {
			text += fmt.Sprintf("- {name: r%d, match: {"+match+"}, set: {user_id: acme.user, request_model: acme.model}}\n", i, i)
		}
		return text
	}
	model, err := os.ReadFile("testdata/anthropic-sdk-native/anthropic_tools_content/001_traces.pb")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, rules string }{
		{"none", "dialects: []"},
		{"other scopes", eight("scope: acme%d")},
		{"other attributes", eight("attributes: {acme.kind%d: llm}")},
		{"own", "dialects: [{name: r, match: {scope: '*'}, set: {user_id: gen_ai.request.model}}]"},
	} {
		rules, err := parseRules(c.rules)
		if err != nil {
			b.Fatal(err)
		}
		n := dialect.New(dialect.Options{Rules: rules})
		for name, raw := range map[string][]byte{"model call": model, "plain span": plainRequest(b)} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				var s genai.Span
				r := wire.ReadTraces(raw)
				r.Next()
				b.ReportAllocs()
				for b.Loop() {
					n.Span(&s, r.Resource(), r.Scope(), r.Span())
				}
			})
		}
	}
}
