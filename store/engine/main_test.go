package engine_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// ownerEnv makes the test binary a server to be killed; its value is the data folder.
const ownerEnv = "TILTMETER_TEST_OWNER"

func TestMain(m *testing.M) {
	engine.RunIfChild()
	if dir := os.Getenv(ownerEnv); dir != "" {
		fmt.Fprintln(os.Stdout, own(dir)) // "<nil>" when the rows are in
		<-make(chan struct{})             // until it is killed
	}
	storetest.Main(m)
}

func own(dir string) error {
	e, err := engine.Start(context.Background(), engine.Config{DataDir: dir})
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(e.ClickHouse())
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := conn.Exec(ctx, "CREATE TABLE owned (a UInt64) ENGINE = MergeTree ORDER BY a"); err != nil {
		return err
	}
	return conn.Exec(ctx, "INSERT INTO owned SELECT number FROM numbers(10)")
}
