package webhook

import (
	"encoding/base64"
	"errors"
	"strings"
)

// maxSecrets bounds what one delivery may cost: each secret hashes its body.
const maxSecrets = 8

// ErrSecrets means that there are more secrets than are tried.
var ErrSecrets = errors.New("there are more than 8 webhook secrets; remove those that no forge uses any more")

// secret is one that a forge may have been given.
type secret struct {
	text []byte
	// standard is the key of Standard Webhooks, which GitLab's signing tokens
	// follow: what stands behind whsec_, decoded.
	standard []byte
}

// parseSecrets reads one secret a line. Blanks around them and empty lines go.
// No secrets is no error.
func parseSecrets(text string) ([]secret, error) {
	var all []secret
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(all) == maxSecrets {
			return nil, ErrSecrets
		}
		all = append(all, secret{text: []byte(line), standard: standardKey(line)})
	}
	return all, nil
}

func standardKey(text string) []byte {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return []byte(text)
	}
	return key
}
