//! RS256 by itself, held to the example of RFC 7515, appendix A.2.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

use authgear_core::crypto;
use jsonwebtoken::{crypto::verify, Algorithm, DecodingKey};

const MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC",
    "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6",
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW",
    "yuXpoQ",
);
const INPUT: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.",
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
);
const SIGNATURE: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t",
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j",
    "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ",
    "Ge77Rw",
);

fn key() -> DecodingKey {
    crypto::install();
    DecodingKey::from_rsa_components(MODULUS, "AQAB").unwrap()
}

#[test]
fn the_example_of_rfc_7515_verifies() {
    assert!(verify(SIGNATURE, INPUT.as_bytes(), &key(), Algorithm::RS256).unwrap());
}

#[test]
fn one_bit_of_the_example_changed_does_not() {
    for at in 0..INPUT.len() {
        let mut input = INPUT.as_bytes().to_vec();
        input[at] ^= 1;
        assert!(
            !verify(SIGNATURE, &input, &key(), Algorithm::RS256).unwrap(),
            "byte {at}"
        );
    }
    let other = SIGNATURE.replacen("cC4h", "cC4i", 1);
    assert!(!verify(&other, INPUT.as_bytes(), &key(), Algorithm::RS256).unwrap());
}

#[test]
fn no_other_algorithm_and_no_other_kind_of_key_finds_code() {
    for algorithm in [
        Algorithm::HS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        assert!(
            verify(SIGNATURE, INPUT.as_bytes(), &key(), algorithm).is_err(),
            "{algorithm:?}"
        );
    }
    let secret = DecodingKey::from_secret(MODULUS.as_bytes());
    assert!(verify(SIGNATURE, INPUT.as_bytes(), &secret, Algorithm::RS256).is_err());
}
