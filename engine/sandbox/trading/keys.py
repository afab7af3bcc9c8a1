"""Keys and signatures: Binance's HMAC over the request, Coinbase's signed tokens (JWT, ES256 or Ed25519).

The demo keys are made of the sandbox's seed. They protect nothing: whoever can reach the sandbox may know them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from engine.sandbox.trading.terms import uuid

LEEWAY_S = 30
LONGEST_S = 120


class Locked(Exception):
    """The request is not let in; the text says why."""


@dataclass(frozen=True)
class Key:
    """One API key: what the client writes as its name and secret, and what it may do."""

    name: str
    secret: str
    trade: bool = True
    withdraw: bool = False


def word(seed: int, what: str, size: int = 32) -> bytes:
    return hashlib.blake2b(f"evenkeel sandbox {seed} {what}".encode(), digest_size=size).digest()


def binance_key(seed: int, what: str = "binance", **may: bool) -> Key:
    return Key(word(seed, what + " key").hex(), word(seed, what + " secret").hex(), **may)


def ecdsa_key(seed: int, what: str = "coinbase", **may: bool) -> Key:
    """A CDP key of the usual kind: a name with its organisation and a PEM (P-256)."""
    secret = 1 + int.from_bytes(word(seed, what), "big") % (2**255)
    private = ec.derive_private_key(secret, ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    name = f"organizations/{uuid(seed, what, 'organization')}/apiKeys/{uuid(seed, what, 'key')}"
    return Key(name, private.private_bytes(*form).decode(), **may)


def ed25519_key(seed: int, what: str = "coinbase ed25519", **may: bool) -> Key:
    """A CDP key of the newer kind: a bare id and base64 of seed and public key."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(word(seed, what))
    raw = private.private_bytes_raw() + private.public_key().public_bytes_raw()
    return Key(uuid(seed, what, "key"), base64.b64encode(raw).decode(), **may)


def hmac_matches(secret: str, payload: bytes, signature: str) -> bool:
    made = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signature.encode())


class Tokens:
    """Checks Coinbase tokens against known keys."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = {key.name: key for key in keys}
        self._public = {key.name: _public(key.secret) for key in keys}

    def check(self, header: str, what: str, host: str, clocks: tuple[int, ...]) -> Key:
        """The key that signed `Bearer ...` for `what` (method and path). Locked says why not. Times are ms UTC."""
        kind, _, token = header.partition(" ")
        parts = token.split(".")
        if kind != "Bearer" or len(parts) != 3:
            raise Locked("no token")
        head, claims = (_json(part) for part in parts[:2])
        key = self.keys.get(str(claims.get("sub", "")))
        if key is None or str(head.get("kid", "")) != key.name:
            raise Locked("no such key")
        self._signed(key, str(head.get("alg", "")), ".".join(parts[:2]).encode(), _raw(parts[2]))
        _timely(claims, clocks)
        uris = claims.get("uris")
        uri = str(uris[0] if isinstance(uris, list) and uris else claims.get("uri", ""))
        if not _same(uri, what, host):
            raise Locked("the token is for another request")
        return key

    def _signed(self, key: Key, algorithm: str, text: bytes, signature: bytes) -> None:
        public = self._public[key.name]
        try:
            if isinstance(public, ed25519.Ed25519PublicKey) and algorithm == "EdDSA":
                public.verify(signature, text)
            elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm == "ES256" and len(signature) == 64:
                pair = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                public.verify(encode_dss_signature(*pair), text, ec.ECDSA(hashes.SHA256()))
            else:
                raise Locked(f"algorithm {algorithm} does not fit the key")
        except InvalidSignature:
            raise Locked("the signature is wrong") from None


def _public(secret: str) -> object:
    if secret.startswith("-----BEGIN"):
        return serialization.load_pem_private_key(secret.encode(), None).public_key()
    return ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret)[:32]).public_key()


def _raw(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise Locked("the token is not base64") from None


def _json(part: str) -> dict[str, object]:
    try:
        found = orjson.loads(_raw(part))
    except orjson.JSONDecodeError:
        raise Locked("the token is not JSON") from None
    if not isinstance(found, dict):
        raise Locked("the token holds no claims")
    return found


def _timely(claims: dict[str, object], clocks: tuple[int, ...]) -> None:
    begin, end = claims.get("nbf"), claims.get("exp")
    if not isinstance(begin, int) or not isinstance(end, int) or end - begin > LONGEST_S:
        raise Locked("nbf and exp are needed, at most two minutes apart")
    if not any(begin - LEEWAY_S <= now / 1000 <= end for now in clocks):
        raise Locked("the token is expired or not valid yet")


def _same(uri: str, what: str, host: str) -> bool:
    """`GET host/path`, the host with or without its scheme; an empty `host` is not compared."""
    method, _, address = uri.partition(" ")
    place, _, path = address.removeprefix("http://").removeprefix("https://").partition("/")
    return f"{method} /{path}" == what and (not host or place == host)
