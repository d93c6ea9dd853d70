package store

import (
	"encoding/binary"
	"io"
	"sync"
)

// block is the rows of a table as one Native block of revision 0, in pieces: what columns hold is
// sent from where it lies, so that a batch is in memory once.
type block struct {
	pieces [][]byte
	small  []byte // what lies between columns
	from   int    // small up to here is in pieces
	bytes  int64
}

// write begins anew and writes the rows of t. The block is good until t changes.
func (b *block) write(t *table) {
	clear(b.pieces)
	b.pieces, b.small, b.from, b.bytes = b.pieces[:0], b.small[:0], 0, 0
	b.uvarint(len(t.columns))
	b.uvarint(t.rows)
	for _, c := range t.columns {
		b.text(c.name)
		b.text(c.typeName())
		if t.rows > 0 {
			c.prefix(b)
			c.data(b)
		}
	}
	b.cut()
}

func (b *block) uvarint(n int) { b.small = binary.AppendUvarint(b.small, uint64(n)) } //nolint:gosec // a length
func (b *block) u64(n uint64)  { b.small = binary.LittleEndian.AppendUint64(b.small, n) }
func (b *block) text(s string) { b.uvarint(len(s)); b.small = append(b.small, s...) }

// column puts the memory of a column in line.
func (b *block) column(p []byte) {
	if len(p) == 0 {
		return
	}
	b.cut()
	b.add(p)
}

// cut ends the piece that is written. Pieces stay where they are when small grows.
func (b *block) cut() {
	if b.from < len(b.small) {
		b.add(b.small[b.from:])
		b.from = len(b.small)
	}
}

func (b *block) add(p []byte) {
	b.pieces = append(b.pieces, p)
	b.bytes += int64(len(p))
}

// blockReader is a block as the body of a request.
type blockReader struct {
	left  [][]byte
	at    int
	close func()
}

// reader reads the block once; closed is called at the first Close.
func (b *block) reader(closed func()) *blockReader {
	return &blockReader{left: b.pieces, close: sync.OnceFunc(closed)}
}

func (r *blockReader) Read(p []byte) (n int, err error) {
	for n < len(p) && len(r.left) > 0 {
		m := copy(p[n:], r.left[0][r.at:])
		n, r.at = n+m, r.at+m
		if r.at == len(r.left[0]) {
			r.left, r.at = r.left[1:], 0
		}
	}
	if n == 0 && len(r.left) == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *blockReader) Close() error {
	r.close()
	return nil
}
