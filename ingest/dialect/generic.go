package dialect

import "github.com/tiltmeter/tiltmeter/ingest/wire"

// genericKeys are those that people, and instrumentations without conventions, use for what a span took and gave.
// They mean too little to be read on every span: they count where the operation is known, after all dialects.
var genericKeys = []binding{
	{key: "input.value", take: ofOperation(takeSent)},
	{key: "traceloop.entity.input", take: ofOperation(takeSent)},
	{key: "input", take: ofOperation(takeSent)},
	{key: "output.value", take: ofOperation(takeReceived)},
	{key: "traceloop.entity.output", take: ofOperation(takeReceived)},
	{key: "output", take: ofOperation(takeReceived)},
	{key: "llm.request.model", take: ofCall(requestModel)},
	{key: "llm.response.model", take: ofCall(responseModel)},
	{key: "ai.model", take: ofCall(requestModel)},
	{key: "model", take: ofCall(requestModel)},
	{key: "input_tokens", take: ofCall(inputTokens)},
	{key: "output_tokens", take: ofCall(outputTokens)},
	{key: "tool.name", take: toolName},
	{key: "agent.name", take: ofOperation(agentName)},
	{key: "gen_ai.agent", take: ofOperation(agentName)},
}

// ofOperation reads a key only on a span whose operation is known.
func ofOperation(take taker) taker {
	return func(r *reading, k key, v wire.Value) bool {
		return r.dst.Operation != "" && take(r, k, v)
	}
}

// ofCall reads a key only on a call of a model, and only into a field that is empty: a second spelling says
// nothing about the first.
func ofCall(take taker) taker {
	return func(r *reading, k key, v wire.Value) bool {
		return r.dst.Operation.IsInference() && take(r, k, v)
	}
}
