package store

import (
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
)

var (
	nanoseconds = regexp.MustCompile(`^\d{1,18}$`)
	decimal     = regexp.MustCompile(`^\d{1,20}(\.\d{1,12})?$`)
)

// parse reads a value into what its parameter holds.
func (f *field) parse(value string) (string, error) {
	switch f.typ {
	case numberField:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return "", fmt.Errorf("field %s wants a whole number from 0, got %q", f.name, value)
		}
		return strconv.FormatInt(n, 10), nil
	case durationField:
		if nanoseconds.MatchString(value) {
			return value, nil
		}
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return "", fmt.Errorf("field %s wants a duration such as 1.5s or 300ms, got %q", f.name, value)
		}
		return strconv.FormatInt(int64(d), 10), nil
	case decimalField:
		if !decimal.MatchString(value) {
			return "", fmt.Errorf("field %s wants a decimal such as 0.25, got %q", f.name, value)
		}
		return value, nil
	case codeField:
		n, ok := f.codes[value]
		if !ok {
			return "", fmt.Errorf("field %s wants one of %s, got %q", f.name,
				strings.Join(slices.Sorted(maps.Keys(f.codes)), ", "), value)
		}
		return strconv.Itoa(n), nil
	case fingerprintField:
		return parsePrint(f.name, value, 16)
	case printField:
		return parsePrint(f.name, value, 8)
	case traceIDField:
		id, err := genai.ParseTraceID(value)
		return hex.EncodeToString(id[:]), err
	case spanIDField:
		id, err := genai.ParseSpanID(value)
		return hex.EncodeToString(id[:]), err
	default:
		return value, nil
	}
}

// parsePrint reads hexadecimal characters for a number of bytes; "" is that nothing was said, all zero.
func parsePrint(field, value string, size int) (string, error) {
	if value == "" {
		return strings.Repeat("00", size), nil
	}
	if b, err := hex.DecodeString(value); err != nil || len(b) != size {
		return "", fmt.Errorf("field %s wants %d hexadecimal characters, got %q", field, 2*size, value)
	}
	return value, nil
}

// where is a condition on spans in SQL, and its named parameters. Values are only ever parameters.
type where struct {
	sql    []string
	params params
	// spotless asks, besides, that no span of the trace failed.
	spotless bool
}

func (w *where) param(typ, value string) string {
	name := "f" + strconv.Itoa(len(w.params))
	w.params = append(w.params, param{name, value})
	return "{" + name + ":" + typ + "}"
}

// build turns the filter into SQL over the columns of spans. Alternatives ("=" on the same
// field) become one IN.
func (f Filter) build() where {
	var w where
	done := map[string]bool{}
	for _, c := range f.conditions {
		fd, _, ok := fieldByName(c.name())
		if !ok {
			continue // ParseFilter lets no unknown field through
		}
		values := []string{c.Value}
		if c.Op == OpEq {
			if done[c.name()] {
				continue
			}
			done[c.name()] = true
			values = f.alternatives(c.name())
		}
		if c.Field == statusField {
			if n := w.status(c.Op, values); n != "" {
				w.sql = append(w.sql, n)
			}
			continue
		}
		w.sql = append(w.sql, fd.condition(&w, c, values))
	}
	return w
}

// status is of the span for "error" and of the trace for "ok": nearly every trace that failed has spans that did not.
func (w *where) status(op Op, values []string) string {
	ok, failed := slices.Contains(values, "ok"), slices.Contains(values, "error")
	if op == OpNe {
		ok, failed = !ok, !failed
	}
	switch {
	case ok && failed: // every trace is one or the other
		return ""
	case ok:
		w.spotless = true
		return ""
	default:
		return "outcome = 1"
	}
}

func (f Filter) alternatives(name string) (values []string) {
	for _, c := range f.conditions {
		if c.Op == OpEq && c.name() == name && !slices.Contains(values, c.Value) {
			values = append(values, c.Value)
		}
	}
	return values
}

func (f *field) condition(w *where, c Condition, values []string) string {
	switch f.typ {
	case listField:
		return f.list(w, c, values)
	case attributeField:
		return f.attribute(w, c, values)
	case signalField:
		return f.signal(w, c, values)
	case numberField, durationField, decimalField, codeField:
		return f.number(w, c, values)
	case traceIDField, spanIDField, fingerprintField, printField:
		return f.id(w, c, values)
	default:
		return text(w, f.expr, c.Op, values)
	}
}

func text(w *where, expr string, op Op, values []string) string {
	switch op {
	case OpContains:
		return "positionCaseInsensitiveUTF8(" + expr + ", " + w.param("String", values[0]) + ") > 0"
	case OpNe:
		return expr + " != " + w.param("String", values[0])
	default:
		return expr + " IN (" + w.list("String", values) + ")"
	}
}

func (w *where) list(typ string, values []string) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = w.param(typ, v)
	}
	return strings.Join(names, ", ")
}

func (f *field) list(w *where, c Condition, values []string) string {
	switch c.Op {
	case OpNe:
		return "NOT has(" + f.expr + ", " + w.param("String", values[0]) + ")"
	case OpContains:
		return "arrayExists(x -> " + text(w, "x", OpContains, values) + ", " + f.expr + ")"
	default:
		return "hasAny(" + f.expr + ", [" + w.list("String", values) + "])"
	}
}

func (f *field) attribute(w *where, c Condition, values []string) string {
	expr := f.expr + "[" + w.param("String", c.Key) + "]"
	return text(w, expr, c.Op, values)
}

// spansOfSignal are those of which an analyzer said something when it scored them last. The statement around it names the time.
const spansOfSignal = `(trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = %s
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(%s, scored_at) %s)`

func (f *field) signal(w *where, c Condition, values []string) string {
	name := w.param("String", c.Key)
	switch c.Op {
	case OpEq:
		return fmt.Sprintf(spansOfSignal, name, "label", "IN ("+w.list("String", values)+")")
	case OpNe:
		return fmt.Sprintf(spansOfSignal, name, "label", "!= "+w.param("String", values[0]))
	default:
		return fmt.Sprintf(spansOfSignal, name, "probability", string(c.Op)+" "+w.param("Float64", values[0]))
	}
}

func (f *field) number(w *where, c Condition, values []string) string {
	typ, known := "Int64", ""
	switch {
	case f.typ == decimalField:
		typ, known = "Decimal(38, 12)", "cost_currency != '' AND "
		if f.name == "cost.reported" {
			known = "reported_currency != '' AND "
		}
	case f.name == "ttft":
		known = f.expr + " > 0 AND "
	case f.typ == numberField:
		known = f.expr + " >= 0 AND "
	}
	parsed := make([]string, len(values))
	for i, v := range values {
		parsed[i], _ = f.parse(v) // ParseFilter has refused what does not parse
	}
	if c.Op == OpEq {
		return "(" + known + f.expr + " IN (" + w.list(typ, parsed) + "))"
	}
	return "(" + known + f.expr + " " + string(c.Op) + " " + w.param(typ, parsed[0]) + ")"
}

func (f *field) id(w *where, c Condition, values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		hexID, _ := f.parse(v) // ParseFilter has refused what does not parse
		parts[i] = "unhex(" + w.param("String", hexID) + ")"
		if f.typ == printField {
			parts[i] = "reinterpretAsUInt64(reverse(" + parts[i] + "))"
		}
	}
	if c.Op == OpNe {
		return f.expr + " != " + parts[0]
	}
	return f.expr + " IN (" + strings.Join(parts, ", ") + ")"
}
