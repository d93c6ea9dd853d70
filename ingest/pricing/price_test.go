package pricing

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
)

func tokens(in, out int64) Usage { return Usage{Input: genai.Count(in), Output: genai.Count(out)} }

const testBook = `provider,model,above,input,output,cache_read,cache_write,cache_write_1h,input_audio,output_audio,input_image,output_image,reasoning,batch_input,batch_output,batch_cache_read,per_request,per_image,per_second
acme,plain,,2,8,,,,,,,,,,,,,,
acme,full,,2,8,0.5,2.5,4,20,40,3,30,16,1,4,0.25,,,
acme,full,200000,4,16,1,5,8,,,,,,,,,,,
acme,short-cache,,2,8,0.5,2.5,,,,,,,,,,,,
acme,embed,,0.02,,,,,,,,,,,,,,,
acme,rerank,,,,,,,,,,,,,,,0.002,,
acme,draw,,,,,,,,,,,,,,,,0.04,
acme,hear,,,,,,,,,,,,,,,,,0.0001
acme,draws-too,,5,40,,,,,,,,,,,,0.01,0.04,
acme,free,,0,0,,,,,,,,,,,,,,
acme,dear,,18000000,18000000,,,,,,,,,,,,,,
`

func newTestPricer(tb testing.TB, o Options) *Pricer {
	tb.Helper()
	book, found, err := ReadCSV("test", strings.NewReader(testBook), Limits{})
	if err != nil || len(found) > 0 {
		tb.Fatal(found, err)
	}
	return New(book, o)
}

func TestPrice(t *testing.T) {
	t.Parallel()
	p := newTestPricer(t, Options{})
	n := genai.Count
	for _, tc := range []struct {
		name, model string
		batch       bool
		u           Usage
		want        string // the total, or why there is none
		parts       string
	}{
		{"two prices", "plain", false, tokens(1000, 100), "0.0028", "input 1000 0.002, output 100 0.0008"},
		{"nothing used", "plain", false, tokens(0, 0), "0", ""},
		{"no cache price: input's", "plain", false, Usage{Input: n(1000), Output: n(0), CacheRead: n(400), CacheWrite: n(100)}, "0.002", "input 1000 0.002"},
		{"no reasoning price: output's", "plain", false, Usage{Input: n(0), Output: n(100), Reasoning: n(60)}, "0.0008", "output 100 0.0008"},
		{
			"caches", "full", false,
			Usage{Input: n(2188), Output: n(11), CacheRead: n(0), CacheWrite: n(2176)},
			"0.005552",
			"input 12 0.000024, cache_write 2176 0.00544, output 11 0.000088",
		},
		{
			"two kinds of cache writes", "full", false,
			Usage{Input: n(100), Output: n(0), CacheRead: n(10), CacheWrite: n(50), CacheWrite1h: n(20)},
			"0.00024",
			"input 40 0.00008, cache_read 10 0.000005, cache_write 30 0.000075, cache_write_1h 20 0.00008",
		},
		{
			"an hour, all of it", "full", false,
			Usage{Input: n(100), Output: n(0), CacheWrite1h: n(20)},
			"0.00024",
			"input 80 0.00016, cache_write_1h 20 0.00008",
		},
		{
			"audio, images, reasoning", "full", false,
			Usage{Input: n(100), Output: n(100), InputAudio: n(10), InputImage: n(20), OutputAudio: n(5), OutputImage: n(6), Reasoning: n(9)},
			"0.001564", "input 70 0.00014, input_audio 10 0.0002, input_image 20 0.00006, output 80 0.00064, reasoning 9 0.000144, output_audio 5 0.0002, output_image 6 0.00018",
		},
		{"at the threshold", "full", false, tokens(200_000, 1), "0.400008", "input 200000 0.4, output 1 0.000008"},
		{"above it, all of the call", "full", false, tokens(200_001, 1), "0.80002", "input 200001 0.800004, output 1 0.000016"},
		{
			"above it by what was cached", "full", false,
			Usage{Input: n(200_001), Output: n(0), CacheRead: n(200_000)},
			"0.200004",
			"input 1 0.000004, cache_read 200000 0.2",
		},
		{
			"batch", "full", true,
			Usage{Input: n(100), Output: n(10), CacheRead: n(50), Reasoning: n(5)},
			"0.0001025",
			"batch_input 50 0.00005, batch_cache_read 50 0.0000125, batch_output 10 0.00004",
		},
		{"batch of audio has no price", "full", true, Usage{Input: n(100), Output: n(10), InputAudio: n(5)}, string(NoTierPrice), ""},
		{"batch where there is none", "plain", true, tokens(1, 1), string(NoTierPrice), ""},
		{"an hour without a price", "short-cache", false, Usage{Input: n(100), Output: n(0), CacheWrite: n(20), CacheWrite1h: n(20)}, string(NoTierPrice), ""},
		{"embeddings have no output", "embed", false, Usage{Input: n(1000)}, "0.00002", "input 1000 0.00002"},
		{"embeddings with output", "embed", false, tokens(1000, 1), string(NoTierPrice), ""},
		{"one request", "rerank", false, Usage{}, "0.002", "per_request 1 0.002"},
		{"images counted", "draw", false, Usage{Images: n(3)}, "0.12", "per_image 3 0.12"},
		{"images not counted", "draw", false, Usage{}, string(NoUsage), ""},
		{"seconds", "hear", false, Usage{Milliseconds: n(12_345)}, "0.0012345", "per_second 12345 0.0012345"},
		{"tokens and images", "draws-too", false, Usage{Input: n(10), Output: n(0), Images: n(1)}, "0.05005", "input 10 0.00005, per_request 1 0.01, per_image 1 0.04"},
		{"tokens, images not counted", "draws-too", false, tokens(10, 0), "0.01005", "input 10 0.00005, per_request 1 0.01"},
		{"free", "free", false, tokens(10, 10), "0", "input 10 0, output 10 0"},
		{"free, not counted", "free", false, Usage{}, "0", ""},
		{"input unknown", "plain", false, Usage{Output: n(10)}, string(NoUsage), ""},
		{"input unknown, its parts known", "plain", false, Usage{Output: n(10), CacheRead: n(5)}, string(NoUsage), ""},
		{"output unknown", "plain", false, Usage{Input: n(10)}, string(NoUsage), ""},
		{"nothing known", "plain", false, Usage{}, string(NoUsage), ""},
		{"more cached than read", "full", false, Usage{Input: n(10), Output: n(0), CacheRead: n(11)}, string(UsageDisagrees), ""},
		{"parts overlap", "full", false, Usage{Input: n(10), Output: n(0), CacheRead: n(6), CacheWrite: n(5)}, string(UsageDisagrees), ""},
		{"more reasoning than output", "full", false, Usage{Input: n(0), Output: n(15), Reasoning: n(23)}, string(UsageDisagrees), ""},
		{"an hour of more than all", "full", false, Usage{Input: n(10), Output: n(0), CacheWrite: n(1), CacheWrite1h: n(2)}, string(UsageDisagrees), ""},
		{"less than nothing", "plain", false, tokens(-1, 0), string(UsageDisagrees), ""},
		{"negative images", "draws-too", false, Usage{Input: n(1), Output: n(1), Images: n(-1)}, string(UsageDisagrees), ""},
		{"beyond money", "dear", false, tokens(math.MaxInt64, math.MaxInt64), "332041393326771929052", "input 9223372036854775807 166020696663385964526, output 9223372036854775807 166020696663385964526"},
		{"unknown model", "other", false, tokens(1, 1), string(UnknownModel), ""},
	} {
		got := p.Price(&Call{Provider: "acme", RequestModel: tc.model, Batch: tc.batch, Usage: tc.u})
		text := string(got.Unknown)
		if got.Known() {
			text = got.Total.String()
		}
		if text != tc.want || partsText(&got) != tc.parts {
			t.Errorf("%s: %s (%s), want %s (%s)", tc.name, text, partsText(&got), tc.want, tc.parts)
		}
		if !got.Known() && (got.Cost() != genai.Cost{} || got.Entry != nil || !got.Total.IsZero()) {
			t.Errorf("%s: unknown, but %+v", tc.name, got.Cost())
		}
	}
}

func partsText(p *Priced) string {
	var s []string
	for _, part := range p.Parts() {
		s = append(s, part.Tier.String()+" "+big.NewInt(part.N).String()+" "+part.Amount.String())
	}
	return strings.Join(s, ", ")
}

// TestPriceOverflows: the sum of three such parts is beyond 128 bits.
func TestPriceOverflows(t *testing.T) {
	t.Parallel()
	book := newBook("test", []*Entry{{Provider: "acme", Model: "m"}})
	e := book.Entries()[0]
	for _, tier := range []Tier{TierInput, TierOutput, TierImage} {
		e.base.put(tier, math.MaxUint64)
	}
	u := tokens(math.MaxInt64, math.MaxInt64)
	u.Images = genai.Count(math.MaxInt64)
	got := New(book, Options{}).Price(&Call{Provider: "acme", ResponseModel: "m", Usage: u})
	if got.Unknown != TooLarge || !got.Total.IsZero() || len(got.Parts()) > 0 {
		t.Errorf("%q, %s, %d parts", got.Unknown, got.Total, len(got.Parts()))
	}
}

// TestKnownCalls are calls whose cost follows from the vendors' lists by hand.
func TestKnownCalls(t *testing.T) {
	t.Parallel()
	p := New(Default(), Options{})
	n := genai.Count
	for _, tc := range []struct {
		provider, model, at string
		u                   Usage
		want                string
	}{
		// 57 * 0.15 + 23 * 0.60 dollars a million
		{"openai", "gpt-4o-mini-2024-07-18", "2026-01-01", tokens(57, 23), "0.00002235"},
		// Anthropic's: 12 read, 2176 written to the cache, 11 out at 3, 3.75 and 15
		{"anthropic", "claude-sonnet-4-5-20250929", "2026-01-01", Usage{Input: n(2188), Output: n(11), CacheWrite: n(2176)}, "0.008361"},
		// Gemini above 200,000
		{"gcp.gemini", "gemini-2.5-pro", "2026-01-01", tokens(300_000, 1000), "0.765"},
		// OpenLIT says 0.000022349999999999998 of this one: it leaves the cache out
		{"openai", "gpt-4o-mini-2024-07-18", "2026-01-01", Usage{Input: n(57), Output: n(23), CacheRead: n(32)}, "0.00001995"},
		{"openai", "text-embedding-3-small", "2026-01-01", Usage{Input: n(8)}, "0.00000016"},
		{"openai", "o3", "2025-05-01", tokens(1000, 1000), "0.05"},
		{"openai", "o3", "2025-07-01", tokens(1000, 1000), "0.01"},
	} {
		got := p.Price(&Call{Provider: tc.provider, ResponseModel: tc.model, Time: day(tc.at), Usage: tc.u})
		want := genai.Cost{Amount: tc.want, Currency: "USD", Source: "tiltmeter 2026-08-21"}
		if diff := cmp.Diff(want, got.Cost()); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tc.model, got.Unknown, diff)
		}
	}
}

func TestReportedCost(t *testing.T) {
	t.Parallel()
	reported := func(amount, currency string) genai.Cost {
		return genai.Cost{Amount: amount, Currency: currency, Source: "reported"}
	}
	book := genai.Cost{Amount: "0.0028", Currency: "USD", Source: "test"}
	for _, tc := range []struct {
		name     string
		prefer   Prefer
		model    string
		reported genai.Cost
		want     genai.Cost
	}{
		{"both, nothing said: the book's", Options{}.Prefer, "plain", reported("0.001", "USD"), book},
		{"both: the sender's", PreferReported, "plain", reported("0.001", "USD"), reported("0.001", "USD")},
		{"both: the book's", PreferBook, "plain", reported("0.001", "USD"), book},
		{"the sender gave none", PreferReported, "plain", genai.Cost{}, book},
		{"the sender's 0 is unknown", PreferReported, "plain", reported("0", "USD"), book},
		{"in any form", PreferReported, "plain", reported("0.000", "USD"), book},
		{"the book has none", PreferBook, "other", reported("0.001", "USD"), reported("0.001", "USD")},
		{"nobody has", PreferReported, "other", reported("0", "USD"), genai.Cost{}},
		{"another currency stays", PreferReported, "plain", reported("0.001", "EUR"), reported("0.001", "EUR")},
	} {
		p := newTestPricer(t, Options{Prefer: tc.prefer})
		got := p.Price(&Call{Provider: "acme", ResponseModel: tc.model, Usage: tokens(1000, 100), Reported: tc.reported})
		if got.Cost() != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got.Cost(), tc.want)
		}
		if kept := !isZero(tc.reported.Amount); kept != (got.Reported == tc.reported && kept) {
			t.Errorf("%s: the sender's cost was not kept beside: %+v", tc.name, got.Reported)
		}
	}
}

func TestResponseModelCounts(t *testing.T) {
	t.Parallel()
	p := newTestPricer(t, Options{})
	if got := p.Price(&Call{Provider: "acme", RequestModel: "plain", ResponseModel: "other", Usage: tokens(1, 1)}); got.Unknown != UnknownModel {
		t.Errorf("a model that served the call and is unknown: %q", got.Unknown)
	}
}

func TestCallOf(t *testing.T) {
	t.Parallel()
	s := genai.Span{
		Provider: "acme", RequestModel: "a", ResponseModel: "b", Start: time.Unix(1, 0),
		Usage: genai.Usage{Input: genai.Count(1), Output: genai.Count(2), CacheRead: genai.Count(3), CacheWrite: genai.Count(4), Reasoning: genai.Count(5)},
		Cost:  genai.Cost{Amount: "1"},
	}
	want := Call{
		Provider: "acme", RequestModel: "a", ResponseModel: "b", Time: time.Unix(1, 0), Reported: genai.Cost{Amount: "1"},
		Usage: Usage{Input: genai.Count(1), Output: genai.Count(2), CacheRead: genai.Count(3), CacheWrite: genai.Count(4), Reasoning: genai.Count(5)},
	}
	if diff := cmp.Diff(want, CallOf(&s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPartsAreTheTotal: whatever was used, the parts add up to the total, every unit is charged
// once, and the answer is the same each time.
func TestPartsAreTheTotal(t *testing.T) {
	t.Parallel()
	p := newTestPricer(t, Options{})
	models := []string{"plain", "full", "short-cache", "embed", "free", "draws-too"}
	rapid.Check(t, func(t *rapid.T) {
		count := func(name string) genai.Tokens {
			if !rapid.Bool().Draw(t, name+" known") {
				return genai.Tokens{}
			}
			return genai.Count(rapid.Int64Range(0, 1<<40).Draw(t, name))
		}
		u := Usage{
			Input: count("input"), Output: count("output"), CacheRead: count("read"), CacheWrite: count("write"),
			CacheWrite1h: count("1h"), Reasoning: count("reasoning"), InputAudio: count("audio in"), OutputAudio: count("audio out"),
		}
		c := Call{Provider: "acme", ResponseModel: rapid.SampledFrom(models).Draw(t, "model"), Batch: rapid.Bool().Draw(t, "batch"), Usage: u}
		got := p.Price(&c)
		if again := p.Price(&c); !cmp.Equal(got.Total, again.Total, cmp.AllowUnexported(Decimal{})) || got.Unknown != again.Unknown {
			t.Fatalf("another answer: %s, %s", got.Total, again.Total)
		}
		if !got.Known() {
			return
		}
		sum, units := new(big.Int), int64(0)
		for _, part := range got.Parts() {
			sum.Add(sum, big18(part.Amount))
			if part.Tier.perToken() {
				units += part.N
			}
		}
		if sum.Cmp(big18(got.Total)) != 0 || units != u.Input.N+u.Output.N {
			t.Fatalf("parts %s of %d tokens, total %s of %d", sum, units, got.Total, u.Input.N+u.Output.N)
		}
	})
}

func TestModelsRememberedAreBounded(t *testing.T) {
	t.Parallel()
	p := newTestPricer(t, Options{Models: 10})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				p.Price(&Call{Provider: "acme", ResponseModel: strings.Repeat("m", i*100+j), Usage: tokens(1, 1)})
				if got := p.Price(&Call{Provider: "acme", ResponseModel: "plain", Usage: tokens(1000, 100)}); got.Total.String() != "0.0028" {
					t.Errorf("%s %s", got.Unknown, got.Total)
				}
			}
		})
	}
	wg.Wait()
	before := len(p.routes)
	p.Price(&Call{Provider: "acme", ResponseModel: strings.Repeat("m", maxRememberedBytes), Usage: tokens(1, 1)})
	if len(p.routes) != before {
		t.Error("a name too long to be a model's is remembered")
	}
	if len(p.routes) > 10 {
		t.Errorf("%d models remembered", len(p.routes))
	}
	if testutil.ToFloat64(p.forgot) == 0 || testutil.ToFloat64(p.counts[""]) != 400 {
		t.Errorf("forgotten %v times, priced %v", testutil.ToFloat64(p.forgot), testutil.ToFloat64(p.counts[""]))
	}
}

func TestEveryReasonIsCounted(t *testing.T) {
	t.Parallel()
	p := newTestPricer(t, Options{})
	for _, r := range Reasons {
		if p.counts[r] == nil {
			t.Errorf("%s", r)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(Reasons)))) != len(Reasons) {
		t.Error("a reason is listed twice")
	}
}

func TestPriceAllocatesNothing(t *testing.T) {
	p := New(Default(), Options{})
	c := Call{Provider: "openai", ResponseModel: "gpt-4o-2024-08-06", Time: day("2026-01-01"), Usage: tokens(1000, 100)}
	if n := testing.AllocsPerRun(100, func() { p.Price(&c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPrice(b *testing.B) {
	p := New(Default(), Options{})
	c := Call{
		Provider: "anthropic", ResponseModel: "claude-sonnet-4-5-20250929", Time: day("2026-01-01"),
		Usage: Usage{Input: genai.Count(2188), Output: genai.Count(11), CacheRead: genai.Count(100), CacheWrite: genai.Count(2000)},
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Price(&c)
	}
}

func BenchmarkReadLiteLLM(b *testing.B) {
	in := string(sample(b))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := ReadLiteLLM("b", strings.NewReader(in), time.Time{}, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
