package api

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
)

// turn is one message of a conversation, with where it was first seen.
type turn struct {
	spanID    genai.SpanID
	message   genai.Message
	time      time.Time
	documents []genai.Document
	agent     string
	model     string
	history   bool // said before this trace: when is not known
	failed    *genai.Error
}

// thread is the model calls that share one agent: the nearest agent span above them, or none.
type thread struct {
	agentSpan genai.SpanID // zero outside of agents
	depth     int          // of the agent span in the tree
	agent     string
	calls     []*genai.Span // with content or failed, by start
	longest   *genai.Span
}

// conversation is what people read of a trace.
type conversation struct {
	turns   []turn
	focus   genai.SpanID
	threads []thread // the one that the turns are of comes first
}

// readConversation builds the conversation of a trace from its spans with their content.
//
// It reads the history of one model call: that of focus, or, when focus is zero, the longest of the
// outermost agent (the latest among equals), so that sub-agents and calls on the side do not mix in.
// Each message is attributed to the first span that held it, results of tools stand next to their calls,
// and retrieved documents before the answer that could use them. A call that failed without an answer has a
// turn without parts where it happened. The input is not changed.
func readConversation(spans []genai.Span, focus genai.SpanID) conversation {
	t := newTree(spans)
	threads := t.threads()
	if len(threads) == 0 {
		return conversation{}
	}
	chosen := 0
	call := threads[0].longest
	if !focus.IsZero() {
		if s := t.byID[focus]; s != nil && hasMessages(s) {
			call = s
			chosen = max(0, slices.IndexFunc(threads, func(th thread) bool { return th.agentSpan == t.threadOf(s) }))
		}
	}
	th := threads[chosen]
	threads = append([]thread{th}, slices.Delete(slices.Clone(threads), chosen, chosen+1)...)
	turns := t.history(call, th)
	turns = t.placeToolResults(turns, th)
	turns = t.placeFailures(turns, th)
	t.placeDocuments(turns, th)
	return conversation{turns: turns, focus: call.SpanID, threads: threads}
}

// tree knows the spans of a trace by start and their parents.
type tree struct {
	spans []*genai.Span // by start
	byID  map[genai.SpanID]*genai.Span
	keys  keys
}

func newTree(spans []genai.Span) *tree {
	t := &tree{byID: make(map[genai.SpanID]*genai.Span, len(spans)), keys: newKeys()}
	for i := range spans {
		t.spans = append(t.spans, &spans[i])
		t.byID[spans[i].SpanID] = &spans[i]
	}
	slices.SortStableFunc(t.spans, func(a, b *genai.Span) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.SpanID.String(), b.SpanID.String()))
	})
	return t
}

// threadOf returns the nearest agent span above s, or zero.
func (t *tree) threadOf(s *genai.Span) genai.SpanID {
	agent, _ := t.above(s)
	if agent == nil {
		return genai.SpanID{}
	}
	return agent.SpanID
}

// above returns the nearest agent span above s and how many agents there are above.
// Parents may be missing or, with broken senders, form a ring, so steps are counted.
func (t *tree) above(s *genai.Span) (nearest *genai.Span, depth int) {
	for p, steps := t.byID[s.ParentSpanID], 0; p != nil && steps <= len(t.spans); p, steps = t.byID[p.ParentSpanID], steps+1 {
		if p.Operation != genai.OpInvokeAgent {
			continue
		}
		if nearest == nil {
			nearest = p
		}
		depth++
	}
	return nearest, depth
}

// whyFailed is what made the span fail, nil when it did not. A sender that gives no type may say why in the status.
func whyFailed(s *genai.Span) *genai.Error {
	if !s.Failed() && s.Error.Message == "" {
		return nil
	}
	return &genai.Error{Type: s.Error.Type, Message: cmp.Or(s.Error.Message, s.StatusMessage), HTTPStatus: s.Error.HTTPStatus}
}

// unanswered reports whether the span failed before it said anything.
func unanswered(s *genai.Span) bool { return len(s.Output) == 0 && whyFailed(s) != nil }

func hasMessages(s *genai.Span) bool { return len(s.Input) > 0 || len(s.Output) > 0 }

func isModelCall(s *genai.Span) bool {
	switch s.Operation {
	case genai.OpChat, genai.OpGenerateContent, genai.OpTextCompletion:
		return true
	}
	return false
}

// threads returns the conversations of the trace, outermost first, then the longest, then the latest.
// Where no model call carries content, the agents and workflows that do stand in for them.
func (t *tree) threads() []thread {
	all := t.threadsOf(func(s *genai.Span) bool { return isModelCall(s) && (hasMessages(s) || unanswered(s)) })
	if !slices.ContainsFunc(all, func(th thread) bool { return hasMessages(th.longest) }) {
		standIns := t.threadsOf(func(s *genai.Span) bool {
			return s.IsGenAI() && s.Operation != genai.OpExecuteTool && hasMessages(s)
		})
		if len(standIns) > 0 {
			all = standIns
		}
	}
	slices.SortStableFunc(all, func(a, b thread) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth),
			cmp.Compare(messageCount(b.longest), messageCount(a.longest)),
			b.longest.Start.Compare(a.longest.Start))
	})
	return all
}

func (t *tree) threadsOf(wanted func(*genai.Span) bool) []thread {
	var all []thread
	index := map[genai.SpanID]int{}
	for _, s := range t.spans {
		if !wanted(s) {
			continue
		}
		agent, depth := t.above(s)
		var id genai.SpanID
		if agent != nil {
			id = agent.SpanID
		}
		i, ok := index[id]
		if !ok {
			i = len(all)
			index[id] = i
			all = append(all, thread{agentSpan: id, depth: depth, agent: t.agentName(s)})
		}
		th := &all[i]
		th.calls = append(th.calls, s)
		if th.longest == nil || longer(s, th.longest) {
			th.longest = s
		}
	}
	return all
}

// longer prefers a call that ended, by an answer or by an error, then the longer history, then the later call.
func longer(a, b *genai.Span) bool {
	ended := func(s *genai.Span) bool { return len(s.Output) > 0 || whyFailed(s) != nil }
	if e := ended(a); e != ended(b) {
		return e
	}
	return messageCount(a) >= messageCount(b)
}

func messageCount(s *genai.Span) int { return len(s.Input) + len(s.Output) }

// agentName is the agent that s speaks for: its own, or that of the nearest agent span above.
func (t *tree) agentName(s *genai.Span) string {
	if s.Agent.Name != "" {
		return s.Agent.Name
	}
	if a, _ := t.above(s); a != nil {
		return cmp.Or(a.Agent.Name, a.Agent.ID)
	}
	return ""
}

// sighting is where a message was first seen.
type sighting struct {
	span   *genai.Span
	answer bool // in the output, not in a history
}

// history is the system instructions, the input and the answer of one call, each attributed to the
// first call of the thread that held it. What was said before the trace has no time.
func (t *tree) history(call *genai.Span, th thread) []turn {
	first := t.firstSightings(th.calls, call)
	before := t.past(call)
	var turns []turn
	add := func(m genai.Message, at sighting) {
		one := turn{spanID: at.span.SpanID, message: m, time: at.span.Start, agent: t.agentName(at.span)}
		if at.answer {
			one.time, one.model, one.failed = at.span.End, at.span.Model(), whyFailed(at.span)
		}
		turns = append(turns, one)
	}
	if len(call.System) > 0 && (len(call.Input) == 0 || call.Input[0].Role != genai.RoleSystem) {
		m := genai.Message{Role: genai.RoleSystem, Parts: call.System}
		add(m, cmp.Or(first[t.keys.of(&m)], sighting{span: call}))
	}
	for i, m := range call.Input {
		add(m, cmp.Or(first[t.keys.of(&m)], sighting{span: call}))
		if one := &turns[len(turns)-1]; before[i] {
			one.history, one.time, one.model, one.failed = true, time.Time{}, "", nil
		}
	}
	for _, m := range call.Output {
		add(m, sighting{span: call, answer: true})
	}
	return turns
}

// firstSightings maps the key of every message to the first call that held it, up to and with the last call.
func (t *tree) firstSightings(calls []*genai.Span, last *genai.Span) map[int]sighting {
	first := map[int]sighting{}
	see := func(m genai.Message, at sighting) {
		k := t.keys.of(&m)
		if _, ok := first[k]; !ok {
			first[k] = at
		}
	}
	for _, c := range calls {
		if c.Start.After(last.Start) {
			break
		}
		if len(c.System) > 0 {
			see(genai.Message{Role: genai.RoleSystem, Parts: c.System}, sighting{span: c})
		}
		for _, m := range c.Input {
			see(m, sighting{span: c})
		}
		if c == last {
			continue
		}
		for _, m := range c.Output {
			see(m, sighting{span: c, answer: true})
		}
	}
	return first
}

// keys numbers messages: equal ones have equal numbers. The steps of an agent hold the same messages in the
// same memory over and over (store.SpansWithContent), and each is read once.
type keys struct {
	numbers map[string]int // by messageKey
	known   map[place]int
}

// place is where in memory a message is.
type place struct {
	parts *genai.Part
	count int
	role  genai.Role
}

func newKeys() keys { return keys{numbers: map[string]int{}, known: map[place]int{}} }

func (k keys) of(m *genai.Message) int {
	var at place
	if len(m.Parts) > 0 {
		at = place{&m.Parts[0], len(m.Parts), m.Role}
		if n, ok := k.known[at]; ok {
			return n
		}
	}
	key := messageKey(*m)
	n, ok := k.numbers[key]
	if !ok {
		n = len(k.numbers)
		k.numbers[key] = n
	}
	if at.parts != nil {
		k.known[at] = n
	}
	return n
}

// messageKey is equal for a message in an answer and the same message in a later history: frameworks
// drop reasoning, trim text and spell arguments anew on the way, but keep the ids of calls.
func messageKey(m genai.Message) string {
	var b strings.Builder
	b.WriteString(string(m.Role))
	field := func(s string) {
		b.WriteByte('|')
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	for _, p := range m.Parts {
		if p.Type == genai.PartReasoning {
			continue
		}
		field(string(p.Type))
		switch {
		case p.ID != "":
			field(p.ID)
		case p.Name != "" || p.Arguments != "" || p.Response != "":
			field(p.Name + "(" + string(p.Arguments) + ")" + string(p.Response))
		default:
			field(strings.TrimSpace(p.Content) + p.FileID + p.URI + string(p.Raw))
		}
	}
	return b.String()
}

// placeToolResults moves each result behind the message with its call, in the order of the calls,
// attributes it to the span of the tool, and takes the result from there when no history holds it.
func (t *tree) placeToolResults(turns []turn, th thread) []turn {
	tools := t.toolSpans(th)
	results := map[string]turn{} // by call id
	for _, one := range turns {
		if id := soleResult(one.message); id != "" {
			if s := tools[id]; s != nil {
				one.spanID, one.time, one.history, one.failed = s.SpanID, s.End, false, whyFailed(s)
			}
			if _, ok := results[id]; !ok {
				results[id] = one
			}
		}
	}
	placed := make(map[string]bool, len(results))
	out := make([]turn, 0, len(turns))
	for _, one := range turns {
		if id := soleResult(one.message); id != "" {
			if placed[id] {
				continue
			}
			placed[id] = true // a result without its call, or before it, stays where it stands
			out = append(out, results[id])
			continue
		}
		out = append(out, one)
		for _, p := range one.message.Parts {
			if p.Type != genai.PartToolCall || p.ID == "" || placed[p.ID] {
				continue
			}
			result, ok := results[p.ID]
			if s := tools[p.ID]; !ok && s != nil && !answersItself(one.message, p.ID) {
				result, ok = toolTurn(s, p, t.agentName(s)), true
			}
			if ok {
				placed[p.ID] = true
				out = append(out, result)
			}
		}
	}
	return out
}

// soleResult is the call id of a message that is one tool's result and nothing else, or "".
func soleResult(m genai.Message) string {
	if len(m.Parts) != 1 || m.Parts[0].Type != genai.PartToolCallResponse {
		return ""
	}
	return m.Parts[0].ID
}

func answersItself(m genai.Message, id string) bool {
	return slices.ContainsFunc(m.Parts, func(p genai.Part) bool {
		return p.Type == genai.PartToolCallResponse && p.ID == id
	})
}

func toolTurn(s *genai.Span, call genai.Part, agent string) turn {
	return turn{
		spanID: s.SpanID, time: s.End, agent: agent, failed: whyFailed(s),
		message: genai.Message{Role: genai.RoleTool, Parts: []genai.Part{{
			Type: genai.PartToolCallResponse, ID: call.ID, Name: cmp.Or(s.Tool.Name, call.Name), Response: s.Tool.Result,
		}}},
	}
}

// toolSpans are the tool runs of the thread that ended with a result or an error, by call id: the first one for
// an id that comes twice, but one with a result before one that failed and was tried again.
func (t *tree) toolSpans(th thread) map[string]*genai.Span {
	tools := map[string]*genai.Span{}
	for _, s := range t.spans {
		id := s.Tool.CallID
		if s.Operation != genai.OpExecuteTool || id == "" || s.Tool.Result == "" && whyFailed(s) == nil || t.threadOf(s) != th.agentSpan {
			continue
		}
		if have := tools[id]; have == nil || have.Tool.Result == "" && whyFailed(s) == nil {
			tools[id] = s
		}
	}
	return tools
}

// placeFailures adds a turn for each call of the thread that failed without an answer, behind what had been said
// when it began. Such a call is in no history: the one that was made in its place only repeats its input.
func (t *tree) placeFailures(turns []turn, th thread) []turn {
	within := map[genai.SpanID]bool{th.agentSpan: true}
	for _, c := range th.calls {
		within[c.SpanID] = true // an agent that stands in for its model calls
	}
	var failed []turn
	var began []time.Time
	for _, s := range t.spans {
		if !unanswered(s) || !slices.Contains(th.calls, s) && (!isModelCall(s) || !within[t.threadOf(s)]) {
			continue
		}
		failed = append(failed, turn{
			spanID: s.SpanID, time: s.End, agent: t.agentName(s), model: s.Model(), failed: whyFailed(s),
			message: genai.Message{Role: genai.RoleAssistant},
		})
		began = append(began, s.Start)
	}
	out := make([]turn, 0, len(turns)+len(failed))
	next := 0
	for i, one := range failed {
		// What was said before the trace has no time, and a zero time is after nothing.
		for at := next; at < len(turns); at++ {
			if !turns[at].time.After(began[i]) {
				out = append(out, turns[next:at+1]...)
				next = at + 1
			}
		}
		out = append(out, one)
	}
	return append(out, turns[next:]...)
}

// placeDocuments hangs what the thread's retrievals found on the first answer whose call began after them,
// or on the last turn when none did.
func (t *tree) placeDocuments(turns []turn, th thread) {
	for _, s := range t.spans {
		if len(s.Retrieval.Documents) == 0 || t.threadOf(s) != th.agentSpan {
			continue
		}
		at := len(turns) - 1
		for i, one := range turns {
			by := t.byID[one.spanID]
			if !one.history && one.message.Role == genai.RoleAssistant && by != nil && isModelCall(by) && !by.Start.Before(s.End) {
				at = i
				break
			}
		}
		turns[at].documents = addDocuments(turns[at].documents, s.Retrieval.Documents)
	}
}

// addDocuments appends what is new; a document that comes again, as from a reranker, keeps its place and takes the later score.
func addDocuments(have, more []genai.Document) []genai.Document {
	for _, d := range more {
		i := slices.IndexFunc(have, func(h genai.Document) bool {
			return h.ID == d.ID && (h.ID != "" || h.Content == d.Content)
		})
		if i < 0 {
			have = append(have, d)
			continue
		}
		if d.HasScore {
			have[i].Score, have[i].HasScore = d.Score, true
		}
		have[i].Content = cmp.Or(have[i].Content, d.Content)
	}
	return have
}
