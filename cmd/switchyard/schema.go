package main

import (
	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/schema"
)

const schemaLong = `Print the JSON Schema of a kind of document, for editors that complete and check
YAML while it is written. What only shows when files are read together, such as
a deployment that does not exist, is for switchyard check.`

const schemaExample = `  switchyard schema endpoint > .vscode/endpoint.schema.json
  switchyard schema deployment
  switchyard schema config`

func newSchema(p process) *cobra.Command {
	return &cobra.Command{
		Use:       "schema endpoint|deployment|config",
		Short:     "Print a JSON Schema for editors",
		Long:      schemaLong,
		Example:   schemaExample,
		ValidArgs: []string{schema.DocumentEndpoint, schema.DocumentDeployment, schema.DocumentConfig},
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return usagef("give one kind of document: endpoint, deployment or config")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, given []string) error {
			text, ok := schema.JSONSchema(given[0])
			if !ok {
				return usagef("there is no document of the kind %q, only endpoint, deployment and config", given[0])
			}
			_, err := p.stdout.Write(text)
			return err
		},
	}
}
