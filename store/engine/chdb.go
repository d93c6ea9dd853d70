package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is libchdb's C API (chdb.h of release 26.7), bound without cgo.
// Handles are opaque pointers of the C heap and therefore uintptr.
type library struct {
	connect           func(argc int32, argv unsafe.Pointer) uintptr
	closeConn         func(conn uintptr)
	setSignalHandlers func(enabled int32)

	streamQuery  func(conn uintptr, q unsafe.Pointer, n uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	query        func(conn uintptr, q unsafe.Pointer, n uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	streamFetch  func(conn, result uintptr) uintptr
	streamCancel func(conn, result uintptr)

	resultBuffer  func(result uintptr) uintptr
	resultLength  func(result uintptr) uintptr
	resultError   func(result uintptr) uintptr
	destroyResult func(result uintptr)

	insertOpen    func(conn uintptr, q unsafe.Pointer, n uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	insertAppend  func(stream uintptr, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertCancel  func(stream uintptr)
	insertError   func(stream uintptr) uintptr
	insertDestroy func(stream uintptr)

	sigaction func(sig int32, act, old unsafe.Pointer) int32

	// connecting serialises chdb_connect: it touches the process's signal
	// handlers, see guarded.
	connecting sync.Mutex
}

// loadLibrary opens libchdb and keeps its hands off the signals of Go.
func loadLibrary(path string) (lib *library, err error) {
	defer func() { // purego panics on a symbol that is missing
		if r := recover(); r != nil {
			err = fmt.Errorf("bind engine library %q: %v; it must be libchdb 26.7 or newer", path, r)
		}
	}()
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load engine library %q: %w", path, err)
	}
	lib = &library{}
	for name, fn := range map[string]any{
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlers,
		"chdb_stream_query_with_params_n":  &lib.streamQuery,
		"chdb_query_with_params_n":         &lib.query,
		"chdb_stream_fetch_result":         &lib.streamFetch,
		"chdb_stream_cancel_query":         &lib.streamCancel,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_destroy_query_result":        &lib.destroyResult,
		"chdb_stream_insert_with_params_n": &lib.insertOpen,
		"chdb_stream_append":               &lib.insertAppend,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_cancel_insert":        &lib.insertCancel,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.insertDestroy,
	} {
		purego.RegisterLibFunc(fn, handle, name)
	}
	// The library depends on libc, so libc's symbols resolve through it.
	purego.RegisterLibFunc(&lib.sigaction, handle, "sigaction")
	lib.guarded(func() { lib.setSignalHandlers(0) })
	return lib, nil
}

const (
	lastSignal     = 31  // the classic signals; nothing touches the real-time ones
	sigactionBytes = 256 // struct sigaction is 152 bytes on linux, 16 on darwin
)

// guarded runs a call that resets signal handlers to their default (libchdb
// does so when its own handlers are turned off, and again at every connect)
// and puts back what was there: Go's stack growth, preemption and our SIGTERM
// depend on it.
func (l *library) guarded(call func()) {
	var saved [lastSignal + 1][sigactionBytes]byte
	for sig := int32(1); sig <= lastSignal; sig++ {
		if changeable(sig) {
			l.sigaction(sig, nil, unsafe.Pointer(&saved[sig]))
		}
	}
	call()
	for sig := int32(1); sig <= lastSignal; sig++ {
		if changeable(sig) {
			l.sigaction(sig, unsafe.Pointer(&saved[sig]), nil)
		}
	}
}

func changeable(sig int32) bool {
	return syscall.Signal(sig) != syscall.SIGKILL && syscall.Signal(sig) != syscall.SIGSTOP
}

// connection is one chdb connection: one statement at a time.
type connection struct {
	lib    *library
	handle uintptr // chdb_connection*, what chdb_close_conn takes
	conn   uintptr // *handle, what statements take
}

// open connects; the first connection of the process boots the engine.
func (l *library) open(args []string) (*connection, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, 0, len(args)+1)
	for _, a := range args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv = append(argv, unsafe.Pointer(&b[0]))
	}
	argv = append(argv, nil)
	pin.Pin(&argv[0])
	l.connecting.Lock()
	defer l.connecting.Unlock()
	var handle uintptr
	l.guarded(func() { handle = l.connect(int32(len(args)), unsafe.Pointer(&argv[0])) }) //nolint:gosec // a dozen
	if handle == 0 {
		return nil, errors.New("open the engine's data: libchdb refused; its stderr says why")
	}
	return &connection{lib: l, handle: handle, conn: *(*uintptr)(foreign(handle))}, nil
}

func (c *connection) close() {
	c.lib.connecting.Lock()
	defer c.lib.connecting.Unlock()
	c.lib.guarded(func() { c.lib.closeConn(c.handle) })
}

// params are the arrays of a _with_params_n call.
type params struct {
	names, nameLens, values, valueLens unsafe.Pointer
	count                              uintptr
}

func pinParams(pin *runtime.Pinner, list []pair) params {
	if len(list) == 0 {
		return params{}
	}
	n := len(list)
	names, values := make([]unsafe.Pointer, n), make([]unsafe.Pointer, n)
	nameLens, valueLens := make([]uintptr, n), make([]uintptr, n)
	for i, p := range list {
		names[i], nameLens[i] = pinString(pin, p.name)
		values[i], valueLens[i] = pinString(pin, p.value)
	}
	pin.Pin(&names[0])
	pin.Pin(&values[0])
	pin.Pin(&nameLens[0])
	pin.Pin(&valueLens[0])
	return params{
		names: unsafe.Pointer(&names[0]), nameLens: unsafe.Pointer(&nameLens[0]),
		values: unsafe.Pointer(&values[0]), valueLens: unsafe.Pointer(&valueLens[0]), count: uintptr(n),
	}
}

// pinString copies s with a closing NUL, which some readers of the engine want
// in spite of the length.
func pinString(pin *runtime.Pinner, s string) (unsafe.Pointer, uintptr) {
	b := make([]byte, len(s)+1)
	copy(b, s)
	pin.Pin(&b[0])
	return unsafe.Pointer(&b[0]), uintptr(len(s))
}

// result is a chdb_result; destroy it once.
type result struct {
	lib    *library
	handle uintptr
}

func (r result) destroy() { r.lib.destroyResult(r.handle) }

// err is the engine's error as an *exception.
func (r result) err() error {
	if r.handle == 0 {
		return errors.New("run statement: libchdb returned no result")
	}
	if p := r.lib.resultError(r.handle); p != 0 {
		return newException(cString(p))
	}
	return nil
}

// bytes is the result's own memory, valid until destroy.
func (r result) bytes() []byte {
	n := r.lib.resultLength(r.handle)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(foreign(r.lib.resultBuffer(r.handle))), n)
}

type startCall func(conn uintptr, q unsafe.Pointer, n uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr

func (c *connection) call(fn startCall, sql, format string, list []pair) uintptr {
	var pin runtime.Pinner
	defer pin.Unpin()
	q, n := pinString(&pin, sql)
	f, fnLen := pinString(&pin, format)
	p := pinParams(&pin, list)
	return fn(c.conn, q, n, f, fnLen, p.names, p.nameLens, p.values, p.valueLens, p.count)
}

// run executes a statement at once and returns its whole output.
func (c *connection) run(sql, format string, list []pair) ([]byte, error) {
	r := result{lib: c.lib, handle: c.call(c.lib.query, sql, format, list)}
	if r.handle != 0 {
		defer r.destroy()
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return append([]byte(nil), r.bytes()...), nil
}

// stream begins a statement whose output is fetched chunk by chunk.
func (c *connection) stream(sql, format string, list []pair) (result, error) {
	r := result{lib: c.lib, handle: c.call(c.lib.streamQuery, sql, format, list)}
	if err := r.err(); err != nil {
		if r.handle != 0 {
			r.destroy()
		}
		return result{}, err
	}
	return r, nil
}

// fetch returns the next chunk; an empty one is the end.
func (c *connection) fetch(stream result) (result, error) {
	r := result{lib: c.lib, handle: c.lib.streamFetch(c.conn, stream.handle)}
	if err := r.err(); err != nil {
		if r.handle != 0 {
			r.destroy()
		}
		return result{}, err
	}
	return r, nil
}

func (c *connection) cancel(stream result) { c.lib.streamCancel(c.conn, stream.handle) }

// insertStream is an INSERT that takes its data in chunks of any size.
type insertStream struct {
	lib    *library
	handle uintptr
}

func (c *connection) insert(sql, format string, list []pair) (*insertStream, error) {
	s := &insertStream{lib: c.lib, handle: c.call(c.lib.insertOpen, sql, format, list)}
	if s.handle == 0 {
		return nil, errors.New("begin insert: libchdb returned no stream")
	}
	if err := s.err(); err != nil {
		s.destroy()
		return nil, err
	}
	return s, nil
}

func (s *insertStream) err() error {
	if p := s.lib.insertError(s.handle); p != 0 {
		return newException(cString(p))
	}
	return nil
}

// append hands over one chunk, which the engine copies; it may block.
func (s *insertStream) append(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if s.lib.insertAppend(s.handle, unsafe.Pointer(&data[0]), uintptr(len(data))) == 0 {
		return nil
	}
	if err := s.err(); err != nil {
		return err
	}
	// The parser's own words come with the final result only.
	if err := s.done(); err != nil {
		return err
	}
	return errors.New("append to insert: the engine refused the data")
}

// done commits: nil means that the rows are in the table.
func (s *insertStream) done() error {
	r := result{lib: s.lib, handle: s.lib.insertDone(s.handle)}
	if r.handle != 0 {
		defer r.destroy()
	}
	return r.err()
}

func (s *insertStream) cancel()  { s.lib.insertCancel(s.handle) }
func (s *insertStream) destroy() { s.lib.insertDestroy(s.handle) }

// foreign makes a pointer of an address in the C heap, which Go's collector
// neither owns nor moves; the detour keeps vet's unsafeptr rule meaningful
// everywhere else.
func foreign(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// maxErrorBytes bounds an error text taken from the engine.
const maxErrorBytes = 64 << 10

func cString(p uintptr) string {
	base := unsafe.Slice((*byte)(foreign(p)), maxErrorBytes)
	var b strings.Builder
	for i := range maxErrorBytes {
		if base[i] == 0 {
			break
		}
		b.WriteByte(base[i])
	}
	return b.String()
}
