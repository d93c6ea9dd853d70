package store

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tiltmeter/tiltmeter/genai"
)

// TestPanicLeavesTheBatchWhole lets AddSpan, AddFragment and AddLog panic behind most of their
// columns, among good rows, and compares the batch with one that never met the bad ones.
func TestPanicLeavesTheBatchWhole(t *testing.T) {
	t.Parallel()
	s, err := New(Options{ClickHouse: &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{"localhost:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := func(b *Batch, n int) {
		name := fmt.Sprint("span ", n)
		at := time.Unix(1700000000+int64(n), 0)
		resource := lengthDelimited(1, lengthDelimited(1, []byte(name)))
		sp := &genai.Span{
			Project: "p", SpanID: genai.SpanID{7: byte(n)}, Name: name, Start: at, End: at, Tags: []string{name, "all"},
			Service: genai.Service{Name: name, Raw: resource}, FinishReasons: []genai.FinishReason{"stop"},
			Attributes: []genai.Attribute{{Key: name, Value: genai.String(name)}}, Conversation: name,
		}
		b.AddSpan(sp)
		l := &Log{Project: "p", Time: at, Seq: uint64(n), Body: name, Service: sp.Service, Raw: lengthDelimited(5, []byte(name))}
		b.AddFragment(sp, l)
		b.AddLog(l)
	}
	good, bad := s.NewBatch(), s.NewBatch()
	for n := range 4 {
		add(good, n)
	}
	for n := range 4 {
		for _, f := range []func(){
			func() {
				bad.AddSpan(&genai.Span{Project: "p", Name: "bad", Tags: []string{"bad"}, Scope: genai.Scope{Raw: []byte("x")}})
			},
			func() {
				bad.AddFragment(&genai.Span{Name: "bad"}, &Log{Project: "p", Scope: genai.Scope{Raw: []byte("x")}})
			},
			func() { bad.AddLog(&Log{Project: "p", EventName: "bad", Scope: genai.Scope{Raw: []byte("x")}}) },
		} {
			panics(t, bad, f)
		}
		add(bad, n)
	}
	for i, want := range good.tables() {
		got := bad.tables()[i]
		if got.rows != want.rows {
			t.Errorf("%s: %d rows, want %d", want.name, got.rows, want.rows)
		}
		for j, c := range want.columns {
			// The dictionary of a LowCardinality column may keep the name of a bad row.
			if l, ok := c.column.(*lowCol); ok {
				for row := range want.rows {
					if g := got.columns[j].column.(*lowCol).value(row); g != l.value(row) {
						t.Errorf("%s.%s of row %d is %q, want %q", want.name, c.name, row, g, l.value(row))
					}
				}
				continue
			}
			if g, w := dataOf(got.columns[j].column), dataOf(c.column); c.name != "tags" && c.name != "attributes" && g != w {
				t.Errorf("%s.%s differs:\n%q\n%q", want.name, c.name, g, w)
			}
		}
	}
	if bad.Rows() != good.Rows() {
		t.Errorf("%d rows, want %d", bad.Rows(), good.Rows())
	}
}

func dataOf(c column) string {
	var b block
	c.data(&b)
	b.cut()
	return string(bytes.Join(b.pieces, nil))
}

// panics runs f with a store whose known contents are gone, which is met at the resource and scope of a row.
func panics(t *testing.T, b *Batch, f func()) {
	t.Helper()
	b.projectNumber("p")
	whole := b.s
	b.s = &Store{metrics: whole.metrics}
	defer func() {
		b.s = whole
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

func lengthDelimited(num int, b []byte) []byte {
	return append([]byte{byte(num<<3 | 2), byte(len(b))}, b...)
}
