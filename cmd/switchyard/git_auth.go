package main

import (
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

const (
	gitTokenEnv      = "SWITCHYARD_GIT_TOKEN"
	gitPassphraseEnv = "SWITCHYARD_GIT_SSH_PASSPHRASE"
)

// readingSettings are those of reading a repository: which branch, within what time, and
// how to sign in, with more of a command's own.
func readingSettings(more ...string) []string {
	return append([]string{
		"branch", "gitMaxBytes", "gitTimeout", "gitUsername", "gitTokenFile", "gitCredentialsFile", "gitAppId", "gitAppInstallation", "gitAppKeyFile", "gitAppApi",
		"gitSshKeyFile", "gitSshPassphraseFile", "gitKnownHostsFile", "gitCaFile",
		"gitClientCertFile", "gitClientKeyFile",
	}, more...)
}

// gitAuth finds the credentials for the git server. Where two would serve for
// the same, one would have no effect, which nobody means.
func gitAuth(p process, s settings) (gitsync.Auth, error) {
	agent, _ := p.env.lookup("SSH_AUTH_SOCK")
	token, _ := p.env.lookup(gitTokenEnv)
	auth := gitsync.Auth{
		Username:        s.text("gitUsername"),
		Token:           strings.TrimSpace(token),
		TokenFile:       s.text("gitTokenFile"),
		CredentialsFile: s.text("gitCredentialsFile"),
		KeyFile:         s.text("gitSshKeyFile"),
		KnownHostsFile:  s.text("gitKnownHostsFile"),
		CAFile:          s.text("gitCaFile"),
		ClientCertFile:  s.text("gitClientCertFile"),
		ClientKeyFile:   s.text("gitClientKeyFile"),
		AgentSocket:     agent,
	}
	var err error
	if auth.Passphrase, err = secretSource(p, s, "gitSshPassphraseFile", gitPassphraseEnv); err != nil {
		return auth, err
	}
	if auth.App, err = gitApp(s); err != nil {
		return auth, err
	}
	if (auth.ClientCertFile == "") != (auth.ClientKeyFile == "") {
		return auth, usagef("gitClientCertFile and gitClientKeyFile belong together")
	}
	var given []string
	for name, used := range map[string]bool{
		gitTokenEnv: auth.Token != "", "gitTokenFile": auth.TokenFile != "", "gitCredentialsFile": auth.CredentialsFile != "", "gitAppId": auth.App != nil,
	} {
		if used {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		slices.Sort(given)
		return auth, usagef("%s are all given; only one of them can be used", strings.Join(given, " and "))
	}
	return auth, nil
}

// gitApp is nil if no GitHub App is named.
func gitApp(s settings) (*gitsync.GitHubApp, error) {
	app := gitsync.GitHubApp{
		ID: s.text("gitAppId"), Installation: s.text("gitAppInstallation"), KeyFile: s.text("gitAppKeyFile"), API: s.text("gitAppApi"),
	}
	switch {
	case app == gitsync.GitHubApp{}:
		return nil, nil
	case app.ID == "" || app.Installation == "" || app.KeyFile == "":
		return nil, usagef("a GitHub App needs gitAppId, gitAppInstallation and gitAppKeyFile")
	}
	return &app, nil
}
