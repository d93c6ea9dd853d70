package pricing

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"
)

func day(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestDefaultBookIsWhole(t *testing.T) {
	t.Parallel()
	b := Default()
	if got, want := b.Name(), "tiltmeter 2026-08-21"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	providers := map[string]int{}
	for _, e := range b.Entries() {
		providers[e.Provider]++
		if e.Source == "" {
			t.Errorf("%s %s: no source", e.Provider, e.Model)
		}
		if _, err := time.Parse(time.DateOnly, e.Checked); err != nil && !strings.Contains(e.Source, " at ") { // a commit

			t.Errorf("%s %s: checked on %q", e.Provider, e.Model, e.Checked)
		}
		for _, r := range append([]threshold{{0, e.base}}, e.above...) {
			checkRates(t, e, &r.rates)
		}
	}
	for _, p := range []string{
		"openai", "anthropic", "gcp.gemini", "gcp.vertex_ai", "aws.bedrock", "azure.ai.openai", "mistral_ai", "cohere",
		"deepseek", "x_ai", "groq", "together_ai", "fireworks", "perplexity", "voyage_ai", "moonshot_ai",
	} {
		if providers[p] == 0 {
			t.Errorf("nothing of %s", p)
		}
	}
}

// checkRates holds what is true of every vendor's list, so that a slip of a digit shows.
func checkRates(t *testing.T, e *Entry, r *Rates) {
	t.Helper()
	input, hasInput := r.Get(TierInput)
	short, _ := r.Get(TierCacheWrite)
	if long, ok := r.Get(TierCacheWrite1h); ok && long < short {
		t.Errorf("%s %s: an hour in the cache costs %s, less than five minutes", e.Provider, e.Model, long)
	}
	for tier := range numTiers {
		p, ok := r.Get(tier)
		if !ok {
			continue
		}
		if p%1_000_000 != 0 {
			t.Errorf("%s %s: %s is %s, which a Decimal(38, 12) cannot hold", e.Provider, e.Model, tier, p)
		}
		dear := tier.perToken() && p > 1_000_000_000_000_000 // 0.001 dollars a token
		less := hasInput && slices.Contains([]Tier{TierCacheRead, TierBatchInput, TierBatchCacheRead}, tier) && p > input
		more := hasInput && slices.Contains([]Tier{TierCacheWrite, TierCacheWrite1h}, tier) && p > 2*input
		if dear || less || more {
			t.Errorf("%s %s: %s costs %s, input %s", e.Provider, e.Model, tier, p, input)
		}
	}
}

// TestFind is the documented order, one case a step, on the book as it is.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ provider, model, at, want string }{
		// 1: as it is named
		{"openai", "gpt-4o", "", "gpt-4o"},
		{"openai", "GPT-4o", "", "gpt-4o"},
		{"openai", "gpt-4o-2024-05-13", "", "gpt-4o-2024-05-13"}, // cost more than its successors
		{"together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "", "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
		// 2: aliases
		{"anthropic", "claude-3-5-haiku", "", "claude-3-5-haiku-latest"},
		{"anthropic", "claude-opus-4-20250514", "", "claude-opus-4-0"},
		{"aws.bedrock", "claude-3-5-sonnet-20241022", "", "anthropic.claude-3-5-sonnet-20241022-v2:0"},
		// 3: paths
		{"gcp.gemini", "models/gemini-2.5-pro", "", "gemini-2.5-pro"},
		{"gcp.vertex_ai", "projects/p/locations/l/publishers/google/models/gemini-2.5-flash", "", "gemini-2.5-flash"},
		{"openai", "openai/gpt-4.1-mini", "", "gpt-4.1-mini"},
		{
			"aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0", "",
			"anthropic.claude-3-5-sonnet-20241022-v2:0",
		},
		// 4: regions
		{"aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", "", "anthropic.claude-sonnet-4-20250514-v1:0"},
		{"aws.bedrock", "us.amazon.nova-lite-v1:0", "", "amazon.nova-lite-v1:0"},
		{"aws.bedrock", "eu.amazon.nova-lite-v1:0", "", "eu.amazon.nova-lite-v1:0"}, // has a price of its own
		{"aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		// 5: versions and dates
		{"openai", "gpt-4o-mini-2024-07-18", "", "gpt-4o-mini"},
		{"anthropic", "claude-3-5-sonnet-20241022", "", "claude-3-5-sonnet"},
		{"anthropic", "claude-sonnet-4-5-20250929", "", "claude-sonnet-4-5"},
		{"anthropic", "claude-3-5-sonnet-latest", "", "claude-3-5-sonnet"},
		{"gcp.vertex_ai", "claude-3-5-sonnet@20240620", "", "claude-3-5-sonnet"},
		{"gcp.gemini", "gemini-2.0-flash-001", "", "gemini-2.0-flash"},
		{"x_ai", "grok-4-0709", "", "grok-4-0709"},
		// 6: beginnings
		{"openai", "ft:gpt-4o-mini-2024-07-18:acme::A1b2", "", "ft:gpt-4o-mini-2024-07-18*"},
		{"openai", "ft:gpt-4o-2099-01-01:acme::A1b2", "", "ft:gpt-4o*"},
		// Google's names of its APIs
		{"gcp.gen_ai", "gemini-2.5-flash", "", "gemini-2.5-flash"},
		{"gcp.vertex_ai", "gemini-2.5-flash", "", "gemini-2.5-flash"},
		// other names of one seller
		{"azure.ai.inference", "gpt-4o-2024-08-06", "", "gpt-4o"},
		{"voyageai", "voyage-3.5", "", "voyage-3.5"},
		{"fireworks_ai", "accounts/fireworks/models/kimi-k2p5", "", "kimi-k2p5"},
		// no provider: makers
		{"", "gpt-4o", "", "gpt-4o"},
		{"", "claude-sonnet-4-5", "", "claude-sonnet-4-5"},
		{"", "mistral-large-latest", "", "mistral-large"},
		// unknown
		{"openai", "gpt-4o-enormous", "", string(UnknownModel)},
		{"openai", "claude-sonnet-4-5", "", string(UnknownModel)},
		{"azure.ai.openai", "my-deployment", "", string(UnknownModel)},
		{"", "my-model", "", string(UnknownModel)},
		{"ollama", "llama3.1", "", string(UnknownProvider)},
		{"openrouter", "openai/gpt-4o", "", string(UnknownProvider)},
		{"openai", "", "", string(NoModel)},
		{"openai", " ", "", string(NoModel)},
		{"openai", "-latest", "", string(UnknownModel)},
		{"openai", "2024-07-18", "", string(UnknownModel)},
	} {
		e, why := Default().Find(tc.provider, tc.model, day(tc.at))
		got := string(why)
		if e != nil {
			got = e.Model
		}
		if got != tc.want {
			t.Errorf("Find(%q, %q) = %q, want %q", tc.provider, tc.model, got, tc.want)
		}
	}
}

func TestPricesHaveDays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ provider, model, at, want string }{
		{"openai", "o3", "2025-06-09", "0.00001"},
		{"openai", "o3", "2025-06-10", "0.000002"},
		{"openai", "o3-2025-04-16", "2026-01-01", "0.000002"},
		{"deepseek", "deepseek-chat", "2025-01-01", "0.00000014"},
		{"deepseek", "deepseek-chat", "2025-02-08", "0.00000027"},
		{"deepseek", "deepseek-chat", "2025-09-06", "0.00000056"},
		{"deepseek", "deepseek-chat", "2026-01-01", "0.00000028"},
		{"anthropic", "claude-sonnet-5", "2026-08-31", "0.000002"},
		{"anthropic", "claude-sonnet-5", "2026-09-01", "0.000003"},
		{"anthropic", "claude-sonnet-5", "", "0.000003"}, // no time: the newest
	} {
		e, why := Default().Find(tc.provider, tc.model, day(tc.at))
		if e == nil {
			t.Errorf("%s at %s: %s", tc.model, tc.at, why)
			continue
		}
		if p, _ := e.Rates(0).Get(TierInput); p.String() != tc.want {
			t.Errorf("%s at %q: input %s, want %s", tc.model, tc.at, p, tc.want)
		}
	}
	book, _, err := ReadCSV("p", strings.NewReader("provider,model,from,input\nacme,m,2025-01-01,1\n"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if e, why := book.Find("acme", "m", day("2024-12-31")); e != nil || why != NoPriceThen {
		t.Errorf("before the first price: %v, %q", e, why)
	}
	if e, _ := book.Over(Default()).Find("openai", "gpt-4o", time.Time{}); e == nil || e.Book != Default().Name() {
		t.Errorf("laid over: %+v", e)
	}
}

func TestOver(t *testing.T) {
	t.Parallel()
	mine := "\ufeffprovider,model,from,input,output\nopenai,gpt-4o,2026-01-01,1,2\nollama,*,,0,0\n"
	own, found, err := Read("own.csv", strings.NewReader(mine), Limits{})
	if err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	b := own.Over(Default())
	for _, tc := range []struct{ provider, model, at, book string }{
		{"openai", "gpt-4o", "2026-02-01", "own.csv"},
		{"openai", "gpt-4o-2024-08-06", "2026-02-01", "own.csv"}, // own prices first, by whatever step
		{"openai", "gpt-4o", "2025-02-01", "tiltmeter 2026-08-21"},
		{"openai", "gpt-4.1", "2026-02-01", "tiltmeter 2026-08-21"},
		{"ollama", "qwen3:8b", "", "own.csv"},
	} {
		e, why := b.Find(tc.provider, tc.model, day(tc.at))
		if e == nil || e.Book != tc.book {
			t.Errorf("%s at %s: %+v %s, want %s", tc.model, tc.at, e, why, tc.book)
		}
	}
	if got, want := b.Name(), "own.csv over tiltmeter 2026-08-21"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	litellm, _, err := ReadLiteLLM("litellm", strings.NewReader(`{"gpt-4o":{"litellm_provider":"openai","input_cost_per_token":1e-6}}`), day("2026-01-01"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"2025-12-31": "tiltmeter 2026-08-21", "2026-01-01": "litellm"} {
		if e, why := litellm.Over(Default()).Find("openai", "gpt-4o", day(at)); e == nil || e.Book != want {
			t.Errorf("LiteLLM's price from 2026 on, asked for %s: %+v %s, want %s", at, e, why, want)
		}
	}
	var none Book
	if _, why := none.Find("openai", "gpt-4o", time.Time{}); why != UnknownProvider {
		t.Errorf("the empty book: %q", why)
	}
}

func TestReadCSVLeavesOutOneRow(t *testing.T) {
	t.Parallel()
	in := `# comment
provider, model, aliases, from, above, input, output, source
acme,good,also-good fine,,,1,2,list
acme,good,,,1000,3,,
acme,good,,,500,3,,
acme,day,,2025-13-01,,1,2,
acme,price,,,,one,2,
acme,none,,,,,,
,nobody,,,,1,2,
acme,stray,,2025-01-01,1000,1,2,
acme,many,,,,1,2,list,more
acme,"quote"s,,,,1,2,
acme,last,,,,1,2,
`
	book, found, err := ReadCSV("p", strings.NewReader(in), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range found {
		paths = append(paths, p.String())
	}
	want := []string{
		"line 5, above: 500: thresholds must be above zero and rise",
		`line 6, from: parsing time "2025-13-01": month out of range`,
		`line 7, input: price "one": not a decimal number`,
		"line 8, row: no price",
		"line 9, row: provider or model is empty",
		"line 10, above: the row before it is of another provider, model or day",
		"line 11, row: 9 fields under 8 columns",
		`line 12: extraneous or missing " in quoted-field`,
	}
	if !slices.Equal(paths, want) {
		t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(paths, "\n"), strings.Join(want, "\n"))
	}
	for _, m := range []string{"good", "also-good", "FINE", "last"} {
		if e, why := book.Find("acme", m, time.Time{}); e == nil {
			t.Errorf("%s: %s", m, why)
		}
	}
	e, _ := book.Find("acme", "good", time.Time{})
	in1, _ := e.Rates(1001).Get(TierInput)
	out, _ := e.Rates(1001).Get(TierOutput)
	if in1.String() != "0.000003" || out.String() != "0.000002" {
		t.Errorf("above 1000: input %s, output %s; output is that of the row before", in1, out)
	}
}

// TestDefaultAliases: an alias names one model, and none that has a row of its own.
func TestDefaultAliases(t *testing.T) {
	t.Parallel()
	ids, owners := Default().layers[0].ids, map[key]string{}
	for _, e := range Default().Entries() {
		for _, a := range e.aliases {
			k := key{e.Provider, a}
			if _, taken := ids[k]; taken || owners[k] != "" && owners[k] != e.Model {
				t.Errorf("%s: %s stands for %s, and for another row", e.Provider, a, e.Model)
			}
			owners[k] = e.Model
		}
	}
}

func TestEntriesAreInOrder(t *testing.T) {
	t.Parallel()
	all := Default().Entries()
	if !slices.IsSortedFunc(all, func(x, y *Entry) int {
		return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Model, y.Model), x.From.Compare(y.From))
	}) {
		t.Error("not by provider, model and day")
	}
}

// FuzzReadCSV: whatever a file holds, reading it ends, and what was read can be asked for.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte(testBook))
	f.Add([]byte("provider,model,aliases,from,above,input\nacme,m*,a b,2025-01-01,,1\nacme,m*,,2025-01-01,5,2\n"))
	f.Add([]byte("# c\n\"provider\",model,input\n\"a\"\"\",\"b\nc\",1e-3\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		book, found, err := ReadCSV("fuzz", bytes.NewReader(in), Limits{Bytes: 1 << 16, Entries: 100, Problems: 10})
		if err != nil {
			if book != nil {
				t.Fatalf("a book beside an error: %v", err)
			}
			return
		}
		if len(found) > 11 {
			t.Fatalf("%d problems", len(found))
		}
		for _, e := range book.Entries() {
			if e.Provider == "" || e.Model == "" || e.base.set == 0 {
				t.Fatalf("an entry of nothing: %+v", e)
			}
			if name := strings.TrimSuffix(e.Model, "*"); name != "" && e.Provider != "gcp.gen_ai" {
				if _, why := book.Find(e.Provider, name, e.From); why == UnknownProvider {
					t.Fatalf("%s is unknown", e.Provider)
				}
			}
		}
	})
}
