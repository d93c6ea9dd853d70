package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// genkit reads Google's Genkit in TypeScript, Go and Python. Every action has a subtype, a name, an input and an
// output; a model's name has its plugin before it.
var genkit = speaker{
	name:   "genkit",
	scopes: []string{"genkit-tracer"},
	own: []binding{
		{key: "genkit:metadata:subtype", take: operationIn(map[string]genai.Operation{
			"model": genai.OpChat, "background-model": genai.OpChat, "tool": genai.OpExecuteTool, "tool.v2": genai.OpExecuteTool,
			"flow": genai.OpInvokeWorkflow, "agent": genai.OpInvokeAgent, "retriever": genai.OpRetrieval, "embedder": genai.OpEmbeddings,
			"reranker": genai.OpRerank, "prompt": genai.OpPrompt, "executable-prompt": genai.OpPrompt, "evaluator": genai.OpEvaluator,
		})},
		{key: "genkit:name", take: takeGenkitName},
		{key: "genkit:input", take: takeGenkitInput},
		{key: "genkit:output", take: takeGenkitOutput},
		{key: "genkit:sessionId", take: textTo(conversation)},
		{key: "genkit:threadName", take: leave},
		{key: "genkit:type", take: leave},
		{key: "genkit:path", take: leave},
		{key: "genkit:qualifiedPath", take: leave},
		{key: "genkit:state", take: leave},
	},
}

var genkitPlugins = map[string]string{"googleai": "gcp.gemini", "vertexai": "gcp.vertex_ai"}

// takeGenkitName reads the name of an action as what its subtype makes of it.
func takeGenkitName(r *reading, k key, v wire.Value) bool {
	d := r.dst
	switch d.Operation {
	case genai.OpChat, genai.OpEmbeddings, genai.OpRerank:
	default:
		return takeEntityName(r, k, v)
	}
	plugin, model, ok := strings.Cut(text(v.Str()), "/")
	if !ok {
		return requestModel(r, k, v)
	}
	if d.RequestModel == "" {
		d.RequestModel = model
	}
	if d.Provider == "" {
		if d.Provider = genkitPlugins[plugin]; d.Provider == "" {
			d.Provider, _ = provider(plugin)
		}
	}
	return d.RequestModel == model
}

// Every value is JSON.
var (
	takeGenkitSent     = sent(fromJSON)
	takeGenkitReceived = received(fromJSON)
)

// takeGenkitInput reads a model's {messages, config, tools}, and the input of anything else.
func takeGenkitInput(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || r.dst.Operation != genai.OpChat {
		return takeGenkitSent(r, k, v)
	}
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch name {
		case "tools":
			if len(r.dst.Tools) == 0 && v.Begins() == '[' {
				r.dst.Tools, _ = genai.ParseTools(r.dst.Tools, string(v))
			}
		case "config":
			v.Members(func(name string, v genai.JSON) {
				if name == "stopSequences" {
					name = "stop"
				}
				r.parameter(name, v)
			})
		}
	})
	return takeGenkitSent(r, k, v)
}

// takeGenkitOutput reads a model's {message, finishReason, usage}, and the output of anything else. Google's
// models count what they thought beside the output.
func takeGenkitOutput(r *reading, k key, v wire.Value) bool {
	d := r.dst
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok || !d.Operation.IsInference() {
		return takeGenkitReceived(r, k, v)
	}
	if d.Operation == genai.OpEmbeddings {
		return r.genkitVectors(k, genai.JSON(s))
	}
	if f := genai.JSON(s).At("finishReason").Text(); f != "" && len(d.FinishReasons) == 0 {
		d.FinishReasons = append(d.FinishReasons, genai.ParseFinishReason(f))
	}
	var total genai.Tokens
	u, fresh := &d.Usage, !d.Usage.Known()
	genai.JSON(s).At("usage").Members(func(name string, v genai.JSON) {
		var n genai.Tokens
		if countOf(&n, v); !n.Known || !fresh {
			return
		}
		switch name {
		case "inputTokens":
			u.Input = n
		case "outputTokens":
			u.Output = n
		case "thoughtsTokens":
			u.Reasoning = n
		case "cachedContentTokens":
			u.CacheRead = n
		case "totalTokens":
			total = n
		default:
			return
		}
		r.report(name, n.N)
	})
	if u.Reasoning.N > 0 && total.N == u.Input.N+u.Output.N+u.Reasoning.N {
		u.Output.N += u.Reasoning.N
	}
	return takeGenkitReceived(r, k, v)
}

// genkitVectors reads {embeddings: [{embedding: […]}]}.
func (r *reading) genkitVectors(k key, s genai.JSON) bool {
	d, whole := &r.dst.Embedding, true
	if len(d.Items) > 0 {
		return false
	}
	return s.At("embeddings").Elements(func(e genai.JSON) {
		x, ok := r.jsonVector(keys[k].name, e.At("embedding"))
		whole = whole && ok
		d.Items = append(d.Items, genai.EmbeddingItem{Vector: x})
	}) && whole
}
