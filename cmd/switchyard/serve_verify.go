package main

import (
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

// verification says whose commits may serve. Keys without --verify tip are an
// error, as whoever gave them believes that commits are verified.
func verification(s settings) (*gitsync.Verify, error) {
	keys := signature.Keys{Keyring: s.text("verifyKeyring"), AllowedSigners: s.text("verifyAllowedSigners")}
	none := keys == signature.Keys{}
	switch on := s.text("verify") == "tip"; {
	case !on && !none:
		return nil, usagef("trusted keys are given, but commits are not verified; add --verify tip")
	case on && none:
		return nil, usagef("--verify tip needs --verify-keyring, --verify-allowed-signers or both")
	case !on:
		return nil, nil
	}
	if _, err := keys.Load(); err != nil {
		return nil, usagef("--verify tip: %w", err)
	}
	return &gitsync.Verify{Keys: keys, AllowRewind: s.flag("verifyAllowRewind")}, nil
}
