package store_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// wireSpan makes the bytes of a span as no encoder writes them, but every decoder reads them, and
// the canonical span that ingest makes of it.
type wireSpan struct {
	r     *rand.Rand
	span  genai.Span
	bytes []byte
}

func (w *wireSpan) pick(n int) bool { return w.r.IntN(n) == 0 }

// varint is longer than it must be now and then.
func (w *wireSpan) varint(v uint64) []byte {
	b := protowire.AppendVarint(nil, v)
	if w.pick(12) && len(b) < 9 {
		b[len(b)-1] |= 0x80
		b = append(b, 0)
	}
	return b
}

func (w *wireSpan) sub(num protowire.Number, body []byte) []byte {
	b := w.varint(protowire.EncodeTag(num, protowire.BytesType))
	return append(append(b, w.varint(uint64(len(body)))...), body...)
}

func (w *wireSpan) value(depth int) []byte {
	switch w.r.IntN(6) {
	case 0:
		return w.sub(1, []byte(words(strconv.FormatUint(w.r.Uint64(), 10), 100+w.r.IntN(3000))))
	case 1:
		return w.sub(7, bytes.Repeat([]byte{0xff, byte(w.r.IntN(256))}, w.r.IntN(2000)))
	case 2:
		if depth < 4 {
			return w.sub(5, bytes.Join([][]byte{w.sub(1, w.value(depth+1)), w.sub(1, w.value(depth+1))}, nil))
		}
	case 3:
		if depth < 4 {
			return w.sub(6, w.sub(1, append(w.sub(1, []byte("k\xff")), w.sub(2, w.value(depth+1))...)))
		}
	case 4:
		return w.sub(100, []byte("a private number of ours")) // unknown to OTLP, and what cut values look like
	}
	return w.sub(1, []byte("short \xc3("))
}

func (w *wireSpan) times(start, end uint64) [][]byte {
	fixed := func(num protowire.Number, v uint64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(nil, num, protowire.Fixed64Type), v)
	}
	at := func(v uint64) time.Time { return time.Unix(int64(v/1e9), int64(v%1e9)).UTC() }
	w.span.Start, w.span.End = at(start), at(end)
	out := [][]byte{fixed(7, start)}
	if end != 0 || w.pick(2) {
		out = append(out, fixed(8, end))
	}
	return out
}

func (w *wireSpan) make(n int) {
	w.span = genai.Span{Project: "default", TraceID: id(n), SpanID: sid(n)}
	name := []string{"", "chat", "na\xffme", "\xed\xa0\x80", "name\x00"}[w.r.IntN(5)]
	w.span.Name = strings.ToValidUTF8(name, "\uFFFD")
	kind := []int64{0, 1, 3, 5, 6, 255, 256, 259, 1 << 40, -1, math.MinInt64}[w.r.IntN(11)]
	if kind >= 0 && kind <= 5 {
		w.span.Kind = genai.Kind(kind)
	}
	fields := [][]byte{w.sub(1, w.span.TraceID[:]), w.sub(2, w.span.SpanID[:])}
	if w.pick(3) {
		fields = append(fields, w.sub(3, []byte("vendor=1")))
	}
	switch w.r.IntN(3) {
	case 0:
		w.span.ParentSpanID = sid(9)
		fields = append(fields, w.sub(4, w.span.ParentSpanID[:]))
	case 1:
		fields = append(fields, w.sub(4, nil)) // an empty parent that was written down
	}
	if name != "" || w.pick(2) {
		fields = append(fields, w.sub(5, []byte(name)))
	}
	if kind != 0 || w.pick(2) {
		fields = append(fields, append(w.varint(protowire.EncodeTag(6, protowire.VarintType)), w.varint(uint64(kind))...))
	}
	now := uint64(base.UnixNano())
	fields = append(fields, w.times(now, []uint64{now + 1e9, now - 5, 0, math.MaxUint64}[w.r.IntN(4)])...)
	for range w.r.IntN(4) {
		fields = append(fields, w.sub(9, append(w.sub(1, []byte("key")), w.sub(2, w.value(0))...)))
	}
	if w.pick(3) {
		fields = append(fields, w.sub(11, w.sub(3, append(w.sub(1, []byte("k")), w.sub(2, w.value(1))...))))
	}
	if w.pick(3) {
		fields = append(fields, w.sub(61, []byte("a field of next year")))
	}
	if w.pick(4) {
		fields = append(fields, w.sub(5, []byte(name))) // twice: the last counts
	}
	if w.pick(4) {
		fields = append(fields, protowire.AppendFixed32(protowire.AppendTag(nil, 16, protowire.Fixed32Type), 0x101))
	}
	if w.pick(3) {
		w.r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	}
	w.bytes = bytes.Join(fields, nil)
	w.span.Raw = w.bytes
}

// TestRawSpanIsByteForByteWhatWasSent: whatever the sender's encoder does, the span comes back as it was sent.
func TestRawSpanIsByteForByteWhatWasSent(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	const spans = 120
	b := s.NewBatch()
	sent := make([]wireSpan, spans)
	for i := range sent {
		sent[i] = wireSpan{r: rand.New(rand.NewPCG(uint64(i), 7))}
		sent[i].make(i)
		b.AddSpan(&sent[i].span)
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := range sent {
		got, err := s.RawSpan(ctx, "default", sent[i].span.TraceID, sent[i].span.SpanID)
		if err != nil {
			t.Fatalf("span %d: %v", i, err)
		}
		if !bytes.Equal(got.Span, sent[i].bytes) {
			if wrong++; wrong <= 3 {
				t.Errorf("span %d:\n sent %.200x\n read %.200x", i, sent[i].bytes, got.Span)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d spans come back otherwise", wrong, spans)
	}
}
