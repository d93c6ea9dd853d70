package pricing

import (
	"bytes"
	_ "embed" // the book
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed book.csv
var bookCSV []byte

// bookTitle begins the first line of our own book; the rest of the line is the day of its data.
const bookTitle = "# Tiltmeter's price book of "

// Default is the book that comes with the binary. Its name ends in the day of its data.
var Default = sync.OnceValue(func() *Book {
	line, _, _ := bytes.Cut(bookCSV, []byte("\n"))
	day, ok := strings.CutPrefix(string(line), bookTitle)
	book, problems, err := ReadCSV("tiltmeter "+day, bytes.NewReader(bookCSV), Limits{})
	if !ok || err != nil || len(problems) > 0 {
		panic(fmt.Sprintf("ingest/pricing: book.csv is broken: title %q, %v, %v", line, err, problems))
	}
	return book
})

// The columns beside those of the tiers. All but the first two may be missing.
const (
	colProvider = "provider"
	colModel    = "model"   // a trailing * stands for any rest
	colAliases  = "aliases" // other names, separated by spaces
	colFrom     = "from"    // first day of the prices, YYYY-MM-DD, UTC; empty: always
	colAbove    = "above"   // the row's prices hold for calls with more input tokens than that
	colChecked  = "checked" // when the source was read, YYYY-MM-DD
	colSource   = "source"  // where the prices stand
)

// ReadCSV reads a price file of our own form: a header that names the columns, in any order, then a row
// for each model and day. Prices are dollars, those of tokens for a million of them. An empty price
// means that there is none. Rows with "above" follow the row that they belong to and repeat what
// differs. Lines that begin with # are comments.
func ReadCSV(name string, r io.Reader, l Limits) (*Book, []Problem, error) {
	l = l.withDefaults()
	c := csv.NewReader(&limited{r, l.Bytes})
	c.Comment, c.FieldsPerRecord, c.ReuseRecord, c.TrimLeadingSpace = '#', -1, true, true
	header, err := c.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("read prices %s: %w", name, noEOF(err))
	}
	t := table{found: problems{most: l.Problems}, columns: slices.Clone(header)}
	if err := t.checkHeader(); err != nil {
		return nil, nil, fmt.Errorf("read prices %s: %w", name, err)
	}
	for {
		row, err := c.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			for _, e := range t.entries {
				for i := range e.above {
					e.above[i].rates.inherit(&e.base)
				}
			}
			return newBook(name, t.entries), t.found.all(), nil
		case errors.As(err, &bad) && !errors.Is(err, errTooLong):
			t.found.add(fmt.Sprintf("line %d", bad.Line), bad.Err.Error())
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("read prices %s: %w", name, err)
		case len(t.entries) >= l.Entries:
			return nil, nil, fmt.Errorf("read prices %s: more than %d entries", name, l.Entries)
		}
		line, _ := c.FieldPos(0)
		t.add(line, row)
	}
}

// table is a file that is being read.
type table struct {
	columns []string
	entries []*Entry
	found   problems
}

func (t *table) checkHeader() error {
	for i, c := range t.columns {
		t.columns[i] = strings.TrimSpace(c)
		known := slices.Contains(tierNames[:], t.columns[i]) ||
			slices.Contains([]string{colProvider, colModel, colAliases, colFrom, colAbove, colChecked, colSource}, t.columns[i])
		if !known {
			return fmt.Errorf("the header names a column %q that does not exist", clip(c))
		}
	}
	for _, c := range []string{colProvider, colModel} {
		if !slices.Contains(t.columns, c) {
			return fmt.Errorf("the header has no column %q", c)
		}
	}
	return nil
}

// add reads one row; what is wrong with it is noted and the row left out.
func (t *table) add(line int, row []string) {
	e := &Entry{}
	above, isAbove := int64(0), false
	fail := func(column string, err error) {
		t.found.add(fmt.Sprintf("line %d, %s", line, column), err.Error())
	}
	if len(row) > len(t.columns) {
		fail("row", fmt.Errorf("%d fields under %d columns", len(row), len(t.columns)))
		return
	}
	for i, v := range row {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		var err error
		switch c := t.columns[i]; c {
		case colProvider:
			e.Provider = v
		case colModel:
			e.Model = v
		case colAliases:
			e.aliases = strings.Fields(v)
		case colFrom:
			e.From, err = time.Parse(time.DateOnly, v)
		case colAbove:
			isAbove = true
			above, err = strconv.ParseInt(v, 10, 64)
		case colChecked:
			e.Checked = v
		case colSource:
			e.Source = v
		default:
			err = e.read(Tier(slices.Index(tierNames[:], c)), v) //nolint:gosec // checkHeader: below numTiers
		}
		if err != nil {
			fail(t.columns[i], err)
			return
		}
	}
	switch {
	case e.Provider == "" || e.Model == "":
		fail("row", errors.New("provider or model is empty"))
	case e.base.set == 0:
		fail("row", errors.New("no price"))
	case !isAbove:
		t.entries = append(t.entries, e)
	default:
		if err := t.raise(e, above); err != nil {
			fail(colAbove, err)
		}
	}
}

func (e *Entry) read(t Tier, v string) error {
	shift := 0
	if t.perToken() {
		shift = 6
	}
	p, err := parsePrice(v, shift)
	if err == nil {
		e.base.put(t, p)
	}
	return err
}

// raise adds a context threshold to the entry before it.
func (t *table) raise(e *Entry, above int64) error {
	if len(t.entries) == 0 {
		return errors.New("there is no row before it that it could belong to")
	}
	to := t.entries[len(t.entries)-1]
	if to.Provider != e.Provider || to.Model != e.Model || !to.From.Equal(e.From) {
		return errors.New("the row before it is of another provider, model or day")
	}
	return to.raise(above, e.base)
}

func (e *Entry) raise(above int64, r Rates) error {
	if n := len(e.above); above <= 0 || n > 0 && e.above[n-1].tokens >= above {
		return fmt.Errorf("%d: thresholds must be above zero and rise", above)
	}
	e.above = append(e.above, threshold{above, r})
	return nil
}
