//! The resolver's search and its answer.
//!
//! Enters: a request's headers, the sessions, the keys, the second. Leaves: the headers of a 200. Always
//! holds: the order and each inconvenience of the real server, as `core/tests/data/authgear.json` recorded
//! them.

use crate::cookies;
use crate::issuer::Issuer;
use crate::sessions::{Kind, Sessions};
use crate::world::Policy;

/// What of a request the search looks at.
pub struct Question<'a> {
    pub authorization: Option<&'a [u8]>,
    pub cookies: Vec<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    pub forwarded_proto: Option<&'a [u8]>,
}

impl<'a> Question<'a> {
    /// Reads it off a request; names are in lower case.
    pub fn of(headers: &'a [(Vec<u8>, Vec<u8>)]) -> Self {
        let all = |name: &'static str| {
            let named = headers.iter().filter(move |(n, _)| n == name.as_bytes());
            named.map(|(_, value)| value.as_slice())
        };
        Self {
            authorization: all("authorization").next(),
            cookies: all("cookie").collect(),
            host: all("host").next(),
            forwarded_proto: all("x-forwarded-proto").next(),
        }
    }

    /// The scheme in any case, one space, and at least one byte.
    fn bearer(&self) -> Option<&'a str> {
        let (scheme, token) = std::str::from_utf8(self.authorization?).ok()?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    fn cookie(&self, policy: &Policy, name: &str) -> Option<&'a str> {
        let name = format!("{}{name}", policy.cookie_prefix);
        cookies::first(self.cookies.iter().copied(), &name)
    }

    fn proto(&self) -> &[u8] {
        self.forwarded_proto.unwrap_or(b"http")
    }

    /// The server makes the origin out of the request, and a token of another origin is none of its own.
    fn of_origin(&self, policy: &Policy) -> bool {
        let host = self.host.unwrap_or_default();
        policy.trust_any_host || [self.proto(), b"://", host].concat() == policy.origin.as_bytes()
    }
}

enum Found {
    Nobody,
    Barred,
    Session(Headers),
}

/// The headers of an answer, in Go's spelling.
pub type Headers = Vec<(&'static str, String)>;

fn look(
    question: &Question,
    sessions: &Sessions,
    issuer: &Issuer,
    policy: &Policy,
    now: f64,
    kind: Kind,
    value: &str,
) -> Found {
    let Some((grant, user)) = sessions.find(kind, value) else {
        return Found::Nobody;
    };
    let vouched = match grant.proof {
        None => true,
        Some(proof) => question.of_origin(policy) && proof.key.is_some_and(|key| issuer.publishes(key)),
    };
    if !vouched || !grant.holds(now) {
        return Found::Nobody;
    }
    if user.barred {
        return Found::Barred;
    }
    let mut headers = vec![
        ("X-Authgear-Session-Valid", "true".to_owned()),
        ("X-Authgear-User-Id", user.id.clone()),
        ("X-Authgear-User-Anonymous", user.anonymous.to_string()),
        ("X-Authgear-User-Verified", user.verified.to_string()),
        (
            "X-Authgear-User-Can-Reauthenticate",
            user.can_reauthenticate.to_string(),
        ),
        // The server forgets how the user authenticated, and sends the header all the same.
        ("X-Authgear-Session-Amr", String::new()),
    ];
    if !user.roles.is_empty() {
        headers.push(("X-Authgear-User-Roles", user.roles.join(",")));
    }
    if let Some(at) = grant.authenticated_at {
        headers.push(("X-Authgear-Session-Authenticated-At", at.to_string()));
    }
    Found::Session(headers)
}

/// Answers a question: the headers of a 200, `Set-Cookie` among them.
pub fn answer(
    question: &Question,
    sessions: &Sessions,
    issuer: &Issuer,
    policy: &Policy,
    now: f64,
) -> Headers {
    let session = question.cookie(policy, "session");
    let candidates = [
        (Kind::Token, question.bearer()),
        (Kind::AppSession, question.cookie(policy, "app_session")),
        (Kind::Token, question.cookie(policy, "app_access_token")),
        (Kind::Session, session),
    ];
    for (kind, value) in candidates {
        let Some(value) = value else { continue };
        match look(question, sessions, issuer, policy, now, kind, value) {
            Found::Session(headers) => return headers,
            Found::Barred => return invalid(question, policy, session.is_some()),
            Found::Nobody if kind == Kind::Session => return invalid(question, policy, true),
            Found::Nobody => {}
        }
    }
    Vec::new()
}

fn invalid(question: &Question, policy: &Policy, clear: bool) -> Headers {
    let mut headers = vec![("X-Authgear-Session-Valid", "false".to_owned())];
    if clear {
        headers.push(("Set-Cookie", set_session("", question.proto(), policy)));
    }
    headers
}

/// The `Set-Cookie` that hands a session to a browser; no value clears it.
pub fn set_session(value: &str, proto: &[u8], policy: &Policy) -> String {
    let domain = policy
        .cookie_domain
        .as_ref()
        .map(|domain| format!("; Domain={domain}"))
        .unwrap_or_default();
    let secure = if proto == b"https" { "; Secure" } else { "" };
    let end = if value.is_empty() {
        "; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    } else {
        ""
    };
    format!(
        "{}session={value}; Path=/{domain}{end}; HttpOnly{secure}; SameSite=Lax",
        policy.cookie_prefix
    )
}
