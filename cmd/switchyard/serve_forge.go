package main

import (
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/commitstatus"
)

const (
	webhookSecretEnv     = "SWITCHYARD_WEBHOOK_SECRET"
	commitStatusTokenEnv = "SWITCHYARD_COMMIT_STATUS_TOKEN"
)

// forgeOptions adds what has to do with the forge that hosts the repository.
func forgeOptions(p process, s settings, o *serve.Options) error {
	var err error
	if o.WebhookSecrets, err = secretSource(p, s, "webhookSecretFile", webhookSecretEnv); err != nil {
		return err
	}
	if err := peersOptions(s, o); err != nil {
		return err
	}
	o.CommitStatus, err = commitStatusOptions(p, s)
	return err
}

// peersOptions says how the other gateways are told of pushes.
func peersOptions(s settings, o *serve.Options) error {
	files := trustFiles{
		ca: s.text("webhookPeersCaFile"), cert: s.text("webhookPeersCertFile"), key: s.text("webhookPeersKeyFile"),
		caName: "webhookPeersCaFile", pairName: "webhookPeersCertFile and webhookPeersKeyFile",
	}
	config, err := files.config()
	if err != nil {
		return err
	}
	peers := s.text("webhookPeers")
	switch {
	case config != nil && !strings.HasPrefix(peers, "https:"):
		return usagef("%s and %s are for a webhookPeers with https", files.caName, files.pairName)
	case peers == "":
		return nil
	case o.WebhookSecrets == nil:
		return usagef("webhookPeers needs a secret to sign with: give webhookSecretFile or %s", webhookSecretEnv)
	}
	o.WebhookPeers, o.WebhookPeersTLS = must(url.Parse(peers)), config
	return nil
}

// commitStatusOptions is nil if no forge is told. They are tried out, so that
// what is wrong with them is known to be a setting.
func commitStatusOptions(p process, s settings) (*commitstatus.Options, error) {
	if s.text("commitStatus") == "off" {
		return nil, nil
	}
	token, err := secretSource(p, s, "commitStatusTokenFile", commitStatusTokenEnv)
	if err != nil {
		return nil, err
	}
	if token == nil {
		return nil, usagef("commitStatus needs a token: give commitStatusTokenFile or %s", commitStatusTokenEnv)
	}
	o := &commitstatus.Options{
		Forge:      commitstatus.Forge(s.text("commitStatus")),
		Repository: s.text("repo"),
		API:        s.text("commitStatusApi"),
		Project:    s.text("commitStatusProject"),
		Branch:     s.text("branch"),
		Context:    s.text("commitStatusContext"),
		Token:      token,
		CAFile:     s.text("gitCaFile"),
		Proxy:      http.ProxyFromEnvironment,
	}
	if _, err := commitstatus.New(*o); err != nil {
		return nil, usagef("commitStatus: %w; see commitStatusApi and commitStatusProject", err)
	}
	return o, nil
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
