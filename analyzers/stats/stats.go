// Package stats is the mathematics of judging detectors and rates.
//
// Functions are pure: the same values and seed give the same answer. They return NaN where a quantity is not
// defined (the mean of nothing, the rank of one class alone) and never panic on finite input.
//
// It knows numbers, no spans and no storage.
package stats
