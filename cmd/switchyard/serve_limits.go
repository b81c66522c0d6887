package main

import (
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
	if s.text("sharedLimitsUrl") == "" {
		if password != nil {
			return usagef("sharedLimitsPasswordFile and %s need sharedLimitsUrl", limitsPasswordEnv)
		}
		return nil
	}
	o.SharedLimits = &shared.Options{
		URL:      s.text("sharedLimitsUrl"),
		Password: password,
		Prefix:   s.text("sharedLimitsPrefix"),
		Timeout:  s.duration("sharedLimitsTimeout"),
	}
	return nil
}
