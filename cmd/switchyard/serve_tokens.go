package main

import (
	"net/http"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

// tokenOptions translates the settings of tokens, and refuses those that do not go
// together.
func tokenOptions(s settings, o *serve.Options) error {
	issuer, audiences := s.text("tokenIssuer"), s.list("tokenAudience")
	if issuer == "" {
		for _, key := range []string{"tokenAudience", "tokenKeysUrl", "tokenEndpointsClaim", "tokenCaFile"} {
			if s.text(key) != "" {
				return usagef("%s needs tokenIssuer", key)
			}
		}
		return nil
	}
	if len(audiences) == 0 {
		return usagef("tokenIssuer needs tokenAudience: tokens that the issuer made for others would be good otherwise")
	}
	transport, err := token.NewTransport(s.text("tokenCaFile"), http.ProxyFromEnvironment)
	if err != nil {
		return usagef("tokenCaFile: %w", err)
	}
	o.Tokens = &token.Options{
		Issuer:         issuer,
		Audiences:      audiences,
		KeysURL:        s.text("tokenKeysUrl"),
		Algorithms:     s.list("tokenAlgorithms"),
		EndpointsClaim: s.text("tokenEndpointsClaim"),
		Skew:           s.duration("tokenClockSkew"),
		Transport:      transport,
	}
	return nil
}
