package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// laminar reads Laminar's SDKs. Their instrumentations of the providers are OpenLLMetry's, and name the
// model and the messages in its keys; the values that Laminar adds are JSON.
var laminar = speaker{
	name:   "laminar",
	scopes: []string{"lmnr "},
	leads:  []binding{{key: "lmnr.span.type", take: takeLaminarType}},
	own: []binding{
		{key: "lmnr.association.properties.session_id", take: quoted(textTo(conversation))},
		{key: "lmnr.association.properties.user_id", take: quoted(textTo(user))},
		{key: "lmnr.association.properties.tags", take: takeTags},
		{key: "lmnr.span.prompt_hash", take: takePromptVersion},
	},
	also: []binding{
		{key: "gen_ai.usage.input_cost", take: takeCostPart},
		{key: "gen_ai.usage.output_cost", take: takeCostPart},
		{key: "aisdk.model.id", take: requestModel},
		{key: "aisdk.model.provider", take: takeProvider},
		// Of a call these repeat what the keys of OpenTelemetry and OpenLLMetry say better.
		{key: "lmnr.span.input", take: sent(fromJSON)},
		{key: "lmnr.span.output", take: received(fromJSON)},
	},
	settle: nameTool,
}

// takeLaminarType reads the type of a span. A call that Laminar served from its cache consumed nothing.
func takeLaminarType(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	switch s {
	case "LLM":
		return r.operation(genai.OpChat)
	case "TOOL":
		return r.operation(genai.OpExecuteTool)
	case "EVALUATOR", "HUMAN_EVALUATOR":
		r.operation(genai.OpEvaluator)
	case "CACHED":
		r.operation(genai.OpChat)
		r.dst.Usage.Rollup = true
	}
	return ok && s == ""
}

// takeCostPart adds the two parts of a price where no attribute has the whole.
func takeCostPart(r *reading, k key, v wire.Value) bool {
	sum, ok := r.number(k, v)
	if !ok || r.dst.Cost.Amount != "" {
		return false
	}
	if other := lookup([]byte("gen_ai.usage.output_cost")); other != k && r.present.has(other) {
		f, _ := numberOf(r.held[other].v)
		sum += f
	}
	r.cost(sum)
	return false // a part of a price has no field
}
