package loadgen

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Outcome is what is known of a request when the generator has done with it.
type Outcome string

const (
	// Acked requests were acknowledged: each of their spans must be stored once.
	Acked Outcome = "ack"
	// Unknown requests were sent and never answered for good: their spans are stored once or not at all.
	Unknown Outcome = "unknown"
)

// ledger writes one line a trace: outcome, request number, trace id, spans, SpanSetHash. It writes through
// after every request, so that a killed generator leaves what it knew.
type ledger struct {
	mu   sync.Mutex
	file *os.File // mu guards everything below
	buf  *bufio.Writer
}

func openLedger(path string) (*ledger, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	return &ledger{file: f, buf: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (l *ledger) write(o Outcome, seq uint64, entries []Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		fmt.Fprintf(l.buf, "%s %d %x %d %016x\n", o, seq, e.TraceID, e.Spans, e.Hash)
	}
	if err := l.buf.Flush(); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

func (l *ledger) close() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

// Line is one line of a ledger.
type Line struct {
	Outcome Outcome
	Request uint64
	Entry
}

// ReadLedger reads what a run wrote. A last line that was cut off by a kill is left out.
func ReadLedger(r io.Reader) ([]Line, error) {
	in := bufio.NewReader(r)
	var lines []Line
	for n := 1; ; n++ {
		text, err := in.ReadString('\n')
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		var (
			l       Line
			outcome string
			trace   string
		)
		if _, err := fmt.Sscanf(text, "%s %d %s %d %x", &outcome, &l.Request, &trace, &l.Spans, &l.Hash); err != nil {
			return nil, fmt.Errorf("read ledger line %d %q: %w", n, strings.TrimSpace(text), err)
		}
		if len(trace) != 2*len(l.TraceID) {
			return nil, fmt.Errorf("read ledger line %d: trace id %q has %d characters, not 32", n, trace, len(trace))
		}
		if _, err := hex.Decode(l.TraceID[:], []byte(trace)); err != nil {
			return nil, fmt.Errorf("read ledger line %d: trace id: %w", n, err)
		}
		l.Outcome = Outcome(outcome)
		lines = append(lines, l)
	}
}
