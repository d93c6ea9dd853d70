package dialect

import (
	"encoding/json"
	"strings"
)

// The functions here walk JSON texts of which a few fields count: tool definitions, documents,
// bodies of events. They slice and do not check; what they hand out is at worst not JSON.

// elements calls each for the elements of a JSON array, in place. It returns false when s is no
// array or breaks off.
func elements(s string, each func(raw string)) bool {
	i := blank(s, 0)
	if i >= len(s) || s[i] != '[' {
		return false
	}
	for i = blank(s, i+1); i < len(s) && s[i] != ']'; {
		end := valueEnd(s, i)
		if end < 0 {
			return false
		}
		each(s[i:end])
		if i = blank(s, end); i < len(s) && s[i] == ',' {
			i = blank(s, i+1)
			continue
		}
		break
	}
	return i < len(s) && s[i] == ']'
}

// members does for the members of a JSON object what elements does for an array.
func members(s string, each func(name, raw string)) bool {
	i := blank(s, 0)
	if i >= len(s) || s[i] != '{' {
		return false
	}
	for i = blank(s, i+1); i < len(s) && s[i] == '"'; {
		end := stringEnd(s, i)
		if end < 0 {
			return false
		}
		name := s[i+1 : end-1]
		if i = blank(s, end); i >= len(s) || s[i] != ':' {
			return false
		}
		if i = blank(s, i+1); i >= len(s) {
			return false
		}
		if end = valueEnd(s, i); end < 0 {
			return false
		}
		each(name, s[i:end])
		if i = blank(s, end); i < len(s) && s[i] == ',' {
			i = blank(s, i+1)
			continue
		}
		break
	}
	return i < len(s) && s[i] == '}'
}

func blank(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// stringEnd is the index behind the string that begins at i, -1 when it breaks off.
func stringEnd(s string, i int) int {
	for j := i + 1; ; {
		n := strings.IndexByte(s[j:], '"')
		if n < 0 {
			return -1
		}
		end := j + n
		escapes := 0
		for k := end - 1; k > i && s[k] == '\\'; k-- {
			escapes++
		}
		if j = end + 1; escapes%2 == 0 {
			return j
		}
	}
}

// valueEnd is the index behind the value that begins at i, -1 when it breaks off.
func valueEnd(s string, i int) int {
	depth := 0
	for j := i; j < len(s); {
		switch s[j] {
		case '"':
			if j = stringEnd(s, j); j < 0 || depth == 0 {
				return j
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what is around a number or word
				return orNone(j, i)
			}
			if depth--; depth == 0 {
				return j + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return orNone(j, i)
			}
		}
		j++
	}
	if depth > 0 {
		return -1
	}
	return orNone(len(s), i)
}

func orNone(end, start int) int {
	if end == start {
		return -1
	}
	return end
}

// unquote is the text of a JSON string, the JSON itself of another value, "" for null.
func unquote(raw string) string {
	switch {
	case raw == "null":
		return ""
	case len(raw) < 2 || raw[0] != '"':
		return raw
	}
	inner := raw[1 : len(raw)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return inner
	}
	return s
}
