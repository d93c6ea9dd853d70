package genai_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
)

const weatherSchema = `{"type":"object","properties":{"city":{"type":"string","description":"The city"},"days":{"type":"integer","minimum":1}},"required":["city"]}`

func text(s string) []genai.Part { return []genai.Part{{Type: genai.PartText, Content: s}} }

// fingerprinted is a span of which every part of the fingerprint is known.
func fingerprinted() genai.Span {
	return genai.Span{
		Provider: "openai", RequestModel: "gpt-4o-mini", ResponseModel: "gpt-4o-mini-2024-07-18",
		System: text("You are a weather assistant.\nAnswer in one sentence."),
		Tools: []genai.ToolDefinition{
			{Name: "get_weather", Description: "Get the weather", Parameters: weatherSchema},
			{Type: "function", Name: "get_time", Parameters: `{"type":"object"}`},
			{Name: "search"},
		},
		Request: genai.Request{MaxTokens: new(int64(200)), Temperature: new(0.2), StopSequences: []string{"END"}, OutputType: "text"},
	}
}

// TestFingerprintNeverChanges: these values stand in databases. A change of them is a new kind of fingerprint.
func TestFingerprintNeverChanges(t *testing.T) {
	t.Parallel()
	whole := fingerprinted()
	prompt := fingerprinted()
	prompt.Prompt = genai.Prompt{Name: "weather", Version: "7"}
	for _, tc := range []struct {
		name string
		span genai.Span
		want genai.Fingerprint
		sum  string
	}{
		{
			"all parts", whole,
			genai.Fingerprint{Model: 0x2b195d32c5b3d3d7, System: 0xe8fabb3df182704a, Tools: 0x5cc776165f7b3787, Params: 0x8d621e30b2fe3a4},
			"f14a2bf7d975aa9fc42b8698e07bfb79",
		},
		{
			"managed prompt", prompt,
			genai.Fingerprint{Model: 0x2b195d32c5b3d3d7, System: 0xc78b32d1dbead0b5, Tools: 0x5cc776165f7b3787, Params: 0x8d621e30b2fe3a4},
			"66170ed702fef655cad087c09dacfebd",
		},
		{
			"model alone",
			genai.Span{RequestModel: "gpt-4o"},
			genai.Fingerprint{Model: 0xdf82fec0732c316d},
			"166bc3654ccf9214cfeb2f21e3e2b5e4",
		},
		{"nothing", genai.Span{}, genai.Fingerprint{}, ""},
	} {
		got := tc.span.Fingerprint()
		if got != tc.want || got.String() != tc.sum {
			t.Errorf("%s:\n%#v, %q, want\n%#v, %q", tc.name, got, got, tc.want, tc.sum)
		}
	}
}

// TestFingerprintNamesWhatChanged: each change shows in its part and in no other.
func TestFingerprintNamesWhatChanged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*genai.Span)
		want   string
	}{
		{"nothing", func(*genai.Span) {}, ""},
		{"response model", func(s *genai.Span) { s.ResponseModel = "gpt-4o-mini-2025-01-01" }, "model"},
		{"provider", func(s *genai.Span) { s.Provider = "azure.ai.openai" }, "model"},
		{"request model beside the same response model", func(s *genai.Span) { s.RequestModel = "fast" }, ""},
		{"a word of the instructions", func(s *genai.Span) { s.System[0].Content += " Be kind." }, "system"},
		{"no instructions", func(s *genai.Span) { s.System = nil }, "system"},
		{"white space in them", func(s *genai.Span) { s.System = text(" You are a weather\tassistant.\r\n\r\nAnswer in one sentence. ") }, ""},
		{"cut into two parts", func(s *genai.Span) {
			s.System = append(text("You are a weather assistant."), text("Answer in one sentence.")...)
		}, ""},
		{"as the first message", func(s *genai.Span) {
			s.Input = []genai.Message{{Role: genai.RoleSystem, Parts: s.System}, {Role: genai.RoleUser, Parts: text("Hi")}}
			s.System = nil
		}, ""},
		{"both at once", func(s *genai.Span) {
			s.Input = []genai.Message{{Role: genai.RoleSystem, Parts: text("You are a weather assistant.\nAnswer in one sentence.")}}
		}, ""},
		{"a system message later in the input", func(s *genai.Span) {
			s.Input = []genai.Message{{Role: genai.RoleUser, Parts: text("Hi")}, {Role: genai.RoleSystem, Parts: text("Now be rude.")}}
		}, ""},
		{"a file in them", func(s *genai.Span) { s.System = append(s.System, genai.Part{Type: genai.PartFile, FileID: "f1"}) }, "system"},
		{"prompt name without a version", func(s *genai.Span) { s.Prompt.Name = "weather" }, ""},
		{"prompt name and version", func(s *genai.Span) { s.Prompt = genai.Prompt{Name: "weather", Version: "2"} }, "system"},
		{"order of the tools", func(s *genai.Span) { slices.Reverse(s.Tools) }, ""},
		{"a tool less", func(s *genai.Span) { s.Tools = s.Tools[:2] }, "tools"},
		{"no tools", func(s *genai.Span) { s.Tools = nil }, "tools"},
		{"a tool's description", func(s *genai.Span) { s.Tools[0].Description = "Get tomorrow's weather" }, "tools"},
		{"a tool's name", func(s *genai.Span) { s.Tools[2].Name = "find" }, "tools"},
		{"a schema's number", func(s *genai.Span) {
			s.Tools[0].Parameters = genai.JSON(strings.ReplaceAll(weatherSchema, `"minimum":1`, `"minimum":2`))
		}, "tools"},
		{"a number's spelling", func(s *genai.Span) {
			s.Tools[0].Parameters = genai.JSON(strings.ReplaceAll(weatherSchema, `"minimum":1`, `"minimum": 1.0`))
		}, ""},
		{"a string's spelling", func(s *genai.Span) {
			s.Tools[0].Parameters = genai.JSON(strings.ReplaceAll(weatherSchema, `"The city"`, `"\u0054he city"`))
		}, ""},
		{"a list's order in a schema", func(s *genai.Span) {
			s.Tools[1].Parameters = `{"enum":["b","a"]}`
		}, "tools"},
		{"the type said", func(s *genai.Span) { s.Tools[2].Type = "function" }, ""},
		{"another type", func(s *genai.Span) { s.Tools[2].Type = "web_search" }, "tools"},
		{"temperature", func(s *genai.Span) { s.Request.Temperature = new(0.3) }, "params"},
		{"temperature not said", func(s *genai.Span) { s.Request.Temperature = nil }, "params"},
		{"the answer's schema", func(s *genai.Span) { s.Request.OutputSchema = weatherSchema }, "params"},
		{"reasoning", func(s *genai.Span) { s.Request.ReasoningLevel = "high" }, "params"},
		{"stop sequences", func(s *genai.Span) { s.Request.StopSequences = []string{"STOP"} }, "params"},
		{"seed, streaming, address", func(s *genai.Span) {
			s.Request.Seed, s.Request.Stream, s.Request.ServerAddress = new(int64(7)), new(true), "api.openai.com"
		}, ""},
		{"model and tools", func(s *genai.Span) { s.ResponseModel, s.Tools = "gpt-4o", nil }, "model+tools"},
		{"what does not belong to it", func(s *genai.Span) {
			s.Name, s.Operation, s.Start, s.Service.Version = "other", genai.OpChat, time.Unix(1, 0), "2"
			s.Usage, s.Cost.Amount, s.ResponseID, s.Conversation, s.User = genai.Usage{Input: genai.Count(1)}, "1", "id", "conv", "user"
			s.Output = []genai.Message{{Role: genai.RoleAssistant, Parts: text("It rains.")}}
		}, ""},
	} {
		base, s := fingerprinted(), fingerprinted()
		tc.change(&s)
		before, after := base.Fingerprint(), s.Fingerprint()
		if got := after.Changed(before).String(); got != tc.want {
			t.Errorf("%s: changed %q, want %q", tc.name, got, tc.want)
		}
		if same := after.Sum() == before.Sum(); same != (tc.want == "") || same != (after.String() == before.String()) {
			t.Errorf("%s: the sum is the same: %v", tc.name, same)
		}
	}
}

// TestFingerprintOfTemplates: what is filled into instructions does not change the fingerprint; what the
// reducer cannot know does, and a change of a number alone does not. Both are documented.
func TestFingerprintOfTemplates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, a, b string
		same       bool
	}{
		{"a date", "Today is 2026-11-25.", "Today is 2026-11-26.", true},
		{"a date and time", "Now: 2026-11-25T04:00:12.123Z. Go.", "Now: 2026-12-01T23:59:59.000+01:00. Go.", true},
		{"a date in words", "Today is Wednesday, November 25, 2026. Help.", "Today is Tuesday, December 1, 2026. Help.", true},
		{"day first", "It is Wed 25 Nov 2026, 4 PM UTC", "It is Tue 1 Dec 2026, 11 AM UTC", true},
		{"a weekday by itself is a word", "We are closed on Monday.", "We are closed on Tuesday.", false},
		{"an id", "Session 3f2c9a10-77aa-4b1e-9c55-0123456789ab begins.", "Session 9e01ffff-0000-4b1e-9c55-ba9876543210 begins.", true},
		{"a customer's number", "Customer cust_81723 asks.", "Customer cust_99 asks.", true},
		{"an address", "Write to ann.lee+x@example.com.", "Write to bob@mail.example.org.", true},
		{"an amount", "The balance is $1,204.50.", "The balance is $7.", true},
		{"counts of things, one mark for several", "Rows 1 2 3 follow", "Rows 7 follow", true},
		{"a number alone, which is a limit", "At most 3 sentences.", "At most 5 sentences.", true},
		{"a word", "Be brief.", "Be long.", false},
		{"letters' case", "be brief.", "Be brief.", false},
		{"punctuation", "Be brief.", "Be brief!", false},
		{"a name that nobody named", "You talk to Ann.", "You talk to Bob.", false},
		{"letters outside ASCII", "Antworte höflich.", "Antworte hoflich.", false},
	} {
		a, b := genai.Span{System: text(tc.a)}, genai.Span{System: text(tc.b)}
		if same := a.Fingerprint() == b.Fingerprint(); same != tc.same {
			t.Errorf("%s: the same: %v, want %v", tc.name, same, tc.same)
		}
	}
}

func TestFingerprintOfNamedValues(t *testing.T) {
	t.Parallel()
	with := func(instructions, name, user string) genai.Fingerprint {
		s := genai.Span{System: text(instructions), User: user}
		s.Prompt.Variables = []genai.Variable{{Name: "customer", Value: name}, {Name: "document", Value: "<doc>\nAbout " + name + "\n</doc>"}}
		return s.Fingerprint()
	}
	a := with("You talk to Ann Lee (ann). <doc>\nAbout Ann Lee\n</doc> Ann Leeson is another one.", "Ann Lee", "ann")
	b := with("You talk to Bob (bobby). <doc>\nAbout Bob\n</doc> Ann Leeson is another one.", "Bob", "bobby")
	if a != b {
		t.Error("the values of variables and the user count")
	}
	if c := with("You talk to Bob (bobby). <doc>\nAbout Bob\n</doc> Bob Leeson is another one.", "Bob", "bobby"); b == c {
		t.Error("a value beside another text counts")
	}
	short := with("To be or not to be", "be", "to")
	if long := with("To bee or not to bee", "be", "to"); short == long {
		t.Error("values of two letters were taken out")
	}
}

// TestFingerprintTakesBoundedTime: text and values made to be compared as long as can be.
func TestFingerprintTakesBoundedTime(t *testing.T) {
	t.Parallel()
	s := genai.Span{System: text(strings.Repeat("ab ", 300_000))}
	for range 50 {
		s.Prompt.Variables = append(s.Prompt.Variables, genai.Variable{Name: "v", Value: strings.Repeat("ab ", 100_000) + "c"})
	}
	s.Tools = []genai.ToolDefinition{{Name: "deep", Parameters: genai.JSON(strings.Repeat(`{"a":[`, 200_000))}}
	first := s.Fingerprint()
	if again := s.Fingerprint(); again != first {
		t.Errorf("%s, then %s", first, again)
	}
}

// TestFingerprintOfSchemas: white space and the order of keys never count, whatever the schema.
func TestFingerprintOfSchemas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		schema := anySchema(t, 3)
		seed := rapid.Uint64().Draw(t, "order")
		var a, b strings.Builder
		writeJSON(&a, schema, nil)
		writeJSON(&b, schema, rand.New(rand.NewPCG(seed, seed)))
		one := genai.Span{Tools: []genai.ToolDefinition{{Name: "t", Parameters: genai.JSON(a.String())}}}
		two := genai.Span{Tools: []genai.ToolDefinition{{Name: "t", Parameters: genai.JSON(b.String())}}}
		if one.Fingerprint() != two.Fingerprint() {
			t.Fatalf("%s\n%s", a.String(), b.String())
		}
		other := anySchema(t, 3)
		var c strings.Builder
		writeJSON(&c, other, nil)
		three := genai.Span{Tools: []genai.ToolDefinition{{Name: "t", Parameters: genai.JSON(c.String())}}}
		if same := one.Fingerprint() == three.Fingerprint(); same != sameJSON(t, a.String(), c.String()) {
			t.Fatalf("the same: %v\n%s\n%s", same, a.String(), c.String())
		}
	})
}

func sameJSON(t *rapid.T, a, b string) bool {
	normal := func(s string) []byte {
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	return bytes.Equal(normal(a), normal(b))
}

type member struct {
	key   string
	value any
}

// anySchema draws a JSON value; objects are lists of members with distinct keys.
func anySchema(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	switch {
	case kind < 2 && depth > 0:
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"type", "a", "b", "ä", "x\"y", ""}), 0, 4, rapid.ID[string]).Draw(t, "keys")
		members := make([]member, len(keys))
		for i, k := range keys {
			members[i] = member{k, anySchema(t, depth-1)}
		}
		return members
	case kind == 2 && depth > 0:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range list {
			list[i] = anySchema(t, depth-1)
		}
		return list
	case kind == 3:
		return rapid.SampledFrom([]any{true, false, nil}).Draw(t, "literal")
	case kind == 4:
		return rapid.SampledFrom([]any{0, 1, -5, 1.5, 1e21, 0.1}).Draw(t, "number")
	}
	return rapid.SampledFrom([]string{"", "object", "string", "a\nb", "é", "{"}).Draw(t, "string")
}

// writeJSON writes v; with an order, members come in any and white space lies between everything.
func writeJSON(b *strings.Builder, v any, order *rand.Rand) {
	gap := func() {
		if order != nil {
			b.WriteString([]string{"", " ", "\n\t"}[order.IntN(3)])
		}
	}
	gap()
	switch v := v.(type) {
	case []member:
		v = slices.Clone(v)
		if order != nil {
			order.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, m.key, order)
			b.WriteByte(':')
			writeJSON(b, m.value, order)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, e, order)
		}
		b.WriteByte(']')
	default:
		out, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.Write(out)
	}
	gap()
}

// TestFingerprintOfWords: instructions of the same words have the same fingerprint, of others another one.
func TestFingerprintOfWords(t *testing.T) {
	t.Parallel()
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"you", "are", "kind", "Kind", "not", "über", "e.g.", "and/or"}), 1, 8)
	gaps := rapid.SampledFrom([]string{" ", "\n", "\t ", "  ", "\r\n"})
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		var spaced strings.Builder
		for _, w := range a {
			spaced.WriteString(gaps.Draw(t, "gap") + w)
		}
		one, two, three := genai.Span{System: text(strings.Join(a, " "))}, genai.Span{System: text(spaced.String())}, genai.Span{System: text(strings.Join(b, " "))}
		if one.Fingerprint() != two.Fingerprint() {
			t.Fatalf("white space counts: %q", spaced.String())
		}
		if same := one.Fingerprint() == three.Fingerprint(); same != slices.Equal(a, b) {
			t.Fatalf("%q and %q: the same: %v", a, b, same)
		}
	})
}

// FuzzFingerprint: whatever stands in instructions and schemas, the fingerprint is made, the same each time.
func FuzzFingerprint(f *testing.F) {
	f.Add("You are kind. Today is May 5, 2026.", weatherSchema, "kind")
	f.Add("a@b.c @@ 1:2 \xff\x00 über Mon", `{"a":[1.0,1e400,"\ud800"],"a":{}}`, "")
	f.Fuzz(func(t *testing.T, instructions, schema, value string) {
		s := genai.Span{System: text(instructions), Tools: []genai.ToolDefinition{{Name: "t", Parameters: genai.JSON(schema)}}}
		s.Prompt.Variables = []genai.Variable{{Name: "v", Value: value}}
		one := s.Fingerprint()
		spaced := s
		spaced.System = text(" \n" + instructions + "\t")
		if two := spaced.Fingerprint(); two != s.Fingerprint() || two != one {
			t.Fatalf("%v, then %v", one, two)
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	s := fingerprinted()
	s.System = text(strings.Repeat("You are a weather assistant. Today is Wednesday, November 25, 2026. Answer in one sentence.\n", 20))
	b.SetBytes(int64(len(s.System[0].Content)))
	b.ReportAllocs()
	for b.Loop() {
		s.Fingerprint()
	}
}
