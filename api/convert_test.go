package api

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tiltmeter/tiltmeter/genai"
)

// marker gives every field below a value a value of its own, and notes by the field's path how JSON shows it.
type marker struct {
	n    int
	want map[string]string
}

func (m *marker) fill(path string, v reflect.Value) {
	m.n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(1_700_000_000+int64(m.n), 0).UTC()
		m.want[path] = x.Format(time.RFC3339)
		return
	case *time.Duration:
		*x = time.Duration(1000+m.n) * time.Second
		m.want[path] = strconv.Itoa(1000+m.n) + "s"
		return
	case *genai.Value:
		*x = genai.String(fmt.Sprintf("mark-%d-", m.n))
		m.want[path] = x.Text
		return
	case *genai.Tokens:
		*x = genai.Count(int64(40_000 + m.n))
		m.want[path] = strconv.Itoa(40_000 + m.n)
		return
	case *genai.Kind:
		*x = genai.KindConsumer
		m.want[path] = "SPAN_KIND_CONSUMER"
		return
	case *genai.StatusCode:
		*x = genai.StatusError
		m.want[path] = "CODE_ERROR"
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("mark-%d-", m.n))
		m.want[path] = v.String()
	case reflect.Int64, reflect.Int:
		v.SetInt(int64(40_000 + m.n))
		m.want[path] = strconv.Itoa(40_000 + m.n)
	case reflect.Uint32:
		v.SetUint(uint64(40_000 + m.n))
		m.want[path] = strconv.Itoa(40_000 + m.n)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(m.n) + 0.25)
		m.want[path] = strconv.Itoa(m.n) + ".25"
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array: // an id
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(m.n % 256))
		}
		m.want[path] = hex.EncodeToString([]byte(strings.Repeat(string([]byte{byte(m.n)}), v.Len())))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		m.fill(path, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		m.fill(path, v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			m.fill(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	default:
		panic("cannot fill " + path)
	}
}

// TestEveryFieldOfASpanIsShown: a field that is added to the canonical span is shown or named here.
func TestEveryFieldOfASpanIsShown(t *testing.T) {
	t.Parallel()
	hidden := map[string]bool{
		"Project":        true, // the request named it
		"Input.Encoded":  true, // the sender's spelling of what is shown
		"Output.Encoded": true,
		"Turn.ID":        true, // of log records alone
		"Turn.Sequence":  true,
	}
	m := marker{want: map[string]string{}}
	var s genai.Span
	m.fill("", reflect.ValueOf(&s).Elem())
	b, err := protojson.Marshal(spanProto(&s))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range m.want {
		if strings.Contains(string(b), want) == hidden[path] {
			t.Errorf("%s: shown %t (%s)", path, !hidden[path], want)
		}
	}
	if len(m.want) < 100 {
		t.Errorf("only %d fields were looked at", len(m.want))
	}
}

// TestEveryTypeOfPartIsShown: what a part holds is shown whatever its type is, the rest of it in raw.
func TestEveryTypeOfPartIsShown(t *testing.T) {
	t.Parallel()
	for _, typ := range []genai.PartType{
		genai.PartText, genai.PartReasoning, genai.PartToolCall, genai.PartToolCallResponse, genai.PartServerToolCall,
		genai.PartServerToolResult, genai.PartBlob, genai.PartFile, genai.PartURI, genai.PartRefusal, genai.PartDocument,
		genai.PartCompaction, "of_next_year",
	} {
		m := marker{want: map[string]string{}}
		var p genai.Part
		m.fill("", reflect.ValueOf(&p).Elem())
		p.Type, m.want["Type"] = typ, string(typ)
		b, err := protojson.Marshal(partProto(&p))
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range m.want {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s of a part of type %s is not shown", path, typ)
			}
		}
	}
}
