package main

import (
	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

const schemaLong = `Print the JSON Schema of a kind of document, for editors that complete and check
YAML while it is written. What only shows when files are read together, such as
a deployment that does not exist, is for switchyard check. That of a plan
describes what switchyard plan --format json prints.`

const schemaExample = `  switchyard schema endpoint > .vscode/endpoint.schema.json
  switchyard schema deployment
  switchyard schema key
  switchyard schema config
  switchyard schema plan`

// documentPlan is what switchyard plan prints as JSON.
const documentPlan = "plan"

func newSchema(p process) *cobra.Command {
	return &cobra.Command{
		Use:       "schema endpoint|deployment|key|config|plan",
		Short:     "Print a JSON Schema for editors",
		Long:      schemaLong,
		Example:   schemaExample,
		ValidArgs: []string{schema.DocumentEndpoint, schema.DocumentDeployment, schema.DocumentKey, schema.DocumentConfig, documentPlan},
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return usagef("give one kind of document: endpoint, deployment, key, config or plan")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, given []string) error {
			text, ok := schema.JSONSchema(given[0])
			if given[0] == documentPlan {
				text, ok = plan.JSONSchema(), true
			}
			if !ok {
				return usagef("there is no document of the kind %q, only endpoint, deployment, key, config and plan", given[0])
			}
			_, err := p.stdout.Write(text)
			return err
		},
	}
}
