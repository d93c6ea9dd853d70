package store_test

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
