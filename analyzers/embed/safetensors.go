package embed

// The safetensors format: eight bytes of length, a header in JSON, then the numbers of all tensors, little-endian.

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// maxTensorHeader bounds the header in bytes: a static model has a few tensors.
	maxTensorHeader = 1 << 20

	// maxTensorValues bounds one tensor: a million tokens of 512 dimensions are 2 GiB of memory.
	maxTensorValues = 1 << 29
)

// tensors are the tensors of a file by name.
type tensors struct {
	file  io.ReaderAt
	data  int64 // where the numbers begin
	size  int64 // how many bytes of numbers there are
	table map[string]tensor
}

type tensor struct {
	Type    string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// widths are the bytes of one number of each type that is read.
var widths = map[string]uint64{"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1}

// openTensors reads the header of a file of size bytes.
func openTensors(file io.ReaderAt, size int64) (*tensors, error) {
	var length [8]byte
	if _, err := file.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("read the length of the header: %w", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxTensorHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("header of %d bytes in a file of %d: no safetensors file, or more tensors than a static model has", n, size)
	}
	header := make([]byte, n)
	if _, err := file.ReadAt(header, 8); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	t := &tensors{file, 8 + int64(n), size - 8 - int64(n), map[string]tensor{}}
	for name, entry := range raw {
		if name == "__metadata__" {
			continue
		}
		var x tensor
		if err := json.Unmarshal(entry, &x); err != nil {
			return nil, fmt.Errorf("tensor %.64q: %w", name, err)
		}
		t.table[name] = x
	}
	return t, nil
}

// float32s reads the tensor name, which has rank dimensions, as numbers.
func (t *tensors) float32s(name string, rank int) ([]float32, []int, error) {
	x := t.table[name]
	count, err := x.count(rank, t.size)
	if err != nil {
		return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	width := widths[x.Type]
	values := make([]float32, count)
	buf := make([]byte, min(count, 1<<16)*width)
	in := io.NewSectionReader(t.file, t.data+int64(x.Offsets[0]), int64(count*width)) //nolint:gosec // count has seen that they lie in the file
	for at := uint64(0); at < count; {
		chunk := buf[:min(uint64(len(buf)), (count-at)*width)]
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		for i := uint64(0); i < uint64(len(chunk)); i += width {
			values[at] = number(x.Type, chunk[i:])
			at++
		}
	}
	for i, v := range values {
		if v != v || v-v != 0 {
			return nil, nil, fmt.Errorf("tensor %q: value %d is %v", name, i, v)
		}
	}
	return values, x.Shape, nil
}

// count is how many numbers a tensor holds, if its header is true.
func (x *tensor) count(rank int, size int64) (uint64, error) {
	width := widths[x.Type]
	switch {
	case x.Type == "":
		return 0, errors.New("is not in the file")
	case width == 0:
		return 0, fmt.Errorf("numbers of type %.16q are not supported; F64, F32, F16, BF16, I64, I32 and I8 are", x.Type)
	case len(x.Shape) != rank:
		return 0, fmt.Errorf("has %d dimensions, want %d", len(x.Shape), rank)
	}
	count := uint64(1)
	for _, n := range x.Shape {
		if n <= 0 || uint64(n) > maxTensorValues/count {
			return 0, fmt.Errorf("has the shape %v: each size must be positive, and %d values are the most", x.Shape, maxTensorValues)
		}
		count *= uint64(n)
	}
	if x.Offsets[1] > uint64(max(0, size)) || x.Offsets[0] > x.Offsets[1] || x.Offsets[1]-x.Offsets[0] != count*width {
		return 0, fmt.Errorf("lies at %v of %d bytes, which does not fit its %d values", x.Offsets, size, count)
	}
	return count, nil
}

// number reads one number.
func number(kind string, b []byte) float32 {
	le := binary.LittleEndian
	switch kind {
	case "F64":
		return float32(math.Float64frombits(le.Uint64(b)))
	case "F32":
		return math.Float32frombits(le.Uint32(b))
	case "F16":
		return half(le.Uint16(b))
	case "BF16":
		return math.Float32frombits(uint32(le.Uint16(b)) << 16)
	case "I64":
		return float32(int64(le.Uint64(b))) //nolint:gosec // the bits of a signed number
	case "I32":
		return float32(int32(le.Uint32(b))) //nolint:gosec // the bits of a signed number
	default:
		return float32(int8(b[0])) //nolint:gosec // the bits of a signed number
	}
}

// half widens an IEEE 754 number of 16 bits.
func half(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero and subnormal: fraction × 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinite or none
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}
