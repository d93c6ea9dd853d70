package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// mastra reads Mastra. Each type of span has its input and output under the type's name. A generation and the
// step below it have the same usage; genai.UsageTree counts one of them.
var mastra = speaker{
	name:   "mastra",
	scopes: []string{"@mastra/"},
	own: append([]binding{
		{key: "mastra.span.type", take: operationIn(mastraTypes)},
		{key: "mastra.model_step.input", take: takeMastraStep},
		{key: "mastra.model_generation.input", take: takeMastraStep},
		{key: "mastra.metadata.threadId", take: textTo(conversation)},
		{key: "mastra.metadata.resourceId", take: textTo(user)},
		{key: "mastra.metadata.modelMetadata", take: takeMastraModel},
		{key: "mastra.metadata.modelMetadata.modelId", take: requestModel},
		{key: "mastra.metadata.modelMetadata.modelProvider", take: takeProvider},
	}, mastraValues()...),
	also: []binding{
		{key: "aisdk.model.id", take: requestModel},
		{key: "aisdk.model.provider", take: takeProvider},
	},
}

var mastraTypes = map[string]genai.Operation{
	"agent_run": genai.OpInvokeAgent, "workflow_run": genai.OpInvokeWorkflow, "workflow_step": genai.OpTask,
	"model_generation": genai.OpChat, "model_step": genai.OpChat, "tool_call": genai.OpExecuteTool, "mcp_tool_call": genai.OpExecuteTool,
	"processor_run": genai.OpChain, "workflow_conditional": genai.OpChain, "workflow_conditional_eval": genai.OpChain,
	"workflow_parallel": genai.OpChain, "workflow_loop": genai.OpChain, "workflow_sleep": genai.OpChain, "workflow_wait_event": genai.OpChain,
}

// mastraValues are the inputs and outputs of the types of which nothing else is known.
func mastraValues() (bs []binding) {
	for _, t := range []string{
		"agent_run", "workflow_run", "workflow_step", "tool_call", "mcp_tool_call", "processor_run", "workflow_conditional",
		"workflow_conditional_eval", "workflow_parallel", "workflow_loop", "generic",
	} {
		bs = append(bs, binding{key: "mastra." + t + ".input", take: takeSent}, binding{key: "mastra." + t + ".output", take: takeMastraOutput})
	}
	for _, key := range []string{"mastra.model_step.output", "mastra.model_generation.output", "mastra.output"} {
		bs = append(bs, binding{key: key, take: takeMastraOutput})
	}
	return append(bs, binding{key: "mastra.input", take: takeSent})
}

// takeMastraStep reads {body: {model, messages, tools, …}}, the request as it went to the provider.
func takeMastraStep(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	body := genai.JSON(s).At("body")
	if body == "" {
		return takeSent(r, k, v)
	}
	body.Members(func(name string, v genai.JSON) { r.requestMember(name, v) })
	r.ownInput = r.ownInput || len(r.dst.Input) > 0
	return false
}

// takeMastraOutput reads {text, toolCalls, …}: what a model or an agent answered. Of a tool it is the result.
func takeMastraOutput(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	said := genai.JSON(s).At("text")
	calls := genai.JSON(s).At("toolCalls")
	if !ok || r.dst.Operation == genai.OpExecuteTool || said.Begins() != '"' && calls.Begins() != '[' {
		return takeReceived(r, k, v)
	}
	if len(r.dst.Output) > 0 {
		return false
	}
	m := genai.Message{Role: genai.RoleAssistant}
	if text := said.Text(); text != "" {
		m.Parts = append(m.Parts, genai.Part{Type: genai.PartText, Content: text})
	}
	if calls.Begins() == '[' {
		var code genai.WarningCode
		m.Parts, code = genai.ParseParts(m.Parts, string(calls))
		r.doubt(code, keys[k].name)
	}
	if len(m.Parts) > 0 {
		r.dst.Output, r.ownOutput = append(r.dst.Output, m), true
	}
	return false
}

// takeMastraModel reads {modelId, modelVersion, modelProvider}.
func takeMastraModel(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	d := r.dst
	if m := genai.JSON(s).At("modelId").Text(); d.RequestModel == "" {
		d.RequestModel = m
	}
	if p := genai.JSON(s).At("modelProvider").Text(); d.Provider == "" && p != "" {
		d.Provider, _ = provider(p)
	}
	return false
}
