package pricing

import (
	"strings"
	"time"
)

// Reason says why a cost is unknown. The zero value says that it is known.
type Reason string

// The reasons; a closed vocabulary, so that they can be counted.
const (
	NoModel         Reason = "no_model"         // the call names none
	UnknownProvider Reason = "unknown_provider" // the book has nothing of it; gateways have prices of their own
	UnknownModel    Reason = "unknown_model"    // the book has not this one
	NoPriceThen     Reason = "no_price_then"    // the book's first price is younger than the call
	NoTierPrice     Reason = "no_tier_price"    // the book has no price for a kind of unit that was used
	NoUsage         Reason = "no_usage"         // a count that costs money is unknown
	UsageDisagrees  Reason = "usage_disagrees"  // the parts are more than the whole, or less than nothing
	TooLarge        Reason = "too_large"        // beyond any amount of money
)

// Reasons lists every reason.
var Reasons = []Reason{
	NoModel, UnknownProvider, UnknownModel, NoPriceThen, NoTierPrice, NoUsage, UsageDisagrees, TooLarge,
}

// Find is the entry that prices a model's call at a time (zero: now). The model is looked for
//
//  1. as it is named, letters' case aside,
//  2. as an alias that the book lists,
//  3. without the path before it (models/, publishers/*/models/, an ARN, openai/),
//  4. without Bedrock's region (us., eu., apac., jp., au., ca., us-gov.); global. stays, its prices are others,
//  5. without version and date, one after the other (-v1:0, :0, -2024-07-18, -20240620, @20240620, -001, -latest),
//  6. by a beginning that the book lists (ft:gpt-4o-mini*), the longest first,
//
// in each file of the book before the next file is asked. Google's three names of its APIs stand in for
// each other, and so do Azure's two. Without a provider the makers of models are asked in a fixed order. A deployment of Azure's
// that is not named as a model is unknown: its name says nothing.
func (b *Book) Find(provider, model string, at time.Time) (*Entry, Reason) {
	r, why := b.route(provider, model)
	if why != "" {
		return nil, why
	}
	return r.at(at)
}

// route is a model's lines in the order in which they are asked.
type route []line

func (r route) at(t time.Time) (*Entry, Reason) {
	for _, l := range r {
		if e := l.at(t); e != nil {
			return e, ""
		}
	}
	return nil, NoPriceThen
}

// makers are asked when the sender named no provider.
var makers = []string{
	"openai", "anthropic", "gcp.gemini", "mistral_ai", "cohere", "deepseek", "x_ai", "moonshot_ai", "perplexity", "voyage_ai",
}

// families are providers that sell the same models at the same prices under several names.
var families = map[string][]string{
	"gcp.gemini":    {"gcp.gemini", "gcp.vertex_ai"},
	"gcp.gen_ai":    {"gcp.gen_ai", "gcp.gemini", "gcp.vertex_ai"},
	"gcp.vertex_ai": {"gcp.vertex_ai", "gcp.gemini"},
	// The AI SDK calls one and the same Azure by both names.
	"azure.ai.openai":    {"azure.ai.openai", "azure.ai.inference"},
	"azure.ai.inference": {"azure.ai.inference", "azure.ai.openai"},
	// Spellings that the conventions do not have and that instrumentations use.
	"voyage":       {"voyage_ai"},
	"voyageai":     {"voyage_ai"},
	"fireworks_ai": {"fireworks"},
	"fireworks-ai": {"fireworks"},
	"":             makers,
}

func (b *Book) route(provider, model string) (route, Reason) {
	model = strings.ToLower(strings.TrimSpace(model))
	if model == "" {
		return nil, NoModel
	}
	providers, ok := families[provider]
	if !ok {
		providers = []string{provider}
	}
	names := spellings(model)
	var r route
	known := false
	for _, l := range b.layers {
		for _, p := range providers {
			known = known || l.providers[p]
		}
		if found := l.find(providers, names); found != nil {
			r = append(r, found)
		}
	}
	switch {
	case r != nil:
		return r, ""
	case !known && provider != "":
		return nil, UnknownProvider
	}
	return nil, UnknownModel
}

func (l *layer) find(providers, names []string) line {
	for _, n := range names {
		for _, p := range providers {
			if found, ok := l.ids[key{p, n}]; ok {
				return found
			}
			if found, ok := l.aliases[key{p, n}]; ok {
				return found
			}
		}
	}
	for i := range l.patterns {
		for _, p := range providers {
			for _, n := range names {
				if l.patterns[i].provider == p && strings.HasPrefix(n, l.patterns[i].model) {
					return l.patterns[i].line
				}
			}
		}
	}
	return nil
}

// spellings are the names under which a model is looked for, in order.
func spellings(model string) []string {
	names := []string{model}
	for _, strip := range []func(string) string{withoutPath, withoutRegion} {
		if n := strip(model); n != model {
			names = append(names, n)
			model = n
		}
	}
	for {
		n := withoutVersion(model)
		if n == model || n == "" {
			return names
		}
		names = append(names, n)
		model = n
	}
}

// withoutPath cuts what addresses a model rather than naming it.
func withoutPath(m string) string {
	if strings.HasPrefix(m, "arn:") {
		return m[strings.LastIndexByte(m, '/')+1:]
	}
	if i := strings.LastIndex(m, "/models/"); i >= 0 {
		return m[i+len("/models/"):]
	}
	if head, rest, ok := strings.Cut(m, "/"); ok && pathHeads[head] {
		return rest
	}
	return m
}

// pathHeads are the providers' names that gateways and clients write before a model.
var pathHeads = map[string]bool{
	"models": true, "openai": true, "anthropic": true, "azure": true, "bedrock": true, "vertex_ai": true, "gemini": true,
	"google": true, "mistral": true, "mistralai": true, "groq": true, "xai": true, "x-ai": true, "cohere": true,
	"deepseek": true, "together_ai": true, "fireworks_ai": true, "perplexity": true,
}

func withoutRegion(m string) string {
	head, rest, ok := strings.Cut(m, ".")
	if !ok {
		return m
	}
	switch head {
	case "us", "eu", "apac", "jp", "au", "ca", "us-gov":
		return rest
	}
	return m
}

// withoutVersion cuts one version or date from the end.
func withoutVersion(m string) string {
	for _, s := range []string{"-latest", "@latest", ":latest", "@default"} {
		if n, ok := strings.CutSuffix(m, s); ok {
			return n
		}
	}
	i := len(m)
	for i > 0 && m[i-1] >= '0' && m[i-1] <= '9' {
		i--
	}
	digits := m[i:]
	if digits == "" || i == 0 {
		return m
	}
	switch sep := m[i-1]; {
	case sep == ':':
		return withoutRevision(m[:i-1])
	case (sep == '-' || sep == '@') && len(digits) == 8 && strings.HasPrefix(digits, "20"):
		return m[:i-1]
	case sep == '-' && len(digits) == 3 && strings.HasPrefix(digits, "00"):
		return m[:i-1]
	case sep == '-' && len(digits) == 2:
		if n := len("-2024-07-18"); len(m) > n && dashedDate(m[len(m)-n:]) {
			return m[:len(m)-n]
		}
	}
	return m
}

// withoutRevision cuts the -v1 that stands before a :0.
func withoutRevision(m string) string {
	i := strings.LastIndex(m, "-v")
	if i < 0 || i+len("-v") == len(m) || strings.Trim(m[i+len("-v"):], "0123456789") != "" {
		return m
	}
	return m[:i]
}

// dashedDate reports whether s is a date with a separator before it, as in -2024-07-18.
func dashedDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s[1:])
	return (s[0] == '-' || s[0] == '@') && err == nil
}
