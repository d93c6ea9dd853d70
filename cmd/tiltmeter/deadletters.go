package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

const deadLettersUsage = `dead-letters list [FLAGS]
       tiltmeter dead-letters replay [ID …]

Lists the requests that were acknowledged and could not be read, or puts them (all, or those
named) at the end of the log to be read again.`

func runDeadLetters(ctx context.Context, args []string, out io.Writer) error {
	fs := newFlags("dead-letters", deadLettersUsage, out)
	server := fs.String("server", "http://127.0.0.1:8080", "base URL of the server")
	key := fs.String("key", "", "key with the scope admin")
	if err := fs.Parse(args); err != nil {
		return err
	}
	conn, err := dialAPI(*server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if *key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+*key)
	}
	client := pb.NewIngestServiceClient(conn)
	switch {
	case fs.NArg() == 1 && fs.Arg(0) == "list":
		return listDeadLetters(ctx, client, out)
	case fs.NArg() >= 1 && fs.Arg(0) == "replay":
		answer, err := client.ReplayDeadLetters(ctx, &pb.ReplayDeadLettersRequest{Ids: fs.Args()[1:]})
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		_, err = fmt.Fprintln(out, "replayed", answer.GetReplayed())
		return err
	}
	fs.Usage()
	return exitError(2)
}

// dialAPI connects to the gRPC services on the port that also serves the page.
func dialAPI(server string) (*grpc.ClientConn, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--server %q is not a URL like http://127.0.0.1:8080", server)
	}
	creds := insecure.NewCredentials()
	if u.Scheme == "https" {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	return grpc.NewClient(u.Host, grpc.WithTransportCredentials(creds))
}

func listDeadLetters(ctx context.Context, client pb.IngestServiceClient, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tRECEIVED\tPROJECT\tSIGNAL\tBYTES\tREASON\tERROR")
	for token := ""; ; {
		page, err := client.ListDeadLetters(ctx, &pb.ListDeadLettersRequest{PageToken: token})
		if err != nil {
			return fmt.Errorf("list dead letters: %w", err)
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
