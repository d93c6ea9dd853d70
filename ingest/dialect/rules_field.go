package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// fieldKind says what a field holds, and so which steps make sense before it.
type fieldKind uint8

const (
	kindText     fieldKind = iota // one text
	kindCount                     // a whole number, not below zero
	kindNumber                    // any number
	kindFlag                      // true or false
	kindList                      // texts
	kindMessages                  // messages or parts, in every shape that package genai parses
	kindJSON                      // JSON of another shape
)

var fieldKindNames = [...]string{"text", "count", "number", "true or false", "texts", "messages", "JSON"}

// ruleField is a field that rules may fill. Its name is the one that the API has for it.
type ruleField struct {
	name  string
	kind  fieldKind
	about string // the unit, or what else must be known
	key   key    // the convention's own, for what reads it
	take  taker
}

// ruleFields are all of them, in the order in which they are filled.
var ruleFields []ruleField

// ruleFieldNamed finds a field, nil when there is none.
func ruleFieldNamed(name string) *ruleField {
	for i := range ruleFields {
		if ruleFields[i].name == name {
			return &ruleFields[i]
		}
	}
	return nil
}

// RuleField describes a field that rules may fill.
type RuleField struct{ Name, Kind, About string }

// RuleFields are the fields that rules may fill, in the order in which they are.
func RuleFields() []RuleField {
	out := make([]RuleField, len(ruleFields))
	for i, f := range ruleFields {
		out[i] = RuleField{f.name, fieldKindNames[f.kind], f.about}
	}
	return out
}

// initRuleFields is called once, when the dialects' keys have their numbers.
func initRuleFields() {
	text := func(name, key string, to func(*genai.Span) *string) ruleField {
		return ruleField{name: name, key: lookup(bytesOf(key)), take: textTo(to)}
	}
	as := func(name, key string, kind fieldKind, about string, take taker) ruleField {
		return ruleField{name: name, kind: kind, about: about, key: lookup(bytesOf(key)), take: take}
	}
	usage := func(name, key string, to func(*genai.Usage) *genai.Tokens) ruleField {
		return as(name, key, kindCount, "", tokensTo(to))
	}
	ruleFields = []ruleField{
		as("operation", "gen_ai.operation.name", kindText, "`chat`, `embeddings`, `execute_tool`, `invoke_agent`, `retrieval`, …", takeOperation),
		as("provider", "gen_ai.provider.name", kindText, "", takeProvider),
		text("framework", "gen_ai.provider.name", func(s *genai.Span) *string { return &s.Framework }),
		text("request_model", "gen_ai.request.model", func(s *genai.Span) *string { return &s.RequestModel }),
		text("response_model", "gen_ai.response.model", func(s *genai.Span) *string { return &s.ResponseModel }),
		text("response_id", "gen_ai.response.id", func(s *genai.Span) *string { return &s.ResponseID }),
		as("finish_reasons", "gen_ai.response.finish_reasons", kindList, "", takeFinishReasons),
		as("system_instructions", "gen_ai.system_instructions", kindMessages, "", takeSystem),
		as("input_messages", "gen_ai.input.messages", kindMessages, "of the user, where a message names no role", takeInput),
		as("output_messages", "gen_ai.output.messages", kindMessages, "of the assistant, where a message names no role", takeOutput),
		as("tool_definitions", "gen_ai.tool.definitions", kindJSON, "", takeTools),
		usage("usage.input_tokens", "gen_ai.usage.input_tokens", func(u *genai.Usage) *genai.Tokens { return &u.Input }),
		usage("usage.output_tokens", "gen_ai.usage.output_tokens", func(u *genai.Usage) *genai.Tokens { return &u.Output }),
		usage("usage.cache_read_tokens", "gen_ai.usage.cache_read.input_tokens", func(u *genai.Usage) *genai.Tokens { return &u.CacheRead }),
		usage("usage.cache_write_tokens", "gen_ai.usage.cache_write.input_tokens", func(u *genai.Usage) *genai.Tokens { return &u.CacheWrite }),
		usage("usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens", func(u *genai.Usage) *genai.Tokens { return &u.Reasoning }),
		as("usage.total_tokens", "gen_ai.usage.total_tokens", kindCount, "input and output; tells whether the input leaves out what a cache served", takeTotal),
		as("cost.amount", "gen_ai.usage.cost", kindNumber, "US dollars", takeCost),
		as("time_to_first_token", "gen_ai.response.time_to_first_chunk", kindNumber, "seconds", takeTimeToFirst),
		text("conversation_id", "gen_ai.conversation.id", conversation),
		text("user_id", "user.id", user),
		as("tags", "tag.tags", kindList, "", takeTags),
		text("workflow", "gen_ai.workflow.name", func(s *genai.Span) *string { return &s.Workflow }),
		text("agent.id", "gen_ai.agent.id", func(s *genai.Span) *string { return &s.Agent.ID }),
		text("agent.name", "gen_ai.agent.name", func(s *genai.Span) *string { return &s.Agent.Name }),
		text("agent.description", "gen_ai.agent.description", func(s *genai.Span) *string { return &s.Agent.Description }),
		text("agent.version", "gen_ai.agent.version", func(s *genai.Span) *string { return &s.Agent.Version }),
		text("prompt.name", "gen_ai.prompt.name", func(s *genai.Span) *string { return &s.Prompt.Name }),
		text("prompt.version", "gen_ai.prompt.version", func(s *genai.Span) *string { return &s.Prompt.Version }),
		text("tool.name", "gen_ai.tool.name", func(s *genai.Span) *string { return &s.Tool.Name }),
		text("tool.type", "gen_ai.tool.type", func(s *genai.Span) *string { return &s.Tool.Type }),
		text("tool.description", "gen_ai.tool.description", func(s *genai.Span) *string { return &s.Tool.Description }),
		text("tool.call_id", "gen_ai.tool.call.id", func(s *genai.Span) *string { return &s.Tool.CallID }),
		as("tool.arguments", "gen_ai.tool.call.arguments", kindJSON, "", ruleJSON(func(s *genai.Span) *genai.JSON { return &s.Tool.Arguments })),
		as("tool.result", "gen_ai.tool.call.result", kindJSON, "", ruleJSON(func(s *genai.Span) *genai.JSON { return &s.Tool.Result })),
		text("retrieval.data_source", "gen_ai.data_source.id", func(s *genai.Span) *string { return &s.Retrieval.DataSource }),
		text("retrieval.query", "gen_ai.retrieval.query.text", func(s *genai.Span) *string { return &s.Retrieval.Query }),
		as("retrieval.top_k", "gen_ai.retrieval.top_k", kindCount, "", takeRetrievalTopK),
		as("retrieval.documents", "gen_ai.retrieval.documents", kindJSON, "", takeDocuments),
		as("embedding.items", "ai.values", kindList, "what was embedded", takeEmbeddedTexts),
		as("embedding.dimensions", "gen_ai.embeddings.dimension.count", kindCount, "", countTo(func(s *genai.Span) *int64 { return &s.Embedding.Dimensions })),
		as("error.type", "error.type", kindText, "the span then counts as failed", takeSpanErrorType),
		text("error.message", "exception.message", func(s *genai.Span) *string { return &s.Error.Message }),
	}
	ruleFields = append(ruleFields, requestRuleFields()...)
	for i := range ruleFields {
		f := &ruleFields[i]
		if f.key == noKey {
			panic("dialect: no dialect has the key of the field " + f.name)
		}
	}
}

// requestRuleFields are the parameters of a request.
func requestRuleFields() []ruleField {
	named := func(name, key string, kind fieldKind, take taker) ruleField {
		return ruleField{name: "request." + name, kind: kind, key: lookup(bytesOf(key)), take: take}
	}
	as := func(name string, kind fieldKind, take taker) ruleField {
		return named(name, "gen_ai.request."+name, kind, take)
	}
	number := func(name string, to func(*genai.Request, *params) (**float64, *float64)) ruleField {
		return as(name, kindNumber, numberTo(to))
	}
	whole := func(name string, to func(*genai.Request, *params) (**int64, *int64)) ruleField {
		return as(name, kindCount, wholeTo(to))
	}
	return []ruleField{
		whole("max_tokens", func(q *genai.Request, p *params) (**int64, *int64) { return &q.MaxTokens, &p.maxTokens }),
		number("temperature", func(q *genai.Request, p *params) (**float64, *float64) { return &q.Temperature, &p.temperature }),
		number("top_p", func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopP, &p.topP }),
		number("top_k", func(q *genai.Request, p *params) (**float64, *float64) { return &q.TopK, &p.topK }),
		number("frequency_penalty", func(q *genai.Request, p *params) (**float64, *float64) { return &q.FrequencyPenalty, &p.frequency }),
		number("presence_penalty", func(q *genai.Request, p *params) (**float64, *float64) { return &q.PresencePenalty, &p.presence }),
		whole("seed", func(q *genai.Request, p *params) (**int64, *int64) { return &q.Seed, &p.seed }),
		as("stream", kindFlag, takeStream),
		as("stop_sequences", kindList, takeStops),
		named("choice_count", "gen_ai.request.choice.count", kindCount, wholeTo(func(q *genai.Request, p *params) (**int64, *int64) { return &q.ChoiceCount, &p.choices })),
		named("output_type", "gen_ai.output.type", kindText, textTo(func(s *genai.Span) *string { return &s.Request.OutputType })),
		named("reasoning_level", "gen_ai.request.reasoning.level", kindText, reasoningLevel),
		named("server_address", "server.address", kindText, textTo(func(s *genai.Span) *string { return &s.Request.ServerAddress })),
	}
}

// takeStops reads a list, or JSON of one.
func takeStops(r *reading, k key, v wire.Value) bool {
	q := &r.dst.Request
	if s := genai.JSON(text(v.Str())); len(q.StopSequences) == 0 && s.Begins() == '[' {
		if s.Elements(func(e genai.JSON) { q.StopSequences = appendText(r, k, q.StopSequences, e.Text()) }) {
			return true
		}
		q.StopSequences = q.StopSequences[:0]
	}
	return takeStopSequences(r, k, v)
}

// takeEmbeddedTexts reads a text or a list of texts.
func takeEmbeddedTexts(r *reading, k key, v wire.Value) bool {
	s, ok := r.textOf(bytesOf(keys[k].name), v)
	return ok && s != "" && r.sentTexts(genai.JSON(s))
}

// plainText is a value as text, cut at the limit.
func (r *reading) plainText(v wire.Value) string {
	b, _ := v.AppendText(nil, r.limits.Depth)
	return r.cut("value", b)
}

// ruleJSON takes JSON, or text as it is. A rule decides by itself whether the span runs a tool.
func ruleJSON(field func(*genai.Span) *genai.JSON) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.jsonOf(keys[k].name, v)
		if !ok {
			s = r.plainText(v)
		}
		to := field(r.dst)
		if *to == "" {
			*to = genai.JSON(s).Unwrap()
		}
		return *to == genai.JSON(s).Unwrap()
	}
}
