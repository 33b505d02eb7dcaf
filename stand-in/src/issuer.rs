//! The signing keys and the key set.
//!
//! Leaves: the published document, signatures, and whether a published key vouches for a token. Always holds:
//! the published keys stand in the set's order, the first signs; a dropped key can still sign, never vouch.

use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use base64::Engine;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use serde_json::{json, Map, Value};

use crate::fail::Fail;
use crate::random;

/// So many keys are kept at most.
const MOST: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Published,
    Dropped,
    Foreign,
}

/// A key pair, or only its public half (a recorded one).
pub struct Key {
    id: u64,
    /// The name in the set.
    pub kid: String,
    private: Option<PKey<Private>>,
    public: PKey<Public>,
    jwk: Map<String, Value>,
    place: Place,
}

impl Key {
    /// Makes a pair of that many bits; this takes a tenth of a second and more.
    pub fn generate(bits: u32, kid: Option<String>, now: i64) -> Result<Self, Fail> {
        if !(512..=16384).contains(&bits) {
            return Err(Fail::wish("bits: 512 to 16384"));
        }
        let private = PKey::from_rsa(Rsa::generate(bits)?)?;
        let public = PKey::public_key_from_der(&private.public_key_to_der()?)?;
        let kid = match kid {
            Some(kid) => kid,
            None => random::uuid()?,
        };
        let rsa = public.rsa()?;
        let (n, e) = (
            BASE64URL.encode(rsa.n().to_vec()),
            BASE64URL.encode(rsa.e().to_vec()),
        );
        let jwk = json!({"alg": "RS256", "created_at": now, "e": e, "kid": kid, "kty": "RSA", "n": n, "use": "sig"});
        let jwk = jwk.as_object().cloned().unwrap_or_default();
        Ok(Self {
            id: 0,
            kid,
            private: Some(private),
            public,
            jwk,
            place: Place::Published,
        })
    }

    /// Replaces members of the published form; `null` removes one.
    pub fn publish_as(&mut self, members: Map<String, Value>) {
        merge(&mut self.jwk, members);
    }

    /// The public half in the shape that a careless verifier would take for an HMAC secret.
    pub fn pem(&self) -> Result<Vec<u8>, Fail> {
        Ok(self.public.public_key_to_pem()?)
    }

    /// Signs by an algorithm's name; what is no algorithm is signed as RS256.
    pub fn sign(&self, alg: &str, input: &[u8]) -> Result<Vec<u8>, Fail> {
        let digest = match alg.get(2..) {
            Some("384") => MessageDigest::sha384(),
            Some("512") => MessageDigest::sha512(),
            Some(_) | None => MessageDigest::sha256(),
        };
        if alg == "none" {
            return Ok(Vec::new());
        }
        if alg.starts_with("HS") {
            let secret = PKey::hmac(&self.pem()?)?;
            return Ok(Signer::new(digest, &secret)?.sign_oneshot_to_vec(input)?);
        }
        let private = self
            .private
            .as_ref()
            .ok_or_else(|| Fail::conflict("only the public half is known"))?;
        let mut signer = Signer::new(digest, private)?;
        if alg.starts_with("PS") {
            signer.set_rsa_padding(Padding::PKCS1_PSS)?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        Ok(signer.sign_oneshot_to_vec(input)?)
    }

    fn vouches(&self, input: &[u8], signature: &[u8]) -> bool {
        Verifier::new(MessageDigest::sha256(), &self.public)
            .and_then(|mut verifier| verifier.verify_oneshot(signature, input))
            .unwrap_or(false)
    }
}

/// Puts members over others; `null` removes one.
pub fn merge(into: &mut Map<String, Value>, members: Map<String, Value>) {
    for (name, value) in members {
        if value.is_null() {
            into.remove(&name);
        } else {
            into.insert(name, value);
        }
    }
}

/// All keys there are.
#[derive(Default)]
pub struct Issuer {
    keys: Vec<Key>,
    next: u64,
}

impl Issuer {
    fn published(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| key.place == Place::Published)
    }

    fn add(&mut self, mut key: Key, place: Place, first: bool) -> Result<String, Fail> {
        if self.keys.len() >= MOST {
            return Err(Fail::conflict("too many keys"));
        }
        self.next = self.next.wrapping_add(1);
        key.id = self.next;
        key.place = place;
        let kid = key.kid.clone();
        if first {
            self.keys.insert(0, key);
        } else {
            self.keys.push(key);
        }
        Ok(kid)
    }

    /// Publishes a key: first, and so the one that signs, or last.
    pub fn publish(&mut self, key: Key, first: bool) -> Result<String, Fail> {
        self.add(key, Place::Published, first)
    }

    /// Keeps a key that no set ever names.
    pub fn keep_foreign(&mut self, key: Key) -> Result<String, Fail> {
        self.add(key, Place::Foreign, false)
    }

    /// Leaves only the first key in the set.
    pub fn drop_old(&mut self) -> Vec<String> {
        let old = self
            .keys
            .iter_mut()
            .filter(|key| key.place == Place::Published)
            .skip(1);
        old.map(|key| {
            key.place = Place::Dropped;
            key.kid.clone()
        })
        .collect()
    }

    /// The key by `current`, `previous`, `foreign` or its kid.
    pub fn key(&self, name: &str) -> Result<&Key, Fail> {
        let key = match name {
            "current" => self.published().next(),
            "previous" => self
                .published()
                .nth(1)
                .or_else(|| self.keys.iter().find(|k| k.place == Place::Dropped)),
            "foreign" => self.keys.iter().find(|key| key.place == Place::Foreign),
            kid => self.keys.iter().find(|key| key.kid == kid),
        };
        key.ok_or_else(|| Fail::unknown(format!("no key {name}")))
    }

    /// The document as published.
    pub fn jwks(&self) -> Value {
        json!({"keys": self.published().map(|key| Value::Object(key.jwk.clone())).collect::<Vec<_>>()})
    }

    /// Every key with its state, for tests that need a key's parts.
    pub fn list(&self) -> Result<Vec<Value>, Fail> {
        let mut published = 0_usize;
        self.keys
            .iter()
            .map(|key| {
                let state = match key.place {
                    Place::Dropped => "dropped",
                    Place::Foreign => "foreign",
                    Place::Published => {
                        published = published.saturating_add(1);
                        match published {
                            1 => "current",
                            2 => "previous",
                            _ => "published",
                        }
                    }
                };
                let pem = String::from_utf8_lossy(&key.pem()?).into_owned();
                Ok(json!({"kid": key.kid, "state": state, "jwk": key.jwk, "pem": pem}))
            })
            .collect()
    }

    /// Whether the key of that identity is in the set.
    pub fn publishes(&self, id: u64) -> bool {
        self.published().any(|key| key.id == id)
    }

    /// The published key that signed a token, by the header's kid and RS256 alone.
    pub fn voucher(&self, token: &str) -> Option<u64> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, _) = input.split_once('.')?;
        let header: Value = serde_json::from_slice(&BASE64URL.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "RS256" {
            return None;
        }
        let kid = header.get("kid")?.as_str()?;
        let signature = BASE64URL.decode(signature).ok()?;
        let mut named = self.published().filter(|key| key.kid == kid);
        named
            .find(|key| key.vouches(input.as_bytes(), &signature))
            .map(|key| key.id)
    }
}

#[cfg(test)]
impl Key {
    /// The public half of a recorded key set's member.
    pub fn recorded(jwk: &Value) -> Option<Self> {
        use openssl::bn::BigNum;
        let number = |name: &str| BigNum::from_slice(&BASE64URL.decode(jwk.get(name)?.as_str()?).ok()?).ok();
        let public = PKey::from_rsa(Rsa::from_public_components(number("n")?, number("e")?).ok()?).ok()?;
        let kid = jwk.get("kid")?.as_str()?.to_owned();
        Some(Self {
            id: 0,
            kid,
            private: None,
            public,
            jwk: jwk.as_object()?.clone(),
            place: Place::Published,
        })
    }
}
