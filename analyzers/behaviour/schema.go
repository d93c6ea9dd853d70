package behaviour

// JSON schemas, compiled once and kept. A schema comes from a sender, so what it can cost is bounded before it is used: its size, how
// far its references expand, and how often a recursive one branches. It may refer to itself and to nothing else.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of schemas.
const (
	DefaultSchemas  = 256       // compiled schemas that are kept; when there are more, those that were made first go
	maxSchema       = 256 << 10 // bytes of one; a longer one is not checked
	maxSteps        = 100_000   // subschemas that checking one value may come by
	maxSchemaDepth  = 256       // of a schema's own nesting
	maxErrorMessage = 300       // bytes
)

// errUnchecked says that a value could not be held against its schema.
var errUnchecked = errors.New("unchecked")

// schemas are the compiled ones, by their text.
type schemas struct {
	limit int

	mu    sync.Mutex // guards everything below
	known map[string]*compiled
	order []string // in which they were made
}

// compiled is a schema, or why there is none.
type compiled struct {
	schema *jsonschema.Schema
	loops  int // references that lead back to where they are
	err    error
}

func newSchemas(limit int) *schemas { return &schemas{limit: limit, known: map[string]*compiled{}} }

// validate says how a value does not follow a schema; an error that is errUnchecked says that nobody knows.
func (c *schemas) validate(schema string, value any) error {
	s := c.get(schema)
	if s.err != nil {
		return s.err
	}
	if s.loops > 1 && math.Pow(float64(s.loops), float64(depth(value))) > maxSteps {
		return fmt.Errorf("%w: the value is nested too deeply for a recursive schema", errUnchecked)
	}
	err := s.schema.Validate(value)
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return errors.New(explain(invalid))
	}
	return err
}

// get is the compiled schema, made when it is not known.
func (c *schemas) get(schema string) *compiled {
	c.mu.Lock()
	s, ok := c.known[schema]
	c.mu.Unlock()
	if ok {
		return s
	}
	s = compile(schema)
	c.mu.Lock()
	defer c.mu.Unlock()
	if already, ok := c.known[schema]; ok {
		return already
	}
	if len(c.order) >= c.limit {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
	key := strings.Clone(schema) // the text may share memory with a whole request
	c.known[key] = s
	c.order = append(c.order, key)
	return s
}

// place is the address that a schema has for its references.
const place = "tiltmeter:schema"

func compile(schema string) *compiled {
	if len(schema) > maxSchema {
		return &compiled{err: fmt.Errorf("%w: the schema is too long", errUnchecked)}
	}
	var doc any
	if err := json.Unmarshal([]byte(schema), &doc); err != nil {
		return &compiled{err: fmt.Errorf("%w: the schema is no JSON", errUnchecked)}
	}
	e := expansion{root: doc, costs: map[string]float64{}, open: map[string]bool{}}
	if cost := e.cost(doc, 0); cost > maxSteps {
		return &compiled{err: fmt.Errorf("%w: the schema's references expand too far", errUnchecked)}
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource(place, doc); err != nil {
		return &compiled{err: fmt.Errorf("%w: the schema cannot be read", errUnchecked)}
	}
	s, err := c.Compile(place)
	if err != nil {
		return &compiled{err: fmt.Errorf("%w: the schema is none, or refers to another document", errUnchecked)}
	}
	return &compiled{schema: s, loops: e.loops}
}

// nowhere loads nothing.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("load schema %q: only references within a schema are followed", url)
}

// expansion measures a schema with its references followed.
type expansion struct {
	root  any
	costs map[string]float64 // of what was referred to
	open  map[string]bool    // what is being measured
	loops int
}

// cost is how many subschemas checking one value can come by.
func (e *expansion) cost(node any, nested int) (sum float64) {
	if nested > maxSchemaDepth {
		return math.Inf(1)
	}
	switch v := node.(type) {
	case map[string]any:
		sum = 1
		for _, k := range slices.Sorted(maps.Keys(v)) { // in order, so that the same loops are counted
			child := v[k]
			if ref, ok := child.(string); ok && strings.HasPrefix(k, "$") && strings.HasSuffix(strings.ToLower(k), "ref") {
				sum += e.referred(ref, nested)
				continue
			}
			sum += e.cost(child, nested+1)
		}
	case []any:
		for _, child := range v {
			sum += e.cost(child, nested+1)
		}
	}
	return sum
}

// referred is the cost of what a reference leads to.
func (e *expansion) referred(ref string, nested int) float64 {
	if cost, ok := e.costs[ref]; ok {
		return cost
	}
	target, ok := e.lookup(ref)
	if !ok || e.open[ref] || ref == "#" {
		e.loops++
		return 1
	}
	e.open[ref] = true
	cost := e.cost(target, nested+1)
	delete(e.open, ref)
	e.costs[ref] = cost
	return cost
}

// lookup follows a JSON pointer within the schema.
func (e *expansion) lookup(ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, false
	}
	node := e.root
	for name := range strings.SplitSeq(path, "/") {
		object, ok := node.(map[string]any)
		if !ok {
			return nil, false
		}
		if node, ok = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return nil, false
		}
	}
	return node, true
}

// depth is how deeply a value is nested.
func depth(value any) (n int) {
	switch v := value.(type) {
	case map[string]any:
		for _, child := range v {
			n = max(n, depth(child))
		}
		return n + 1
	case []any:
		for _, child := range v {
			n = max(n, depth(child))
		}
		return n + 1
	}
	return 0
}

// explain says where a value breaks its schema and by which keyword, without repeating the value.
func explain(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	at := "/" + strings.Join(e.InstanceLocation, "/")
	message := fmt.Sprintf("At %s it breaks %q.", at, strings.Join(e.ErrorKind.KeywordPath(), "/"))
	if len(message) > maxErrorMessage {
		message = strings.ToValidUTF8(message[:maxErrorMessage], "") + "…"
	}
	return message
}
