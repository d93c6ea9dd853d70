package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/ingest/pricing"
)

// priceSettings say what model calls cost. The server has them, and whatever prices again what it stored.
type priceSettings struct {
	files  []string
	prefer string
}

// costPreferences are the words of --cost-prefer.
var costPreferences = map[string]pricing.Prefer{"book": pricing.PreferBook, "reported": pricing.PreferReported}

func (p *priceSettings) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&p.files, "prices", nil, "price file over the book that comes with the binary, CSV or LiteLLM's JSON (docs/cost.md); of several the last is asked first")
	fs.StringVar(&p.prefer, "cost-prefer", "book", "whose cost counts where the sender gave one and the book has one: book or reported")
}

func (p *priceSettings) validate() error {
	if _, ok := costPreferences[p.prefer]; !ok {
		return fmt.Errorf("--cost-prefer: %q is not book or reported", p.prefer)
	}
	return nil
}

// pricer makes what prices calls as these settings say. A nil reg exports no metrics.
func (p *priceSettings) pricer(log *slog.Logger, reg prometheus.Registerer) (*pricing.Pricer, error) {
	book, err := p.book(log)
	if err != nil {
		return nil, err
	}
	return pricing.New(book, pricing.Options{Prefer: costPreferences[p.prefer], Registerer: reg}), nil
}

// book reads the price files over the book of the binary. What of a file cannot be used is logged and left out;
// a file that cannot be read at all is an error.
func (p *priceSettings) book(log *slog.Logger) (*pricing.Book, error) {
	book := pricing.Default()
	var errs []error
	for _, path := range p.files {
		file, problems, err := readPrices(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("--prices: %w", err))
			continue
		}
		for _, problem := range problems {
			log.Warn("a price cannot be used; the rest of the file is", "file", path, "at", problem.Path, "reason", problem.Reason)
		}
		book = file.Over(book)
	}
	return book, errors.Join(errs...)
}

// readPrices reads one file. Costs that are computed from it name the file and its day.
func readPrices(path string) (*pricing.Book, []pricing.Problem, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	return pricing.Read(fmt.Sprintf("%s %s", filepath.Base(path), info.ModTime().UTC().Format(time.DateOnly)), f, pricing.Limits{})
}
