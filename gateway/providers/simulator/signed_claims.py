"""Claims of a JSON Web Token, verified by signature and read into a type. Their times are for the caller to judge."""

from typing import TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ClaimsT = TypeVar("ClaimsT", bound=msgspec.Struct)


def read_claims(
    token: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, algorithm: str, claims: type[ClaimsT]
) -> ClaimsT:
    """Verify and read.

    Raises:
        jwt.InvalidSignatureError: signed by another key.
        jwt.InvalidTokenError: not a JWT, of another algorithm, or without the claims wanted.
    """
    try:
        decoded = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
        return msgspec.convert(decoded, claims)
    except msgspec.ValidationError:
        raise jwt.InvalidTokenError("claims missing or of the wrong type") from None
