package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxFilterConditions bounds one request: more are a mistake or an attack.
const MaxFilterConditions = 64

// Op is a comparison.
type Op string

// The comparisons.
const (
	OpEq       Op = "="
	OpNe       Op = "!="
	OpGt       Op = ">"
	OpGe       Op = ">="
	OpLt       Op = "<"
	OpLe       Op = "<="
	OpContains Op = "~" // text that holds the value, upper and lower case alike
)

// Condition is one "field op value". Key is set for attributes ("attr.http.route") and signals ("signal.refusal").
type Condition struct {
	Field string
	Key   string
	Op    Op
	Value string
}

// Filter is what a span must match: all fields must hold, several "=" on one field are alternatives.
// The zero value matches everything.
type Filter struct{ conditions []Condition }

// Conditions is what the filter consists of, in the order in which it was parsed.
func (f Filter) Conditions() []Condition { return slices.Clone(f.conditions) }

// FitsArrivals is a *FilterError when a condition is on what analyzers say, which they say a while after a span arrived.
func (f Filter) FitsArrivals() error {
	for i, c := range f.conditions {
		if c.Field == "signal" {
			return &FilterError{Index: i, Expr: c.String(), Why: "traces are followed as they arrive, before they are scored: list them to filter by signals"}
		}
	}
	return nil
}

// IsZero reports whether everything matches.
func (f Filter) IsZero() bool { return len(f.conditions) == 0 }

// Without is the filter less the conditions on a field: facets count the other choices of it.
func (f Filter) Without(field string) Filter {
	return Filter{slices.DeleteFunc(slices.Clone(f.conditions), func(c Condition) bool {
		return c.name() == field
	})}
}

func (c Condition) name() string {
	if c.Key != "" {
		return c.Field + "." + c.Key
	}
	return c.Field
}

func (c Condition) String() string { return c.name() + " " + string(c.Op) + " " + c.Value }

// FilterError says which expression of a filter cannot be used, and why.
type FilterError struct {
	Index int // of the expression
	Expr  string
	Why   string
}

func (e *FilterError) Error() string { return fmt.Sprintf("filter %q: %s", e.Expr, e.Why) }

type fieldType uint8

const (
	textField   fieldType = iota // compared as text
	listField                    // array of text: any element
	numberField                  // integer column, -1 unknown
	durationField
	decimalField
	codeField // a small vocabulary of names over numbers
	attributeField
	signalField // label or probability of what an analyzer says
	traceIDField
	spanIDField
	fingerprintField // 32 hexadecimal characters, "" unknown
	printField       // a part of one: 16 of them
)

// field is one name that people filter by, and the expression that it stands for.
type field struct {
	name  string
	typ   fieldType
	expr  string
	doc   string
	facet bool           // may be counted by value
	codes map[string]int // codeField: name to number
}

func (t fieldType) ops() []Op {
	switch t {
	case numberField, durationField, decimalField:
		return []Op{OpEq, OpNe, OpGt, OpGe, OpLt, OpLe}
	case signalField:
		return []Op{OpEq, OpNe, OpGt, OpGe, OpLt, OpLe}
	case codeField, traceIDField, spanIDField, printField, fingerprintField:
		return []Op{OpEq, OpNe}
	default:
		return []Op{OpEq, OpNe, OpContains}
	}
}

// statusField is the one field that says something of the whole trace.
const statusField = "status"

// fields is the vocabulary of filters, in the order of docs/filters.md.
var fields = []field{
	{name: "service", expr: "service", facet: true, doc: "`service.name` of the resource"},
	{name: "environment", expr: "environment", facet: true, doc: "`deployment.environment.name` of the resource"},
	{name: "service.namespace", expr: "service_namespace", facet: true, doc: "`service.namespace` of the resource"},
	{name: "service.version", expr: "service_version", facet: true, doc: "`service.version` of the resource"},
	{name: "name", expr: "name", facet: true, doc: "name of the span"},
	{name: "scope", expr: "scope_name", facet: true, doc: "name of the instrumentation scope"},
	{name: "dialect", expr: "dialect", facet: true, doc: "instrumentation dialect that was recognised"},
	{
		name: "kind", typ: codeField, expr: "kind", facet: true, doc: "span kind",
		codes: map[string]int{"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5},
	},
	{
		name: statusField, typ: codeField, expr: "outcome", facet: true, doc: "`error` when the span failed; `ok` when no span of its trace did",
		codes: map[string]int{"ok": 0, "error": 1},
	},
	{name: "error.type", expr: "error_type", facet: true, doc: "type of the error or exception"},
	{name: "operation", expr: "operation", facet: true, doc: "`gen_ai.operation.name`; empty for spans that are not GenAI"},
	{name: "provider", expr: "provider", facet: true, doc: "`gen_ai.provider.name`"},
	{name: "framework", expr: "framework", facet: true, doc: "framework that made the call"},
	{name: "model", expr: "if(response_model != '', response_model, request_model)", facet: true, doc: "model that answered, or else that was asked"},
	{name: "request.model", expr: "request_model", facet: true, doc: "model that was asked for"},
	{name: "response.model", expr: "response_model", facet: true, doc: "model that answered"},
	{name: "response.id", expr: "response_id", doc: "id that the provider gave the answer"},
	{name: "finish_reason", typ: listField, expr: "finish_reasons", facet: true, doc: "why generation stopped"},
	{name: "agent", expr: "agent_name", facet: true, doc: "name of the agent"},
	{name: "workflow", expr: "workflow", facet: true, doc: "name of the workflow"},
	{name: "tool", expr: "tool_name", facet: true, doc: "name of the executed tool"},
	{name: "conversation", expr: "conversation", facet: true, doc: "`gen_ai.conversation.id`"},
	{name: "user", expr: "user", facet: true, doc: "`user.id`"},
	{name: "prompt.name", expr: "prompt_name", facet: true, doc: "name of the managed prompt"},
	{name: "prompt.version", expr: "prompt_version", facet: true, doc: "version of the managed prompt"},
	{name: "tag", typ: listField, expr: "tags", facet: true, doc: "tag"},
	{name: "warning", typ: listField, expr: "warnings", facet: true, doc: "doubt about what was read, by its code"},
	{name: "duration", typ: durationField, expr: "duration_ns", doc: "duration: `1.5s`, `300ms`, or nanoseconds"},
	{name: "ttft", typ: durationField, expr: "ttft_ns", doc: "time to the first token; spans that do not tell never match"},
	{name: "tokens.input", typ: numberField, expr: "input_tokens", doc: "input tokens, cached ones included; unknown never matches"},
	{name: "tokens.output", typ: numberField, expr: "output_tokens", doc: "output tokens, reasoning included; unknown never matches"},
	{name: "tokens.cache_read", typ: numberField, expr: "cache_read_tokens", doc: "tokens read from a cache; unknown never matches"},
	{name: "tokens.cache_write", typ: numberField, expr: "cache_write_tokens", doc: "tokens written to a cache; unknown never matches"},
	{name: "tokens.reasoning", typ: numberField, expr: "reasoning_tokens", doc: "reasoning tokens; unknown never matches"},
	{
		name: "usage", typ: codeField, expr: "usage_rollup", facet: true, doc: "`rollup` when the counts repeat those of spans below, else `own`",
		codes: map[string]int{"own": 0, "rollup": 1},
	},
	{name: "usage.rule", expr: "usage_rule", facet: true, doc: "how the input count came to include cached tokens: `included`, `added_by_dialect`, `added_by_sum`"},
	{name: "cost", typ: decimalField, expr: "cost", doc: "cost in its currency; unknown never matches"},
	{name: "cost.source", expr: "cost_source", facet: true, doc: "price book that the cost was computed from, or `reported` by the sender; empty when unknown"},
	{name: "cost.unknown", expr: "cost_unknown", facet: true, doc: "why the price book knows no cost ([cost.md](cost.md#unknown))"},
	{name: "cost.reported", typ: decimalField, expr: "reported_cost", doc: "the sender's own cost; unknown never matches"},
	{name: "fingerprint", typ: fingerprintField, expr: "fingerprint", facet: true, doc: "version of what answered a call or an agent: 32 hexadecimal characters ([cost.md](cost.md#versions-found))"},
	{name: "fingerprint.model", typ: printField, expr: "fingerprint_model", facet: true, doc: "its part for provider and model: 16 hexadecimal characters, as in the three others"},
	{name: "fingerprint.system", typ: printField, expr: "fingerprint_system", facet: true, doc: "its part for the system instructions"},
	{name: "fingerprint.tools", typ: printField, expr: "fingerprint_tools", facet: true, doc: "its part for the tools on offer"},
	{name: "fingerprint.params", typ: printField, expr: "fingerprint_params", facet: true, doc: "its part for the request's parameters"},
	{name: "trace_id", typ: traceIDField, expr: "trace_id", doc: "32 hexadecimal characters"},
	{name: "span_id", typ: spanIDField, expr: "span_id", doc: "16 hexadecimal characters"},
	{name: "attr", typ: attributeField, expr: "attributes", doc: "`attr.KEY`: a small attribute that no other field holds, as text"},
	{
		name: "signal", typ: signalField,
		doc: "`signal.NAME`: what an analyzer says of the span ([signals.md](signals.md)): `=` and `!=` its label, the others its probability, 0 to 1; spans that are not scored never match",
	},
}

// FilterFields are the names of the fields, in the order of the documentation.
func FilterFields() []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return names
}

// FacetFields are the fields that can be counted by value.
func FacetFields() []string {
	var names []string
	for i := range fields {
		if fields[i].facet {
			names = append(names, fields[i].name)
		}
	}
	return names
}

// DefaultFacets are counted when nobody says which.
var DefaultFacets = []string{"service", "environment", "operation", "model", "agent", "tool", "status", "error.type", "prompt.version", "finish_reason"}

func fieldByName(name string) (f *field, key string, ok bool) {
	for _, keyed := range []string{"attr", "signal"} {
		if name == keyed {
			return nil, "", false
		}
		if k, ok := strings.CutPrefix(name, keyed+"."); ok && k != "" {
			name, key = keyed, k
			break
		}
	}
	for i := range fields {
		if fields[i].name == name {
			return &fields[i], key, true
		}
	}
	return nil, "", false
}

// ParseFilter reads "field op value" expressions. Spaces around the operator are optional; the
// value is taken as it stands, may be empty, and may be put in double quotes. All that is wrong is
// reported: the error joins one *FilterError an expression.
func ParseFilter(exprs []string) (Filter, error) {
	if len(exprs) > MaxFilterConditions {
		return Filter{}, &FilterError{
			Index: MaxFilterConditions, Expr: exprs[MaxFilterConditions],
			Why: fmt.Sprintf("too many conditions: %d, at most %d", len(exprs), MaxFilterConditions),
		}
	}
	var out Filter
	var errs []error
	for i, expr := range exprs {
		c, why := parseCondition(expr)
		if why != "" {
			errs = append(errs, &FilterError{Index: i, Expr: expr, Why: why})
			continue
		}
		out.conditions = append(out.conditions, c)
	}
	if len(errs) > 0 {
		return Filter{}, errors.Join(errs...)
	}
	return out, nil
}

// parseCondition returns the condition, or why there is none.
func parseCondition(expr string) (c Condition, why string) {
	at := strings.IndexAny(expr, "=!<>~")
	if at < 0 {
		return c, "want: field op value, op one of = != > >= < <= ~"
	}
	name, rest := strings.TrimSpace(expr[:at]), expr[at:]
	for _, op := range []Op{OpNe, OpGe, OpLe, OpEq, OpGt, OpLt, OpContains} {
		if v, ok := strings.CutPrefix(rest, string(op)); ok {
			c.Op, c.Value = op, strings.TrimSpace(v)
			break
		}
	}
	if c.Op == "" {
		return c, "unknown operator: want one of = != > >= < <= ~"
	}
	if n := len(c.Value); n >= 2 && c.Value[0] == '"' && c.Value[n-1] == '"' {
		if s, err := strconv.Unquote(c.Value); err == nil {
			c.Value = s
		}
	}
	f, key, ok := fieldByName(name)
	if !ok {
		return c, fmt.Sprintf("unknown field %q: want one of %s", name, strings.Join(FilterFields(), ", "))
	}
	c.Field, c.Key = f.name, key
	if !slices.Contains(f.typ.ops(), c.Op) {
		return c, fmt.Sprintf("field %s cannot be compared by %s: want one of %v", name, c.Op, f.typ.ops())
	}
	if _, err := f.parse(c.Value); err != nil {
		return c, err.Error()
	}
	if p, err := strconv.ParseFloat(c.Value, 64); f.typ == signalField && c.Op != OpEq && c.Op != OpNe && (err != nil || !(p >= 0 && p <= 1)) {
		return c, fmt.Sprintf("field %s is compared by %s with a probability from 0 to 1, got %q", name, c.Op, c.Value)
	}
	return c, ""
}
