package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

const keysUsage = `keys create --scope ingest|read|admin [--project NAME] [--name TEXT]
       tiltmeter keys list
       tiltmeter keys revoke ID

The keys are a file in the data folder; a running server notices a change by itself.
A secret is printed once and stored as a hash only.`

func runKeys(_ context.Context, args []string, out io.Writer) error {
	fs := newFlags("keys", keysUsage, out)
	dataDir := fs.String("data-dir", "./data", "data folder of the server")
	fs.String("config", "", "the server's settings file, for its data folder (default tiltmeter.yaml, if there is one)")
	scope := fs.String("scope", "", "what the key allows: ingest, read or admin")
	project := fs.String("project", "", "project the key belongs to; read and admin keys may say * for all (default \"default\")")
	name := fs.String("name", "", "a note that says who uses the key")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := resolveClient(fs, os.LookupEnv, nil); err != nil {
		return err
	}
	keys, err := auth.Open(*dataDir)
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() == 1 && fs.Arg(0) == "create":
		return createKey(keys, *scope, *project, *name, out)
	case fs.NArg() == 1 && fs.Arg(0) == "list":
		return listKeys(keys, out)
	case fs.NArg() == 2 && fs.Arg(0) == "revoke":
		if err := keys.Revoke(fs.Arg(1)); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "revoked", fs.Arg(1))
		return err
	}
	return misused(fs)
}

func createKey(keys *auth.Keys, scopeName, project, name string, out io.Writer) error {
	scope, err := auth.ParseScope(scopeName)
	if err != nil {
		return fmt.Errorf("--scope: %w", err)
	}
	secret, key, err := keys.Create(scope, project, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "key %s, scope %s, project %s; the secret is shown this once:\n", key.ID, key.Scope, key.Project)
	_, err = fmt.Fprintln(out, secret)
	return err
}

func listKeys(keys *auth.Keys, out io.Writer) error {
	all, err := keys.List()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tSCOPE\tPROJECT\tCREATED\tNAME")
	for _, k := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Scope, k.Project, k.CreatedAt.Format(time.RFC3339), k.Name)
	}
	return w.Flush()
}
