package store

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// maxVersions is how many instructions and tool lists a batch remembers the fingerprints of: some 50 bytes each.
// When there are more, all are forgotten.
const maxVersions = 4096

// versions gives spans their fingerprint as genai.Span.Fingerprint does. Instructions and tool schemas, which
// make up nearly all of its cost, are the same in call after call: they are remembered by their
// contents' hashes, which storing the span has made anyway.
type versions struct {
	system, tools map[content.Hash]uint64
	names         []byte
}

// of is the fingerprint of a model call or an agent, zero of other spans. system and tools are the contents of its
// instructions and tools.
func (v *versions) of(s *genai.Span, system, tools []content.Hash) (f genai.Fingerprint) {
	if !s.Operation.IsInference() && s.Operation != genai.OpInvokeAgent && s.Operation != genai.OpCreateAgent {
		return f
	}
	part := genai.Span{
		Provider: s.Provider, RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, Request: s.Request,
		Prompt: genai.Prompt{Name: s.Prompt.Name, Version: s.Prompt.Version},
	}
	f = part.Fingerprint()
	f.Tools = v.known(&v.tools, tools, func() uint64 {
		return (&genai.Span{Tools: s.Tools}).Fingerprint().Tools
	})
	switch {
	case f.System != 0: // the managed prompt's
	case s.FillsIn(): // the instructions alone do not give it
		f.System = systemPrint(s)
	default:
		f.System = v.known(&v.system, system, func() uint64 { return systemPrint(s) })
	}
	return f
}

func (v *versions) known(m *map[content.Hash]uint64, of []content.Hash, read func() uint64) uint64 {
	if len(of) == 0 {
		return 0
	}
	v.names = v.names[:0]
	for i := range of {
		v.names = append(v.names, of[i][:]...)
	}
	name := content.Of(v.names)
	if n, ok := (*m)[name]; ok {
		return n
	}
	if *m == nil || len(*m) >= maxVersions {
		*m = map[content.Hash]uint64{}
	}
	n := read()
	(*m)[name] = n
	return n
}

func systemPrint(s *genai.Span) uint64 {
	part := genai.Span{System: s.System, Input: s.Input, User: s.User, Conversation: s.Conversation, Prompt: s.Prompt}
	return part.Fingerprint().System
}
