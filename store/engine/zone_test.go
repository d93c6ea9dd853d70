package engine_test

import (
	"context"
	"testing"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestZoneIsUTC: hours and days of the tables do not move with the machine.
func TestZoneIsUTC(t *testing.T) {
	t.Setenv("TZ", "Asia/Kolkata")
	e, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir(), DisableFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	conn := open(t, e)
	var zone, hour string
	if err := conn.QueryRow(t.Context(), "SELECT timezone(), formatDateTime(toStartOfHour(toDateTime(1700000000)), '%T')").Scan(&zone, &hour); err != nil {
		t.Fatal(err)
	}
	if zone != "UTC" || hour != "22:00:00" {
		t.Errorf("zone %s, hour %s, want UTC and 22:00:00", zone, hour)
	}
}
