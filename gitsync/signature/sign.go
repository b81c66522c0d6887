package signature

import (
	"bytes"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Sign signs the content of a commit object with an SSH key as git commit -S does, and
// gives what stands in its header gpgsig.
func Sign(payload []byte, key ssh.Signer) (string, error) {
	sig, err := sshsig.Sign(bytes.NewReader(payload), key, sshsig.HashSHA512, namespace)
	if err != nil {
		return "", err
	}
	return string(sshsig.Armor(sig)), nil
}
