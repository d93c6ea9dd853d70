package pricing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// Limits bounds what a price file may cost. Zero fields mean the default.
type Limits struct {
	// Bytes is how long a file may be. Default 64 MiB; LiteLLM's had 1.6 MB in 2026.
	Bytes int64
	// Entries is how many models a file may price. Default 100,000; LiteLLM's had about 3,000.
	Entries int
	// Problems is how many problems are listed; the rest is counted in a last one. Default 1,000.
	Problems int
}

const (
	defaultBytes    = 64 << 20
	defaultEntries  = 100_000
	defaultProblems = 1_000
)

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	if l.Problems <= 0 {
		l.Problems = defaultProblems
	}
	return l
}

// Problem says what was left out of a price file, and why. Everything else was read.
type Problem struct {
	Path   string // "line 12, input"; "gpt-4o.input_cost_per_token"
	Reason string
}

// String is path and reason in one sentence.
func (p Problem) String() string { return p.Path + ": " + p.Reason }

// Read reads a price file: LiteLLM's JSON when it begins with a brace, else a CSV of our own columns
// (see book.csv). name becomes the Source of costs that are computed from it. An error means that the
// file cannot be used at all; problems are entries that were left out.
func Read(name string, r io.Reader, l Limits) (*Book, []Problem, error) {
	in := bufio.NewReader(r)
	if start, _ := in.Peek(len(byteOrderMark)); string(start) == byteOrderMark { // spreadsheets write one
		_, _ = in.Discard(len(byteOrderMark))
	}
	for {
		c, err := in.ReadByte()
		if err != nil {
			return nil, nil, fmt.Errorf("read prices %s: %w", name, noEOF(err))
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		_ = in.UnreadByte() // cannot fail behind ReadByte
		if c == '{' {
			return ReadLiteLLM(name, in, time.Time{}, l)
		}
		return ReadCSV(name, in, l)
	}
}

const byteOrderMark = "\ufeff"

var (
	errEmpty   = errors.New("the file is empty")
	errTooLong = errors.New("the file is longer than the limit")
)

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return errEmpty
	}
	return err
}

// limited is r up to n bytes, and an error behind them: a file that is cut must not pass for a whole one.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.n <= 0 {
		if _, err := l.r.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		return 0, errTooLong
	}
	n, err := l.r.Read(b[:min(int64(len(b)), l.n)])
	l.n -= int64(n)
	return n, err
}

// problems collects what was left out.
type problems struct {
	list []Problem
	most int
	more int
}

func (p *problems) add(path, reason string) {
	if len(p.list) < p.most {
		p.list = append(p.list, Problem{clip(path), reason})
		return
	}
	p.more++
}

func (p *problems) all() []Problem {
	if p.more > 0 {
		return append(p.list, Problem{"file", fmt.Sprintf("%d more problems", p.more)})
	}
	return p.list
}
