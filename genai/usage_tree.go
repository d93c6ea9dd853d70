package genai

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// UsageNode is what of a span says whether its usage counts in its trace.
type UsageNode struct {
	SpanID, ParentSpanID SpanID
	Start                time.Time
	Operation            Operation
	RequestModel         string
	ResponseModel        string
	ResponseID           string
	Wrapper              bool // its dialect says that the span repeats what spans below it used
	Usage                Usage
}

// UsageNode is the span's part in its trace's usage.
func (s *Span) UsageNode(wrapper bool) UsageNode {
	return UsageNode{
		SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Start: s.Start, Operation: s.Operation, RequestModel: s.RequestModel,
		ResponseModel: s.ResponseModel, ResponseID: s.ResponseID, Wrapper: wrapper, Usage: s.Usage,
	}
}

// UsageRole says what a span's usage is to the trace that the span belongs to.
type UsageRole uint8

// The roles of a usage. Only the second one is summed.
const (
	UsageUnknown      UsageRole = iota // the span has none
	UsageCounts                        // the trace's usage is the sum of these
	UsageRepeatsBelow                  // a span below has it, too
	UsageSameResponse                  // another span has it, which saw the same response
	UsageSameSpan                      // the span was given twice
)

// String is the role in snake case.
func (r UsageRole) String() string {
	return [...]string{"unknown", "counts", "repeats_below", "same_response", "same_span"}[r]
}

// UniqueIDBytes is the length from which a response id is taken for unique. Providers' have 22 and more;
// Ollama's OpenAI interface counts to 999.
const UniqueIDBytes = 20

// UsageTree says whose usage, and whose cost, counts in one trace. Nodes are named by their index.
type UsageTree struct {
	Roles []UsageRole // of each node

	nodes   []UsageNode
	parent  []int32          // the node above, -1 of roots; cycles are cut
	near    []int32          // the next node with usage above, or -1
	apart   []bool           // whether a tool or an agent lies between the node and near
	has     []int32          // of a node that repeats others one that it repeats, or -1
	answers map[answer]int32 // the node that counts of those that saw a response
	state   []climbed
	path    []int32
}

// NewUsageTree settles the usage of a trace, whose usage is that of its leaves:
//
//   - Of a span with usage, and the next spans with usage below it, the span repeats theirs when it is a
//     wrapper or no model call at all (agents, workflows, chains), when it has the response id of one, the
//     model of one with no tool or agent between them, or exactly the tokens of one. Usage without output
//     (embeddings) never stands for usage with output. A model call below a tool of another call counts
//     beside it.
//   - Of spans with the same response id one counts: a gateway and its client see the same response. Ids too
//     short to be unique must come with the same tokens.
//   - A wrapper or agent without usage below it counts: what it sums up was not recorded, or has not come yet.
//
// It needs the whole trace; ask again when more of it has come. Missing parents and cycles cut the tree there.
// The answer does not depend on the order of nodes. Time and memory are linear in their number, which is
// the caller's to bound. The tree keeps nodes.
func NewUsageTree(nodes []UsageNode) *UsageTree {
	t := newUsageTree(nodes)
	for i := range nodes {
		t.climb(int32(i))
	}
	for i := range nodes {
		above := t.near[i]
		if above < 0 || t.Roles[i] == UsageSameSpan || !nodes[i].Usage.Known() {
			continue
		}
		apart := t.apart[i] || nodes[i].Operation.apart()
		if nodes[above].repeats(&nodes[i], apart) {
			t.Roles[above] = UsageRepeatsBelow
			if j := t.has[above]; j < 0 || nodes[i].starts(&nodes[j]) {
				t.has[above] = int32(i)
			}
		}
	}
	t.settle()
	return t
}

// Repeats is the span whose usage node i has, too: of those below that it repeats the earliest, or the one that
// counts of those that saw its response. Zero of a node that repeats none.
func (t *UsageTree) Repeats(i int) SpanID {
	if t.has[i] < 0 {
		return SpanID{}
	}
	return t.nodes[t.has[i]].SpanID
}

// Costs says of each node whether its cost counts in the trace; priced are the nodes that have one. It is that of the
// nodes whose usage counts. A node whose usage nobody gave (an image that is paid as such, a cost that the sender knows
// without tokens) counts its cost unless a node below, the node that it is directly below, or one that saw the same
// response has it.
func (t *UsageTree) Costs(priced []bool) []bool {
	counts, below := make([]bool, len(t.nodes)), make([]bool, len(t.nodes))
	seen := map[answer]int32{}
	for i := range t.nodes {
		if !priced[i] {
			continue
		}
		if counts[i] = t.Roles[i] == UsageCounts; counts[i] {
			if a, ok := t.nodes[i].bareAnswer(); ok {
				seen[a] = int32(i)
			}
		}
		for up := t.parent[i]; up >= 0 && !below[up]; up = t.parent[up] {
			below[up] = true
		}
	}
	for i := range t.nodes {
		if t.Roles[i] != UsageUnknown || !priced[i] || below[i] {
			continue
		}
		if up := t.parent[i]; up >= 0 && t.Roles[up] == UsageCounts && priced[up] {
			continue
		}
		counts[i] = true
		a, ok := t.nodes[i].bareAnswer()
		if !ok {
			continue
		}
		switch j, twice := seen[a]; {
		case !twice:
			seen[a] = int32(i)
		case t.Roles[j] == UsageUnknown && t.nodes[i].before(&t.nodes[j]):
			counts[j] = false
			seen[a] = int32(i)
		default:
			counts[i] = false
		}
	}
	return counts
}

// SumUsage adds up the usage that counts; what no span said stays unknown. Reported is left empty.
func SumUsage(nodes []UsageNode, roles []UsageRole) (sum Usage) {
	add := func(to *Tokens, n Tokens) {
		to.N += n.N
		to.Known = to.Known || n.Known
	}
	for i := range nodes {
		if roles[i] != UsageCounts {
			continue
		}
		u := &nodes[i].Usage
		add(&sum.Input, u.Input)
		add(&sum.Output, u.Output)
		add(&sum.CacheRead, u.CacheRead)
		add(&sum.CacheWrite, u.CacheWrite)
		add(&sum.Reasoning, u.Reasoning)
	}
	return sum
}

type climbed uint8

const (
	notClimbed climbed = iota
	onPath
	done
)

// answer names a response: by its id, and by the tokens, too, when the id is short.
type answer struct {
	id            string
	input, output Tokens
}

// answer names the response that the node saw, false when it names none.
func (n *UsageNode) answer() (answer, bool) {
	a := answer{id: n.ResponseID}
	if len(a.id) < UniqueIDBytes {
		a.input, a.output = n.Usage.Input, n.Usage.Output
	}
	return a, a.id != ""
}

// bareAnswer names the response by its id alone, false when that is not enough: counts that nobody gave are not the same.
func (n *UsageNode) bareAnswer() (answer, bool) {
	return answer{id: n.ResponseID}, len(n.ResponseID) >= UniqueIDBytes
}

func newUsageTree(nodes []UsageNode) *UsageTree {
	n := len(nodes)
	t := &UsageTree{
		Roles: make([]UsageRole, n), nodes: nodes, parent: make([]int32, n), near: make([]int32, n), has: make([]int32, n),
		apart: make([]bool, n), state: make([]climbed, n), answers: map[answer]int32{},
	}
	index := make(map[SpanID]int32, n)
	for i := range nodes {
		id := nodes[i].SpanID
		if id.IsZero() {
			continue
		}
		j, twice := index[id]
		switch {
		case !twice:
			index[id] = int32(i)
		case nodes[i].before(&nodes[j]):
			t.Roles[j] = UsageSameSpan
			index[id] = int32(i)
		default:
			t.Roles[i] = UsageSameSpan
		}
	}
	for i := range nodes {
		t.parent[i], t.near[i], t.has[i] = -1, -1, -1
		if j, ok := index[nodes[i].ParentSpanID]; ok && t.Roles[i] != UsageSameSpan {
			t.parent[i] = j
		}
	}
	return t
}

// climb finds near of a node and of all nodes above it. Each node is climbed once.
func (t *UsageTree) climb(i int32) {
	t.path = t.path[:0]
	for i >= 0 && t.state[i] == notClimbed {
		t.state[i] = onPath
		t.path = append(t.path, i)
		i = t.parent[i]
	}
	if i >= 0 && t.state[i] == onPath { // a cycle, from the end of the path down to i: all of it are roots
		for k := len(t.path) - 1; ; k-- {
			t.parent[t.path[k]] = -1
			if t.path[k] == i {
				break
			}
		}
	}
	for _, i := range slices.Backward(t.path) {
		t.state[i] = done
		p := t.parent[i]
		switch {
		case p < 0:
		case t.nodes[p].Usage.Known():
			t.near[i] = p
		default:
			t.near[i], t.apart[i] = t.near[p], t.apart[p] || t.nodes[p].Operation.apart()
		}
	}
}

// settle gives the nodes that repeat nothing their role.
func (t *UsageTree) settle() {
	for i := range t.nodes {
		n := &t.nodes[i]
		if t.Roles[i] != UsageUnknown || !n.Usage.Known() {
			continue
		}
		t.Roles[i] = UsageCounts
		a, ok := n.answer()
		if !ok {
			continue
		}
		j, seen := t.answers[a]
		switch {
		case !seen:
			t.answers[a] = int32(i)
		case n.before(&t.nodes[j]):
			t.Roles[j] = UsageSameResponse
			t.answers[a] = int32(i)
		default:
			t.Roles[i] = UsageSameResponse
		}
	}
	for i := range t.nodes {
		if t.Roles[i] == UsageSameResponse {
			a, _ := t.nodes[i].answer()
			t.has[i] = t.answers[a]
		}
	}
}

// apart reports whether what runs below the operation are calls of its own, not parts of the call above.
func (o Operation) apart() bool {
	switch o {
	case OpExecuteTool, OpInvokeAgent, OpInvokeWorkflow, OpCreateAgent, OpRetrieval, OpPlan:
		return true
	}
	return false
}

// repeats reports whether n's usage is, or includes, that of below, the next node with usage under it;
// apart: with a tool or an agent between them.
func (n *UsageNode) repeats(below *UsageNode, apart bool) bool {
	if n.Usage.Output.N > 0 && below.Usage.Output.N == 0 {
		return false
	}
	if n.Wrapper || !n.Operation.IsInference() {
		return true
	}
	if n.ResponseID != "" && n.ResponseID == below.ResponseID {
		return true
	}
	if !apart {
		return n.sameModel(below) || n.sameTokens(below)
	}
	return n.sameTokens(below) && (n.ResponseID == "" || below.ResponseID == "")
}

func (n *UsageNode) sameTokens(o *UsageNode) bool {
	return n.Usage.Input == o.Usage.Input && n.Usage.Output == o.Usage.Output
}

// sameModel reports whether the nodes can be of one call. A node that names no model can.
func (n *UsageNode) sameModel(o *UsageNode) bool {
	if n.RequestModel == "" && n.ResponseModel == "" || o.RequestModel == "" && o.ResponseModel == "" {
		return true
	}
	for _, a := range [...]string{n.RequestModel, n.ResponseModel} {
		if a != "" && (sameModelName(a, o.RequestModel) || sameModelName(a, o.ResponseModel)) {
			return true
		}
	}
	return false
}

// sameModelName reports whether two names are the same but for a version's date: gpt-4o and
// gpt-4o-2024-08-06, not gpt-4o and gpt-4o-mini.
func sameModelName(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if a == "" || !strings.HasPrefix(b, a) {
		return false
	}
	rest := b[len(a):]
	if rest == "" || rest == "-latest" {
		return true
	}
	const year = len("-2024")
	if len(rest) < year || rest[0] != '-' && rest[0] != '@' {
		return false
	}
	return strings.Trim(rest[1:year], "0123456789") == ""
}

// before orders nodes that stand for one thing, the one that should count first: a model's call
// before what only repeats it, full counts before parts of them, larger before smaller (a count that leaves
// the cache out, or was guessed while streaming, is smaller), then the earlier. What is equal in all of
// that is told apart by ids and names, so that the order of arrival does not matter.
func (n *UsageNode) before(o *UsageNode) bool {
	call := func(n *UsageNode) int { return flag(n.Operation.IsInference() && !n.Wrapper) }
	full := func(n *UsageNode) int { return flag(n.Usage.Input.Known) + flag(n.Usage.Output.Known) }
	parts := func(n *UsageNode) int {
		return flag(n.Usage.CacheRead.Known) + flag(n.Usage.CacheWrite.Known) + flag(n.Usage.Reasoning.Known)
	}
	u, v := &n.Usage, &o.Usage
	return cmp.Or(
		cmp.Compare(call(o), call(n)), cmp.Compare(full(o), full(n)), cmp.Compare(v.Total(), u.Total()),
		cmp.Compare(v.Output.N, u.Output.N), cmp.Compare(v.CacheRead.N, u.CacheRead.N),
		cmp.Compare(v.CacheWrite.N, u.CacheWrite.N), cmp.Compare(v.Reasoning.N, u.Reasoning.N), cmp.Compare(parts(o), parts(n)),
		n.Start.Compare(o.Start), bytes.Compare(n.SpanID[:], o.SpanID[:]),
		bytes.Compare(n.ParentSpanID[:], o.ParentSpanID[:]), cmp.Compare(n.Operation, o.Operation),
		cmp.Compare(n.RequestModel, o.RequestModel), cmp.Compare(n.ResponseModel, o.ResponseModel),
		cmp.Compare(n.ResponseID, o.ResponseID),
	) < 0
}

// starts orders nodes by time, those of one time by their ids.
func (n *UsageNode) starts(o *UsageNode) bool {
	return cmp.Or(n.Start.Compare(o.Start), bytes.Compare(n.SpanID[:], o.SpanID[:])) < 0
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
