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
// trusted, whatever it was revoked for and whenever it signed. A key that is in
// the keyring several times, such as before it was extended and after, is taken
// in each form.
func (k pgpKeys) verify(payload, text []byte) (Signer, error) {
	body, sig, err := onlySignature(text)
	if err != nil {
		return Signer{}, err
	}
	found, err := k.find(sig)
	if err != nil {
		return Signer{}, err
	}
	for _, key := range found {
		if err = check(key, sig, payload, body); err == nil {
			return Signer{Kind: "pgp", Key: fmt.Sprintf("%X", key.PublicKey.Fingerprint), Name: userID(key.Entity)}, nil
		}
	}
	return Signer{}, err
}

// check tells what is wrong with a signature by a key.
func check(key openpgp.Key, sig *packet.Signature, payload, body []byte) error {
	then := &packet.Config{Time: func() time.Time { return sig.CreationTime }}
	_, err := openpgp.CheckDetachedSignature(openpgp.EntityList{key.Entity}, bytes.NewReader(payload), bytes.NewReader(body), then)
	if errors.Is(err, pgperrors.ErrKeyExpired) || errors.Is(err, pgperrors.ErrSignatureExpired) {
		err = nil // all else is good then, and these two are judged in another way here
	}
	name := fmt.Sprintf("%X", key.PublicKey.Fingerprint)
	switch {
	case err != nil:
		return fmt.Errorf("its signature by the PGP key %s is not over this content (%w); it was changed after it was signed", name, err)
	case outlived(key, sig.CreationTime):
		return fmt.Errorf("its PGP key %s was not valid when it signed; extend the key and sign again", name)
	case sig.SigExpired(time.Now()):
		return fmt.Errorf("its signature by the PGP key %s has expired; sign it again", name)
	}
	return nil
}

// outlived tells whether a key was not valid at a time, by what its owner said of
// it last: what was said later than that, such as how long the key lives now,
// holds for before as well. go-crypto, unlike gpg, takes what was signed before
// the key was extended for expired.
func outlived(key openpgp.Key, then time.Time) bool {
	primary, _ := key.Entity.PrimarySelfSignature()
	if key.Entity.PrimaryKey.KeyExpired(primary, then) || over(primary, then) {
		return true
	}
	if key.PublicKey == key.Entity.PrimaryKey {
		return false
	}
	binding := key.SelfSignature
	return key.PublicKey.KeyExpired(binding, then) || over(binding, then) || over(binding.EmbeddedSignature, then)
}

// over tells whether the time for which a signature was made had passed.
func over(sig *packet.Signature, then time.Time) bool {
	if sig == nil || sig.SigLifetimeSecs == nil || *sig.SigLifetimeSecs == 0 {
		return false
	}
	return then.After(sig.CreationTime.Add(time.Duration(*sig.SigLifetimeSecs) * time.Second))
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

// find gives the keys that may have made a signature, at least one.
func (k pgpKeys) find(sig *packet.Signature) ([]openpgp.Key, error) {
	list := openpgp.EntityList(k)
	if all := list.KeysById(*sig.IssuerKeyId); len(all) == 0 {
		return nil, fmt.Errorf("its PGP key %s is not in the keyring; add the key if its owner may decide what serves", issuer(sig))
	}
	found := list.KeysByIdUsage(*sig.IssuerKeyId, packet.KeyFlagSign)
	if len(found) == 0 {
		return nil, fmt.Errorf("its PGP key %s is not one for signing", issuer(sig))
	}
	for _, key := range found {
		if len(key.Revocations) > 0 || len(key.Entity.Revocations) > 0 {
			return nil, fmt.Errorf("its PGP key %X is revoked; sign with another", key.PublicKey.Fingerprint)
		}
	}
	return found, nil
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
