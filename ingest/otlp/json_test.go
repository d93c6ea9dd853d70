package otlp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// TestJSONAsPdataReadsIt: what real clients send in JSON becomes what pdata makes of it.
func TestJSONAsPdataReadsIt(t *testing.T) {
	t.Parallel()
	for name, body := range captured(t, "*.json") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sig := signalOf(name)
			got, err := toProto(body, sig)
			if err != nil {
				t.Fatal(err)
			}
			if sig == metrics {
				return
			}
			want, err := pdataRead(sig, body, false)
			if err != nil {
				t.Fatal(err)
			}
			read, err := pdataRead(sig, got, true)
			if diff := cmp.Diff(want, read); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

// pdataRead reads a request with pdata and writes it as pdata's JSON.
func pdataRead(sig signal, b []byte, isProto bool) (string, error) {
	type request interface {
		UnmarshalProto(b []byte) error
		UnmarshalJSON(b []byte) error
		MarshalJSON() ([]byte, error)
	}
	var req request = ptraceotlp.NewExportRequest()
	if sig == logs {
		req = plogotlp.NewExportRequest()
	}
	read := req.UnmarshalJSON
	if isProto {
		read = req.UnmarshalProto
	}
	if err := read(b); err != nil {
		return "", err
	}
	out, err := req.MarshalJSON()
	return string(out), err
}

// toProto converts without a limit that matters.
func toProto(b []byte, sig signal) ([]byte, error) {
	out, _, err := jsonToProto(b, nil, sig, maxRequestBytes, func(int64) bool { return true })
	return out, err
}

// oneSpan wraps the members of a span to a request.
func oneSpan(members string) []byte {
	return []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{` + members + `}]}]}]}`)
}

const ids = `"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"`

// TestJSONTolerance: what senders do beside the specification.
func TestJSONTolerance(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ members, attributes string }{
		"ids in base64":         {`"traceId":"AQIDBAUGBwgJCgsMDQ4PEA==","spanId":"AQIDBAUGBwg="`, ""},
		"ids without padding":   {`"traceId":"AQIDBAUGBwgJCgsMDQ4PEA","spanId":"AQIDBAUGBwg"`, ""},
		"ids in upper case":     {`"traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"0102030405060708"`, ""},
		"snake case":            {`"trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"0102030405060708"`, ""},
		"unknown and null":      {ids + `,"new":{"a":[1,{"b":null}]},"name":null,"events":null`, ""},
		"times as numbers":      {ids + `,"startTimeUnixNano":1700000000000000000`, ""},
		"kind and code by name": {ids + `,"kind":"SPAN_KIND_CLIENT","status":{"code":"ERROR"}`, ""},
		"integer as number":     {ids + `,"attributes":[{"key":"a","value":{"intValue":5}}]`, `a=5`},
		"integer as string":     {ids + `,"attributes":[{"key":"a","value":{"intValue":"5"}}]`, `a=5`},
		"large integer":         {ids + `,"attributes":[{"key":"a","value":{"intValue":"9007199254740993"}}]`, `a=9007199254740993`},
		"infinity":              {ids + `,"attributes":[{"key":"a","value":{"doubleValue":"Infinity"}}]`, `a="Infinity"`},
		"bytes":                 {ids + `,"attributes":[{"key":"a","value":{"bytesValue":"AQI="}}]`, `a="AQI="`},
		"attributes as object": {
			ids + `,"attributes":{"a":"x","b":1,"c":1.5,"d":[true,null],"e":{"f":"g"},"h":{"stringValue":"i"}}`,
			`a="x" b=1 c=1.5 d=[true,null] e={"f":"g"} h="i"`,
		},
		"list and map": {
			ids + `,"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}},` +
				`{"key":"b","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}}]`,
			`a=["x"] b={"k":true}`,
		},
		"plain value": {ids + `,"attributes":[{"key":"a","value":"x"}]`, `a="x"`},
		"escapes":     {ids + `,"attributes":{"a":"\u00e9\ud83d\ude00\ud83d\n\/"}`, "a=\"é😀\uFFFD\\n/\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := toProto(oneSpan(tc.members), traces)
			if err != nil {
				t.Fatal(err)
			}
			r := wire.ReadTraces(b)
			if !r.Next() {
				rep, err := wire.ValidateTraces(b, wire.Limits{})
				t.Fatalf("the span was refused: %v, %v", rep.First, err)
			}
			s := r.Span()
			if s.TraceID != [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16} ||
				s.SpanID != [8]byte{1, 2, 3, 4, 5, 6, 7, 8} {
				t.Errorf("ids are %x, %x", s.TraceID, s.SpanID)
			}
			var got []string
			for it := s.Attributes(); it.Next(); {
				v, _ := it.Value().AppendJSON([]byte(string(it.Key())+"="), wire.DefaultDepth)
				got = append(got, string(v))
			}
			if diff := cmp.Diff(tc.attributes, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(tc.members, "CLIENT") && (s.Kind != 3 || s.StatusCode != 2) {
				t.Errorf("kind %d, code %d", s.Kind, s.StatusCode)
			}
		})
	}
}

// TestJSONBadFieldCostsTheSpan: what cannot be read is refused by the name of its field, and the
// span beside it stays.
func TestJSONBadFieldCostsTheSpan(t *testing.T) {
	t.Parallel()
	for members, path := range map[string]string{
		`"spanId":"0102030405060708"`:                                "trace_id",
		`"traceId":"zz","spanId":"0102030405060708"`:                 "trace_id",
		`"traceId":5,"spanId":"0102030405060708"`:                    "trace_id",
		ids + `,"name":5`:                                            "name",
		ids + `,"startTimeUnixNano":"yesterday"`:                     "start_time_unix_nano",
		ids + `,"attributes":7`:                                      "attributes",
		ids + `,"attributes":[{"key":"a","value":{"intValue":"x"}}]`: "attributes[0]",
	} {
		body := strings.TrimSuffix(string(oneSpan(members)), `]}]}]}`) + `,{` + ids + `}]}]}]}`
		b, err := toProto([]byte(body), traces)
		if err != nil {
			t.Errorf("%s: %v", members, err)
			continue
		}
		rep, err := wire.ValidateTraces(b, wire.Limits{})
		if err != nil || rep.Items != 2 || rep.Rejected != 1 ||
			!strings.HasSuffix(rep.First.Path, "spans[0]."+path) {
			t.Errorf("%s: %+v, %v", members, rep, err)
		}
	}
}

// TestJSONOfAnyDepthCostsItsSpan: a value that is nested too deeply costs its span, whatever it is
// nested in, and where nobody would read it it costs nothing. Memory and stack stay bounded.
func TestJSONOfAnyDepthCostsItsSpan(t *testing.T) {
	t.Parallel()
	const deep = 1_000_000
	nest := func(open, inner, end string) string {
		n := deep / len(open)
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for name, tc := range map[string]struct {
		members  string
		rejected int
	}{
		"plain lists":      {`"attributes":{"a":` + nest(`[`, `1`, `]`) + `}`, 1},
		"plain objects":    {`"attributes":{"a":` + nest(`{"b":`, `null`, `}`) + `}`, 1},
		"lists of values":  {`"attributes":[{"key":"a","value":` + nest(`{"arrayValue":{"values":[`, `{"intValue":1}`, `]}}`) + `}]`, 1},
		"maps of values":   {`"attributes":[{"key":"a","value":` + nest(`{"kvlistValue":{"values":[{"key":"b","value":`, `{"intValue":1}`, `}]}}`) + `}]`, 1},
		"of an event":      {`"events":[{"attributes":{"a":` + nest(`[`, ``, `]`) + `}}]`, 1},
		"not a name":       {`"name":` + nest(`[`, ``, `]`), 1},
		"an unknown field": {`"new":` + nest(`{"b":[`, `true,"x\n",-1.5e3,{}`, `]}`), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.TrimSuffix(string(oneSpan(ids+","+tc.members)), `]}]}]}`) + `,{` + ids + `}]}]}]}`
			asked := int64(0)
			b, _, err := jsonToProto([]byte(body), nil, traces, maxRequestBytes, func(n int64) bool { asked = max(asked, n); return true })
			if err != nil {
				t.Fatal(err)
			}
			rep, err := wire.ValidateTraces(b, wire.Limits{})
			if err != nil || rep.Items != 2 || rep.Rejected != tc.rejected {
				t.Errorf("%+v, %v; want %d of 2 refused", rep, err, tc.rejected)
			}
			if asked > int64(4*len(body)) {
				t.Errorf("%d bytes asked for, to read %d", asked, len(body))
			}
			cut := strings.Replace(body, `]}]}]}`, `}}]}]}`, 1)
			if tc.rejected == 0 {
				cut = strings.Replace(body, `]}`, `}]`, 1)
			}
			if _, err := toProto([]byte(cut), traces); err == nil {
				t.Error("brackets that do not match are taken")
			}
		})
	}
}

// TestJSONSendersAreToldOfJSON: what was wrong is said in the form that was sent: the path as JSON has
// it, where the value lies and what it is. No word of protobuf.
func TestJSONSendersAreToldOfJSON(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	for body, want := range map[string]string{
		string(oneSpan(ids + `,"name":5`)): `resourceSpans[0].scopeSpans[0].spans[0].name: not what this field holds; ` +
			`the first such value: at byte 124, expected a string, found 5`,
		string(oneSpan(ids + `,"start_time_unix_nano": "yesterday"`)):                        `startTimeUnixNano: not what this field holds; the first such value: at byte 141, expected an integer, found the string "yesterday"`,
		string(oneSpan(ids + `,"kind":{}`)):                                                  `expected a number or a name, found an object`,
		string(oneSpan(ids + `,"status":{"code":[]}`)):                                       `expected a number or a name, found a list`,
		string(oneSpan(ids + `,"attributes":[{"key":"a","value":{"boolValue":"perhaps"}}]`)): `spans[0].attributes[0]: not what this field holds; the first such value: at byte 163, expected true or false, found the string "perhaps"`,
		string(oneSpan(ids + `,"attributes":7`)):                                             `expected a list of objects with "key" and "value", found 7`,
		string(oneSpan(`"traceId":"zz"`)):                                                    `resourceSpans[0].scopeSpans[0].spans[0].traceId: trace id must be`,
		`{"resourceSpans":[{"resource":7,"scopeSpans":[{"spans":[{}]}]}]}`:                   `at byte 30, expected an object, found 7`,
		`{"resourceSpans": 5}`:                                                               `read JSON: a value is not what its field holds: at byte 18, expected a list, found 5`,
		`{"resourceSpans":[{"scopeSpans":[5]}]}`:                                             `at byte 33, expected an object, found 5`,
		` [5]`:                                                                               `read JSON at byte 1: expected an object, found a list`,
		``:                                                                                   `read JSON at byte 0: expected an object, found the end`,
		`{"resourceSpans":[}`:                                                                `read JSON at byte 18: expected`,
	} {
		_, answer := r.post(t, traces, []byte(body), asJSON)
		text := strings.ReplaceAll(string(answer), `\"`, `"`)
		if !strings.Contains(text, want) || strings.Contains(text, "protobuf") {
			t.Errorf("%s: told %s; want %s", body, answer, want)
		}
	}
}

// TestJSONOfAnotherSignal: what belongs to another path is refused with its name, so that it is not lost
// in silence; nothing of another signal, as in the API's answer for a raw span, is no reason to.
func TestJSONOfAnotherSignal(t *testing.T) {
	t.Parallel()
	for members, refused := range map[string]bool{
		`,"resourceLogs":[]`: false, ",\"resourceLogs\":[\n]": false, `,"resourceMetrics":null`: false,
		`,"resourceLogs":[{}]`: true, `,"resourceLogs":{}`: true, `,"resourceLogs":[`: true,
	} {
		body := strings.TrimSuffix(string(oneSpan(ids)), `}`) + members + `}`
		out, err := toProto([]byte(body), traces)
		if refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "/v1/logs") {
			t.Errorf("%s: %v", members, err)
		}
		if rep, werr := wire.ValidateTraces(out, wire.Limits{}); !refused && (werr != nil || rep.Accepted() != 1) {
			t.Errorf("%s: %+v, %v", members, rep, werr)
		}
	}
}
