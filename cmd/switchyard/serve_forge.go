package main

import (
	"os"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

const webhookSecretEnv = "SWITCHYARD_WEBHOOK_SECRET"

// forgeOptions adds what has to do with the forge that hosts the repository.
func forgeOptions(p process, s settings, o *serve.Options) error {
	var err error
	o.WebhookSecrets, err = secretSource(p, s, "webhookSecretFile", webhookSecretEnv)
	return err
}

// secretSource is where a secret is read each time that it is needed: a file,
// which must be there from the beginning, or a variable. It is nil if there is
// neither.
func secretSource(p process, s settings, fileKey, env string) (func() (string, error), error) {
	path := s.text(fileKey)
	text, _ := p.env.lookup(env)
	switch {
	case path != "" && text != "":
		return nil, usagef("%s and %s are both given; one of them must go", fileKey, env)
	case path != "":
		if _, err := os.ReadFile(path); err != nil {
			return nil, usagef("%s: %w", fileKey, err)
		}
		return func() (string, error) {
			text, err := os.ReadFile(path)
			return string(text), err
		}, nil
	case text != "":
		return func() (string, error) { return text, nil }, nil
	}
	return nil, nil
}
