package genai

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Fingerprint names the version of what answered: found in the span, not asked for. Two calls have the
// same part when they were made alike in that respect; a part is 0 when the sender said nothing of it. The
// values never change, so that fingerprints of years can be compared.
type Fingerprint struct {
	Model  uint64 // provider, and the model that served the call or else was asked for
	System uint64 // the system instructions, or name and version of the managed prompt
	Tools  uint64 // the tools on offer
	Params uint64 // the request's parameters
}

// FingerprintParts is a set of parts of a fingerprint.
type FingerprintParts uint8

// The parts, as bits.
const (
	FingerprintModel FingerprintParts = 1 << iota
	FingerprintSystem
	FingerprintTools
	FingerprintParams
)

// String names the parts ("model+tools"); "" for none.
func (p FingerprintParts) String() string {
	var names []string
	for i, n := range [...]string{"model", "system", "tools", "params"} {
		if p&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, "+")
}

// Changed is the set of parts that differ. A part that one side says nothing of differs, too: whether
// content was captured is for the caller to know.
func (f Fingerprint) Changed(from Fingerprint) (p FingerprintParts) {
	for i, d := range [...]bool{f.Model != from.Model, f.System != from.System, f.Tools != from.Tools, f.Params != from.Params} {
		if d {
			p |= 1 << i
		}
	}
	return p
}

// Sum is the fingerprint of all parts, 128 bits; zero when nothing was said of any.
func (f Fingerprint) Sum() (sum [16]byte) {
	if f == (Fingerprint{}) {
		return sum
	}
	var b [32]byte
	for i, v := range [...]uint64{f.Model, f.System, f.Tools, f.Params} {
		binary.BigEndian.PutUint64(b[8*i:], v)
	}
	h := sha256.Sum256(b[:])
	copy(sum[:], h[:])
	return sum
}

// String is Sum in hexadecimal, 32 characters; "" when nothing was said.
func (f Fingerprint) String() string {
	if f == (Fingerprint{}) {
		return ""
	}
	sum := f.Sum()
	return hex.EncodeToString(sum[:])
}

// Fingerprint names the version of what answered the call:
//
//   - Model: provider and response model, else request model.
//   - System: Prompt's name and version when the sender gave both. Else the system instructions, or the system
//     messages that begin the input, as fingerprint_text.go reduces them: white space, numbers, dates,
//     ids, and what the sender named as variables, user or conversation do not count.
//   - Tools: type, name, description and schema of each, whatever their order; of schemas neither white
//     space nor the order of keys counts.
//   - Params: all of Request but the seed, streaming and the server's address.
//
// It allocates nothing but what strings with escapes in schemas need.
func (s *Span) Fingerprint() Fingerprint {
	p := printers.Get().(*printer)
	f := p.print(s)
	if cap(p.buf) <= maxPrinterBytes && cap(p.tmp) <= maxPrinterBytes {
		printers.Put(p)
	}
	return f
}

// maxPrinterBytes is how much memory a printer keeps for the next span. Prompts seldom have more.
const maxPrinterBytes = 1 << 20

var printers = sync.Pool{New: func() any { return new(printer) }}

// printer writes each part in one canonical form and hashes that.
type printer struct {
	buf, tmp []byte
	fields   []jsonField
	hashes   []uint64
	values   []string // of the span that is being read: what does not count in its system instructions
	words    reducer
}

func (p *printer) print(s *Span) Fingerprint {
	return Fingerprint{Model: p.model(s), System: p.system(s), Tools: p.tools(s.Tools), Params: p.params(&s.Request)}
}

// hash is the first 64 bits of the SHA-256 of what was written, never 0. Prompts come from people who
// cannot be trusted, so a fast hash, for which equal prints can be made, would let one prompt pass for another.
func (p *printer) hash() uint64 {
	h := sha256.Sum256(p.buf)
	return max(binary.BigEndian.Uint64(h[:]), 1)
}

// begin starts a part. Its name keeps parts with the same bytes apart.
func (p *printer) begin(part string) { p.buf = append(append(p.buf[:0], part...), 0) }

// field writes a field that is not empty, so that fields that come later do not change old prints.
func (p *printer) field(name, value string) {
	if value == "" {
		return
	}
	p.buf = append(append(p.buf, name...), '=')
	p.buf = append(appendString(p.buf, value), '\n')
}

func (p *printer) model(s *Span) uint64 {
	model := cmp.Or(s.ResponseModel, s.RequestModel)
	if s.Provider == "" && model == "" {
		return 0
	}
	p.begin("model")
	p.field("provider", s.Provider)
	p.field("model", model)
	return p.hash()
}

func (p *printer) system(s *Span) uint64 {
	if s.Prompt.Name != "" && s.Prompt.Version != "" {
		p.begin("prompt")
		p.field("name", s.Prompt.Name)
		p.field("version", s.Prompt.Version)
		return p.hash()
	}
	p.values = s.namedValues(p.values[:0])
	p.begin("system")
	empty := len(p.buf)
	p.words.begin(p.values)
	p.parts(s.System)
	for i := range s.SystemMessages() {
		p.parts(s.Input[i].Parts)
	}
	clear(p.values) // they may hold a whole request
	if len(p.buf) == empty {
		return 0
	}
	return p.hash()
}

// namedValues appends what the sender named and its instructions may hold.
func (s *Span) namedValues(dst []string) []string {
	dst = append(dst, s.User, s.Conversation)
	for i := range s.Prompt.Variables {
		dst = append(dst, s.Prompt.Variables[i].Value)
	}
	return dst
}

// FillsIn reports whether the instructions hold a value that the sender named. Where they do not, the same
// instructions have the same Fingerprint.System, whatever the values are. It may be true of some that do not either:
// a value counts within a word here.
func (s *Span) FillsIn() bool {
	var few [8]string
	values := valuesThatCount(s.namedValues(few[:0]))
	if len(values) == 0 {
		return false
	}
	found := holdsOne(s.System, values)
	for i := range s.SystemMessages() {
		found = found || holdsOne(s.Input[i].Parts, values)
	}
	return found
}

func holdsOne(parts []Part, values []string) bool {
	for i := range parts {
		for _, v := range values {
			if strings.Contains(parts[i].Content, v) {
				return true
			}
		}
	}
	return false
}

// parts writes parts of instructions. Texts run on, however the sender cut them into parts.
func (p *printer) parts(parts []Part) {
	for i := range parts {
		t := &parts[i]
		if t.Type == PartText || t.Type == "" {
			p.buf = p.words.reduce(p.buf, t.Content)
			continue
		}
		p.buf = append(p.buf, '\n')
		p.field("part", string(t.Type))
		p.field("content", t.Content)
		p.field("mime_type", t.MIMEType)
		p.field("file_id", t.FileID)
		p.field("uri", t.URI)
	}
}

func (p *printer) tools(tools []ToolDefinition) uint64 {
	if len(tools) == 0 {
		return 0
	}
	p.hashes = p.hashes[:0]
	for i := range tools {
		t := &tools[i]
		p.begin("tool")
		p.field("type", cmp.Or(t.Type, "function"))
		p.field("name", t.Name)
		p.field("description", t.Description)
		if t.Parameters != "" {
			p.buf = append(p.buf, "parameters="...)
			p.json(string(t.Parameters))
		}
		p.hashes = append(p.hashes, p.hash())
	}
	slices.Sort(p.hashes)
	p.begin("tools")
	for _, h := range p.hashes {
		p.buf = binary.BigEndian.AppendUint64(p.buf, h)
	}
	return p.hash()
}

func (p *printer) params(r *Request) uint64 {
	p.begin("params")
	empty := len(p.buf)
	for _, n := range [...]struct {
		name  string
		value *int64
	}{{"max_tokens", r.MaxTokens}, {"choice_count", r.ChoiceCount}} {
		if n.value != nil {
			p.buf = append(append(p.buf, n.name...), '=')
			p.buf = append(strconv.AppendInt(p.buf, *n.value, 10), '\n')
		}
	}
	for _, n := range [...]struct {
		name  string
		value *float64
	}{
		{"temperature", r.Temperature},
		{"top_p", r.TopP},
		{"top_k", r.TopK},
		{"frequency_penalty", r.FrequencyPenalty},
		{"presence_penalty", r.PresencePenalty},
	} {
		if n.value != nil {
			p.buf = append(append(p.buf, n.name...), '=')
			p.buf = append(strconv.AppendFloat(p.buf, *n.value, 'g', -1, 64), '\n')
		}
	}
	for _, s := range r.StopSequences {
		p.field("stop", s)
	}
	p.field("output_type", r.OutputType)
	if r.OutputSchema != "" {
		p.buf = append(p.buf, "output_schema="...)
		p.json(string(r.OutputSchema))
	}
	p.field("reasoning_level", r.ReasoningLevel)
	if len(p.buf) == empty {
		return 0
	}
	return p.hash()
}

// jsonField is a key with its value in printer.buf.
type jsonField struct{ start, keyEnd, end int }

// json writes a JSON text without white space, keys in order, numbers and strings in one spelling. What
// is no JSON stands as it is.
func (p *printer) json(text string) {
	start := len(p.buf)
	c := scanner{s: text}
	if p.value(&c); c.err || c.peek() != 0 || c.pos != len(text) {
		p.buf = append(p.buf[:start], text...)
	}
	p.buf = append(p.buf, '\n')
}

func (p *printer) value(c *scanner) {
	switch c.peek() {
	case '{':
		p.object(c)
	case '[':
		p.buf = append(p.buf, '[')
		for first := c.open('['); c.more(']', first); first = false {
			p.value(c)
			p.buf = append(p.buf, ',')
		}
		p.buf = append(p.buf, ']')
	default:
		n := c.next()
		switch n.kind {
		case jsonString:
			p.buf = appendString(p.buf, n.text())
		case jsonNumber:
			p.buf = appendNumber(p.buf, n.src)
		default:
			p.buf = append(p.buf, n.src...)
		}
	}
}

func (p *printer) object(c *scanner) {
	p.buf = append(p.buf, '{')
	body, from := len(p.buf), len(p.fields)
	for first := c.open('{'); c.more('}', first); first = false {
		k, ok := c.key()
		if !ok {
			break
		}
		f := jsonField{start: len(p.buf)}
		p.buf = appendString(p.buf, k)
		f.keyEnd = len(p.buf)
		p.buf = append(p.buf, ':')
		p.value(c)
		p.buf = append(p.buf, ',')
		f.end = len(p.buf)
		p.fields = append(p.fields, f)
	}
	fields := p.fields[from:]
	slices.SortStableFunc(fields, func(a, b jsonField) int {
		return bytes.Compare(p.buf[a.start:a.keyEnd], p.buf[b.start:b.keyEnd])
	})
	p.tmp = append(p.tmp[:0], p.buf[body:]...)
	p.buf = p.buf[:body]
	for _, f := range fields {
		p.buf = append(p.buf, p.tmp[f.start-body:f.end-body]...)
	}
	p.fields = p.fields[:from]
	p.buf = append(p.buf, '}')
}

// appendNumber writes 1.0, 1e0 and 1 alike. Integers stay as they are, however long.
func appendNumber(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ".eE") {
		return append(dst, s...)
	}
	f, err := strconv.ParseFloat(s, 64)
	const exact = 1 << 53
	switch {
	case err != nil:
		return append(dst, s...)
	case f == float64(int64(f)) && f > -exact && f < exact:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}
