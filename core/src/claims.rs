//! The claims of an access token (RFC 9068, and Authgear's own), each in the type that it must have.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::grant::{Grant, Machine, MACHINE};
use crate::header_text::{HeaderText, NotHeaderText};
use crate::json;
use crate::policy::Policy;
use crate::session::{Name, Session};
use crate::verdict::Reason;

/// What is kept of a token's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
    /// The later of `nbf` and `iat`, in seconds since 1970.
    pub not_before: u64,
    /// When the user authenticated, where that is a whole number of seconds since 1970.
    pub auth_time: Option<u64>,
    /// How the user authenticated.
    pub amr: Vec<String>,
    /// How strongly.
    pub acr: Option<String>,
    /// The user's roles.
    pub roles: Vec<String>,
    /// `https://authgear.com/claims/user/is_anonymous`
    pub is_anonymous: Option<Flag>,
    /// `https://authgear.com/claims/user/is_verified`
    pub is_verified: Option<Flag>,
    /// `https://authgear.com/claims/user/can_reauthenticate`
    pub can_reauthenticate: Option<Flag>,
    /// `client_id` and `scope`, where they are well-formed.
    pub grant: Grant,
}

/// When a token is good, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// `iat`; 0 when it is absent.
    pub iat: u64,
    /// `exp`
    pub exp: u64,
    /// The later of `nbf` and `iat`.
    pub not_before: u64,
}

/// Whom claims that hold speak of.
pub(crate) enum Checked {
    User(Claims),
    Machine(Machine, Times),
}

/// A boolean claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `true`
    Yes,
    /// `false`
    No,
}

impl Flag {
    /// As Authgear's headers write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "true",
            Self::No => "false",
        }
    }
}

impl Claims {
    /// The session that a token of these claims speaks of.
    ///
    /// # Errors
    /// When a claim's value can't stand in a header.
    pub fn session(&self) -> Result<Session, NotHeaderText> {
        let flag = |flag: Option<Flag>| flag.map_or("", Flag::as_str);
        let roles = joined(&self.roles, ",", &[','])?;
        let amr = joined(&self.amr, " ", &[',', ' '])?;
        let at = self.auth_time.map(|at| at.to_string()).unwrap_or_default();
        // In the order of `Name::KNOWN`.
        let values = [
            self.sub.as_str(),
            flag(self.is_anonymous),
            flag(self.is_verified),
            flag(self.can_reauthenticate),
            &roles,
            &amr,
            self.acr.as_deref().unwrap_or_default(),
            &at,
        ];
        if self.sub.is_empty() {
            return Err(NotHeaderText);
        }
        let mut lines = [None; Name::KNOWN.len()];
        for (line, value) in lines.iter_mut().zip(values) {
            if !value.is_empty() {
                *line = Some(HeaderText::of(value.as_bytes())?);
            }
        }
        Session::from_lines(&lines, &[])
    }
}

/// A claims set as it stands in the token: everything optional, and kept apart when it has the wrong type.
#[derive(serde::Deserialize)]
pub(crate) struct RawClaims {
    #[serde(default)]
    pub(crate) iss: Claim<String>,
    #[serde(default)]
    pub(crate) aud: Claim<Audience>,
    #[serde(default)]
    sub: Claim<String>,
    #[serde(default)]
    exp: Claim<u64>,
    #[serde(default)]
    nbf: Claim<u64>,
    #[serde(default)]
    iat: Claim<u64>,
    #[serde(default)]
    auth_time: Claim<u64>,
    #[serde(default)]
    amr: Claim<Vec<String>>,
    #[serde(default)]
    acr: Claim<String>,
    #[serde(rename = "https://authgear.com/claims/user/roles", default)]
    roles: Claim<Vec<String>>,
    #[serde(rename = "https://authgear.com/claims/user/is_anonymous", default)]
    is_anonymous: Claim<bool>,
    #[serde(rename = "https://authgear.com/claims/user/is_verified", default)]
    is_verified: Claim<bool>,
    #[serde(rename = "https://authgear.com/claims/user/can_reauthenticate", default)]
    can_reauthenticate: Claim<bool>,
    #[serde(default)]
    client_id: Claim<String>,
    #[serde(default)]
    scope: Claim<String>,
}

/// One claim: absent, `null`, of its type, or of another.
#[derive(Default)]
pub(crate) enum Claim<T> {
    #[default]
    Absent,
    /// As good as absent for what describes the user (the server may write `null` for no roles), wrong for
    /// what RFC 7519 defines.
    Null,
    Is(T),
    Wrong,
}

/// `aud`: one string, or several (RFC 7519, section 4.1.3).
pub(crate) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl RawClaims {
    /// The claims set in a token's payload, which must be a JSON object without a claim of ours twice.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Reason> {
        json::object(payload).ok_or(Reason::Malformed)
    }

    /// Whether it says that it is a machine's.
    pub(crate) fn is_a_machines(&self) -> bool {
        matches!(&self.sub, Claim::Is(sub) if sub.starts_with(MACHINE))
    }

    /// Every check that needs no key; `now` in seconds since 1970.
    pub(crate) fn check(self, policy: &Policy, now: u64) -> Result<Checked, Reason> {
        self.check_parties(policy)?;
        let times = self.times(policy, now)?;
        let sub = match &self.sub {
            Claim::Is(sub) if sub.is_empty() => return Err(Reason::NoSubject),
            Claim::Is(_) if self.is_a_machines() && !policy.machines => return Err(Reason::MachineToken),
            Claim::Is(sub) => sub.clone(),
            Claim::Absent | Claim::Null | Claim::Wrong => return Err(Reason::NoSubject),
        };
        if self.is_a_machines() {
            return self.machine(&sub).map(|machine| Checked::Machine(machine, times));
        }
        self.user(sub, times).map(Checked::User)
    }

    fn user(self, sub: String, times: Times) -> Result<Claims, Reason> {
        let (client_id, scope) = (self.client_id.value(), self.scope.value());
        Ok(Claims {
            sub,
            iat: times.iat,
            exp: times.exp,
            not_before: times.not_before,
            auth_time: self.auth_time.value(),
            amr: self.amr.or_refuse()?.unwrap_or_default(),
            acr: self.acr.or_refuse()?,
            roles: self.roles.or_refuse()?.unwrap_or_default(),
            is_anonymous: self.is_anonymous.or_refuse()?.map(Flag::from),
            is_verified: self.is_verified.or_refuse()?.map(Flag::from),
            can_reauthenticate: self.can_reauthenticate.or_refuse()?.map(Flag::from),
            grant: Grant::new(client_id.as_deref(), scope.as_deref()),
        })
    }

    /// A machine's header lines are made of these: none may be wrong.
    fn machine(self, sub: &str) -> Result<Machine, Reason> {
        let client_id = self.client_id.or_refuse()?.unwrap_or_default();
        let scope = self.scope.or_refuse()?;
        Machine::new(sub, &client_id, scope.as_deref()).ok_or(Reason::BadClaim)
    }

    /// Who issued it, and for whom.
    fn check_parties(&self, policy: &Policy) -> Result<(), Reason> {
        let accepts = |accepted: &[String], got: &str| accepted.iter().any(|one| one == got);
        match &self.iss {
            Claim::Is(iss) if accepts(&policy.issuers, iss) => {}
            Claim::Is(_) | Claim::Absent | Claim::Null | Claim::Wrong => return Err(Reason::WrongIssuer),
        }
        let accepted = match &self.aud {
            Claim::Is(Audience::One(aud)) => accepts(&policy.audiences, aud),
            Claim::Is(Audience::Many(auds)) => auds.iter().any(|aud| accepts(&policy.audiences, aud)),
            Claim::Absent | Claim::Null | Claim::Wrong => false,
        };
        accepted.then_some(()).ok_or(Reason::WrongAudience)
    }

    /// Its times, when it is now that the token is good.
    fn times(&self, policy: &Policy, now: u64) -> Result<Times, Reason> {
        let exp = match self.exp {
            Claim::Is(exp) if i64::try_from(exp).is_ok() => exp,
            Claim::Is(_) | Claim::Null | Claim::Wrong => return Err(Reason::BadClaim),
            Claim::Absent => return Err(Reason::Expired),
        };
        if exp.saturating_add(policy.leeway) <= now {
            return Err(Reason::Expired);
        }
        let latest = now.saturating_add(policy.leeway);
        let nbf = match self.nbf {
            Claim::Is(nbf) if nbf > latest => return Err(Reason::NotYetValid),
            Claim::Null | Claim::Wrong => return Err(Reason::BadClaim),
            Claim::Is(nbf) => nbf,
            Claim::Absent => 0,
        };
        let iat = match self.iat {
            Claim::Is(iat) if iat > latest => return Err(Reason::IssuedInFuture),
            Claim::Is(iat) => iat,
            Claim::Absent => 0,
            Claim::Null | Claim::Wrong => return Err(Reason::BadClaim),
        };
        Ok(Times {
            iat,
            exp,
            not_before: nbf.max(iat),
        })
    }
}

impl<T> Claim<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }

    fn or_refuse(self) -> Result<Option<T>, Reason> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Is(value) => Ok(Some(value)),
            Self::Wrong => Err(Reason::BadClaim),
        }
    }
}

impl Audience {
    /// All of them in one text.
    pub(crate) fn joined(self) -> String {
        match self {
            Self::One(audience) => audience,
            Self::Many(audiences) => audiences.join(" "),
        }
    }
}

impl From<bool> for Flag {
    fn from(value: bool) -> Self {
        if value {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// A list in one value. An element that holds what some reader splits at would be read as two: refused, like
/// an empty one.
fn joined(list: &[String], separator: &str, splits: &[char]) -> Result<String, NotHeaderText> {
    let bad = |element: &String| element.contains(splits) || HeaderText::of(element.as_bytes()).is_err();
    if list.iter().any(bad) {
        return Err(NotHeaderText);
    }
    Ok(list.join(separator))
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Claim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw text first: a value of the wrong type is then read to its end, and the next claim after it.
        let raw: &'de serde_json::value::RawValue = Deserialize::deserialize(deserializer)?;
        Ok(match serde_json::from_str::<Option<T>>(raw.get()) {
            Ok(None) => Self::Null,
            Ok(Some(value)) => Self::Is(value),
            Err(_) => Self::Wrong,
        })
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Audience;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Audience::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut audiences = Vec::new();
                while let Some(audience) = list.next_element()? {
                    audiences.push(audience);
                }
                Ok(Audience::Many(audiences))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
