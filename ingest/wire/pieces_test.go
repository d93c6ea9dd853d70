package wire_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// inPieces returns a request of one span whose resource and scope came in the pieces given.
func inPieces(resource, scope [][]byte) []byte {
	var group, spans []byte
	for _, p := range scope {
		spans = append(spans, lenField(1, p)...)
	}
	spans = append(spans, lenField(2, goodIDs)...)
	for _, p := range resource {
		group = append(group, lenField(1, p)...)
	}
	return lenField(1, append(group, lenField(2, spans)...))
}

func attribute(num protowire.Number, key string) []byte {
	return lenField(num, lenField(1, []byte(key)), lenField(2, lenField(1, []byte("v"))))
}

// TestPiecesAreMerged: what was sent in pieces is one message, as pdata reads it.
func TestPiecesAreMerged(t *testing.T) {
	t.Parallel()
	cut := attribute(1, "cut")
	for name, b := range map[string][]byte{
		"attributes": inPieces(
			[][]byte{attribute(1, "a"), nil, append(attribute(1, "b"), 0x10, 7), {0x10, 9}},
			[][]byte{lenField(1, []byte("first")), nil, attribute(3, "c"), lenField(1, []byte("last"))},
		),
		"only empty ones":            inPieces([][]byte{nil, nil, nil}, [][]byte{nil, nil}),
		"as many as may be":          inPieces(repeat(attribute(1, "a"), wire.MaxPieces), nil),
		"a message cut in two is no": inPieces([][]byte{cut[:5], cut[5:]}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agreeTraces(t, b)
		})
	}
}

func repeat(piece []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = piece
	}
	return all
}

// TestTooManyPieces: the limit costs the spans under it, with its own reason.
func TestTooManyPieces(t *testing.T) {
	t.Parallel()
	many := repeat(attribute(1, "a"), wire.MaxPieces+1)
	for path, b := range map[string][]byte{
		"resource_spans[0].resource":             inPieces(many, nil),
		"resource_spans[0].scope_spans[0].scope": inPieces(nil, many),
	} {
		rep, err := wire.ValidateTraces(b, wire.Limits{})
		if err != nil || rep.Rejected != 1 || rep.Reasons[wire.ReasonPieces] != 1 {
			t.Errorf("report is %+v, %v", rep, err)
		}
		if diff := cmp.Diff(wire.Offender{Path: path, Reason: wire.ReasonPieces}, rep.First); diff != "" {
			t.Error(diff)
		}
		if r := wire.ReadTraces(b); r.Next() {
			t.Error("the span was read")
		}
	}
}

// TestPiecesCostTheirBytes: a large first piece is not copied again for each further one. The
// bound is on bytes allocated: what was copied had to go somewhere.
func TestPiecesCostTheirBytes(t *testing.T) {
	large := lenField(1, lenField(1, []byte("k")), lenField(2, lenField(1, make([]byte, 1<<20))))
	for name, b := range map[string][]byte{
		"empty pieces": inPieces(append([][]byte{large}, repeat(nil, 200_000)...), append([][]byte{large}, repeat(nil, 200_000)...)),
		"small pieces": inPieces(append([][]byte{large}, repeat([]byte{0x10, 1}, wire.MaxPieces-1)...), nil),
		"over":         inPieces(append([][]byte{large}, repeat([]byte{0x10, 1}, 200_000)...), nil),
	} {
		if n := allocated(func() { _, _ = wire.ValidateTraces(b, wire.Limits{}) }); n > 64<<10 {
			t.Errorf("%s: checking a request of %d bytes allocated %d", name, len(b), n)
		}
		if n := allocated(func() {
			for r := wire.ReadTraces(b); r.Next(); {
				if !bytes.HasPrefix(r.Resource().Raw, large) {
					t.Errorf("%s: the resource does not begin with its first piece", name)
				}
			}
		}); n > uint64(len(b))+64<<10 {
			t.Errorf("%s: reading a request of %d bytes allocated %d", name, len(b), n)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
