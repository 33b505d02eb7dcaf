//! Users and the credentials that were given out to them.
//!
//! Enters: what the control port ordered. Leaves: who stands behind a credential, if it is good at a given
//! second. Always holds: a grant that ended never comes back, and a forgotten user has none.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fail::Fail;

/// So many credentials, and so many users, are kept at most.
const MOST: usize = 1_000_000;

/// A user as the server knows it now, whatever older tokens say.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    pub id: String,
    pub anonymous: bool,
    pub verified: bool,
    pub can_reauthenticate: bool,
    pub roles: Vec<String>,
    /// Keeps the sessions, and is answered `false` for as long.
    pub barred: bool,
    pub disabled: bool,
    pub deleted: bool,
}

/// What is to change about a user; what is not written stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    pub id: Option<String>,
    pub anonymous: Option<bool>,
    pub verified: Option<bool>,
    pub can_reauthenticate: Option<bool>,
    pub roles: Option<Vec<String>>,
    pub barred: Option<bool>,
    pub disabled: Option<bool>,
    pub deleted: Option<bool>,
}

impl User {
    /// A user with that id and everything else as by default.
    pub fn new(id: String) -> Self {
        Self {
            id,
            anonymous: false,
            verified: false,
            can_reauthenticate: true,
            roles: Vec::new(),
            barred: false,
            disabled: false,
            deleted: false,
        }
    }

    fn change(&mut self, change: Change) {
        if let Some(anonymous) = change.anonymous {
            self.anonymous = anonymous;
            self.can_reauthenticate = !anonymous;
        }
        self.verified = change.verified.unwrap_or(self.verified);
        self.can_reauthenticate = change.can_reauthenticate.unwrap_or(self.can_reauthenticate);
        self.barred = change.barred.unwrap_or(self.barred);
        self.disabled = change.disabled.unwrap_or(self.disabled);
        self.deleted = change.deleted.unwrap_or(self.deleted);
        if let Some(roles) = change.roles {
            self.roles = roles;
        }
    }
}

/// Where the server looks a value up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bearer token or the `app_access_token` cookie.
    Token,
    /// The `app_session` cookie.
    AppSession,
    /// The `session` cookie.
    Session,
}

/// A JWT's own conditions, read once when it was registered.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The key that signed it, when a published key did.
    pub key: Option<u64>,
    /// `aud` holds the origin and each time is a number.
    pub sound: bool,
}

/// A credential that the server knows.
#[derive(Clone, Debug)]
pub struct Grant {
    pub user: String,
    pub authenticated_at: Option<i64>,
    /// Nothing for an opaque value.
    pub proof: Option<Proof>,
    pub not_before: f64,
    pub expires: f64,
    pub ended: bool,
}

impl Grant {
    /// A grant without conditions of its own.
    pub fn new(user: String, authenticated_at: Option<i64>) -> Self {
        Self {
            user,
            authenticated_at,
            proof: None,
            not_before: f64::NEG_INFINITY,
            expires: f64::INFINITY,
            ended: false,
        }
    }

    /// A JWT's grant: its conditions come from its payload and from whether a published key vouched for it.
    pub fn of_jwt(user: String, payload: &Value, origin: &str, key: Option<u64>) -> Self {
        let aud = payload.get("aud");
        let addressed = match aud {
            Some(Value::String(one)) => one == origin,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(origin)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        };
        let times = ["exp", "nbf", "iat"].map(|name| payload.get(name));
        let sound = addressed && times.iter().flatten().all(|time| time.is_number());
        let [exp, nbf, iat] = times.map(|time| time.and_then(Value::as_f64));
        let past = f64::NEG_INFINITY;
        Self {
            user,
            authenticated_at: payload.get("auth_time").and_then(Value::as_i64),
            proof: Some(Proof { key, sound }),
            not_before: nbf.unwrap_or(past).max(iat.unwrap_or(past)),
            expires: exp.unwrap_or(f64::INFINITY),
            ended: false,
        }
    }

    /// Whether it may count at that second; the key is the issuer's to judge.
    pub fn holds(&self, now: f64) -> bool {
        !self.ended
            && self.proof.is_none_or(|proof| proof.sound)
            && self.not_before <= now
            && now < self.expires
    }
}

/// All that the server remembers.
#[derive(Debug, Default)]
pub struct Sessions {
    users: HashMap<String, User>,
    tokens: HashMap<String, Grant>,
    app_sessions: HashMap<String, Grant>,
    sessions: HashMap<String, Grant>,
}

impl Sessions {
    fn of(&self, kind: Kind) -> &HashMap<String, Grant> {
        match kind {
            Kind::Token => &self.tokens,
            Kind::AppSession => &self.app_sessions,
            Kind::Session => &self.sessions,
        }
    }

    fn all(&mut self) -> [&mut HashMap<String, Grant>; 3] {
        [&mut self.tokens, &mut self.app_sessions, &mut self.sessions]
    }

    /// The user of that id.
    pub fn user(&self, id: &str) -> Result<&User, Fail> {
        self.users
            .get(id)
            .ok_or_else(|| Fail::unknown(format!("no user {id}")))
    }

    /// Makes a user, or makes one anew over the same sessions.
    pub fn add(&mut self, id: String, change: Change) -> Result<User, Fail> {
        if self.users.len() >= MOST {
            return Err(Fail::conflict("too many users"));
        }
        let mut user = User::new(id);
        user.change(change);
        self.users.insert(user.id.clone(), user.clone());
        Ok(user)
    }

    /// Changes a user; disabling and deleting end the sessions, as they do at the server.
    pub fn change(&mut self, id: &str, change: Change) -> Result<User, Fail> {
        let user = self
            .users
            .get_mut(id)
            .ok_or_else(|| Fail::unknown(format!("no user {id}")))?;
        user.change(change);
        let user = user.clone();
        if user.disabled || user.deleted {
            self.end_all(id);
        }
        if user.deleted {
            self.users.remove(id);
        }
        Ok(user)
    }

    /// Makes a credential known.
    pub fn give(&mut self, kind: Kind, value: String, grant: Grant) -> Result<(), Fail> {
        self.user(&grant.user)?;
        let [tokens, app_sessions, sessions] = self.all();
        let grants = match kind {
            Kind::Token => tokens,
            Kind::AppSession => app_sessions,
            Kind::Session => sessions,
        };
        if grants.len() >= MOST {
            return Err(Fail::conflict("too many credentials"));
        }
        grants.insert(value, grant);
        Ok(())
    }

    /// Ends whatever has that value.
    pub fn end(&mut self, value: &str) -> Result<(), Fail> {
        let mut known = false;
        for grants in self.all() {
            if let Some(grant) = grants.get_mut(value) {
                grant.ended = true;
                known = true;
            }
        }
        if known {
            Ok(())
        } else {
            Err(Fail::unknown("no such credential"))
        }
    }

    /// Ends all that a user has; how many there were.
    pub fn end_all(&mut self, user: &str) -> usize {
        let grants = self.all().into_iter().flat_map(HashMap::values_mut);
        let live = grants.filter(|grant| grant.user == user && !grant.ended);
        live.map(|grant| grant.ended = true).count()
    }

    /// The credential of that value, and its user, unless there is no such user any more.
    pub fn find(&self, kind: Kind, value: &str) -> Option<(&Grant, &User)> {
        let grant = self.of(kind).get(value)?;
        Some((grant, self.users.get(&grant.user)?))
    }
}
