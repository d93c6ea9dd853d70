package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// takeProvider reads who served the model. Frameworks that pose as one go to a field of their own.
func takeProvider(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	if s == "" {
		return ok
	}
	d, to := r.dst, (*string)(nil)
	name, framework := provider(s)
	if to = &d.Provider; framework != "" {
		name, to = framework, &d.Framework
	}
	if *to == "" {
		*to = name
	}
	return *to == name
}

// frameworks pose as providers.
var frameworks = map[string]bool{
	"strands-agents": true, "langchain": true, "gcp.vertex.agent": true, "microsoft.agent_framework": true,
	"llamaindex": true, "crewai": true, "autogen": true, "spring_ai": true,
}

// providers maps spellings in lower case to the registry of the conventions.
var providers = map[string]string{
	"az.ai.openai": "azure.ai.openai", "azure": "azure.ai.openai", "azureopenai": "azure.ai.openai",
	"azure-openai": "azure.ai.openai", "az.ai.inference": "azure.ai.inference", "aws": "aws.bedrock",
	"bedrock": "aws.bedrock", "amazon-bedrock": "aws.bedrock", "vertex_ai": "gcp.vertex_ai", "vertexai": "gcp.vertex_ai",
	"google.vertex": "gcp.vertex_ai", "google-vertex": "gcp.vertex_ai", "vertex": "gcp.vertex_ai", "gemini": "gcp.gemini",
	"google.generative-ai": "gcp.gemini", "google": "gcp.gen_ai", "mistralai": "mistral_ai", "mistral": "mistral_ai",
	"xai": "x_ai", "watsonx": "ibm.watsonx.ai", "together": "together_ai", "moonshot": "moonshot_ai",
}

// provider is the canonical name of what the sender named, as provider or as framework.
func provider(s string) (name, framework string) {
	n := strings.ToLower(s)
	if frameworks[n] {
		return "", n
	}
	for p := n; p != ""; p = p[:max(strings.LastIndexAny(p, ".-"), 0)] {
		if c, ok := providers[p]; ok {
			return c, ""
		}
		if p == "openai" || p == "anthropic" {
			return p, ""
		}
	}
	return n, ""
}

// inferProvider fills the provider from the model where the dialect names none: Google's tools call Gemini
// unless the model has another provider before its name (LiteLLM).
func inferProvider(d *genai.Span) {
	if d.Provider != "" || !d.Operation.IsInference() {
		return
	}
	m := d.RequestModel
	if m == "" {
		m = d.ResponseModel
	}
	if strings.HasPrefix(m, "gemini") {
		d.Provider = "gcp.gemini"
	} else if p, _, ok := strings.Cut(m, "/"); ok && p != "projects" && p != "models" {
		d.Provider, _ = provider(p)
	}
}
