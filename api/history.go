package api

import (
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
)

// opening is the input of a model call that continues no earlier call of the trace: it shows what was
// said before the trace, and ends with what is new.
type opening struct {
	past []int // keys of the messages said before, in order, instructions left out
}

// past reports for each message of the call's input whether it was said before the trace.
//
// Frameworks resend the whole conversation with each trace of it. The first call that shows a message
// decides: what its input holds in front of the new messages at its end is the past, unless a call of
// this trace answered it or was asked it before, as after a hand-off from one agent to another.
// Instructions at the head of the input are of this trace.
func (t *tree) past(call *genai.Span) []bool {
	shown, said := map[int]bool{}, map[int]bool{} // said: new in this trace
	old := map[int]bool{}
	var openings []opening
	for _, c := range t.spans {
		if !isModelCall(c) && c != call || !hasMessages(c) || c.Start.After(call.Start) {
			continue
		}
		keys, head := t.keysOf(c.Input)
		fresh := max(head, newFrom(c.Input))
		if !slices.ContainsFunc(keys[head:], func(k int) bool { return shown[k] }) {
			o := opening{past: keys[head:fresh]}
			openings = append(openings, o)
			for _, k := range o.past {
				old[k] = true
			}
		}
		for _, k := range keys[fresh:] {
			said[k] = said[k] || !shown[k]
		}
		for _, k := range keys {
			shown[k] = true
		}
		if c == call {
			break
		}
		for i := range c.Output {
			k := t.keys.of(&c.Output[i])
			shown[k], said[k] = true, true
		}
	}
	keys, head := t.keysOf(call.Input)
	out := make([]bool, len(keys))
	// A call that begins as an opening did has its past in the same place, however often the same
	// words come again. Where the history was cut or rewritten since, the words themselves decide.
	n := 0
	for _, o := range openings {
		if len(o.past) > n && len(keys)-head >= len(o.past) && slices.Equal(keys[head:head+len(o.past)], o.past) {
			n = len(o.past)
		}
	}
	for i := head; i < len(keys); i++ {
		out[i] = i < head+n || n == 0 && old[keys[i]] && !said[keys[i]]
	}
	return out
}

// keysOf returns the key of each message and how many instructions stand at the head.
func (t *tree) keysOf(list []genai.Message) (keys []int, head int) {
	keys = make([]int, len(list))
	for i := range list {
		keys[i] = t.keys.of(&list[i])
		if head == i && list[i].Role == genai.RoleSystem {
			head++
		}
	}
	return keys, head
}

// newFrom returns where the new messages of an input begin: with those after the last answer in it.
// An answer at the very end is one that the caller began for the model, and belongs to them.
func newFrom(list []genai.Message) int {
	i := len(list)
	for i > 0 && list[i-1].Role == genai.RoleAssistant {
		i--
	}
	for i > 0 && list[i-1].Role != genai.RoleAssistant {
		i--
	}
	return i
}
