package serve

import (
	"context"
	"fmt"

	"github.com/switchyard-gateway/switchyard/access/token"
)

func (p *process) makeTokens() (err error) {
	if p.options.Tokens == nil {
		return nil
	}
	o := *p.options.Tokens
	o.Logger = p.logger
	if p.tokens, err = token.New(o); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return nil
}

// readTokenKeys keeps the keys of the issuer fresh until ctx ends.
func (p *process) readTokenKeys(ctx context.Context) error {
	if p.tokens != nil {
		p.tokens.Run(ctx)
	}
	return nil
}
