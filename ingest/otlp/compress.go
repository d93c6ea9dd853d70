package otlp

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow is the memory one zstd stream may ask for: what RFC 8878 §3.1.1.1.2 recommends
// that every decoder supports, and no encoder of an exporter exceeds.
const maxZstdWindow = 8 << 20

// errEncoding is the class of errors for bytes that are not what their encoding says.
var errEncoding = errors.New("damaged compressed data")

// resetReader is a decoder that can be used again.
type resetReader interface {
	io.Reader
	Reset(r io.Reader) error
}

// decoders holds a pool of decoders for each content encoding.
var decoders = map[string]*sync.Pool{
	"gzip": {New: func() any { return new(gzip.Reader) }},
	"zstd": {New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil // the options are constants, New is tested
		}
		return d
	}},
	"deflate": {New: func() any { return new(zlibReader) }},
}

// zlibReader gives zlib's reader the shape of the others.
type zlibReader struct{ io.ReadCloser }

func (z *zlibReader) Reset(r io.Reader) error {
	if z.ReadCloser != nil {
		if again, ok := z.ReadCloser.(zlib.Resetter); ok {
			return again.Reset(r, nil)
		}
	}
	zr, err := zlib.NewReader(r)
	z.ReadCloser = zr
	return err
}

// decoder reads the decoded form of one body. Its errors wrap errEncoding.
type decoder struct {
	pool *sync.Pool
	r    resetReader
	err  error
}

// newDecoder returns a decoder of src, whose encoding is one of decoders.
func newDecoder(encoding string, src io.Reader) *decoder {
	pool := decoders[encoding]
	r, ok := pool.Get().(resetReader)
	if !ok {
		return &decoder{err: fmt.Errorf("create %s decoder: wrong options", encoding)}
	}
	d := &decoder{pool: pool, r: r}
	if err := r.Reset(src); err != nil {
		d.err = fmt.Errorf("%w: %w", errEncoding, noEOF(err))
	}
	return d
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errEncoding, err)
	}
	d.err = err
	return n, err
}

// Close gives the decoder back. A decoder that failed is not used again.
func (d *decoder) Close() {
	if d.pool != nil && (d.err == nil || errors.Is(d.err, io.EOF)) {
		d.pool.Put(d.r)
	}
	d.err = io.ErrClosedPipe
}

// noEOF keeps the end of a body that was cut off from looking like a regular end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
