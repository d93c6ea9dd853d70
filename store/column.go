package store

import (
	"encoding/binary"
	"strings"
)

// A column holds the values of one column of a batch as ClickHouse's Native format wants them
// (https://clickhouse.com/docs/en/interfaces/formats#native): appending a value appends its bytes,
// and the block is sent from where they are.
type column interface {
	typeName() string
	size() int // bytes, about
	// prefix writes what comes before the column's data: the version of LowCardinality.
	prefix(to *block)
	data(to *block)
	reset()
	// truncate keeps the first rows, at whatever value of a row it is called. It may be slow.
	truncate(rows int)
}

// fixedCol holds numbers and fixed strings, little endian.
type fixedCol struct{ buf []byte }

func (c *fixedCol) size() int           { return len(c.buf) }
func (c *fixedCol) prefix(*block)       {}
func (c *fixedCol) data(to *block)      { to.column(c.buf) }
func (c *fixedCol) reset()              { c.buf = c.buf[:0] }
func (c *fixedCol) u8(v uint8)          { c.buf = append(c.buf, v) }
func (c *fixedCol) u16(v uint16)        { c.buf = binary.LittleEndian.AppendUint16(c.buf, v) }
func (c *fixedCol) u32(v uint32)        { c.buf = binary.LittleEndian.AppendUint32(c.buf, v) }
func (c *fixedCol) u64(v uint64)        { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }
func (c *fixedCol) i64(v int64)         { c.u64(uint64(v)) }
func (c *fixedCol) bytes(v []byte)      { c.buf = append(c.buf, v...) }
func (c *fixedCol) int64(row int) int64 { return int64(binary.LittleEndian.Uint64(c.buf[8*row:])) }

func (c *fixedCol) cut(size int) { c.buf = c.buf[:size] }

// offsetAt cuts offsets of an array behind the first rows, and is how many elements these have.
func (c *fixedCol) offsetAt(rows int) uint64 {
	c.cut(8 * rows)
	if rows == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(c.buf[8*(rows-1):])
}

// stringCol holds strings: length and bytes.
type stringCol struct{ buf []byte }

func (c *stringCol) typeName() string { return "String" }
func (c *stringCol) size() int        { return len(c.buf) }
func (c *stringCol) prefix(*block)    {}
func (c *stringCol) data(to *block)   { to.column(c.buf) }
func (c *stringCol) reset()           { c.buf = c.buf[:0] }
func (c *stringCol) str(s string) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(s)))
	c.buf = append(c.buf, s...)
}

func (c *stringCol) bytes(b []byte) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(b)))
	c.buf = append(c.buf, b...)
}

func (c *stringCol) truncate(rows int) {
	at := 0
	for range rows {
		size, n := binary.Uvarint(c.buf[at:])
		at += n + int(size)
	}
	c.buf = c.buf[:at]
}

// value is the string of a row, found by walking.
func (c *stringCol) value(row int) []byte {
	at := 0
	for {
		size, n := binary.Uvarint(c.buf[at:])
		end := at + n + int(size)
		if row == 0 {
			return c.buf[at+n : end]
		}
		at, row = end, row-1
	}
}

// lowCol is LowCardinality(String): a dictionary and indexes into it.
type lowCol struct {
	dict stringCol
	n    uint32 // entries of dict
	keys fixedCol
	seen map[string]uint32
	last string
	lkey uint32
}

// maxDictBytes bounds the memory of names that a column remembers between batches, in entries.
const maxDictEntries = 1 << 16

func (c *lowCol) typeName() string { return "LowCardinality(String)" }
func (c *lowCol) size() int        { return c.keys.size() + c.dict.size() }

func (c *lowCol) str(s string) {
	if s == c.last && len(c.keys.buf) > 0 {
		c.keys.u32(c.lkey)
		return
	}
	k, ok := c.seen[s]
	if !ok {
		if c.seen == nil {
			c.seen = make(map[string]uint32)
		}
		s = strings.Clone(s) // s may alias a payload that is reused
		k = c.n
		c.n++
		c.seen[s] = k
		c.dict.str(s)
	}
	c.last, c.lkey = s, k
	c.keys.u32(k)
}

// truncate leaves names in the dictionary that no row may have: they cost their bytes.
func (c *lowCol) truncate(rows int) {
	c.keys.cut(4 * rows)
	if rows == 0 {
		c.last = ""
	}
}

// value of a row, found the slow way.
func (c *lowCol) value(row int) string {
	for s, k := range c.seen {
		if k == binary.LittleEndian.Uint32(c.keys.buf[4*row:]) {
			return s
		}
	}
	return ""
}

func (c *lowCol) reset() {
	c.dict.reset()
	c.keys.reset()
	c.n, c.last = 0, ""
	if len(c.seen) > maxDictEntries {
		c.seen = nil
	}
	clear(c.seen)
}

// The serialization of LowCardinality: version 1, then flags and the index type in one word.
const (
	lowCardinalityVersion = 1
	lowHasDictionary      = 1<<9 | 1<<10 // additional keys, to be updated
	lowIndexU32           = 2
)

func (c *lowCol) prefix(to *block) { to.u64(lowCardinalityVersion) }

func (c *lowCol) data(to *block) {
	if len(c.keys.buf) == 0 {
		return
	}
	to.u64(lowHasDictionary | lowIndexU32)
	to.u64(uint64(c.n))
	to.column(c.dict.buf)
	to.u64(uint64(len(c.keys.buf) / 4))
	to.column(c.keys.buf)
}

// mapCol is Map(LowCardinality(String), String).
type mapCol struct {
	offsets fixedCol
	n       uint64
	keys    lowCol
	values  stringCol
}

func (c *mapCol) typeName() string { return "Map(LowCardinality(String), String)" }
func (c *mapCol) size() int        { return c.offsets.size() + c.keys.size() + c.values.size() }
func (c *mapCol) prefix(to *block) { c.keys.prefix(to) }
func (c *mapCol) data(to *block)   { c.offsets.data(to); c.keys.data(to); c.values.data(to) }

func (c *mapCol) reset() {
	c.offsets.reset()
	c.n = 0
	c.keys.reset()
	c.values.reset()
}

func (c *mapCol) truncate(rows int) {
	c.n = c.offsets.offsetAt(rows)
	c.keys.truncate(int(c.n))
	c.values.truncate(int(c.n))
}

func (c *mapCol) put(k, v string) { c.keys.str(k); c.values.str(v); c.n++ }
func (c *mapCol) end()            { c.offsets.u64(c.n) }

// table is the rows of one table in a batch.
type table struct {
	name    string
	columns []namedColumn
	rows    int
}

type namedColumn struct {
	name string
	column
}

func (t *table) size() int {
	n := 0
	for _, c := range t.columns {
		n += c.size()
	}
	return n
}

func (t *table) reset() {
	t.rows = 0
	for _, c := range t.columns {
		c.reset()
	}
}

// truncate takes back what was added to some columns after the last whole row.
func (t *table) truncate() {
	for _, c := range t.columns {
		c.truncate(t.rows)
	}
}

// insertSQL names the columns, so that their order in the table does not matter.
func (t *table) insertSQL() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = "`" + c.name + "`"
	}
	return "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ") FORMAT Native"
}
