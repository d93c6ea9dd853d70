package behaviour

// What tools a trace has called, as its execute_tool spans tell, or, where nobody traced those, what its models asked for.

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// Limits of what is read of a trace and told of it.
const (
	maxSpans = 4096 // of the trace, the last before this one
	maxPath  = 200  // bytes of the label; a longer sequence ends in its hash
	maxTold  = 8    // pieces of evidence of loops and errors
)

// call is one call of a tool.
type call struct {
	name      string
	arguments string
	failed    bool
	err       string
	at        analyzers.Place
}

// calls are those of the trace before the span ended, by time.
func calls(in *analyzers.Input) (list []call) {
	before := in.Trace
	if n := len(before); n > maxSpans {
		before = before[n-maxSpans:]
	}
	var asked []call
	for i := range before {
		o := &before[i]
		if o.Start.After(in.Span.End) {
			continue
		}
		if o.Operation == genai.OpExecuteTool {
			at := analyzers.Place{SpanID: o.SpanID, Field: analyzers.FieldArguments}
			list = append(list, call{o.Tool.Name, analyzers.Valid(string(o.Tool.Arguments)), o.Failed(), o.Error.Type, at})
		}
		if o.SpanID != in.Span.SpanID && o.Operation.IsInference() {
			asked = appendAsked(asked, o)
		}
	}
	if len(list) > 0 {
		return list
	}
	return appendAsked(asked, in.Span)
}

// appendAsked appends the calls that a model asked for.
func appendAsked(dst []call, s *genai.Span) []call {
	for i := range s.Output {
		for p := range s.Output[i].Parts {
			part := &s.Output[i].Parts[p]
			if part.Type == genai.PartToolCall || part.Type == genai.PartServerToolCall {
				at := analyzers.Place{SpanID: s.SpanID, Field: analyzers.FieldOutput, Index: i, Part: p}
				dst = append(dst, call{name: part.Name, arguments: analyzers.Valid(string(part.Arguments)), at: at})
			}
		}
	}
	return dst
}

// tools tells of the calls; nothing when there were none.
func tools(in *analyzers.Input) []analyzers.Signal {
	list := calls(in)
	if len(list) == 0 {
		return nil
	}
	path := analyzers.Signal{Name: SignalToolPath, Score: float64(len(list)), Label: sequence(list)}
	loop := analyzers.Signal{Name: SignalToolLoop}
	failed := analyzers.Signal{Name: SignalToolErrors}
	type same struct{ name, arguments string }
	seen := make(map[same]int, len(list))
	for i := range list {
		c := &list[i]
		if first, again := seen[same{c.name, c.arguments}]; again {
			loop.Score++
			source := list[first].passage()
			loop.Evidence = tell(loop.Evidence, "call_repeated", "Calls "+c.name+" with the same arguments again.", c, &source)
		} else {
			seen[same{c.name, c.arguments}] = i
		}
		if c.failed {
			failed.Score++
			failed.Evidence = tell(failed.Evidence, "call_failed", strings.TrimSuffix("The call of "+c.name+" failed: "+c.err, ": ")+".", c, nil)
		}
	}
	return []analyzers.Signal{path, loop, failed}
}

func tell(dst []analyzers.Evidence, reason, sentence string, c *call, source *analyzers.Passage) []analyzers.Evidence {
	if len(dst) >= maxTold || c.arguments == "" {
		return dst
	}
	return append(dst, analyzers.Evidence{Reason: reason, Text: sentence, Passage: c.passage(), Source: source})
}

// passage is all of the call's arguments.
func (c *call) passage() analyzers.Passage {
	t := analyzers.Text{Place: c.at, Content: c.arguments}
	return t.Passage(0, len(c.arguments))
}

// sequence names the tools in order, one that was called several times in a row once.
func sequence(list []call) string {
	var b strings.Builder
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].name)
	}
	names = slices.Compact(names)
	for i, n := range names {
		if i > 0 {
			b.WriteString(" > ")
		}
		b.WriteString(n)
	}
	if b.Len() <= maxPath {
		return b.String()
	}
	h := fnv.New32a()
	h.Write([]byte(b.String()))
	short := strings.ToValidUTF8(b.String()[:maxPath-len(" … #00000000")], "")
	return fmt.Sprintf("%s … #%08x", short, h.Sum32())
}
