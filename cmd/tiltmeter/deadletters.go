package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

const deadLettersUsage = `dead-letters list [FLAGS]
       tiltmeter dead-letters replay [FLAGS] [ID …]

Lists the requests that were acknowledged and could not be read, or puts them (all, or those
named) at the end of the log to be read again. The address is the server's own setting: a flag,
TILTMETER_HTTP_ADDR or the settings file.`

func runDeadLetters(ctx context.Context, args []string, out io.Writer) error {
	fs := newFlags("dead-letters", deadLettersUsage, out)
	var server apiServer
	server.flags(fs, "admin")
	if err := fs.Parse(args); err != nil {
		return err
	}
	list := fs.NArg() == 1 && fs.Arg(0) == "list"
	if !list && (fs.NArg() == 0 || fs.Arg(0) != "replay") {
		return misused(fs)
	}
	if err := resolveClient(fs, os.LookupEnv, nil); err != nil {
		return err
	}
	conn, err := server.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	client := pb.NewIngestServiceClient(conn)
	if list {
		return server.explain(ctx, listDeadLetters(server.authorize(ctx), client, out))
	}
	answer, err := client.ReplayDeadLetters(server.authorize(ctx), &pb.ReplayDeadLettersRequest{Ids: fs.Args()[1:]})
	if err != nil {
		return server.explain(ctx, err)
	}
	_, err = fmt.Fprintln(out, "replayed", answer.GetReplayed())
	return err
}

func listDeadLetters(ctx context.Context, client pb.IngestServiceClient, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tRECEIVED\tPROJECT\tSIGNAL\tBYTES\tREASON\tERROR")
	for token := ""; ; {
		page, err := client.ListDeadLetters(ctx, &pb.ListDeadLettersRequest{PageToken: token})
		if err != nil {
			return err
		}
		for _, d := range page.GetDeadLetters() {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.GetId(), d.GetReceivedAt().AsTime().Format(time.RFC3339),
				d.GetProject(), d.GetSignal(), d.GetSizeBytes(), d.GetReason(), firstLine(d.GetError()))
		}
		if token = page.GetNextPageToken(); token == "" {
			return w.Flush()
		}
	}
}

func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i]
		}
	}
	return s
}
