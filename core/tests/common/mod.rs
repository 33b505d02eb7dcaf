//! What the tests share: keys made when they run, tokens signed by OpenSSL, and a policy to judge them by.
//!
//! Nothing here goes through the code under test.
#![allow(dead_code, clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

#[path = "../../../fuzz/checks/answered.rs"]
pub mod answered;
pub mod memory;
pub mod fake_memory;
pub mod require;
pub mod evaluation;

use std::sync::OnceLock;

use authgear_core::credential::{Allowed, Credentials};
use authgear_core::jwks::{Ignored, KeySet};
use authgear_core::policy::{Mode, Policy};
use authgear_core::session::Session;
use authgear_core::verify::{self, Judgement};
use authgear_core::{crypto, verdict::Reason};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use serde_json::{json, Value};

/// When the tests take place.
pub const NOW: u64 = 1_800_000_000;
/// The project's origin.
pub const ORIGIN: &str = "https://project.authgear.example";
/// The `kid` of [`Issuer::first`].
pub const KID: &str = "first";
/// Who the tokens speak of.
pub const USER: &str = "f3b1c9e0-0000-4000-8000-000000000001";

/// The key of RFC 7638, section 3.1: a modulus of 2048 bits.
pub const RFC_7638_N: &str = concat!(
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj",
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM",
    "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz",
    "KnqDKgw",
);

/// An RSA key that signs.
pub struct Issuer {
    pub key: PKey<Private>,
    pub kid: &'static str,
}

impl Issuer {
    /// The project's key.
    pub fn first() -> &'static Self {
        static FIRST: OnceLock<Issuer> = OnceLock::new();
        FIRST.get_or_init(|| Self::new(KID, 2048, 65537))
    }

    /// A key of somebody else's, or of the time after a rotation.
    pub fn second() -> &'static Self {
        static SECOND: OnceLock<Issuer> = OnceLock::new();
        SECOND.get_or_init(|| Self::new("second", 2048, 65537))
    }

    pub fn new(kid: &'static str, bits: u32, exponent: u32) -> Self {
        let exponent = BigNum::from_u32(exponent).unwrap();
        let rsa = Rsa::generate_with_e(bits, &exponent).unwrap();
        Self {
            key: PKey::from_rsa(rsa).unwrap(),
            kid,
        }
    }

    /// The public half as Authgear publishes it.
    pub fn jwk(&self) -> Value {
        let rsa = self.key.rsa().unwrap();
        let number = |number: &openssl::bn::BigNumRef| base64url(number.to_vec());
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "created_at": 1,
            "n": number(rsa.n()), "e": number(rsa.e())})
    }

    /// The same under another `kid`.
    pub fn jwk_as(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = json!(kid);
        jwk
    }

    pub fn rs256(&self, input: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        signer.sign_oneshot_to_vec(input).unwrap()
    }

    pub fn ps256(&self, input: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        signer.sign_oneshot_to_vec(input).unwrap()
    }

    /// A token of these parts, as written.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url(self.rs256(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// A good token with other claims: a `null` takes a claim away.
    pub fn claims(&self, changes: Value) -> String {
        self.sign(&self.header(json!({})), &changed(claims(), changes))
    }

    /// A good token with another header: a `null` takes a member away.
    pub fn headed(&self, changes: Value) -> String {
        self.sign(&self.header(changes), &claims().to_string())
    }

    /// A good token.
    pub fn good(&self) -> String {
        self.claims(json!({}))
    }

    fn header(&self, changes: Value) -> String {
        changed(json!({"alg": "RS256", "kid": self.kid, "typ": "at+jwt"}), changes)
    }
}

/// The claims of a good token.
pub fn claims() -> Value {
    json!({
        "iss": ORIGIN, "aud": [ORIGIN], "iat": NOW - 60, "exp": NOW + 1740, "sub": USER, "client_id": "web",
        "scope": "openid offline_access https://authgear.com/scopes/full-access", "auth_time": NOW - 600, "jti": "00",
        "https://authgear.com/claims/user/is_anonymous": false,
        "https://authgear.com/claims/user/is_verified": true,
        "https://authgear.com/claims/user/can_reauthenticate": true,
        "https://authgear.com/claims/user/roles": ["admin", "editor"],
    })
}

fn changed(mut object: Value, changes: Value) -> String {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object.to_string()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key with a `kid`, for which nobody can sign.
pub fn key(kid: &str) -> Value {
    json!({"kty": "RSA", "kid": kid, "n": RFC_7638_N, "e": "AQAB"})
}

/// Such a key with other members: a `null` takes one away.
pub fn key_with(changes: Value) -> Value {
    serde_json::from_str(&changed(key("changed"), changes)).unwrap()
}

/// The set of these keys.
pub fn set(keys: &[Value]) -> KeySet {
    crypto::install();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
        .unwrap()
        .set
}

/// The project's key set.
pub fn project() -> KeySet {
    set(&[Issuer::first().jwk()])
}

/// A modulus of exactly so many bits; nobody knows its factors, and nothing is ever verified with it.
pub fn modulus(bits: i32) -> Vec<u8> {
    let mut number = BigNum::new().unwrap();
    number.rand(bits, openssl::bn::MsbOption::ONE, true).unwrap();
    number.to_vec()
}

pub fn policy(mode: Mode) -> Policy {
    Policy {
        mode,
        issuers: vec![ORIGIN.to_owned()],
        audiences: vec![ORIGIN.to_owned()],
        leeway: 0,
        allowed: Allowed::ALL,
        cookie_prefix: String::new(),
        machines: false,
    }
}

/// Judges a token by the project's key set, now.
pub fn judge(token: &str) -> Judgement {
    verify::verify(token, &project(), &policy(Mode::On), NOW)
}

/// The reason of a refusal; fails on anything else.
pub fn refusal(token: &str) -> Reason {
    refused(judge(token))
}

pub fn refused(judgement: Judgement) -> Reason {
    match judgement {
        Judgement::Refused(reason, _) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// The session of a token that verifies; fails on anything else.
pub fn session(token: &str) -> Session {
    verified(judge(token))
}

pub fn verified(judgement: Judgement) -> Session {
    match judgement {
        Judgement::Verified(verified) => verified.session,
        other => panic!("not verified: {other:?}"),
    }
}

/// A header line of a session.
pub fn line(session: &Session, name: &str) -> Option<String> {
    let line = session.lines().find(|(known, _)| *known == name)?;
    Some(line.1.to_owned())
}

pub fn read<'h>(authorization: Option<&'h str>, cookies: &[&'h str], prefix: &str) -> Credentials<'h> {
    Credentials::read(
        authorization.map(str::as_bytes),
        cookies.iter().copied().map(str::as_bytes),
        prefix,
        Allowed::ALL,
    )
}

/// A good token with other claims.
pub fn claiming(changes: Value) -> String {
    Issuer::first().claims(changes)
}

/// A good token with another header.
pub fn headed(changes: Value) -> String {
    Issuer::first().headed(changes)
}

/// The header of a good token.
pub fn header() -> String {
    Issuer::first().header(json!({}))
}

/// A token with this header, as written, and good claims.
pub fn with_header(header: &str) -> String {
    Issuer::first().sign(header, &claims().to_string())
}

/// A token with these claims, as written, and a good header.
pub fn with_payload(payload: &str) -> String {
    Issuer::first().sign(&header(), payload)
}

/// The claims of a good token, one of them with a value as written.
pub fn claiming_raw(name: &str, raw: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    let others = claims.to_string();
    with_payload(&format!(
        "{{{}:{raw},{}",
        Value::from(name),
        others.strip_prefix('{').unwrap()
    ))
}

/// Why this key, written so, is not used beside a good one; `None` when it is used.
pub fn ignored_raw(raw: &str) -> Option<Ignored> {
    let document = format!(r#"{{"keys":[{raw},{}]}}"#, key("good"));
    let parsed = KeySet::parse(document.as_bytes()).unwrap();
    assert!(
        parsed.set.find(Some("good")).is_some(),
        "{raw} spoilt another key"
    );
    assert_eq!(parsed.set.len() + parsed.ignored.len(), 2, "{raw}");
    parsed.ignored.first().copied()
}

pub fn ignored(key: &Value) -> Option<Ignored> {
    ignored_raw(&key.to_string())
}
