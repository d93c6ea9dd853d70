package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// reader answers with a prepared reading.
type reader struct {
	reading api.Reading
	err     error
	stored  genai.Span // what it was asked to compare with
}

func (r *reader) Read(_ *store.RawSpan, stored *genai.Span) (api.Reading, error) {
	r.stored = *stored
	return r.reading, r.err
}

func withReader(v *reader) option {
	return func(_ *api.Config, d *api.Deps, _ *auth.Options) { d.Reader = v }
}

const readingPath = "/v1/traces/" + traceID + "/spans/0102030405060708/reading"

func exampleReading() api.Reading {
	return api.Reading{
		Dialects: []api.SpokenDialect{{Name: "openinference", Place: 5}, {Name: "otel-genai", Version: "1.37", Place: 30}},
		Sources: []api.ReadingSource{
			{Key: "llm.model_name", Dialect: "openinference", Outcome: "filled", Fields: []string{"RequestModel"}, Value: "gpt-4o"},
			{Key: "gen_ai.request.model", Dialect: "otel-genai", Outcome: "conflict", Fields: []string{"RequestModel"}, Value: "gpt-\xff", Cut: true},
			{Key: "mine", Outcome: "ignored"},
			{Event: "gen_ai.choice", Record: 1, Dialect: "otel-genai", Outcome: "filled", Fields: []string{"Output", "Usage.Input"}},
			{Key: "yours", Outcome: "ignored"},
			{Outcome: "derived", Fields: []string{"FinishReasons"}},
		},
		Warnings:  []genai.Warning{{Code: genai.WarnTruncated, Field: "x", Text: "cut"}},
		Differing: []string{"ResponseModel", "Conversation"},
	}
}

func readingOf(t *testing.T, r *running) *pb.SpanReading {
	t.Helper()
	code, body := r.get(t, readingPath)
	got := new(pb.SpanReading)
	if err := protojson.Unmarshal([]byte(body), got); code != http.StatusOK || err != nil {
		t.Fatalf("%d %v %s", code, err, body)
	}
	return got
}

func TestSpanReading(t *testing.T) {
	t.Parallel()
	v := &reader{reading: exampleReading()}
	r := start(t, withReader(v))
	r.store.span, r.store.raw = fullSpan(), rawBytes(t)
	r.store.derived.Pricing.Reported = genai.Cost{Amount: "0.1", Currency: "EUR"}
	_, body := r.get(t, readingPath)
	golden(t, "span_reading", body)
	if v.stored.Cost.Amount != "0.1" || v.stored.Name != r.store.span.Name {
		t.Errorf("compared with cost %+v of %q, want what the sender gave", v.stored.Cost, v.stored.Name)
	}
}

// TestSpanReadingIsBounded: what was ignored goes first, and that something is missing is said.
func TestSpanReadingIsBounded(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]string{6: "llm.model_name gen_ai.request.model mine  yours ", 5: "llm.model_name gen_ai.request.model mine  ", 4: "llm.model_name gen_ai.request.model  ", 1: "llm.model_name"} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			r := start(t, withReader(&reader{reading: exampleReading()}), withLimits(api.Limits{ReadingSources: limit}))
			r.store.span, r.store.raw = fullSpan(), rawBytes(t)
			got := readingOf(t, r)
			var keys []string
			for _, s := range got.GetSources() {
				keys = append(keys, s.GetKey())
			}
			if strings.Join(keys, " ") != want || got.GetTruncated() != (limit < 6) {
				t.Errorf("got %q, truncated %v; want %q", strings.Join(keys, " "), got.GetTruncated(), want)
			}
		})
	}
}

// TestSpanReadingOfPartsIsNotCompared: with some of the log records only, a difference says nothing.
func TestSpanReadingOfPartsIsNotCompared(t *testing.T) {
	t.Parallel()
	r := start(t, withReader(&reader{reading: exampleReading()}))
	r.store.span, r.store.raw = fullSpan(), rawBytes(t)
	r.store.raw.Truncated = true
	if got := readingOf(t, r); !got.GetTruncated() || len(got.GetDifferingFields()) > 0 {
		t.Errorf("truncated %v, differing %v", got.GetTruncated(), got.GetDifferingFields())
	}
}

func TestSpanReadingErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path string
		set  func(*answers, *reader)
		code int
		want string
	}{
		"no such span":   {readingPath, func(a *answers, _ *reader) { a.span = nil }, 404, traceID + "/0102030405060708 is not in project"},
		"no raw form":    {readingPath, func(a *answers, _ *reader) { a.raw = &store.RawSpan{} }, 404, "is stored without what was sent"},
		"no span id":     {strings.Replace(readingPath, "/spans/0102030405060708", "/spans/01", 1), nil, 400, "span_id"},
		"cannot be read": {readingPath, func(_ *answers, v *reader) { v.err = errBroken }, 500, "its log has the cause"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &reader{}
			r := start(t, withReader(v))
			r.store.span, r.store.raw = fullSpan(), rawBytes(t)
			if c.set != nil {
				c.set(r.store, v)
			}
			if code, body := r.get(t, c.path); code != c.code || !strings.Contains(body, c.want) || strings.Contains(body, "hunter2") {
				t.Errorf("%d %s, want %d with %q", code, body, c.code, c.want)
			}
		})
	}
}

// TestFieldPaths: every name is one of the Span message, so that who reads it finds the value there.
func TestFieldPaths(t *testing.T) {
	t.Parallel()
	for field, path := range api.Fields() {
		d := (&pb.Span{}).ProtoReflect().Descriptor()
		for i, name := range strings.Split(path, ".") {
			f := d.Fields().ByName(protoreflect.Name(name))
			if f == nil {
				if i == 1 && strings.HasPrefix(path, "request.") { // a Struct
					break
				}
				t.Errorf("%s: Span has no %s", field, path)
				break
			}
			d = f.Message()
		}
	}
}
