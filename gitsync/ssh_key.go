package gitsync

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// SSHKey is a private key in a file, which is read each time that it is needed.
type SSHKey struct {
	File string
	// Passphrase gives that of the key, when it is needed; nil: it has none.
	Passphrase func() (string, error)
}

// Check reads the key, to find mistakes early.
func (k SSHKey) Check() error {
	_, err := k.read()
	return err
}

// read reads the key, with its passphrase if it has one.
func (k SSHKey) read() (ssh.Signer, error) {
	text, err := os.ReadFile(k.File)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		signer, err = k.unlock(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.File, err)
	}
	return signer, nil
}

func (k SSHKey) unlock(text []byte) (ssh.Signer, error) {
	if k.Passphrase == nil {
		return nil, errors.New("it has a passphrase, and none was given")
	}
	passphrase, err := k.Passphrase()
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(text, []byte(strings.TrimRight(passphrase, "\r\n")))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errors.New("the passphrase is another one")
	}
	return signer, err
}
