package signature

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const (
	pgpBegin    = "-----BEGIN PGP SIGNATURE-----"
	armorPrefix = "-----BEGIN "
)

type pgpKeys openpgp.EntityList

// parseKeyring reads what gpg --export gives, or any number of armored blocks.
func parseKeyring(data []byte) (pgpKeys, error) {
	blocks := [][]byte{data}
	if bytes.Contains(data, []byte(armorPrefix)) {
		blocks = bytes.SplitAfter(data, []byte("-----END PGP PUBLIC KEY BLOCK-----"))
	}
	var keys openpgp.EntityList
	for i, block := range blocks {
		if i > 0 && len(bytes.TrimSpace(block)) == 0 {
			continue
		}
		got, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, got...)
	}
	for _, e := range keys {
		if e.PrivateKey != nil {
			return nil, errors.New("it holds a private key; export the public one alone, with gpg --export")
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no public key")
	}
	return pgpKeys(keys), nil
}

func parseBlock(data []byte) (openpgp.EntityList, error) {
	if bytes.Contains(data, []byte(armorPrefix)) {
		return openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	}
	return openpgp.ReadKeyRing(bytes.NewReader(data))
}

// verify holds a key to the time at which it says to have signed, as git does:
// a commit does not become bad when its key expires. A revoked key is never
// trusted, whatever it was revoked for and whenever it signed.
func (k pgpKeys) verify(payload, text []byte) (Signer, error) {
	body, sig, err := onlySignature(text)
	if err != nil {
		return Signer{}, err
	}
	key, err := k.find(sig)
	if err != nil {
		return Signer{}, err
	}
	then := &packet.Config{Time: func() time.Time { return sig.CreationTime }}
	name := fmt.Sprintf("%X", key.PublicKey.Fingerprint)
	_, err = openpgp.CheckDetachedSignature(openpgp.EntityList{key.Entity}, bytes.NewReader(payload), bytes.NewReader(body), then)
	switch {
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return Signer{}, fmt.Errorf("its PGP key %s was not valid when it signed; extend the key and sign again", name)
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return Signer{}, fmt.Errorf("its signature by the PGP key %s has expired; sign it again", name)
	case err != nil:
		return Signer{}, fmt.Errorf("its signature by the PGP key %s is not over this content (%w); it was changed after it was signed", name, err)
	case sig.SigExpired(time.Now()):
		return Signer{}, fmt.Errorf("its signature by the PGP key %s has expired; sign it again", name)
	}
	return Signer{Kind: "pgp", Key: name, Name: userID(key.Entity)}, nil
}

// onlySignature decodes an armored signature, which must be a single one.
func onlySignature(text []byte) ([]byte, *packet.Signature, error) {
	if bytes.Count(text, []byte(armorPrefix)) > 1 {
		return nil, nil, errTwice
	}
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, nil, fmt.Errorf("its PGP signature cannot be read: %w", err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("its PGP signature cannot be read: %w", err)
	}
	packets := packet.NewReader(bytes.NewReader(body))
	first, err := packets.Next()
	if err != nil {
		return nil, nil, fmt.Errorf("its PGP signature cannot be read: %w", err)
	}
	sig, ok := first.(*packet.Signature)
	if !ok || sig.SigType != packet.SigTypeBinary || sig.IssuerKeyId == nil {
		return nil, nil, errors.New("its PGP signature is not one that git makes")
	}
	if sig.Hash == crypto.MD5 || sig.Hash == crypto.SHA1 || sig.Hash == crypto.RIPEMD160 {
		return nil, nil, fmt.Errorf("its PGP signature by %s uses %s, which is broken; sign again with SHA-256 or better", issuer(sig), sig.Hash)
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, nil, errTwice
	}
	return body, sig, nil
}

func (k pgpKeys) find(sig *packet.Signature) (openpgp.Key, error) {
	list := openpgp.EntityList(k)
	if all := list.KeysById(*sig.IssuerKeyId); len(all) == 0 {
		return openpgp.Key{}, fmt.Errorf("its PGP key %s is not in the keyring; add the key if its owner may decide what serves", issuer(sig))
	}
	found := list.KeysByIdUsage(*sig.IssuerKeyId, packet.KeyFlagSign)
	if len(found) == 0 {
		return openpgp.Key{}, fmt.Errorf("its PGP key %s is not one for signing", issuer(sig))
	}
	for _, key := range found {
		if len(key.Revocations) > 0 || len(key.Entity.Revocations) > 0 {
			return openpgp.Key{}, fmt.Errorf("its PGP key %X is revoked; sign with another", key.PublicKey.Fingerprint)
		}
	}
	return found[0], nil
}

func issuer(sig *packet.Signature) string {
	if len(sig.IssuerFingerprint) > 0 {
		return fmt.Sprintf("%X", sig.IssuerFingerprint)
	}
	return fmt.Sprintf("%016X", *sig.IssuerKeyId)
}

func userID(e *openpgp.Entity) string {
	if id := e.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return "unnamed"
}
