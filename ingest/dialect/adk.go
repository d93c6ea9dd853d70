package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// adk reads Google's Agent Development Kit in Python and TypeScript. It has OpenTelemetry's keys where they
// serve, and puts Gemini's whole request and response into two attributes of its calls, with Gemini's names
// in camel case (TypeScript) or snake case (Python). What is not captured is {}.
//
// The kit calls itself the provider, and its calls name no operation: their name does. Its output count is
// Gemini's count of candidates, without the thoughts, in TypeScript and until 2.0 in Python.
var adk = speaker{
	name:   "google-adk",
	scopes: []string{"gcp.vertex.agent "},
	own: []binding{
		{key: "gcp.vertex.agent.session_id", take: textTo(conversation)},
		{key: requestADK, take: takeGeminiRequest},
		{key: "gcp.vertex.agent.llm_response", take: takeGeminiResponse},
		{key: "gcp.vertex.agent.tool_call_args", take: takeADKArguments},
		{key: resultADK, take: takeADKResult},
		{key: "gcp.vertex.agent.invocation_id", take: leave},
		{key: "gcp.vertex.agent.event_id", take: leave},
	},
	also: []binding{
		{key: "gen_ai.usage.input_tokens", take: inputTokens},
		{key: "gen_ai.usage.output_tokens", take: outputTokens}, // read before the response, which may add the thoughts
		{key: "gen_ai.tool.call.id", take: takeADKCallID},
	},
	begin: operationByName(
		spanName{"call_llm ", genai.OpGenerateContent}, spanName{"execute_tool", genai.OpExecuteTool}, spanName{"agent_run", genai.OpInvokeAgent},
		spanName{"invoke_agent", genai.OpInvokeAgent}, spanName{"invocation ", genai.OpInvokeWorkflow},
	),
	settle: func(d *genai.Span, _ *reading) { inferProvider(d) },
}

const (
	requestADK = "gcp.vertex.agent.llm_request"
	resultADK  = "gcp.vertex.agent.tool_response"
)

// takeADKCallID: a call whose id the model did not give has a marker.
func takeADKCallID(r *reading, k key, v wire.Value) bool {
	return string(v.Str()) == "<not specified>" || toolCallID(r, k, v)
}

func takeADKArguments(r *reading, k key, v wire.Value) bool {
	if string(v.Str()) == "{}" && r.heldText(resultADK) == "{}" { // neither was captured
		return false
	}
	return takeToolArguments(r, k, v)
}

func takeADKResult(r *reading, k key, v wire.Value) bool {
	if r.emptied(k, string(v.Str())) {
		return false
	}
	return takeToolResult(r, k, v)
}

// uncaptured says whether a request or response is the marker; only of a call it stands for something.
func (r *reading) uncaptured(k key, s string) (marker, gone bool) {
	if s == emptyObject && !r.dst.Operation.IsInference() {
		return true, true
	}
	return r.emptied(k, s), false
}

// emptied is withheld for the keys of ADK's own, where an empty object is a marker.
func (r *reading) emptied(k key, s string) bool {
	if s != emptyObject {
		return r.withheld(k, s)
	}
	r.warn(genai.WarnContentMissing, keys[k].name, marked)
	return true
}

// takeGeminiRequest reads {model, contents, config}. What no field holds of it makes it stay.
func takeGeminiRequest(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	if marker, gone := r.uncaptured(k, s); marker {
		return gone
	}
	d, whole := r.dst, true
	if !genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch {
		case v == "null" || v == "{}" || v == "[]":
		case name == "model":
			if d.RequestModel == "" {
				d.RequestModel = v.Text()
			}
			whole = whole && d.RequestModel == v.Text()
		case name == "contents" && len(d.Input) == 0:
			var code genai.WarningCode
			d.Input, code = genai.ParseMessages(d.Input, string(v), genai.RoleUser)
			r.doubt(code, keys[k].name)
			r.ownInput = len(d.Input) > 0
			whole = whole && code == ""
		case name == "config":
			whole = r.geminiConfig(k, v) && whole
		default:
			whole = false
		}
	}) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the request is no JSON object")
		return false
	}
	return whole
}

// geminiConfig reads the configuration of a request, and says whether fields hold all of it.
func (r *reading) geminiConfig(k key, config genai.JSON) bool {
	d, whole := r.dst, true
	return config.Members(func(name string, v genai.JSON) {
		switch name {
		case "systemInstruction", "system_instruction":
			if len(d.System) > 0 {
				whole = false
				return
			}
			if parts := v.At("parts"); parts != "" {
				v = parts
			}
			d.System, _ = genai.ParseParts(d.System, string(v))
		case "tools":
			whole = r.geminiTools(k, v) && whole
		case "maxOutputTokens", "max_output_tokens":
			r.parameter("max_tokens", v)
		case "topP", "topK":
			r.parameter(name, v)
		case "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "stop_sequences":
			r.parameter(name, v)
		case "stopSequences":
			r.parameter("stop", v)
		default:
			whole = whole && (v == "null" || v == "{}" || v == "[]")
		}
	}) && whole
}

// geminiTools reads [{functionDeclarations: [...]}]; tools of Google's own have no definition.
func (r *reading) geminiTools(k key, tools genai.JSON) bool {
	d, whole := r.dst, true
	if len(d.Tools) > 0 {
		return false
	}
	return tools.Elements(func(tool genai.JSON) {
		tool.Members(func(name string, v genai.JSON) {
			if name != "functionDeclarations" && name != "function_declarations" || len(d.Tools) >= genai.MaxTools {
				whole = whole && v == "null"
				return
			}
			var code genai.WarningCode
			d.Tools, code = genai.ParseTools(d.Tools, string(v))
			whole = r.toolsRead(k, code) && whole
		})
	}) && whole
}

// takeGeminiResponse reads {content, finishReason, usageMetadata}.
func takeGeminiResponse(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	if marker, gone := r.uncaptured(k, s); marker {
		return gone
	}
	d, whole := r.dst, true
	if !genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch {
		case v == "null" || v == "{}" || v == "[]":
		case name == "content" && len(d.Output) == 0:
			var code genai.WarningCode
			d.Output, code = genai.ParseMessages(d.Output, string(v), genai.RoleAssistant)
			r.doubt(code, keys[k].name)
			r.ownOutput = len(d.Output) > 0
			whole = whole && code == ""
		case name == "finishReason" || name == "finish_reason":
			if len(d.FinishReasons) == 0 {
				d.FinishReasons = append(d.FinishReasons, genai.ParseFinishReason(v.Text()))
			}
		case name == "modelVersion" || name == "model_version":
			if d.ResponseModel == "" {
				d.ResponseModel = v.Text()
			}
		case name == "usageMetadata" || name == "usage_metadata":
			whole = r.geminiUsage(v) && whole
		default:
			whole = false
		}
	}) {
		r.warn(genai.WarnMalformedJSON, keys[k].name, "the response is no JSON object")
		return false
	}
	return whole
}

// geminiUsage reads Gemini's counts, of which the thoughts are beside the candidates, and says whether
// fields hold all of them.
func (r *reading) geminiUsage(usage genai.JSON) bool {
	u, whole := &r.dst.Usage, true
	var prompt, candidates, thoughts genai.Tokens
	usage.Members(func(name string, v genai.JSON) {
		var n genai.Tokens
		countOf(&n, v)
		switch name {
		case "promptTokenCount", "prompt_token_count":
			prompt = n
		case "candidatesTokenCount", "candidates_token_count":
			candidates = n
		case "thoughtsTokenCount", "thoughts_token_count":
			thoughts = n
		case "cachedContentTokenCount", "cached_content_token_count":
			if !u.CacheRead.Known {
				u.CacheRead = n
			}
		case "totalTokenCount", "total_token_count":
			if !r.total.Known {
				r.total = n
			}
		default:
			whole = whole && v == "null"
			return
		}
		if n.Known {
			r.report(name, n.N)
		}
	})
	if !u.Input.Known {
		u.Input = prompt
	}
	if !u.Reasoning.Known {
		u.Reasoning = thoughts
	}
	if candidates.Known && (!u.Output.Known || u.Output.N == candidates.N) {
		u.Output = genai.Count(candidates.N + thoughts.N)
	}
	return whole
}
