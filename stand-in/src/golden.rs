//! Holds the resolver to what a real server answered, case by case, `Set-Cookie` included.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use base64::Engine;
use serde_json::{json, Value};

use crate::issuer::{Issuer, Key};
use crate::resolver::{answer, Headers, Question};
use crate::sessions::{Change, Grant, Kind, Sessions};
use crate::world::Policy;

const RECORDED: &str = include_str!("../../core/tests/data/authgear.json");
const ANOTHER: &str = "another user";

/// One recorded project as it was, so far as its answers tell.
struct Project<'a> {
    policy: Policy,
    issuer: Issuer,
    sessions: Sessions,
    cases: &'a [Value],
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}

fn payload(token: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1)?).ok()?).ok()
}

fn said(case: &Value, header: &str) -> Option<String> {
    case["resolver"]["headers"]
        .get(header)?
        .as_str()
        .map(str::to_owned)
}

/// The credentials of a case in the server's order.
fn credentials(case: &Value, prefix: &str) -> Vec<(Kind, String)> {
    let bearer = text(case, "/request/Authorization").and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty());
    let mut found: Vec<_> = bearer
        .map(|(_, token)| (Kind::Token, token.to_owned()))
        .into_iter()
        .collect();
    let cookies: Vec<_> = text(case, "/request/Cookie")
        .unwrap_or_default()
        .split(';')
        .map(str::trim)
        .collect();
    for (kind, name) in [
        (Kind::AppSession, "app_session"),
        (Kind::Token, "app_access_token"),
        (Kind::Session, "session"),
    ] {
        let start = format!("{prefix}{name}=");
        let value = cookies.iter().find_map(|cookie| cookie.strip_prefix(&start));
        found.extend(value.map(|value| (kind, value.to_owned())));
    }
    found
}

impl<'a> Project<'a> {
    fn recorded(set: &'a Value) -> Self {
        let policy = Policy {
            origin: text(set, "/origin").unwrap().to_owned(),
            cookie_prefix: text(set, "/cookie_prefix").unwrap().to_owned(),
            cookie_domain: None,
            redirect_uris: Vec::new(),
            trust_any_host: false,
        };
        let mut issuer = Issuer::default();
        for jwk in set["jwks"]["keys"].as_array().unwrap() {
            issuer.publish(Key::recorded(jwk).unwrap(), false).unwrap();
        }
        let sessions = Sessions::default();
        let mut project = Self {
            policy,
            issuer,
            sessions,
            cases: set["cases"].as_array().unwrap(),
        };
        project.user(ANOTHER);
        for case in project.cases {
            project.know(case);
        }
        // Only then is it clear which of several credentials the answer was about.
        for case in project.cases {
            project.know_the_last(case);
        }
        project
    }

    fn user(&mut self, id: &str) {
        if self.sessions.user(id).is_err() {
            self.sessions.add(id.to_owned(), Change::default()).unwrap();
        }
    }

    fn give(&mut self, (kind, value): &(Kind, String), user: &str, authenticated_at: Option<i64>) {
        self.user(user);
        self.sessions
            .give(
                *kind,
                value.clone(),
                Grant::new(user.to_owned(), authenticated_at),
            )
            .unwrap();
    }

    fn know(&mut self, case: &Value) {
        let name = text(case, "/name").unwrap();
        let credentials = credentials(case, &self.policy.cookie_prefix);
        for (kind, token) in &credentials {
            if let Some(payload) = payload(token) {
                let sub = text(&payload, "/sub").unwrap().to_owned();
                self.user(&sub);
                let grant = Grant::of_jwt(sub, &payload, &self.policy.origin, self.issuer.voucher(token));
                self.sessions.give(*kind, token.clone(), grant).unwrap();
            }
        }
        if name.starts_with("revoked") || name.contains("beside another's session") {
            let opaque = credentials.iter().filter(|(_, value)| payload(value).is_none());
            opaque.for_each(|credential| self.give(credential, ANOTHER, None));
        } else if let ([only], Some(user)) = (&credentials[..], said(case, "x-authgear-user-id")) {
            if payload(&only.1).is_none() {
                self.give(only, &user, authenticated_at(case));
            }
        }
    }

    fn know_the_last(&mut self, case: &Value) {
        let Some(user) = said(case, "x-authgear-user-id") else {
            return;
        };
        let credentials = credentials(case, &self.policy.cookie_prefix);
        let known = credentials.iter().any(|(kind, value)| {
            self.sessions
                .find(*kind, value)
                .is_some_and(|(grant, _)| grant.user == user)
        });
        if !known {
            self.give(credentials.last().unwrap(), &user, authenticated_at(case));
        }
    }

    fn ask(&self, case: &Value) -> Headers {
        let host = self.policy.origin.strip_prefix("https://").unwrap();
        let question = Question {
            authorization: text(case, "/request/Authorization").map(str::as_bytes),
            cookies: text(case, "/request/Cookie")
                .map(str::as_bytes)
                .into_iter()
                .collect(),
            host: Some(host.as_bytes()),
            forwarded_proto: Some(b"https"),
        };
        let at = case["at"].as_f64().unwrap();
        answer(&question, &self.sessions, &self.issuer, &self.policy, at)
    }

    /// Does to the server what the case says was done, and makes sure that it mattered.
    fn prepare(&mut self, case: &Value) {
        let name = text(case, "/name").unwrap();
        let ended = ["revoked", "disabled user's", "deleted user's", "barred user's"];
        let change = if let Some(user) = said(case, "x-authgear-user-id") {
            let flag = |header| said(case, header).map(|value| value == "true");
            let roles = said(case, "x-authgear-user-roles");
            let roles = roles.map_or(Vec::new(), |roles| roles.split(',').map(str::to_owned).collect());
            let change = Change {
                anonymous: flag("x-authgear-user-anonymous"),
                verified: flag("x-authgear-user-verified"),
                can_reauthenticate: flag("x-authgear-user-can-reauthenticate"),
                roles: Some(roles),
                barred: Some(false),
                ..Change::default()
            };
            Some((user, change))
        } else if ended.iter().any(|start| name.starts_with(start)) {
            let (kind, value) = credentials(case, &self.policy.cookie_prefix).remove(0);
            let user = self.sessions.find(kind, &value).unwrap().0.user.clone();
            self.sessions
                .change(
                    &user,
                    Change {
                        barred: Some(false),
                        ..Change::default()
                    },
                )
                .unwrap();
            assert_eq!(
                self.ask(case)[0],
                ("X-Authgear-Session-Valid", "true".to_owned()),
                "{name}: before"
            );
            if name.starts_with("revoked") {
                self.sessions.end(&value).unwrap();
            }
            let change = Change {
                disabled: Some(name.starts_with("disabled")),
                deleted: Some(name.starts_with("deleted")),
                barred: Some(name.starts_with("barred")),
                ..Change::default()
            };
            Some((user, change))
        } else {
            None
        };
        if let Some((user, change)) = change {
            self.sessions.change(&user, change).unwrap();
        }
    }
}

fn authenticated_at(case: &Value) -> Option<i64> {
    said(case, "x-authgear-session-authenticated-at").map(|at| at.parse().unwrap())
}

#[test]
fn every_recorded_case_is_answered_as_the_server_did() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let mut cases = 0;
    for set in recorded["sets"].as_array().unwrap() {
        let mut project = Project::recorded(set);
        for case in project.cases {
            project.prepare(case);
            let (mut headers, mut cookies) = (BTreeMap::new(), Vec::new());
            for (name, value) in project.ask(case) {
                if name == "Set-Cookie" {
                    cookies.push(value.split_once('=').unwrap().0.to_owned());
                } else {
                    assert_eq!(
                        headers.insert(name.to_ascii_lowercase(), value),
                        None,
                        "{}",
                        case["name"]
                    );
                }
            }
            let wanted = &case["resolver"];
            assert_eq!(json!(headers), wanted["headers"], "{}", case["name"]);
            assert_eq!(json!(cookies), wanted["set_cookie"], "{}", case["name"]);
            cases += 1;
        }
    }
    assert_eq!(cases, 50, "cases in the recording");
}

#[test]
fn a_wrong_host_or_scheme_hides_every_jwt_and_no_cookie() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let project = Project::recorded(&recorded["sets"][0]);
    let valid = |name: &str, host: &str, proto: Option<&str>| {
        let case = project.cases.iter().find(|case| case["name"] == name).unwrap();
        let question = Question {
            authorization: text(case, "/request/Authorization").map(str::as_bytes),
            cookies: text(case, "/request/Cookie")
                .map(str::as_bytes)
                .into_iter()
                .collect(),
            host: Some(host.as_bytes()),
            forwarded_proto: proto.map(str::as_bytes),
        };
        let at = case["at"].as_f64().unwrap();
        !answer(&question, &project.sessions, &project.issuer, &project.policy, at).is_empty()
    };
    let host = "auth.golden.example";
    assert!(valid("jwt, roles", host, Some("https")));
    for (host, proto) in [
        (host, None),
        (host, Some("http")),
        (host, Some("HTTPS")),
        ("AUTH.golden.example", Some("https")),
        ("auth.golden.example:443", Some("https")),
    ] {
        assert!(!valid("jwt, roles", host, proto), "{host} {proto:?}");
        assert!(
            !valid("app_access_token cookie, jwt", host, proto),
            "{host} {proto:?}"
        );
        assert!(valid("opaque token", host, proto), "{host} {proto:?}");
        assert!(valid("session cookie", host, proto), "{host} {proto:?}");
    }
}
