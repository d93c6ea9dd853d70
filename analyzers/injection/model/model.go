package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Linear is a fitted model.
type Linear struct {
	Bits      uint8   // of the table: it has 1<<Bits weights
	Scale     float32 // what one unit of a weight in the table is worth
	Bias      float32
	Slope     float32 // the log odds are Slope·score+Intercept
	Intercept float32
	Dense     []float32
	Grams     []int8
}

// Score is the log odds before calibration that v is an injection.
func (m *Linear) Score(v *Vector) float64 {
	sum := float64(m.Bias)
	for i, x := range v.Dense {
		sum += float64(x * m.Dense[i])
	}
	return sum + m.Words(v.Grams)
}

// Words is the part of the score that words and pairs of words have.
func (m *Linear) Words(grams []uint32) float64 {
	if len(grams) == 0 {
		return 0
	}
	total := 0
	shift := 32 - m.Bits
	for _, g := range grams {
		total += int(m.Grams[g>>shift])
	}
	return float64(total) * float64(m.Scale) / math.Sqrt(float64(len(grams)))
}

// Calibrated turns a score into calibrated log odds.
func (m *Linear) Calibrated(score float64) float64 {
	return float64(m.Slope)*score + float64(m.Intercept)
}

// magic begins each model of a file of weights; its digit is the version of the format.
var magic = [4]byte{'T', 'M', 'I', '1'}

// Append appends the model as Decode reads it.
func (m *Linear) Append(dst []byte) []byte {
	b := bytes.NewBuffer(dst)
	for _, field := range []any{magic, m.Bits, uint8(len(m.Dense)), m.Scale, m.Bias, m.Slope, m.Intercept, m.Dense, m.Grams} { //nolint:gosec // few features
		_ = binary.Write(b, binary.LittleEndian, field) // a buffer takes all
	}
	return b.Bytes()
}

// Decode reads one model with its number of dense features from data and returns what follows it.
func Decode(data []byte, features int) (*Linear, []byte, error) {
	r := bytes.NewReader(data)
	m := &Linear{}
	var head [4]byte
	var n uint8
	for _, field := range []any{&head, &m.Bits, &n, &m.Scale, &m.Bias, &m.Slope, &m.Intercept} {
		if err := binary.Read(r, binary.LittleEndian, field); err != nil {
			return nil, nil, fmt.Errorf("read head of weights: %w", err)
		}
	}
	if head != magic || m.Bits > 20 || int(n) != features {
		return nil, nil, fmt.Errorf("weights are of format %q with %d features, want %q with %d: fit them again", head, n, magic, features)
	}
	m.Dense, m.Grams = make([]float32, n), make([]int8, 1<<m.Bits)
	for _, field := range []any{m.Dense, m.Grams} {
		if err := binary.Read(r, binary.LittleEndian, field); err != nil {
			return nil, nil, fmt.Errorf("read weights: %w", err)
		}
	}
	return m, data[len(data)-r.Len():], nil
}
