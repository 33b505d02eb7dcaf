//! The stand-in Authgear as a scenario meets it.
//!
//! What enters: wishes of the scenario, as JSON to the control port. What leaves: tokens, counts, faults at
//! work. What always holds: it ends with the harness, whatever becomes of the test; a refused wish fails the
//! scenario.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};

use crate::client::{Connection, Request};
use crate::{free_port, setting};

/// A running stand-in.
pub struct StandIn {
    child: Child,
    /// The public port: keys and resolver.
    pub authgear: u16,
    /// The port of the echoing backend.
    pub backend: u16,
    control: u16,
    /// The project's public origin.
    pub origin: String,
    secrets: Mutex<Vec<String>>,
}

/// A credential and whose it is.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The token, or the cookie as `NAME=VALUE`.
    pub value: String,
    /// The user's id.
    pub user: String,
}

/// The second it is, as tokens count it.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Requests since the last [`StandIn::forget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Questions to the resolver.
    pub resolver: u64,
    /// Fetches of the keys.
    pub jwks: u64,
    /// Connections to Authgear.
    pub connections: u64,
    /// Requests that reached the backend.
    pub backend: u64,
}

impl StandIn {
    /// Starts one with further options.
    pub fn start(options: &[&str]) -> Self {
        // Somebody else may take a port that was free a moment ago.
        (0..5)
            .find_map(|_| Self::try_start(options))
            .expect("a stand-in that starts")
    }

    fn try_start(options: &[&str]) -> Option<Self> {
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let mut command = Command::new(setting("AUTHGEAR_STAND_IN"));
        command.arg("serve").arg("--exit-on-stdin-eof");
        for (name, port) in ["--authgear", "--backend", "--control", "--resolver"]
            .iter()
            .zip(ports)
        {
            command.arg(name).arg(format!("127.0.0.1:{port}"));
        }
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let [authgear, backend, control, _] = ports;
        let mut stand_in = Self {
            child: command.spawn().expect("starting the stand-in"),
            authgear,
            backend,
            control,
            origin: String::new(),
            secrets: Mutex::default(),
        };
        let mut line = String::new();
        BufReader::new(stand_in.child.stdout.take()?)
            .read_line(&mut line)
            .expect("reading the stand-in's first line");
        let said: Value = serde_json::from_str(&line).ok()?;
        said["origin"].as_str()?.clone_into(&mut stand_in.origin);
        Some(stand_in)
    }

    /// Asks the control port.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        // A body that nobody reads can cost the answer: the connection is then reset.
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.control_bytes(method, path, "application/json", body.as_bytes())
    }

    fn control_bytes(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Value {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: control\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut connection = Connection::open(self.control);
        connection.send_bytes(&[head.as_bytes(), body].concat());
        let answer = connection.answer();
        assert!(
            answer.status < 300,
            "{method} {path} {}: {answer:?}",
            String::from_utf8_lossy(body)
        );
        serde_json::from_str(&answer.body).unwrap_or(Value::Null)
    }

    /// A token of a new user, as `POST /tokens` takes it.
    pub fn token(&self, wish: &Value) -> Credential {
        self.credential("/tokens", "token", wish)
    }

    /// A good JWT of a new user.
    pub fn jwt(&self) -> Credential {
        self.token(&json!({}))
    }

    /// A good JWT of a new user, for hours, issued so many seconds ago: nobody has vouched for it since.
    pub fn aged(&self, seconds: u64) -> Credential {
        self.token(&json!({"iat": now() - seconds, "lifetime": 36_000}))
    }

    /// So many good tokens at once, of one user unless the wish names another.
    pub fn tokens(&self, count: usize, wish: &Value) -> Vec<Credential> {
        let mut wish = wish.clone();
        wish["count"] = json!(count);
        let made = self.control("POST", "/tokens", &wish);
        let user = made["user"]["id"].as_str().expect("a user's id").to_owned();
        self.secrets.lock().unwrap().push(user.clone());
        let tokens = made["tokens"].as_array().expect("tokens").iter();
        let value = |token: &Value| token.as_str().expect("a token").to_owned();
        tokens
            .map(|token| Credential {
                value: value(token),
                user: user.clone(),
            })
            .collect()
    }

    /// A new user, as `POST /users` takes it; the id.
    pub fn user(&self, wish: &Value) -> String {
        let made = self.control("POST", "/users", wish);
        made["id"].as_str().expect("a user's id").to_owned()
    }

    /// Later news of a user, as `PATCH /users/ID` takes them.
    pub fn change(&self, user: &str, news: &Value) {
        self.control("PATCH", &format!("/users/{user}"), news);
    }

    /// Ends the session of a token or cookie for good.
    pub fn revoke(&self, credential: &Credential) {
        let value = credential.value.rsplit('=').next().unwrap_or_default();
        self.control("POST", "/revoke", &json!({"value": value}));
    }

    /// A good token of a new user that only the resolver can judge.
    pub fn opaque(&self) -> Credential {
        self.token(&json!({"jwt": false}))
    }

    /// A session cookie of a new user.
    pub fn session(&self) -> Credential {
        self.cookie(&json!({}))
    }

    /// A cookie of a new user, as `POST /sessions` takes it.
    pub fn cookie(&self, wish: &Value) -> Credential {
        self.credential("/sessions", "cookie", wish)
    }

    fn credential(&self, path: &str, member: &str, wish: &Value) -> Credential {
        let made = self.control("POST", path, wish);
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{path}: {made}"))
                .to_owned()
        };
        let credential = Credential {
            value: text(&made[member]),
            user: text(&made["user"]["id"]),
        };
        let secret = credential.value.rsplit('=').next().unwrap_or_default();
        self.secrets
            .lock()
            .unwrap()
            .extend([secret.to_owned(), credential.user.clone()]);
        credential
    }

    /// What nobody may find in a log: every token, cookie and user's id that was handed out.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// A new current key; the old ones stay.
    pub fn rotate(&self) {
        self.control("POST", "/keys/rotate", &json!({}));
    }

    /// Publishes the current key alone.
    pub fn drop_old_keys(&self) {
        self.control("POST", "/keys/drop-old", &json!({}));
    }

    /// What is answered instead of the keys.
    pub fn answer_keys_with(&self, status: u16, kind: &str, body: &[u8]) {
        self.control_bytes("PUT", &format!("/jwks?status={status}"), kind, body);
    }

    /// Answers with the true keys again.
    pub fn answer_true_keys(&self) {
        self.control("DELETE", "/jwks", &Value::Null);
    }

    /// One fault in place of all before it.
    pub fn fault(&self, fault: &Value) {
        self.control("PUT", "/fault", fault);
    }

    /// A fault of the resolver's.
    pub fn resolver_fault(&self, mut fault: Value) {
        fault["target"] = json!("resolver");
        self.fault(&fault);
    }

    /// The key fetches' fault.
    pub fn keys_fault(&self, mut fault: Value) {
        fault["target"] = json!("jwks");
        self.fault(&fault);
    }

    /// No more faults.
    pub fn heal(&self) {
        self.control("DELETE", "/fault", &Value::Null);
    }

    /// What was asked since [`Self::forget`].
    pub fn count(&self) -> Count {
        let count = self.control("GET", "/count", &Value::Null);
        let number = |name: &str| {
            count[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no {name} in {count}"))
        };
        Count {
            resolver: number("resolver"),
            jwks: number("jwks"),
            connections: number("connections"),
            backend: number("backend"),
        }
    }

    /// The requests to Authgear since [`Self::forget`].
    pub fn log(&self) -> Vec<Value> {
        self.control("GET", "/log", &Value::Null)
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The headers of each question to the resolver since [`Self::forget`].
    pub fn questions(&self) -> Vec<HashMap<String, String>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = |entry: &Value| {
            let pairs = entry["headers"].as_array().cloned().unwrap_or_default();
            pairs
                .iter()
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .collect()
        };
        let log = self.log();
        let asked = log.iter().filter(|entry| entry["target"] == "resolver");
        asked.map(headers).collect()
    }

    /// The requests to the backend since [`Self::forget`].
    pub fn backend_log(&self) -> Vec<Value> {
        self.control("GET", "/backend/log", &Value::Null)
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Begins counting anew.
    pub fn forget(&self) {
        self.control("DELETE", "/log", &Value::Null);
        self.control("DELETE", "/backend/log", &Value::Null);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the stand-in had ended with {:?}", self.child.try_wait());
        }
        // Both fail only when it is gone already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A request with a credential that a browser or an API would send so.
pub fn request_with(path: &str, credential: &Credential) -> Request {
    match credential.value.contains('=') {
        true => Request::get(path).with("Cookie", &credential.value),
        false => Request::get(path).bearer(&credential.value),
    }
}

/// The made-up cookie of a question, if it is well-formed.
pub fn made_up<'q>(cookie: Option<&'q String>, prefix: &str) -> &'q str {
    let last = cookie.expect("a cookie").rsplit("; ").next().unwrap_or_default();
    let value = last
        .strip_prefix(&format!("{prefix}session="))
        .expect("a session cookie");
    let (id, secret) = value.split_once('.').expect("an id and a secret");
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{value}");
    assert!(
        id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()),
        "{value}"
    );
    assert!(
        secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{value}"
    );
    value
}
