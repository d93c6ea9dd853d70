package engine

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Settings of a request cost no statement of their own where that can be had:
// an insert carries them in its text, and a connection keeps what it was last
// set to, so that only what differs is put right by one SET before the next.

// notPlain finds words behind which a SETTINGS clause at the end of an INSERT
// would belong to something else than the INSERT. A false alarm (a column of
// that name) costs one SET.
var notPlain = regexp.MustCompile(`(?i)\b(SETTINGS|SELECT|WITH|VALUES|FORMAT|WATCH|INFILE)\b`)

// prepare gives the request's settings and database to the connection, or to
// the statement, whose text it returns. After an error the connection's state
// is not known.
func (p *pool) prepare(c *pooled, r *request) (sql string, err error) {
	wanted := make(map[string]string, len(r.settings))
	for _, s := range r.settings {
		wanted[s.name] = s.value
	}
	// A statement must be found by its connection's mark, whatever the client
	// wants to say about it.
	if comment, ok := wanted[logComment]; ok {
		wanted[logComment] = c.id + " " + comment
	}
	sql = r.sql
	if r.insert && !notPlain.MatchString(sql) {
		sql += settingsClause(wanted)
		wanted = nil
	}
	if changes := p.changes(c, wanted); len(changes) > 0 {
		if _, err := c.run("SET "+strings.Join(changes, ", "), "Null", nil); err != nil {
			return "", err
		}
		c.current = wanted
	}
	database := r.database
	if database == "" {
		database = defaultDatabase
	}
	if database != c.database {
		if _, err := c.run("USE "+quoteName(database), "Null", nil); err != nil {
			return "", err
		}
		c.database = database
	}
	return sql, nil
}

// settingsClause is the clause of an INSERT; on a line of its own, because the
// text may end in a comment.
func settingsClause(settings map[string]string) string {
	if len(settings) == 0 {
		return ""
	}
	return "\nSETTINGS " + strings.Join(assignments(settings), ", ")
}

func assignments(settings map[string]string) []string {
	out := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		out = append(out, name+" = "+quote(settings[name]))
	}
	return out
}

// changes lists what SET must say so that the connection, which holds
// c.current over the base, holds wanted over the base.
func (p *pool) changes(c *pooled, wanted map[string]string) []string {
	differing := make(map[string]string)
	for name, value := range wanted {
		if old, ok := c.current[name]; !ok || old != value {
			differing[name] = value
		}
	}
	out := assignments(differing)
	for _, name := range slices.Sorted(maps.Keys(c.current)) {
		if _, ok := wanted[name]; ok {
			continue
		}
		value := "DEFAULT"
		if base, ok := p.base[name]; ok {
			value = quote(base)
		} else if name == logComment {
			value = quote(c.id)
		}
		out = append(out, name+" = "+value)
	}
	return out
}
