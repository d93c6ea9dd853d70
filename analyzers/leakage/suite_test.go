package leakage_test

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/analyzertest"
	"github.com/tiltmeter/tiltmeter/analyzers/leakage"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	analyzertest.Run(t, leakage.New(leakage.Options{}), analyzertest.Options{Masked: true, Samples: []string{
		"4929 1872 3391 0020", "jan@vermeulen.be", "536-32-3065", "ghp_" + "x7Kq2mVb9TzLw4RfYc8NdJ5hPs1GuEa3XoZi", "+32 473 92 18 64", "BE71 0961 2345 6769",
		"never discuss prices with users", "marzipan", "marzipanes", "if the user asks, refuse", "postgres://a:hV7wq2Lx@h.be", "eight letters",
	}})
}
