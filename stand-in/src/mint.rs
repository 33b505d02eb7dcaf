//! Tokens to order, good ones and hostile ones.
//!
//! Enters: an order, a user, the second. Leaves: the token's text and its payload. Always holds: what the
//! order wrote is in the token literally; only what it left open is filled in as Authgear does.

use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use base64::Engine;
use serde::{Deserialize, Deserializer};
use serde_json::{json, Map, Value};

use crate::fail::Fail;
use crate::issuer::{merge, Issuer};
use crate::random;
use crate::sessions::User;
use crate::tamper::{tampered, Tamper};

const LIFETIME: i64 = 1800;
const SCOPE: &str = "openid offline_access https://authgear.com/scopes/full-access";

/// Which of Authgear's tokens is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Access,
    Id,
    Machine,
}

/// A token's order; README has the meaning of each member.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    pub user: Option<String>,
    pub jwt: Option<bool>,
    pub lifetime: Option<i64>,
    #[serde(deserialize_with = "given")]
    pub iat: Option<Value>,
    #[serde(deserialize_with = "given")]
    pub exp: Option<Value>,
    #[serde(deserialize_with = "given")]
    pub nbf: Option<Value>,
    #[serde(deserialize_with = "given")]
    pub auth_time: Option<Value>,
    pub client_id: Option<String>,
    pub scope: Option<String>,
    pub resource: Option<String>,
    pub claims: Map<String, Value>,
    pub header: Map<String, Value>,
    pub raw_payload: Option<String>,
    pub raw_header: Option<String>,
    pub key: Option<String>,
    #[serde(deserialize_with = "given")]
    pub kid: Option<Value>,
    pub alg: Option<String>,
    pub tamper: Option<Tamper>,
    pub register: Option<bool>,
    pub count: Option<usize>,
}

/// A `null` that is written is something else than a member that is not.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Order {
    fn lifetime(&self) -> i64 {
        self.lifetime.unwrap_or(LIFETIME)
    }

    fn issued(&self, now: i64) -> i64 {
        let unwritten = if self.lifetime() > 0 {
            now
        } else {
            now.saturating_add(self.lifetime()).saturating_sub(LIFETIME)
        };
        self.iat.as_ref().and_then(Value::as_i64).unwrap_or(unwritten)
    }

    /// The end as Authgear would set it, for what the order does not write.
    pub fn expiry(&self, now: i64) -> i64 {
        let start = if self.lifetime() > 0 {
            self.issued(now)
        } else {
            now
        };
        self.exp
            .as_ref()
            .and_then(Value::as_i64)
            .unwrap_or_else(|| start.saturating_add(self.lifetime()))
    }

    /// When the user authenticated.
    pub fn authenticated_at(&self, now: i64) -> Option<i64> {
        match &self.auth_time {
            Some(written) => written.as_i64(),
            None => Some(self.issued(now)),
        }
    }

    fn payload(
        &self,
        purpose: Purpose,
        user: &User,
        origin: &str,
        now: i64,
    ) -> Result<Map<String, Value>, Fail> {
        let written = |value: &Option<Value>, unwritten: i64| value.clone().unwrap_or(json!(unwritten));
        let mut payload = Map::new();
        let mut put = |name: &str, value: Value| payload.insert(name.to_owned(), value);
        put("iss", json!(origin));
        put("iat", written(&self.iat, self.issued(now)));
        put("exp", written(&self.exp, self.expiry(now)));
        if let Some(nbf) = &self.nbf {
            put("nbf", nbf.clone());
        }
        let client = self.client_id.as_deref().unwrap_or(match purpose {
            Purpose::Access | Purpose::Id => "jwtapp",
            Purpose::Machine => "m2mapp",
        });
        match purpose {
            Purpose::Access => put("aud", json!([origin])),
            Purpose::Id => put("aud", json!([client])),
            Purpose::Machine => put(
                "aud",
                json!([self
                    .resource
                    .as_deref()
                    .unwrap_or("https://api.authgear.test/orders")]),
            ),
        };
        if purpose == Purpose::Id {
            put(
                "sid",
                json!(BASE64URL.encode(format!("offline_grant:{}", random::uuid()?))),
            );
        } else {
            let unwritten = if purpose == Purpose::Machine {
                "orders:read"
            } else {
                SCOPE
            };
            put("scope", json!(self.scope.as_deref().unwrap_or(unwritten)));
            put("client_id", json!(client));
            put("jti", json!(random::digest()?));
        }
        if purpose == Purpose::Machine {
            put("sub", json!(format!("client_id_{client}")));
        } else {
            put("sub", json!(user.id));
            put("auth_time", written(&self.auth_time, self.issued(now)));
            put(
                "https://authgear.com/claims/user/is_anonymous",
                json!(user.anonymous),
            );
            put(
                "https://authgear.com/claims/user/is_verified",
                json!(user.verified),
            );
            put(
                "https://authgear.com/claims/user/can_reauthenticate",
                json!(user.can_reauthenticate),
            );
            put("https://authgear.com/claims/user/roles", json!(user.roles));
        }
        merge(&mut payload, self.claims.clone());
        Ok(payload)
    }

    fn header(&self, purpose: Purpose, issuer: &Issuer, signer: &str) -> Result<Map<String, Value>, Fail> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(self.alg.as_deref().unwrap_or("RS256")));
        header.insert(
            "typ".to_owned(),
            json!(if purpose == Purpose::Id { "JWT" } else { "at+jwt" }),
        );
        let kid = match &self.kid {
            None => Some(json!(signer)),
            Some(Value::Null) => None,
            Some(Value::String(name)) if ["current", "previous", "foreign"].contains(&name.as_str()) => {
                Some(json!(issuer.key(name)?.kid))
            }
            Some(literal) => Some(literal.clone()),
        };
        if let Some(kid) = kid {
            header.insert("kid".to_owned(), kid);
        }
        merge(&mut header, self.header.clone());
        Ok(header)
    }
}

/// Makes the token: its text, and its payload where that is JSON.
pub fn mint(
    order: &Order,
    purpose: Purpose,
    issuer: &Issuer,
    user: &User,
    origin: &str,
    now: i64,
) -> Result<(String, Value), Fail> {
    let key = issuer.key(order.key.as_deref().unwrap_or("current"))?;
    let header = match &order.raw_header {
        Some(raw) => raw.clone(),
        None => serde_json::to_string(&order.header(purpose, issuer, &key.kid)?)?,
    };
    let payload = match &order.raw_payload {
        Some(raw) => raw.clone(),
        None => serde_json::to_string(&order.payload(purpose, user, origin, now)?)?,
    };
    let input = format!("{}.{}", BASE64URL.encode(&header), BASE64URL.encode(&payload));
    let signature = key.sign(order.alg.as_deref().unwrap_or("RS256"), input.as_bytes())?;
    let token = match order.tamper {
        None => format!("{input}.{}", BASE64URL.encode(&signature)),
        Some(tamper) => tampered(tamper, &header, &payload, &signature),
    };
    Ok((token, serde_json::from_str(&payload).unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::issuer::Key;

    const ORIGIN: &str = "https://project.authgear.test";

    fn issuer() -> Issuer {
        let mut issuer = Issuer::default();
        issuer
            .publish(Key::generate(2048, None, 0).unwrap(), true)
            .unwrap();
        issuer
            .keep_foreign(Key::generate(2048, None, 0).unwrap())
            .unwrap();
        issuer
    }

    fn minted(issuer: &Issuer, order: Value) -> (String, Value) {
        let order: Order = serde_json::from_value(order).unwrap();
        mint(
            &order,
            Purpose::Access,
            issuer,
            &User::new("alice".to_owned()),
            ORIGIN,
            1_000_000,
        )
        .unwrap()
    }

    fn part(token: &str, n: usize) -> Value {
        serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn an_access_token_has_the_claims_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../core/tests/data/authgear.json")).unwrap();
        let bearer = recorded["sets"][0]["cases"][1]["request"]["Authorization"]
            .as_str()
            .unwrap();
        let (real, ours) = (&bearer[7..], minted(&issuer(), json!({})).0);
        for n in [0, 1] {
            let names = |token| {
                part(token, n)
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(&ours), names(real));
        }
    }

    #[test]
    fn what_is_written_stands_in_the_token_literally() {
        let order = json!({"exp": "soon", "nbf": null, "claims": {"sub": 7, "iss": null}, "header": {"typ": null},
            "kid": null, "alg": "none"});
        let (token, payload) = minted(&issuer(), order);
        assert_eq!(part(&token, 0), json!({"alg": "none"}));
        assert_eq!(
            (&payload["exp"], &payload["nbf"], &payload["sub"]),
            (&json!("soon"), &json!(null), &json!(7))
        );
        assert_eq!(payload.get("iss"), None);
        assert!(token.ends_with('.'));
    }

    #[test]
    fn an_expired_token_was_once_good() {
        let (_, payload) = minted(&issuer(), json!({"lifetime": -5}));
        assert_eq!(
            (&payload["iat"], &payload["exp"]),
            (&json!(998_195), &json!(999_995))
        );
    }

    #[test]
    fn only_an_untouched_token_of_a_published_key_is_vouched_for() {
        let issuer = issuer();
        let vouched = |order| issuer.voucher(&minted(&issuer, order).0).is_some();
        assert!(vouched(json!({})));
        assert!(vouched(json!({"raw_payload": "no JSON"})));
        for order in [
            json!({"key": "foreign"}),
            json!({"key": "foreign", "kid": "current"}),
            json!({"kid": null}),
            json!({"kid": "nobody's"}),
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "PS256"}),
            json!({"alg": "RS512"}),
        ] {
            assert!(!vouched(order.clone()), "{order}");
        }
    }

    #[test]
    fn every_kind_of_tampering_changes_the_token_and_spoils_it() {
        let issuer = issuer();
        for tamper in [
            "signature",
            "payload",
            "header",
            "padding",
            "stray_bits",
            "empty_signature",
            "two_parts",
            "four_parts",
            "truncate",
        ] {
            let token = minted(&issuer, json!({"tamper": tamper})).0;
            assert_eq!(issuer.voucher(&token), None, "{tamper}");
        }
        let token = minted(&issuer, json!({"tamper": "alphabet"})).0;
        assert!(!token.contains(['-', '_']));
    }

    #[test]
    fn a_dropped_key_signs_on_and_vouches_no_more() {
        let mut issuer = issuer();
        let old = minted(&issuer, json!({})).0;
        issuer
            .publish(Key::generate(2048, None, 0).unwrap(), true)
            .unwrap();
        assert!(issuer.voucher(&old).is_some());
        assert_ne!(
            part(&minted(&issuer, json!({})).0, 0)["kid"],
            part(&old, 0)["kid"]
        );
        assert_eq!(issuer.drop_old().len(), 1);
        assert!(issuer.voucher(&old).is_none());
        let late = minted(&issuer, json!({"key": "previous"})).0;
        assert_eq!(part(&late, 0)["kid"], part(&old, 0)["kid"]);
    }
}
