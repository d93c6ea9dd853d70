package dialect

import (
	"strconv"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// mlflow reads MLflow's tracing, whose attribute values are JSON, texts in quotes too; its exporter may
// open them first.
var mlflow = speaker{
	name:  "mlflow",
	leads: []binding{{key: "mlflow.spanType", take: kindTo(mlflowTypes)}},
	own: []binding{
		{key: "mlflow.llm.model", take: quoted(requestModel)},
		{key: "mlflow.llm.provider", take: quoted(takeProvider)},
		{key: "mlflow.chat.tokenUsage", take: takeTokenUsage},
		{key: "mlflow.llm.cost", take: takeMLflowCost},
		{key: "mlflow.chat.tools", take: takeTools},
		{key: "mlflow.spanInputs", take: sent(fromJSON)},
		{key: "mlflow.spanOutputs", take: received(fromJSON)},
	},
	settle: nameTool,
}

// mlflowTypes are the operations of MLflow's span types.
var mlflowTypes = map[string]genai.Operation{
	"LLM": genai.OpChat, "CHAT_MODEL": genai.OpChat, "CHAIN": genai.OpChain, "AGENT": genai.OpInvokeAgent, "TOOL": genai.OpExecuteTool,
	"RETRIEVER": genai.OpRetrieval, "EMBEDDING": genai.OpEmbeddings, "RERANKER": genai.OpRerank, "PARSER": genai.OpChain,
	"WORKFLOW": genai.OpInvokeWorkflow, "TASK": genai.OpTask, "GUARDRAIL": genai.OpGuardrail, "EVALUATOR": genai.OpEvaluator,
}

// nameTool: no attribute names the tool, the span does.
func nameTool(d *genai.Span, _ *reading) {
	if d.Operation == genai.OpExecuteTool && d.Tool.Name == "" {
		d.Tool.Name = d.Name
	}
}

// quoted takes a text that may be a JSON string.
func quoted(take taker) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.str(k, v)
		return ok && take(r, k, wire.StringValue(bytesOf(fromJSON(s))))
	}
}

// takeTokenUsage reads {input_tokens, output_tokens, total_tokens} and what a cache served.
func takeTokenUsage(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || r.dst.Usage.Known() {
		return false
	}
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		n := genai.Tokens{}
		if countOf(&n, v); n.Known {
			r.report(keys[k].name+"."+name, n.N)
		}
	})
	r.wholeUsage(genai.JSON(s))
	r.cachedOutside = false // MLflow counts as OpenTelemetry does
	return r.dst.Usage.Known()
}

// takeMLflowCost reads {input_cost, output_cost, total_cost}.
func takeMLflowCost(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	f, err := strconv.ParseFloat(string(genai.JSON(s).At("total_cost")), 64)
	if ok && err == nil {
		r.cost(f)
	}
	return false // the parts of a price have no fields
}
