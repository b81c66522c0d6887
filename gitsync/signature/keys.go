package signature

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
)

// Signer is a trusted key that signed a commit.
type Signer struct {
	Kind string `json:"kind"` // pgp or ssh
	Key  string `json:"key"`  // fingerprint: hexadecimal for pgp, SHA256:... for ssh
	Name string `json:"name"` // user id, or principals
}

// String is for people.
func (s Signer) String() string { return fmt.Sprintf("%s (%s %s)", s.Name, s.Kind, s.Key) }

// Keys are the files that name who is trusted; at least one must be given. They
// are read at each use, so that keys can be added and withdrawn without a
// restart. Safe for concurrent use.
type Keys struct {
	Keyring        string // public PGP keys, armored or binary
	AllowedSigners string // as in ssh-keygen(1), ALLOWED SIGNERS
}

// Trusted are keys that were read at one moment. It is immutable, and safe for
// concurrent use.
type Trusted struct {
	pgp pgpKeys
	ssh []allowed
	sum [sha256.Size]byte
}

var (
	errUnsigned = errors.New("it is not signed; sign it with git commit -S")
	errKind     = errors.New("its signature is neither PGP nor SSH, which are the kinds that can be checked")
)

// Load reads the files. A mistake in one of them is an error that names it and
// the line: none of the keys is trusted then.
func (k Keys) Load() (*Trusted, error) {
	if k.Keyring == "" && k.AllowedSigners == "" {
		return nil, errors.New("no keys are trusted; give a keyring or a file of allowed signers")
	}
	t := &Trusted{}
	ring, err := read(k.Keyring)
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	signers, err := read(k.AllowedSigners)
	if err != nil {
		return nil, fmt.Errorf("read the allowed signers: %w", err)
	}
	if k.Keyring != "" {
		if t.pgp, err = parseKeyring(ring); err != nil {
			return nil, fmt.Errorf("keyring %s: %w", k.Keyring, err)
		}
	}
	if k.AllowedSigners != "" {
		if t.ssh, err = parseAllowed(signers); err != nil {
			return nil, fmt.Errorf("allowed signers %s:%w", k.AllowedSigners, err)
		}
	}
	t.sum = sha256.Sum256(fmt.Appendf(nil, "%d\n%s%s", len(ring), ring, signers))
	return t, nil
}

func read(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return os.ReadFile(path)
}

// Same tells whether the files held the same.
func (t *Trusted) Same(other *Trusted) bool {
	return t != nil && other != nil && t.sum == other.sum
}

// Verify gives the key that signed the commit. The error says why none that is
// trusted did; it begins in the middle of a sentence about the commit.
func (t *Trusted) Verify(c *Commit) (Signer, error) {
	text := bytes.TrimSpace(c.signature)
	switch {
	case len(text) == 0:
		return Signer{}, errUnsigned
	case bytes.HasPrefix(text, []byte(pgpBegin)):
		return t.pgp.verify(c.payload, text)
	case bytes.HasPrefix(text, []byte(sshBegin)):
		return verifySSH(t.ssh, c, text)
	}
	return Signer{}, errKind
}
