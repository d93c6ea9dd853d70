package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Codes of ClickHouse (src/Common/ErrorCodes.cpp) that the front itself uses.
const (
	codeBadArguments = 36
	codeTooLarge     = 307 // TOO_MANY_BYTES
	codeTooMany      = 202 // TOO_MANY_SIMULTANEOUS_QUERIES
	codeCancelled    = 394 // QUERY_WAS_CANCELLED
	codeUnknown      = 1002
)

// exception is an error of the engine as ClickHouse words it.
type exception struct {
	code int
	name string // only for errors of the front; the engine's text carries it
	text string
}

func (e *exception) Error() string {
	if e.name == "" {
		return e.text
	}
	return fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", e.code, e.text, e.name)
}

var exceptionCode = regexp.MustCompile(`^Code:\s*(\d+)\.`)

// newException reads the code off the engine's text.
func newException(text string) *exception {
	if m := exceptionCode.FindStringSubmatch(text); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return &exception{code: code, text: text}
		}
	}
	return &exception{code: codeUnknown, name: "UNKNOWN_EXCEPTION", text: text}
}

// noStreaming tells the engine's refusal to stream a statement, which comes
// before anything of it was executed.
func noStreaming(err error) bool {
	e, ok := errors.AsType[*exception](err)
	return ok && e.code == codeBadArguments && strings.Contains(e.text, "Streaming query is not supported")
}

func badRequest(format string, args ...any) *exception {
	return &exception{code: codeBadArguments, name: "BAD_ARGUMENTS", text: fmt.Sprintf(format, args...)}
}

func asException(err error) *exception {
	if e, ok := errors.AsType[*exception](err); ok {
		return e
	}
	return &exception{code: codeUnknown, name: "UNKNOWN_EXCEPTION", text: err.Error()}
}
