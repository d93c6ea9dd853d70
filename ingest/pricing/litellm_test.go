package pricing

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sample(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "litellm.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestReadLiteLLM(t *testing.T) {
	t.Parallel()
	book, found, err := Read("litellm", bytes.NewReader(sample(t)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{
		{"github_copilot/gpt-4o", "every price is zero, which there means unknown"},
		{"256-x-256/dall-e-2", "no price for tokens, requests, images or seconds"},
		{"negative.input_cost_per_token", `price "-1e-06": a price cannot be negative`},
		{"words.input_cost_per_token", `price "cheap": not a decimal number`},
		{"nested.input_cost_per_token", `price "{\"low\": 1}": not a decimal number`},
		{"dear.input_cost_per_token", `price "1e9": more than 18 dollars for one unit`},
		{"nobody.litellm_provider", "names no provider"},
		{"list", "want an object of prices"},
		{"null", "want an object of prices"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		provider, model string
		input           int64
		tier            Tier
		want            string
	}{
		{"openai", "gpt-4o", 0, TierInput, "0.0000025"},
		{"openai", "gpt-4o", 0, TierCacheRead, "0.00000125"},
		{"openai", "gpt-4o-2024-08-06", 0, TierBatchOutput, "0.000005"},
		{"azure.ai.openai", "gpt-4o-2024-11-20", 0, TierInput, "0.00000275"},
		{"aws.bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", 0, TierCacheWrite, "0.000001375"},
		{"aws.bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", 0, TierCacheWrite1h, "0.0000022"},
		{"gcp.gemini", "gemini-2.5-pro", 200_000, TierInput, "0.00000125"},
		{"gcp.gemini", "gemini-2.5-pro", 200_001, TierInput, "0.0000025"},
		{"gcp.vertex_ai", "gemini-2.5-pro", 200_001, TierOutput, "0.000015"},
		{"gcp.gen_ai", "models/gemini-2.5-pro", 200_001, TierCacheRead, "0.000000125"}, // not repeated above: as below
		{"gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4@20250514", 0, TierOutput, "0.000015"},
		{"openai", "text-embedding-3-small", 0, TierInput, "0.00000002"},
		{"openai", "whisper-1", 0, TierSecond, "0.0001"},
		{"deepseek", "deepseek-reasoner", 0, TierCacheRead, "0.00000014"},
		{"ollama", "llama3.1", 0, TierInput, "0"},
		{"ollama", "llama3.1:latest", 0, TierOutput, "0"},
		{"cohere", "rerank-v3.5", 0, TierRequest, "0.002"},
		{"openai", "noisy", 0, TierInput, "0.0000002"},
		{"openai", "noisy", 0, TierOutput, "0.0000004"},
		{"mistral_ai", "mistral-small-latest", 0, TierOutput, "0.0000003"},
	} {
		e, why := book.Find(tc.provider, tc.model, time.Time{})
		if e == nil {
			t.Errorf("%s %s: %s", tc.provider, tc.model, why)
			continue
		}
		if p, ok := e.Rates(tc.input).Get(tc.tier); !ok || p.String() != tc.want {
			t.Errorf("%s %s, %s of %d tokens: %s, %v, want %s", tc.provider, tc.model, tc.tier, tc.input, p, ok, tc.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	long := slices.Concat([]byte(`{"a":`), bytes.Repeat([]byte(" "), 100), []byte(`{}}`))
	for _, tc := range []struct {
		name, in string
		limits   Limits
		want     string
		is       error
	}{
		{"nothing", "", Limits{}, "read prices p: the file is empty", errEmpty},
		{"white space", " \n\t", Limits{}, "read prices p: the file is empty", errEmpty},
		{"cut", `{"gpt-4o": {"input_cost`, Limits{}, "", nil},
		{"cut after a model", `{"gpt-4o": {}`, Limits{}, "", nil},
		{"no comma", `{"a": {} "b": {}}`, Limits{}, "", nil},
		{"too long", string(long), Limits{Bytes: 50}, "", errTooLong},
		{"too long CSV", "provider,model,input\n" + strings.Repeat("openai,m,1\n", 20), Limits{Bytes: 50}, "", errTooLong},
		{
			"too many", `{"a":{"litellm_provider":"openai","input_cost_per_token":1},"b":{"litellm_provider":"openai","input_cost_per_token":1}}`,
			Limits{Entries: 1},
			"", nil,
		},
		{"too many rows", "provider,model,input\nopenai,a,1\nopenai,b,1\n", Limits{Entries: 1}, "read prices p: more than 1 entries", nil},
		{"an unknown column", "provider,model,inputs\n", Limits{}, `read prices p: the header names a column "inputs" that does not exist`, nil},
		{"a column too few", "provider,input\n", Limits{}, `read prices p: the header has no column "model"`, nil},
	} {
		book, _, err := Read("p", strings.NewReader(tc.in), tc.limits)
		switch {
		case err == nil:
			t.Errorf("%s: no error, %v", tc.name, book)
		case tc.want != "" && err.Error() != tc.want:
			t.Errorf("%s: %q, want %q", tc.name, err, tc.want)
		case tc.is != nil && !errors.Is(err, tc.is):
			t.Errorf("%s: %v, want %v", tc.name, err, tc.is)
		}
	}
	if _, _, err := ReadLiteLLM("p", strings.NewReader(`[1]`), time.Time{}, Limits{}); err == nil {
		t.Error("a list was taken for an object of models")
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	in := "provider,model,input\n" + strings.Repeat("openai,m,x\n", 5) + "openai,good,1\n"
	book, found, err := Read("p", strings.NewReader(in), Limits{Problems: 2})
	if err != nil || len(found) != 3 || found[2].Reason != "3 more problems" || len(book.Entries()) != 1 {
		t.Errorf("%v, %v, %d entries", found, err, len(book.Entries()))
	}
}

// FuzzReadLiteLLM: whatever a file holds, reading it ends, and what was read prices calls.
func FuzzReadLiteLLM(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(`{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_token_above_0k_tokens":1}}`))
	f.Add([]byte(`{"m*":{"litellm_provider":"openai","input_cost_per_token_above_128k_tokens":"9e-9","output_cost_per_image":null}}`))
	f.Add([]byte(`{"openai/":{"litellm_provider":"openai","input_cost_per_token":1}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		book, found, err := ReadLiteLLM("fuzz", bytes.NewReader(in), time.Time{}, Limits{Bytes: 1 << 16, Entries: 100, Problems: 10})
		if err != nil {
			if book != nil {
				t.Fatalf("a book beside an error: %v", err)
			}
			return
		}
		if len(found) > 11 {
			t.Fatalf("%d problems", len(found))
		}
		again, _, err := ReadLiteLLM("fuzz", bytes.NewReader(in), time.Time{}, Limits{Bytes: 1 << 16, Entries: 100, Problems: 10})
		if err != nil || len(again.Entries()) != len(book.Entries()) {
			t.Fatalf("the same file gave another book: %v", err)
		}
		p := New(book, Options{})
		for _, e := range book.Entries() {
			if e.Provider == "" || e.Model == "" || e.base.set == 0 && len(e.above) == 0 {
				t.Fatalf("an entry of nothing: %+v", e)
			}
			priced := p.Price(&Call{Provider: e.Provider, ResponseModel: e.Model, Usage: tokens(1000, 100)})
			if !priced.Known() && priced.Cost().Amount != "" {
				t.Fatalf("an unknown cost of %s", priced.Cost().Amount)
			}
		}
	})
}
