package pricing

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ReadLiteLLM reads model_prices_and_context_window.json of LiteLLM: an object of models, each an
// object of prices in dollars a unit. The file has no history; its prices hold from the day that from
// names, the zero time for always. It is decoded as a stream, one model at a time.
//
// Left out and listed as problems: models with a price that cannot be read (a model of which one price is
// missing would be priced wrongly), models without a price of a kind that is used here (characters,
// pixels), and models whose prices are all zero, unless they run on the user's own machines: there
// zero stands for "nobody knew".
func ReadLiteLLM(name string, r io.Reader, from time.Time, l Limits) (*Book, []Problem, error) {
	l = l.withDefaults()
	d := json.NewDecoder(&limited{r, l.Bytes})
	fail := func(err error) (*Book, []Problem, error) {
		return nil, nil, fmt.Errorf("read LiteLLM prices %s, byte %d: %w", name, d.InputOffset(), noEOF(err))
	}
	if t, err := d.Token(); err != nil {
		return fail(err)
	} else if t != json.Delim('{') {
		return fail(errors.New("want an object of models"))
	}
	found := problems{most: l.Problems}
	var entries []*Entry
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail(err)
		}
		model, _ := t.(string) // an object's key is one, or the decoder fails
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fail(err)
		}
		if model == "sample_spec" { // LiteLLM's own explanation
			continue
		}
		e, problem := liteLLMEntry(model, raw, from)
		if problem != nil {
			found.add(problem.Path, problem.Reason)
			continue
		}
		if len(entries) >= l.Entries {
			return fail(fmt.Errorf("more than %d models", l.Entries))
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	return newBook(name, entries), found.all(), nil
}

// liteLLMTiers are the keys that are used. Others (priority and flex tiers, searches, sessions) are not.
var liteLLMTiers = map[string]Tier{
	"input_cost_per_token":                      TierInput,
	"output_cost_per_token":                     TierOutput,
	"cache_read_input_token_cost":               TierCacheRead,
	"input_cost_per_token_cache_hit":            TierCacheRead,
	"cache_creation_input_token_cost":           TierCacheWrite,
	"cache_creation_input_token_cost_above_1hr": TierCacheWrite1h,
	"input_cost_per_audio_token":                TierInputAudio,
	"output_cost_per_audio_token":               TierOutputAudio,
	"input_cost_per_image_token":                TierInputImage,
	"output_cost_per_image_token":               TierOutputImage,
	"output_cost_per_reasoning_token":           TierReasoning,
	"input_cost_per_token_batches":              TierBatchInput,
	"output_cost_per_token_batches":             TierBatchOutput,
	"cache_read_input_token_cost_batches":       TierBatchCacheRead,
	"input_cost_per_request":                    TierRequest,
	"input_cost_per_query":                      TierRequest,
	"output_cost_per_image":                     TierImage,
	"input_cost_per_second":                     TierSecond,
}

// liteLLMProviders maps LiteLLM's names to those of the conventions; others stay.
var liteLLMProviders = map[string]string{
	"text-completion-openai": "openai", "azure": "azure.ai.openai", "azure_text": "azure.ai.openai",
	"azure_ai": "azure.ai.inference", "bedrock": "aws.bedrock", "bedrock_converse": "aws.bedrock",
	"gemini": "gcp.gemini", "mistral": "mistral_ai", "codestral": "mistral_ai", "text-completion-codestral": "mistral_ai",
	"cohere_chat": "cohere", "xai": "x_ai", "watsonx": "ibm.watsonx.ai", "moonshot": "moonshot_ai",
	"fireworks_ai": "fireworks", "fireworks_ai-embedding-models": "fireworks", "voyage": "voyage_ai",
}

// local are providers of models that run on the user's own machines, so that zero is a price.
var local = map[string]bool{
	"ollama": true, "ollama_chat": true, "lm_studio": true, "llamafile": true, "hosted_vllm": true, "vllm": true,
	"xinference": true, "oobabooga": true, "triton": true,
}

func liteLLMEntry(model string, raw json.RawMessage, from time.Time) (*Entry, *Problem) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, &Problem{model, "want an object of prices"}
	}
	text := func(k string) (s string) {
		_ = json.Unmarshal(fields[k], &s) // what is no string says nothing
		return s
	}
	theirs := text("litellm_provider")
	if theirs == "" {
		return nil, &Problem{model + ".litellm_provider", "names no provider"}
	}
	provider := cmp.Or(liteLLMProviders[theirs], theirs)
	if strings.HasPrefix(theirs, "vertex_ai") {
		provider = "gcp.vertex_ai"
	}
	e := &Entry{
		Provider: provider, Model: liteLLMModel(model, theirs), From: from,
		Source: cmp.Or(text("source"), "LiteLLM"),
	}
	if e.Model == "" {
		return nil, &Problem{model, "names no model"}
	}
	if p := e.readLiteLLM(model, fields); p != nil {
		return nil, p
	}
	switch {
	case e.base.set == 0:
		return nil, &Problem{model, "no price for tokens, requests, images or seconds"}
	case !local[provider] && e.free():
		return nil, &Problem{model, "every price is zero, which there means unknown"}
	}
	return e, nil
}

// liteLLMModel is the model without the provider that LiteLLM writes before it.
func liteLLMModel(model, provider string) string {
	head, rest, ok := strings.Cut(model, "/")
	if ok && (head == provider || head == strings.TrimSuffix(provider, "_converse") || strings.HasPrefix(provider, head+"-")) {
		return rest
	}
	return model
}

func (e *Entry) readLiteLLM(model string, fields map[string]json.RawMessage) *Problem {
	above := map[int64]*Rates{}
	for _, k := range slices.Sorted(maps.Keys(fields)) { // the same file gives the same book
		name, threshold, ok := cutThreshold(k)
		tier, used := liteLLMTiers[name]
		if !ok || !used || string(fields[k]) == "null" {
			continue
		}
		p, err := ParsePrice(unquote(string(fields[k])))
		if err != nil {
			return &Problem{model + "." + k, err.Error()}
		}
		r := &e.base
		if threshold > 0 {
			if above[threshold] == nil {
				above[threshold] = &Rates{}
			}
			r = above[threshold]
		}
		if old, twice := r.Get(tier); !twice || old == 0 { // of two spellings the one that is not zero
			r.put(tier, p)
		}
	}
	before := &e.base
	for _, n := range slices.Sorted(maps.Keys(above)) {
		above[n].inherit(before)
		e.above = append(e.above, threshold{n, *above[n]})
		before = &e.above[len(e.above)-1].rates
	}
	return nil
}

// cutThreshold takes "_above_200k_tokens" off a key; false when what stands there is no number.
func cutThreshold(k string) (name string, tokens int64, ok bool) {
	rest, has := strings.CutSuffix(k, "k_tokens")
	if !has {
		return k, 0, true
	}
	i := strings.LastIndex(rest, "_above_")
	if i < 0 {
		return k, 0, true
	}
	n, err := strconv.ParseInt(rest[i+len("_above_"):], 10, 32)
	return rest[:i], n * 1000, err == nil && n > 0
}

// unquote takes the quotes off a number that was written as a string.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// free reports whether every price is zero.
func (e *Entry) free() bool {
	for _, p := range e.base.price {
		if p > 0 {
			return false
		}
	}
	for i := range e.above {
		for _, p := range e.above[i].rates.price {
			if p > 0 {
				return false
			}
		}
	}
	return true
}
