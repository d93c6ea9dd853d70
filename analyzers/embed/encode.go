package embed

// The binary form of a Sum.

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// sumVersion begins the binary form of a Sum:
//
//	byte    version
//	uvarint length of the kind, then the kind
//	uvarint texts
//	uvarint cells that are not zero, then of each, by dimension:
//	  uvarint dimension, less the one before it and one
//	  uvarint texts, varint sum, uvarint square
const sumVersion = 1

// maxKind bounds the name of a kind that is read, in bytes.
const maxKind = 512

// MarshalBinary is the sum's one binary form.
func (s *Sum) MarshalBinary() ([]byte, error) {
	if len(s.Kind) > maxKind {
		return nil, fmt.Errorf("encode sum: kind %.40q… has %d bytes, and %d are the most", s.Kind, len(s.Kind), maxKind)
	}
	if len(s.Cells) > MaxDimensions {
		return nil, fmt.Errorf("encode sum: %d dimensions, and %d is the most", len(s.Cells), MaxDimensions)
	}
	cells := 0
	for d := range s.Cells {
		if s.Cells[d] != (Cell{}) {
			cells++
		}
	}
	b := make([]byte, 0, 32+len(s.Kind)+8*cells)
	b = append(b, sumVersion)
	b = binary.AppendUvarint(b, uint64(len(s.Kind)))
	b = append(b, s.Kind...)
	b = binary.AppendUvarint(b, s.Texts)
	b = binary.AppendUvarint(b, uint64(cells))
	next := 0
	for d := range s.Cells {
		c := &s.Cells[d]
		if *c == (Cell{}) {
			continue
		}
		b = binary.AppendUvarint(b, uint64(d-next))
		b = binary.AppendUvarint(b, c.Texts)
		b = binary.AppendVarint(b, c.Sum)
		b = binary.AppendUvarint(b, uint64(c.Square)) //nolint:gosec // a sum of squares
		next = d + 1
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote and nothing else. The sum keeps what it had on an error.
func (s *Sum) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != sumVersion {
		return fmt.Errorf("decode sum: want version %d in the first of %d bytes", sumVersion, len(b))
	}
	r := reader{b: b[1:]}
	read := Sum{Kind: Kind(r.bytes(maxKind)), Texts: r.uvarint()}
	cells := r.uvarint()
	// A cell has four bytes at least, so that a short input cannot ask for much memory.
	if r.err == nil && cells > uint64(len(r.b))/4 {
		r.fail("more cells than bytes")
	}
	next := uint64(0)
	for range cells {
		d := r.uvarint()
		c := Cell{r.uvarint(), r.varint(), int64(r.uvarint())} //nolint:gosec // one that is too large is negative, and refused
		switch {
		case r.err != nil:
			return r.err
		case d >= MaxDimensions || next+d >= MaxDimensions:
			return fmt.Errorf("decode sum: dimension %d or more, and there are %d", next, MaxDimensions)
		case c == (Cell{}):
			return fmt.Errorf("decode sum: dimension %d is written, although it is zero", next+d)
		case c.Texts > read.Texts || c.Square < 0:
			return fmt.Errorf("decode sum: dimension %d has %d texts of %d, squares %d", next+d, c.Texts, read.Texts, c.Square)
		}
		read.grow(int(next + d + 1)) //nolint:gosec // below MaxDimensions
		read.Cells[next+d] = c
		next += d + 1
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("bytes after the end")
	}
	if r.err != nil {
		return r.err
	}
	*s = read
	return nil
}

// reader takes numbers off the front of b, until one is not there.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("decode sum: " + what)
	}
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.fail("a number that breaks off, is too large or is padded")
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	x := int64(u >> 1)
	if u&1 != 0 {
		x = ^x
	}
	return x
}

func (r *reader) bytes(most uint64) []byte {
	n := r.uvarint()
	if n > most || n > uint64(len(r.b)) {
		r.fail("a name that is too long")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}
