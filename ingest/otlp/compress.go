package otlp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registered first, so that ours replaces it
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

// newDecoder returns a decoder of src; ok is false when the encoding is unknown.
func newDecoder(encoding string, src io.Reader) (d *decoder, ok bool) {
	pool, ok := decoders[encoding]
	if !ok {
		return nil, false
	}
	r, ok := pool.Get().(resetReader)
	if !ok {
		return nil, false
	}
	d = &decoder{pool: pool, r: r}
	if err := r.Reset(src); err != nil {
		d.err = fmt.Errorf("%w: %w", errEncoding, noEOF(err))
	}
	return d, true
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
	if d.err == nil || errors.Is(d.err, io.EOF) {
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

// damageMark ends a decoded gRPC message whose compressed bytes were damaged. gRPC answers a
// decompressor's error with Internal on its own; so ours ends the message with the mark instead,
// and the codec sees it. No client can know the mark: it is drawn anew by each process.
var damageMark = func() []byte {
	mark := make([]byte, 16)
	_, _ = rand.Read(mark) // never fails, says crypto/rand
	return mark
}()

// grpcCompressor is gzip or zstd for gRPC.
type grpcCompressor struct{ name string }

// gRPC's register of compressors is filled by init functions and by nothing else.
func init() {
	encoding.RegisterCompressor(grpcCompressor{"gzip"})
	encoding.RegisterCompressor(grpcCompressor{"zstd"})
}

func (c grpcCompressor) Name() string { return c.name }

// Compress serves the answers, which are a few bytes, and clients in the same process.
func (c grpcCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	if c.name == "zstd" {
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return gzip.NewWriter(w), nil
}

func (c grpcCompressor) Decompress(r io.Reader) (io.Reader, error) {
	d, ok := newDecoder(c.name, r)
	if !ok {
		return nil, fmt.Errorf("create %s decoder: not registered", c.name)
	}
	return &markedReader{decoder: d}, nil
}

// markedReader is a decoder that ends damaged data with damageMark.
type markedReader struct {
	*decoder
	tail *bytes.Reader
}

func (m *markedReader) Read(p []byte) (int, error) {
	if m.tail != nil {
		return m.tail.Read(p)
	}
	n, err := m.decoder.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	m.tail = bytes.NewReader(damageMark)
	return n, nil
}

// Close is called by gRPC when it has read the message.
func (m *markedReader) Close() error {
	m.decoder.Close()
	return nil
}
