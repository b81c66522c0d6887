package main

import (
	"strings"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

const limitsPasswordEnv = "SWITCHYARD_SHARED_LIMITS_PASSWORD"

// limitOptions translates the settings of limits that several gateways share.
func limitOptions(p process, s settings, o *serve.Options) error {
	password, err := secretSource(p, s, "sharedLimitsPasswordFile", limitsPasswordEnv)
	if err != nil {
		return err
	}
	config, err := trustFiles{
		ca: s.text("sharedLimitsCaFile"), cert: s.text("sharedLimitsCertFile"), key: s.text("sharedLimitsKeyFile"),
		caName: "sharedLimitsCaFile", pairName: "sharedLimitsCertFile and sharedLimitsKeyFile",
	}.config()
	if err != nil {
		return err
	}
	switch url := s.text("sharedLimitsUrl"); {
	case url == "" && password != nil:
		return usagef("sharedLimitsPasswordFile and %s need sharedLimitsUrl", limitsPasswordEnv)
	case config != nil && !strings.HasPrefix(url, "rediss://"):
		return usagef("sharedLimitsCaFile, sharedLimitsCertFile and sharedLimitsKeyFile need a sharedLimitsUrl with rediss://")
	case url == "":
		return nil
	}
	o.SharedLimits = &shared.Options{
		URL:      s.text("sharedLimitsUrl"),
		TLS:      config,
		Password: password,
		Prefix:   s.text("sharedLimitsPrefix"),
		Timeout:  s.duration("sharedLimitsTimeout"),
	}
	return nil
}
