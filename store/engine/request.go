package engine

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const (
	// maxURLBytes bounds the request's head. Inserts and parameters travel in
	// the URL; a thousand column names are about 30 KB.
	maxURLBytes = 1 << 20
	// maxStatementBytes bounds SQL text; a statement with a list of 100,000
	// ids is about 4 MB. The engine's max_query_size is set to the same.
	maxStatementBytes = 16 << 20
	// maxInsertBytes bounds the data of one insert. The writer sends at most
	// 256 MiB; the rest is room for migrations that copy.
	maxInsertBytes = 1 << 30
	// maxPairs bounds parameters and settings of one request, each.
	maxPairs = 1000
)

// pair is a named parameter or setting.
type pair struct{ name, value string }

// request is a parsed HTTP request, before any engine has seen it.
type request struct {
	sql      string // without the FORMAT of an insert whose data is the body
	format   string // of the output, or of the data when insert is set
	insert   bool   // the body is data
	hello    bool   // the driver's opening question, answered by the front
	session  bool   // the statement changes its connection, which is then given up
	database string
	params   []pair
	settings []pair
}

const (
	helloStatement  = "SELECT displayName(), version(), revision(), timezone()"
	defaultDatabase = "default"
)

// notSettings are URL values of ClickHouse's HTTP interface that are not
// settings. Those that have no meaning here (one user, one session, no
// buffering) are accepted and ignored.
var notSettings = map[string]bool{
	"query": true, "default_format": true, "database": true, "client_protocol_version": true,
	"query_id": true, "quota_key": true, "user": true, "password": true, "role": true,
	"wait_end_of_query": true, "buffer_size": true, "stacktrace": true, "close_session": true,
	"send_progress_in_http_headers": true, "http_headers_progress_interval_ms": true,
	"session_check": true, "session_timeout": true,
}

// unsupported are URL values that would change the bytes on the wire or keep
// state between requests; to ignore them would corrupt or mislead.
var unsupported = map[string]bool{"compress": true, "decompress": true, "session_id": true}

var (
	identifier   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	formatName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	insertFormat = regexp.MustCompile(`(?is)^(.*\S)\s+FORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*;?\s*$`)
)

// parseRequest reads ClickHouse's HTTP interface: values are the URL's, body
// is called for the SQL text unless the body is an insert's data.
func parseRequest(values url.Values, body func() (string, error)) (*request, error) {
	r := &request{
		format:   values.Get("default_format"),
		database: values.Get("database"),
	}
	if r.format == "" {
		r.format = "TabSeparated"
	}
	if !formatName.MatchString(r.format) {
		return nil, badRequest("default_format %q is not a format's name", r.format)
	}
	if strings.ContainsRune(r.database, 0) {
		return nil, badRequest("database %q is not a name", r.database)
	}
	if err := r.addPairs(values); err != nil {
		return nil, err
	}
	text := values.Get("query")
	if m := insertFormat.FindStringSubmatch(text); m != nil && firstWord(m[1]) == "INSERT" {
		r.sql, r.format, r.insert = m[1], m[2], true
		return r, nil
	}
	rest, err := body()
	if err != nil {
		return nil, err
	}
	r.sql = strings.TrimSpace(text + "\n" + rest)
	if len(r.sql) > maxStatementBytes {
		return nil, &exception{
			code: codeTooLarge, name: "TOO_LARGE",
			text: fmt.Sprintf("statement is larger than %d bytes", maxStatementBytes),
		}
	}
	if r.sql == "" {
		return nil, badRequest("empty statement")
	}
	r.hello = r.sql == helloStatement && r.format == "Native"
	r.session = changesSession(r.sql)
	return r, nil
}

func (r *request) addPairs(values url.Values) error {
	for name, list := range values {
		if unsupported[name] {
			if list[0] == "0" || list[0] == "" || list[0] == "false" {
				continue
			}
			return badRequest("%s is not supported by the embedded engine", name)
		}
		if notSettings[name] {
			continue
		}
		target := &r.settings
		bare, isParam := strings.CutPrefix(name, "param_")
		if isParam {
			target = &r.params
		}
		if !identifier.MatchString(bare) {
			return badRequest("%q is not the name of a setting or parameter", name)
		}
		if len(*target) == maxPairs {
			return badRequest("more than %d settings or parameters", maxPairs)
		}
		*target = append(*target, pair{name: bare, value: list[len(list)-1]})
	}
	return nil
}

// changesSession tells the statements whose effect would stay on the pooled
// connection. Over HTTP every request is its own session.
func changesSession(sql string) bool {
	switch first := firstWord(sql); first {
	case "SET", "USE", "BEGIN", "COMMIT", "ROLLBACK":
		return true
	case "CREATE", "DROP", "DETACH", "REPLACE":
		return strings.Contains(strings.ToUpper(sql), "TEMPORARY")
	default:
		// Several statements in one text: only the first is visible here.
		return strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";")
	}
}

// streams tells the statements whose answer may be large. The engine refuses to
// stream SHOW, DESCRIBE, EXISTS and EXPLAIN; their answers are small.
func (r *request) streams() bool {
	switch firstWord(r.sql) {
	case "SELECT", "WITH", "FROM", "":
		return true
	}
	return false
}

// firstWord is the statement's first keyword in upper case, behind blanks and
// comments; "" when it begins otherwise, with a parenthesis for example.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(sql, "--"), strings.HasPrefix(sql, "#"):
			_, after, found := strings.Cut(sql, "\n")
			if !found {
				return ""
			}
			sql = after
		case strings.HasPrefix(sql, "/*"):
			_, after, found := strings.Cut(sql[2:], "*/")
			if !found {
				return ""
			}
			sql = after
		default:
			end := 0
			for end < len(sql) && (sql[end]|0x20 >= 'a' && sql[end]|0x20 <= 'z') {
				end++
			}
			return strings.ToUpper(sql[:end])
		}
	}
}

// quote makes a ClickHouse string literal.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`).Replace(s) + "'"
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
