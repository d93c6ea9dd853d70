package store

// The contents that rows name, as their detail is put together from them: decode.go reads the detail.

import (
	"encoding/binary"
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// maxMessages bounds the messages that one answer holds in memory, about 100 bytes each besides their
// texts. Histories that continue one another share theirs.
const maxMessages = 500_000

// pieces answers with stored contents. Reading a span goes over its detail twice: once to note
// what is needed, and once more when that has been fetched.
type pieces struct {
	lists   []content.List                  // asked for while members is nil
	need    []content.Hash                  // asked for while texts is nil, each once
	asked   map[content.Hash]bool           // what need holds
	members map[content.Hash][]content.Hash // first ref of a list of level > 0 is not enough: see listKey
	texts   map[content.Hash]string
	skip    bool // contents are not wanted at all

	missed bool // a text was read that is not there, because the budget ended before it

	// What was decoded already: contents come again with every step of an agent.
	messages map[content.Hash]genai.Message
	runs     []*run
	parsed   map[content.Hash]any // lists of parts or tools, by their members
	held     int                  // messages in runs
}

// run is a list of messages that further lists may continue or begin.
type run struct {
	members  []content.Hash
	messages []genai.Message
}

// maxRuns is how many lists are held against a new one: those of the agents that take turns in a trace.
const maxRuns = 16

// history returns the messages of a list. One that begins or continues a list that was read shares
// its memory, so that an agent's steps cost what is new in each.
func (p *pieces) history(members []content.Hash) []genai.Message {
	n := len(members)
	for i, r := range slices.Backward(p.runs) {
		same := min(n, len(r.members))
		if same == 0 || !slices.Equal(members[:same], r.members[:same]) {
			continue
		}
		if n > same {
			more := p.decode(members[same:])
			if p.missed {
				return nil
			}
			r.messages, r.members = append(r.messages, more...), members
		}
		p.runs = append(slices.Delete(p.runs, i, i+1), r)
		return r.messages[:n:n]
	}
	r := &run{members: members, messages: p.decode(members)}
	if p.missed {
		return nil
	}
	if p.runs = append(p.runs, r); len(p.runs) > maxRuns {
		p.runs = slices.Delete(p.runs, 0, 1)
	}
	return r.messages[:n:n]
}

// decode returns the messages, or nothing and sets missed.
func (p *pieces) decode(members []content.Hash) []genai.Message {
	if p.messages == nil {
		p.messages = map[content.Hash]genai.Message{}
	}
	if p.held += len(members); p.held > maxMessages {
		p.missed = true
		return nil
	}
	list := make([]genai.Message, 0, len(members))
	for _, h := range members {
		m, ok := p.messages[h]
		if !ok {
			text := p.text(h)
			if p.missed {
				return nil
			}
			m = decodeMessage(text)
			p.messages[h] = m
		}
		list = append(list, m)
	}
	return list
}

// listKey names a list whose members were expanded.
func listKey(l content.List) content.Hash {
	b := make([]byte, 0, 16*len(l.Refs)+8)
	for _, r := range l.Refs {
		b = append(b, r[:]...)
	}
	return content.Of(binary.LittleEndian.AppendUint64(b, uint64(l.Level))) //nolint:gosec // bounded by MaxLevel
}

func (p *pieces) text(h content.Hash) string {
	if p.skip {
		return ""
	}
	if p.texts == nil {
		if !p.asked[h] {
			p.asked[h], p.need = true, append(p.need, h)
		}
		return ""
	}
	t, ok := p.texts[h]
	p.missed = p.missed || !ok // texts has looked for every other one
	return t
}

func (p *pieces) list(l content.List) []content.Hash {
	switch {
	case p.skip:
		return nil
	case l.Level == 0:
		return l.Refs
	case p.members == nil:
		p.lists = append(p.lists, l)
		return nil
	}
	return p.members[listKey(l)]
}
