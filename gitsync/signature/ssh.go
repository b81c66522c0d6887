package signature

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

const (
	sshBegin  = "-----BEGIN SSH SIGNATURE-----"
	namespace = "git" // see gpg.format in git-config(1)
)

// verifySSH holds a key to the time of the commit, as git does.
func verifySSH(trusted []allowed, c *Commit, text []byte) (Signer, error) {
	if bytes.Count(text, []byte(armorPrefix)) > 1 {
		return Signer{}, errTwice
	}
	sig, err := sshsig.Unarmor(text)
	if err != nil {
		return Signer{}, fmt.Errorf("its SSH signature cannot be read: %w", err)
	}
	key := ssh.FingerprintSHA256(sig.PublicKey)
	switch _, certified := sig.PublicKey.(*ssh.Certificate); {
	case certified:
		return Signer{}, errors.New("it is signed with an SSH certificate, which is not supported; sign with a listed key")
	case sig.Signature.Format == ssh.KeyAlgoRSA || sig.Signature.Format == "ssh-dss":
		return Signer{}, fmt.Errorf("its SSH signature by %s uses SHA-1, which is broken; sign again with a current OpenSSH", key)
	case sig.Namespace != namespace:
		return Signer{}, fmt.Errorf("its SSH signature by %s is for %q, not for git; sign it with git commit -S", key, sig.Namespace)
	}
	who, err := permitted(trusted, sig.PublicKey, c.Time)
	if err != nil {
		return Signer{}, fmt.Errorf("its SSH key %s %w", key, err)
	}
	if err := sshsig.Verify(bytes.NewReader(c.payload), sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		return Signer{}, fmt.Errorf("its signature by the SSH key %s is not over this content (%w); it was changed after it was signed", key, err)
	}
	return Signer{Kind: "ssh", Key: key, Name: who}, nil
}
