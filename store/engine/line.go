package engine

import (
	"log/slog"
	"regexp"
	"strings"
)

var (
	// engineLine is a line of the engine's own log on stderr:
	// 2026.01.02 03:04:05.678901 [ 123 ] {query id} <Error> Logger: text.
	engineLine = regexp.MustCompile(`^\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d+ \[ \d+ \] \{[^}]*\} <(\w+)> `)
	// stackFrame is a line of a stack trace in it; addresses without symbols
	// tell nobody anything.
	stackFrame = regexp.MustCompile(`^\d+(\.\d+)?\. .*@ 0x`)
)

// routine are the engine's own words for what happens in every healthy run: a thread that was not its own comes
// with a statement, a pool without work rests, a merge of a killed predecessor is thrown away.
var routine = regexp.MustCompile(`> (ThreadStatus: current_thread contains invalid address|` +
	`BackgroundSchedulePool/\w+: Temporarily pause scheduling|\S+ \([0-9a-f-]+\): Removing temporary directory )`)

// readLine says whether a line of the child's stderr is worth keeping, and how
// grave it is. What the engine did not write (a crash of Go, of libc) is kept.
func readLine(line string) (keep bool, level slog.Level) {
	m := engineLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		return strings.TrimSpace(line) != "" && !stackFrame.MatchString(line), slog.LevelWarn
	case routine.MatchString(line):
		return true, slog.LevelDebug
	case m[1] == "Fatal" || m[1] == "Critical" || m[1] == "Error":
		return true, slog.LevelError
	case m[1] == "Warning":
		return true, slog.LevelWarn
	default:
		return false, slog.LevelInfo
	}
}

// maxRemembered bounds the texts that a repeats remembers; beyond it the
// limiter alone bounds the log.
const maxRemembered = 256

// repeats tells lines of the engine's log whose text was said before by the
// same child: libchdb says some with every insert.
type repeats map[string]bool

func (r repeats) again(line string) bool {
	head := engineLine.FindString(line)
	if head == "" {
		return false
	}
	text := line[len(head):]
	if r[text] {
		return true
	}
	if len(r) < maxRemembered {
		r[text] = true
	}
	return false
}
