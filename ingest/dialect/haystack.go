package dialect

import (
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// haystack reads the tracer of deepset's Haystack. A pipeline's components have their inputs and outputs as JSON
// and no other attributes; what they are, their class says, and what a call used, the replies' meta.
var haystack = speaker{
	name:   "haystack",
	scopes: []string{"haystack "},
	own: []binding{
		{key: "haystack.component.type", take: takeHaystackType},
		{key: "haystack.component.name", take: leave},
		{key: "haystack.component.input", take: takeHaystackInput},
		{key: "haystack.component.output", take: takeHaystackOutput},
		{key: "haystack.pipeline.input_data", take: takeSent},
		{key: "haystack.pipeline.output_data", take: takeReceived},
		{key: "haystack.agent.input", take: takeSent},
		{key: "haystack.agent.output", take: takeReceived},
		{key: "haystack.agent.max_steps", take: leave},
		{key: "haystack.agent.tools", take: leave},
	},
	begin: operationByName(
		spanName{"haystack.pipeline.run ", genai.OpInvokeWorkflow}, spanName{"haystack.async_pipeline.run ", genai.OpInvokeWorkflow},
		spanName{"haystack.agent.run ", genai.OpInvokeAgent},
	),
}

// haystackClasses are the operations of components by what their class is called.
var haystackClasses = []struct {
	part string
	op   genai.Operation
}{
	{"ChatGenerator", genai.OpChat},
	{"Generator", genai.OpTextCompletion},
	{"Embedder", genai.OpEmbeddings},
	{"Retriever", genai.OpRetrieval},
	{"Ranker", genai.OpRerank},
	{"PromptBuilder", genai.OpPrompt},
	{"Evaluator", genai.OpEvaluator},
	{"Agent", genai.OpInvokeAgent},
}

// takeHaystackType reads what a component is; one of another class is a step. The class stays an attribute.
func takeHaystackType(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	if !ok || r.dst.Operation != "" {
		return false
	}
	r.dst.Operation = genai.OpChain
	for _, c := range haystackClasses {
		if strings.Contains(s, c.part) {
			r.dst.Operation = c.op
			break
		}
	}
	return false
}

// takeHaystackInput reads {messages}, {prompt}, {query, top_k} or {text}; the attribute has more.
func takeHaystackInput(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	d := r.dst
	if !ok {
		return false
	}
	found := false
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch {
		case name == "prompt" && len(d.Input) == 0 && v.Begins() == '"':
			d.Input = append(d.Input, textMessage(genai.RoleUser, v.Text()))
			r.ownInput, found = true, true
		case name == "query" && d.Retrieval.Query == "" && v.Begins() == '"':
			d.Retrieval.Query, found = v.Text(), true
		case name == "top_k" && d.Retrieval.TopK == 0:
			d.Retrieval.TopK, _ = strconv.ParseInt(string(v), 10, 64)
		case name == "text" && d.Operation == genai.OpEmbeddings && len(d.Embedding.Items) == 0:
			d.Embedding.Items, found = append(d.Embedding.Items, genai.EmbeddingItem{Text: v.Text()}), true
		}
	})
	if !found && !isQuery(d.Operation) {
		takeSent(r, k, v)
	}
	return false
}

// isQuery says whether an operation has a query where others have a conversation.
func isQuery(op genai.Operation) bool { return op == genai.OpRetrieval || op == genai.OpRerank }

// takeHaystackOutput reads {replies, meta}, {documents} or {embedding}; the attribute has more.
func takeHaystackOutput(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	d := r.dst
	if !ok {
		return false
	}
	found := false
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		switch {
		case name == "replies" && len(d.Output) == 0 && v.Begins() == '[':
			var code genai.WarningCode
			d.Output, code = genai.ParseMessages(d.Output, string(v), genai.RoleAssistant)
			r.doubt(code, keys[k].name)
			r.ownOutput, found = true, true
			v.Elements(r.haystackReply)
		case name == "meta" && v.Begins() == '[':
			v.Elements(r.haystackMeta)
		case name == "meta":
			r.haystackMeta(v)
		case name == "documents" && isQuery(d.Operation) && len(d.Retrieval.Documents) == 0:
			appendDocuments(&d.Retrieval, v)
			found = true
		case name == "embedding" && d.Operation == genai.OpEmbeddings && v.Begins() == '[':
			x, _ := r.jsonVector(keys[k].name, v)
			if len(d.Embedding.Items) == 0 {
				d.Embedding.Items = append(d.Embedding.Items, genai.EmbeddingItem{})
			}
			d.Embedding.Items[0].Vector, found = x, true
		}
	})
	if !found {
		takeReceived(r, k, v)
	}
	return false
}

// haystackReply reads the meta of a reply that is a message.
func (r *reading) haystackReply(reply genai.JSON) {
	reply.Members(r.haystackReplyMeta)
}

func (r *reading) haystackReplyMeta(name string, v genai.JSON) {
	if name == "meta" {
		r.haystackMeta(v)
	}
}

// haystackMeta reads {model, finish_reason, usage} of a reply. Of several the first has the usage of all.
func (r *reading) haystackMeta(meta genai.JSON) {
	d := r.dst
	if len(d.FinishReasons) > genai.MaxMessages {
		return
	}
	meta.Members(func(name string, v genai.JSON) {
		switch name {
		case "model":
			if d.ResponseModel == "" {
				d.ResponseModel = v.Text()
			}
		case "finish_reason":
			if f := genai.ParseFinishReason(v.Text()); f != "" && len(d.FinishReasons) < len(d.Output) {
				d.FinishReasons = append(d.FinishReasons, f)
			}
		case "usage":
			if !d.Usage.Known() {
				v.Members(r.haystackUsage)
			}
		}
	})
}

func (r *reading) haystackUsage(name string, v genai.JSON) {
	u := &r.dst.Usage
	switch name {
	case "prompt_tokens", "input_tokens":
		r.countAs(&u.Input, name, v)
	case "completion_tokens", "output_tokens":
		r.countAs(&u.Output, name, v)
	case "prompt_tokens_details":
		r.countAs(&u.CacheRead, "cached_tokens", v.At("cached_tokens"))
	case "completion_tokens_details":
		r.countAs(&u.Reasoning, "reasoning_tokens", v.At("reasoning_tokens"))
	}
}

// countAs fills a count that is still unknown from a JSON number, and reports it under a name.
func (r *reading) countAs(to *genai.Tokens, name string, v genai.JSON) {
	if to.Known {
		return
	}
	if countOf(to, v); to.Known {
		r.report(name, to.N)
	}
}
