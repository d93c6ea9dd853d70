package otlp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
)

const (
	// firstBufferBytes holds most requests of an SDK. It is also the least that a request holds of
	// the gate, which so bounds how many are under way.
	firstBufferBytes = 64 << 10
	// trustedBytes is how far the length that a client announces is believed before the bytes have
	// come: it spares the usual batch of a collector all copying, and a client that announces and
	// does not send holds no more.
	trustedBytes = 1 << 20
)

// bufferSizes are the capacities that are kept for reuse. Each has a pool of its own, so that a
// small request never holds a large buffer that the gate knows nothing of; a rare huge request's
// is not kept at all.
var bufferSizes = [...]int{firstBufferBytes, 256 << 10, trustedBytes, 4 << 20}

var bufferPools [len(bufferSizes)]sync.Pool

// takeBuffer returns an empty buffer of the least capacity that holds n bytes.
func takeBuffer(n int) *[]byte {
	for i, size := range bufferSizes {
		if n <= size {
			if b, ok := bufferPools[i].Get().(*[]byte); ok {
				return b
			}
			n = size
			break
		}
	}
	b := make([]byte, 0, n)
	return &b
}

func putBuffer(b *[]byte) {
	for i, size := range bufferSizes {
		if cap(*b) == size {
			*b = (*b)[:0]
			bufferPools[i].Put(b)
		}
	}
}

// decodeSlots bounds how many bodies are decompressed at once. What comes off the network is
// gathered first, so that a slot is never held while a client is waited for: more slots than
// cores gain nothing, and fewer decoders bound the memory that they need beside the gate, which
// is a window of maxZstdWindow each.
var decodeSlots = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// intake is the body of one request while it is read. Everything that it holds in memory is in
// its share of the gate before it is there.
type intake struct {
	server *Server
	share  budget
	// held are pooled buffers; body and what it was made of lie in them.
	held []*[]byte
	// weight is what all of that weighs.
	weight int64
	body   []byte
	// sent is what the body was made of.
	sent sentForm
}

func (s *Server) newIntake() *intake {
	return &intake{server: s, share: budget{gate: &s.gate}}
}

// release gives the memory and the share of the gate back. The body is not valid after it.
func (in *intake) release() {
	for _, b := range in.held {
		putBuffer(b)
	}
	in.held, in.body = nil, nil
	in.share.release()
}

// read reads the body from the network, decompressed, within the limit and the gate. known is its
// length on the network, or -1.
func (in *intake) read(ctx context.Context, src io.Reader, network *networkReader, encoding string, known int64) error {
	limit := in.server.config.Limits.RequestBytes
	if known > int64(limit) {
		return refuseSize(limit)
	}
	if encoding != "" && decoders[encoding] == nil {
		return refuse(unknownEncoding,
			"content encoding %q is not known: send gzip, zstd, deflate or none", encoding)
	}
	body, err := in.gather(src, int(max(known, 0)))
	switch {
	case network.err != nil:
		return network.refusal("")
	case err != nil:
		return err
	case known > int64(len(body)):
		return refuse(undecodable, "the body ends after %d of %d bytes", len(body), known)
	}
	if encoding != "" {
		body, err = in.decompress(ctx, encoding, body)
	}
	in.body = body
	return err
}

func (in *intake) decompress(ctx context.Context, encoding string, body []byte) ([]byte, error) {
	select {
	case decodeSlots <- struct{}{}:
		defer func() { <-decodeSlots }()
	case <-ctx.Done():
		return nil, refuse(busy, "the request waited too long to be decompressed: send again")
	}
	d := newDecoder(encoding, bytes.NewReader(body))
	defer d.Close()
	// Text unfolds about threefold; what there is of it has come and is no promise.
	out, err := in.gather(d, 3*len(body))
	if errors.Is(err, errEncoding) {
		err = &refusal{situation: undecodable, message: "read body: " + err.Error(), cause: err}
	}
	return out, err
}

// gather reads src, of which about expected bytes are said to come, to its end into a buffer of its
// own. Past trustedBytes the buffer grows with what has come.
func (in *intake) gather(src io.Reader, expected int) ([]byte, error) {
	limit := in.server.config.Limits.RequestBytes
	before := in.weight
	var buf []byte
	for room := min(expected+1, trustedBytes); ; {
		if len(buf) == cap(buf) {
			larger, err := in.takeBuffer(before, room)
			if err != nil {
				return nil, err
			}
			if buf = append(*larger, buf...); len(buf) == 0 {
				in.held = append(in.held, larger)
			} else {
				putBuffer(in.held[len(in.held)-1])
				in.held[len(in.held)-1] = larger
			}
			room = min(growth(cap(buf))*cap(buf), limit+1)
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf, refuseSize(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// growth is by what factor a full buffer grows: through the sizes that are kept, then twofold.
func growth(size int) int {
	if size < bufferSizes[len(bufferSizes)-1] {
		return 4
	}
	return 2
}

// takeBuffer takes a buffer for n bytes if the gate has room for it beside what weighs before.
func (in *intake) takeBuffer(before int64, n int) (*[]byte, error) {
	weight := n
	for _, size := range bufferSizes {
		if n <= size {
			weight = size
			break
		}
	}
	if !in.grow(before + int64(weight)) {
		return nil, in.server.refuseGate()
	}
	return takeBuffer(n), nil
}

// fromJSON makes the body, which is JSON, protobuf.
func (in *intake) fromJSON(sig signal) error {
	before := in.weight
	pooled, err := in.takeBuffer(before, len(in.body)) // protobuf is shorter than JSON, mostly
	if err != nil {
		return err
	}
	in.held = append(in.held, pooled)
	in.sent.json = true
	in.body, in.sent.wrong, err = jsonToProto(in.body, *pooled, sig, in.server.config.Limits.RequestBytes, func(bytes int64) bool {
		return in.grow(before + bytes)
	})
	if r, ok := asRefusal(err); ok {
		if r.situation == busy {
			return in.server.refuseGate()
		}
		return r
	}
	if err != nil {
		return &refusal{situation: undecodable, message: err.Error(), cause: err}
	}
	return nil
}

// grow makes the share of the gate as large as weight.
func (in *intake) grow(weight int64) bool {
	in.weight = weight
	return in.share.grow(weight)
}

// contentEncoding folds the name of an encoding; "" means none.
func contentEncoding(name string) string {
	if name = strings.ToLower(strings.TrimSpace(name)); name == "identity" {
		return ""
	}
	return name
}

// networkReader remembers the network's error, to tell it from a decoder's.
type networkReader struct {
	r   io.Reader
	err error
}

func (n *networkReader) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// refusal says what to answer when the body ended early: the network's fault is worth another
// attempt, what the client wrote is not.
func (n *networkReader) refusal(message string) *refusal {
	if n.err == nil {
		return refuse(undecodable, "%s", message)
	}
	r := refuse(failing, "the body did not arrive in full, send it again")
	r.cause = n.err
	return r
}
