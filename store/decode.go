package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// decoder reads the detail of one row.
type decoder struct {
	refs []content.Hash
	get  *pieces
	err  error
}

// fieldOf is one field of a message.
type fieldOf struct {
	num  protowire.Number
	n    int64   // varint
	f    float64 // fixed64
	bits uint64  // fixed64, as it stands
	body []byte  // message or string
}

func (d *decoder) fields(msg []byte, visit func(fieldOf)) {
	for len(msg) > 0 && d.err == nil {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			d.err = protowire.ParseError(n)
			return
		}
		msg = msg[n:]
		f := fieldOf{num: num}
		switch typ {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(msg)
			f.n = protowire.DecodeZigZag(v)
		case protowire.Fixed64Type:
			var v uint64
			v, n = protowire.ConsumeFixed64(msg)
			f.f, f.bits = math.Float64frombits(v), v
		case protowire.BytesType:
			f.body, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			d.err = protowire.ParseError(n)
			return
		}
		msg = msg[n:]
		visit(f)
	}
}

func (d *decoder) ref(n int64) content.Hash {
	if n < 0 || n >= int64(len(d.refs)) {
		d.err = fmt.Errorf("ref %d of %d: %w", n, len(d.refs), content.ErrBroken)
		return content.Hash{}
	}
	return d.refs[n]
}

func (d *decoder) text(f fieldOf) string { return d.get.text(d.ref(f.n)) }

// listOf reads a list's description; split says how its members make a text.
func (d *decoder) listOf(msg []byte) (members []content.Hash, split content.Split) {
	var l content.List
	var at, n int64
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			at = f.n
		case 2:
			n = f.n
		case 3:
			l.Level = int(f.n)
		case 4:
			l.Count = int(f.n)
		case 5:
			split.Array = true
		case 6:
			split.Sep = string(f.body)
		}
	})
	if at < 0 || n < 0 || at+n > int64(len(d.refs)) {
		d.err = fmt.Errorf("refs %d to %d of %d: %w", at, at+n, len(d.refs), content.ErrBroken)
		return nil, split
	}
	l.Refs = d.refs[at : at+n]
	return d.get.list(l), split
}

func (d *decoder) joined(msg []byte) string { return string(d.appendJoined(nil, msg)) }

func (d *decoder) appendJoined(dst, msg []byte) []byte {
	members, split := d.listOf(msg)
	for _, h := range members {
		split.Pieces = append(split.Pieces, d.get.text(h))
	}
	return split.Append(dst)
}

// long reads a text of field num that may be cut.
func (d *decoder) long(f fieldOf, num protowire.Number, to *string) {
	switch f.num {
	case num:
		*to = string(f.body)
	case num + longOffset:
		*to = d.joined(f.body)
	}
}

func jsonList[T any](d *decoder, msg []byte) (list []T) {
	members, _ := d.listOf(msg)
	if len(members) == 0 {
		return nil
	}
	key := listKey(content.List{Refs: members})
	if known, ok := d.get.parsed[key].([]T); ok {
		return known
	}
	for _, h := range members {
		text := d.get.text(h)
		if text == "" {
			continue // the first pass
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			d.err = fmt.Errorf("decode content %s: %w", h, err)
		}
		list = append(list, v)
	}
	if d.get.texts != nil && !d.get.missed {
		if d.get.parsed == nil {
			d.get.parsed = map[content.Hash]any{}
		}
		d.get.parsed[key] = slices.Clip(list)
	}
	return list
}

func (d *decoder) messages(msg []byte) []genai.Message {
	members, _ := d.listOf(msg)
	if len(members) == 0 {
		return nil
	}
	if d.get.texts == nil {
		for _, h := range members {
			d.get.text(h)
		}
		return nil
	}
	return d.get.history(members)
}

func decodeMessage(text string) (m genai.Message) {
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		// Stored by a sender's own spelling of the schema: keep what it said.
		return genai.Message{Parts: []genai.Part{{Type: genai.PartText, Content: text}}, Encoded: genai.JSON(text)}
	}
	m.Encoded = genai.JSON(text)
	return m
}

// detail reads everything that encoder.detail and encoder.fragment wrote.
func (d *decoder) detail(s *genai.Span, msg []byte, types *[]byte) error {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case fTraceState:
			s.TraceState = string(f.body)
		case fStatusMessage, fStatusMessage + longOffset:
			d.long(f, fStatusMessage, &s.StatusMessage)
		case fRequest:
			d.request(&s.Request, f.body)
		case fReported:
			var r genai.ReportedCount
			d.fields(f.body, func(g fieldOf) {
				if g.num == 1 {
					r.Key = string(g.body)
				} else {
					r.N = g.n
				}
			})
			s.Usage.Reported = append(s.Usage.Reported, r)
		case fCost:
			s.Cost.Amount, s.Cost.Source, s.Cost.Currency = d.group(f.body)
		case fAgent:
			s.Agent.ID, s.Agent.Description, s.Agent.Version = d.group(f.body)
		case fWarning:
			code, field, text := d.group(f.body)
			s.Warnings = append(s.Warnings, genai.Warning{Code: genai.WarningCode(code), Field: field, Text: text})
		case fAttributeTypes:
			*types = f.body
		case fStart:
			s.Start = sentTime(f.n)
		case fEnd:
			s.End = sentTime(f.n)
		case fFinishReason:
			s.FinishReasons = append(s.FinishReasons, genai.FinishReason(f.body))
		case fTag:
			s.Tags = append(s.Tags, string(f.body))
		case fCore:
			d.core(s, f.body)
		default:
			d.contents(s, f)
		}
	})
	if d.err != nil {
		return fmt.Errorf("decode detail of span %s: %w", s.SpanID, d.err)
	}
	return nil
}

func (d *decoder) contents(s *genai.Span, f fieldOf) {
	switch f.num {
	case fSystem:
		s.System = jsonList[genai.Part](d, f.body)
	case fInput:
		s.Input = d.messages(f.body)
	case fOutput:
		s.Output = d.messages(f.body)
	case fTools:
		s.Tools = jsonList[genai.ToolDefinition](d, f.body)
	case fRetrieval:
		d.retrieval(&s.Retrieval, f.body)
	case fTool:
		d.tool(&s.Tool, f.body)
	case fEmbedding:
		d.embedding(&s.Embedding, f.body)
	case fVariable:
		var v genai.Variable
		d.fields(f.body, func(g fieldOf) {
			if g.num == 1 {
				v.Name = string(g.body)
			}
			d.long(g, 2, &v.Value)
		})
		s.Prompt.Variables = append(s.Prompt.Variables, v)
	case fEvaluation:
		s.Evaluations = append(s.Evaluations, d.evaluation(f.body))
	case fError:
		d.fields(f.body, func(g fieldOf) {
			switch g.num {
			case 1:
				s.Error.Message = d.text(g)
			case 2:
				s.Error.Stacktrace = d.text(g)
			case 3:
				s.Error.HTTPStatus = g.n
			}
		})
	case fEvent:
		s.Events = append(s.Events, d.event(f.body))
	case fLink:
		s.Links = append(s.Links, d.link(f.body))
	case fDropped:
		to := []*uint32{&s.Dropped.Attributes, &s.Dropped.Events, &s.Dropped.Links}
		d.fields(f.body, func(g fieldOf) {
			if g.num >= 1 && g.num <= 3 {
				*to[g.num-1] = uint32(g.n) //nolint:gosec // was one
			}
		})
	case fAttribute:
		s.Attributes = append(s.Attributes, d.attribute(f.body))
	}
}

func (d *decoder) group(msg []byte) (a, b, c string) {
	to := []*string{&a, &b, &c}
	d.fields(msg, func(f fieldOf) {
		if f.num >= 1 && f.num <= 3 {
			*to[f.num-1] = string(f.body)
		}
	})
	return a, b, c
}

func (d *decoder) request(r *genai.Request, msg []byte) {
	ints := []**int64{&r.MaxTokens, &r.Seed, &r.ChoiceCount}
	floats := []**float64{&r.Temperature, &r.TopP, &r.TopK, &r.FrequencyPenalty, &r.PresencePenalty}
	strs := []*string{&r.OutputType, &r.ReasoningLevel, &r.ServerAddress}
	d.fields(msg, func(f fieldOf) {
		switch {
		case f.num >= 1 && f.num <= 3:
			*ints[f.num-1] = &f.n
		case f.num >= 4 && f.num <= 8:
			*floats[f.num-4] = &f.f
		case f.num == 9:
			yes := f.n == 1
			r.Stream = &yes
		case f.num == 10:
			r.StopSequences = append(r.StopSequences, string(f.body))
		case f.num >= 11 && f.num <= 13:
			*strs[f.num-11] = string(f.body)
		case f.num == 14:
			r.OutputSchema = genai.JSON(f.body)
		}
	})
}

func (d *decoder) retrieval(r *genai.Retrieval, msg []byte) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			r.DataSource = string(f.body)
		case 2:
			r.Query = d.text(f)
		case 3:
			r.TopK = f.n
		case 4:
			var doc genai.Document
			d.fields(f.body, func(g fieldOf) {
				switch g.num {
				case 1:
					doc.ID = string(g.body)
				case 2:
					doc.Score, doc.HasScore = g.f, true
				case 3:
					doc.Content = d.text(g)
				}
				d.long(g, 4, (*string)(&doc.Metadata))
			})
			r.Documents = append(r.Documents, doc)
		}
	})
}

func (d *decoder) tool(t *genai.ToolExecution, msg []byte) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			t.Type = string(f.body)
		case 4:
			t.Arguments = genai.JSON(d.text(f))
		case 5:
			t.Result = genai.JSON(d.text(f))
		case 6:
			t.Name = string(f.body)
		}
		d.long(f, 2, &t.Description)
	})
}

func (d *decoder) embedding(m *genai.Embedding, msg []byte) {
	d.fields(msg, func(f fieldOf) {
		if f.num == 1 {
			m.Dimensions = f.n
			return
		}
		var item genai.EmbeddingItem
		var vector string
		d.fields(f.body, func(g fieldOf) {
			if g.num == 1 {
				item.Text = d.text(g)
			}
			d.long(g, 2, &vector)
		})
		for v := []byte(vector); len(v) >= 4; v = v[4:] {
			item.Vector = append(item.Vector, math.Float32frombits(binary.LittleEndian.Uint32(v)))
		}
		m.Items = append(m.Items, item)
	})
}

func (d *decoder) evaluation(msg []byte) (v genai.Evaluation) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			v.Name = string(f.body)
		case 2:
			v.Score, v.HasScore = f.f, true
		case 3:
			v.Label = string(f.body)
		case 4:
			v.Explanation = d.text(f)
		case 5:
			v.ResponseID = string(f.body)
		case 6:
			v.ErrorType = string(f.body)
		case 7:
			v.Time = time.Unix(0, f.n).UTC()
		}
	})
	return v
}

func (d *decoder) event(msg []byte) (ev genai.Event) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			ev.Name = string(f.body)
		case 2:
			ev.Time = time.Unix(0, f.n).UTC()
		case 3:
			ev.Attributes = append(ev.Attributes, d.attribute(f.body))
		case 4:
			ev.Body = d.attribute(f.body).Value
		}
	})
	return ev
}

func (d *decoder) link(msg []byte) (l genai.Link) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			copy(l.TraceID[:], f.body)
		case 2:
			copy(l.SpanID[:], f.body)
		case 3:
			l.TraceState = string(f.body)
		case 4:
			l.Attributes = append(l.Attributes, d.attribute(f.body))
		}
	})
	return l
}

func (d *decoder) attribute(msg []byte) (a genai.Attribute) {
	d.fields(msg, func(f fieldOf) {
		switch f.num {
		case 1:
			a.Key = string(f.body)
		case 2:
			a.Value.Type = genai.ValueType(f.n) //nolint:gosec // was one
		case 3:
			a.Value.Num = uint64(f.n) //nolint:gosec // bits
		}
		d.long(f, 4, &a.Value.Text)
	})
	return a
}

func (d *decoder) core(s *genai.Span, msg []byte) {
	strs := fragmentStrings(s)
	counts := []*genai.Tokens{&s.Usage.Input, &s.Usage.Output, &s.Usage.CacheRead, &s.Usage.CacheWrite, &s.Usage.Reasoning}
	d.fields(msg, func(f fieldOf) {
		switch n := int(f.num); {
		case n >= 1 && n <= len(strs):
			*strs[n-1] = string(f.body)
		case n >= firstToken && n < firstToken+5:
			*counts[n-firstToken] = genai.Count(f.n)
		case n == firstToken+5:
			s.TimeToFirstToken = time.Duration(f.n)
		case n == firstToken+6:
			s.StatusCode = genai.StatusCode(f.n) //nolint:gosec // was one
		case n == firstToken+7:
			s.Partial = f.n != 0
		}
	})
}

// mergeAttributes puts the attributes of the map and those of detail into the sender's order.
func mergeAttributes(types []byte, keys, values []string, rest []genai.Attribute) []genai.Attribute {
	list := make([]genai.Attribute, 0, len(types))
	for _, t := range types {
		switch {
		case t&notInMap != 0 && len(rest) > 0:
			list, rest = append(list, rest[0]), rest[1:]
		case t&notInMap == 0 && len(keys) > 0:
			list = append(list, genai.Attribute{Key: keys[0], Value: parseValue(genai.ValueType(t), values[0])})
			keys, values = keys[1:], values[1:]
		}
	}
	return list
}

// parseValue is the inverse of Value.String for the values that the map holds.
func parseValue(t genai.ValueType, s string) genai.Value {
	switch t {
	case genai.TypeBool:
		return genai.Bool(s == "true")
	case genai.TypeInt:
		n, _ := strconv.ParseInt(s, 10, 64) // was one
		return genai.Int(n)
	case genai.TypeDouble:
		f, _ := strconv.ParseFloat(s, 64) // was one
		return genai.Double(f)
	default:
		return genai.Value{Type: t, Text: s}
	}
}
