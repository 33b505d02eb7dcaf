//! The program as a test meets it: started, ordered about over its control port, and looked at on the wire.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

struct StandIn {
    child: Child,
    at: Value,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl StandIn {
    fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authgear-stand-in"));
        command
            .arg("serve")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            at: serde_json::from_str(&line).unwrap(),
        }
    }

    fn connect(&self, port: &str) -> std::io::Result<TcpStream> {
        let address = self.at[port].as_str().unwrap();
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap_or(address))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }

    /// Sends bytes and reads until the other side closes.
    fn raw(&self, port: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect(port)?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn request(&self, port: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        String::from_utf8(self.raw(port, request.as_bytes()).unwrap()).unwrap()
    }

    fn order(&self, method: &str, path: &str, order: Value) -> Value {
        let answer = self.request("control", method, path, "Host: control\r\n", &order.to_string());
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn token(&self, order: Value) -> String {
        self.order("POST", "/tokens", order)["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn origin_host(&self) -> &str {
        self.at["origin"].as_str().unwrap().split_once("://").unwrap().1
    }

    fn resolve(&self, headers: &str) -> String {
        let headers = format!("Host: {}\r\n{headers}", self.origin_host());
        self.request("resolver", "GET", "/resolve", &headers, "")
    }

    fn resolves(&self, token: &str) -> bool {
        self.resolve(&format!("Authorization: Bearer {token}\r\n"))
            .contains("X-Authgear-Session-Valid: true")
    }
}

#[test]
fn a_token_resolves_until_it_is_revoked_on_both_ports() {
    let stand_in = StandIn::start(&[]);
    stand_in.order("POST", "/users", json!({"id": "alice", "roles": ["admin"]}));
    let token = stand_in.token(json!({"user": "alice"}));
    let headers = format!(
        "Host: {}\r\nAuthorization: Bearer {token}\r\n",
        stand_in.origin_host()
    );
    for (port, path) in [
        ("authgear", "/_resolver/resolve"),
        ("resolver", "/_resolver/resolve"),
        ("resolver", "/resolve"),
    ] {
        let answer = stand_in.request(port, "GET", path, &headers, "");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nX-Authgear-User-Id: alice\r\n"), "{answer}");
        assert!(
            answer.contains("\r\nX-Authgear-User-Roles: admin\r\n"),
            "{answer}"
        );
        assert!(answer.contains("\r\nX-Authgear-Session-Amr: \r\n"), "{answer}");
    }
    assert!(stand_in
        .request("authgear", "GET", "/resolve", &headers, "")
        .starts_with("HTTP/1.1 404 "));
    assert!(stand_in
        .request("resolver", "POST", "/resolve", &headers, "")
        .starts_with("HTTP/1.1 405 "));
    stand_in.order("POST", "/revoke", json!({"value": token}));
    assert!(!stand_in
        .request("resolver", "GET", "/resolve", &headers, "")
        .contains("X-Authgear"));
}

#[test]
fn a_role_taken_is_gone_from_the_next_answer_and_a_disabled_user_stays_out() {
    let stand_in = StandIn::start(&[]);
    stand_in.order("POST", "/users", json!({"id": "bob", "roles": ["admin"]}));
    let token = stand_in.token(json!({"user": "bob", "jwt": false}));
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert!(stand_in.resolve(&bearer).contains("Roles: admin"));
    stand_in.order("PATCH", "/users/bob", json!({"roles": []}));
    assert!(!stand_in.resolve(&bearer).contains("Roles"));
    stand_in.order("PATCH", "/users/bob", json!({"barred": true}));
    assert!(stand_in.resolve(&bearer).contains("Valid: false"));
    stand_in.order("PATCH", "/users/bob", json!({"barred": false}));
    assert!(stand_in.resolves(&token));
    stand_in.order("PATCH", "/users/bob", json!({"disabled": true}));
    stand_in.order("PATCH", "/users/bob", json!({"disabled": false}));
    assert!(!stand_in.resolves(&token));
}

#[test]
fn cookies_carry_the_prefix_and_the_clearing_one_its_domain() {
    let stand_in = StandIn::start(&["--cookie-prefix", "p_", "--cookie-domain", "authgear.test"]);
    for kind in ["session", "app_session", "app_access_token"] {
        let session = stand_in.order("POST", "/sessions", json!({"kind": kind}));
        let cookie = session["cookie"].as_str().unwrap();
        assert!(cookie.starts_with(&format!("p_{kind}=")), "{cookie}");
        assert!(
            stand_in
                .resolve(&format!("Cookie: {cookie}\r\n"))
                .contains("Valid: true"),
            "{kind}"
        );
    }
    let answer = stand_in.resolve("Cookie: p_session=gone\r\nX-Forwarded-Proto: https\r\n");
    let clearing =
        "Set-Cookie: p_session=; Path=/; Domain=authgear.test; Expires=Thu, 01 Jan 1970 00:00:00 GMT; \
                    HttpOnly; Secure; SameSite=Lax\r\n";
    assert!(answer.contains(clearing), "{answer}");
}

#[test]
fn keys_rotate_and_can_be_replaced_by_anything() {
    let stand_in = StandIn::start(&["--origin", "https://project.authgear.test", "--trust-any-host"]);
    let old = stand_in.token(json!({}));
    let kid = stand_in.order("POST", "/keys/rotate", json!({}))["kid"].clone();
    let page = stand_in.request("authgear", "GET", "/oauth2/jwks", "", "");
    let keys: Value = serde_json::from_str(page.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert_eq!(keys["keys"][0]["kid"], kid);
    assert!(
        page.contains("Set-Cookie: ") && !page.contains("Cache-Control"),
        "{page}"
    );
    assert!(stand_in.resolves(&old));
    stand_in.order("POST", "/keys/drop-old", json!({}));
    assert!(!stand_in.resolves(&old));
    stand_in.request(
        "control",
        "PUT",
        "/jwks?status=418",
        "Host: c\r\nContent-Type: text/html\r\n",
        "<html>",
    );
    let page = stand_in.request("authgear", "GET", "/oauth2/jwks", "", "");
    assert!(
        page.starts_with("HTTP/1.1 418 ") && page.ends_with("\r\n\r\n<html>"),
        "{page}"
    );
    stand_in.order("DELETE", "/jwks", json!({}));
    assert!(stand_in
        .request("authgear", "GET", "/oauth2/jwks", "", "")
        .contains(kid.as_str().unwrap()));
}

#[test]
fn faults_are_real_on_the_wire_and_end_when_told() {
    let stand_in = StandIn::start(&[]);
    let fault = |order: Value| assert_eq!(stand_in.order("PUT", "/fault", order)["error"], Value::Null);
    let question = format!(
        "GET /resolve HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: session=x\r\n\r\n",
        stand_in.origin_host()
    );
    let ask = || stand_in.raw("resolver", question.as_bytes());
    let whole = ask().unwrap();

    fault(json!({"target": "resolver", "kind": "close"}));
    assert_eq!(ask().unwrap(), b"");
    fault(json!({"kind": "reset"}));
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionReset);
    fault(json!({"kind": "close_mid_answer"}));
    assert!(String::from_utf8(ask().unwrap())
        .unwrap()
        .contains("Content-Length: 64\r\n"));
    fault(json!({"kind": "close_mid_answer", "after": 20}));
    assert_eq!(ask().unwrap().len(), 20);
    fault(json!({"kind": "garbage"}));
    assert!(!ask().unwrap().starts_with(b"HTTP/"));
    fault(
        json!({"kind": "answer", "status": 299, "headers": [["X", "1"], ["X", "2"]], "body": "b", "repeat": 2}),
    );
    let answer = String::from_utf8(ask().unwrap()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 299 ")
            && answer.contains("X: 1\r\nX: 2\r\n")
            && answer.ends_with("\r\n\r\nbb")
    );
    fault(json!({"kind": "headers", "headers": {"set-cookie": null, "x-authgear-session-valid": "maybe"}}));
    let answer = String::from_utf8(ask().unwrap()).unwrap();
    assert!(
        answer.contains("x-authgear-session-valid: maybe") && !answer.contains("Cookie"),
        "{answer}"
    );

    let timed = || {
        let start = Instant::now();
        assert_eq!(ask().unwrap(), whole);
        start.elapsed()
    };
    fault(json!({"kind": "delay", "ms": 50}));
    let late = timed();
    assert!((50..1000).contains(&late.as_millis()), "{late:?}");
    fault(json!({"kind": "drip", "ms": 1}));
    assert!(timed() >= Duration::from_millis(whole.len() as u64));

    fault(json!({"kind": "status", "status": 500, "times": 2}));
    stand_in.order(
        "POST",
        "/fault",
        json!({"kind": "status", "status": 502, "times": 1}),
    );
    let statuses: Vec<_> = (0..4)
        .map(|_| String::from_utf8(ask().unwrap()[9..12].to_vec()).unwrap())
        .collect();
    assert_eq!(statuses, ["500", "500", "502", "200"]);
}

#[test]
fn a_hanging_answer_ends_with_its_fault() {
    let stand_in = StandIn::start(&[]);
    stand_in.order("PUT", "/fault", json!({"target": "jwks", "kind": "hang"}));
    let mut hung = stand_in.connect("authgear").unwrap();
    hung.write_all(b"GET /oauth2/jwks HTTP/1.1\r\n\r\n").unwrap();
    hung.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(hung.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(stand_in.order("GET", "/count", json!({}))["jwks"], 1);
    stand_in.order("DELETE", "/fault", json!({}));
    hung.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(hung.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_refused_port_is_closed_with_its_connections_and_opens_again_in_its_place() {
    let stand_in = StandIn::start(&[]);
    let mut kept = stand_in.connect("resolver").unwrap();
    kept.write_all(b"GET /resolve HTTP/1.1\r\n\r\n").unwrap();
    assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
    stand_in.order("PUT", "/fault", json!({"target": "resolver", "kind": "refuse"}));
    assert_eq!(
        stand_in.connect("resolver").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(kept.read(&mut [0; 1]).unwrap(), 0);
    assert!(stand_in
        .request("authgear", "GET", "/oauth2/jwks", "", "")
        .contains("200 OK"));
    stand_in.order("DELETE", "/fault", json!({}));
    assert!(stand_in.resolve("").contains("200 OK"));
}

#[test]
fn the_log_has_every_header_in_order_and_tells_connections_apart() {
    let stand_in = StandIn::start(&[]);
    let mut kept = stand_in.connect("resolver").unwrap();
    for _ in 0..2 {
        kept.write_all(b"GET /resolve?a=b HTTP/1.1\r\nX-B: 1\r\nA: \xff\r\nX-B: 2\r\n\r\n")
            .unwrap();
        assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
    }
    stand_in.request("authgear", "GET", "/oauth2/jwks", "", "");
    let log = stand_in.order("GET", "/log", json!({}));
    assert_eq!(
        log[0]["headers"],
        json!([["x-b", "1"], ["a", "\u{ff}"], ["x-b", "2"]])
    );
    assert_eq!(
        (&log[0]["path"], &log[0]["target"]),
        (&json!("/resolve?a=b"), &json!("resolver"))
    );
    assert_eq!(log[0]["connection"], log[1]["connection"]);
    assert_ne!(log[0]["connection"], log[2]["connection"]);
    let count = stand_in.order("GET", "/count", json!({}));
    assert_eq!(
        count,
        json!({"backend": 0, "connections": 2, "jwks": 1, "resolver": 2})
    );
    stand_in.order("DELETE", "/log", json!({}));
    assert_eq!(stand_in.order("GET", "/log", json!({})), json!([]));
    assert_eq!(stand_in.order("GET", "/count", json!({}))["resolver"], 0);
}

#[test]
fn the_backend_tells_what_reached_it_byte_for_byte() {
    let stand_in = StandIn::start(&[]);
    let request = b"PUT /a?b HTTP/1.1\r\nX_Odd: 1\r\nX-Authgear-User-Id: \xe9\r\nx-authgear-user-id: b\r\n\
        Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = stand_in.raw("backend", request).unwrap();
    let body = &answer[answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4..];
    let wanted = b"PUT /a?b\nx_odd: 1\nx-authgear-user-id: \xe9\nx-authgear-user-id: b\nconnection: close\n\
        transfer-encoding: chunked\n\nbody-length: 3\n";
    assert_eq!(body, wanted);
    assert!(stand_in
        .request("backend", "GET", "/status/403/x", "", "")
        .starts_with("HTTP/1.1 403 "));
    let log = stand_in.order("GET", "/backend/log", json!({}));
    assert_eq!(log[0]["headers"][1], json!(["x-authgear-user-id", "\u{e9}"]));
    assert_eq!(log.as_array().unwrap().len(), 2);
    stand_in.order("DELETE", "/backend/log", json!({}));
    assert_eq!(stand_in.order("GET", "/count", json!({}))["backend"], 0);
}

#[test]
fn a_websocket_gets_one_frame_with_the_identity() {
    let stand_in = StandIn::start(&[]);
    let mut stream = stand_in.connect("backend").unwrap();
    let handshake =
        "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Authgear-User-Id: a\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).unwrap();
    let mut answer = vec![0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"\x88\x02\x03\xe8") {
        length += stream.read(&mut answer[length..]).unwrap();
    }
    let answer = String::from_utf8_lossy(&answer[..length]);
    // The accept value is RFC 6455's own example.
    assert!(
        answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\u{16}x-authgear-user-id: a\n"), "{answer}");
}

#[test]
fn fastcgi_tells_the_identity_and_keeps_the_connection() {
    let stand_in = StandIn::start(&["--fastcgi", "127.0.0.1:0"]);
    let record = |kind: u8, content: &[u8]| {
        [
            &[1, kind, 0, 1, 0, u8::try_from(content.len()).unwrap(), 0, 0],
            content,
        ]
        .concat()
    };
    let pair = |name: &str, value: &str| {
        let lengths = [
            u8::try_from(name.len()).unwrap(),
            u8::try_from(value.len()).unwrap(),
        ];
        [&lengths, name.as_bytes(), value.as_bytes()].concat()
    };
    let params = [
        pair("REQUEST_METHOD", "GET"),
        pair("REQUEST_URI", "/f"),
        pair("HTTP_HOST", "h"),
        pair("HTTP_X_AUTHGEAR_USER_ID", "a"),
    ];
    let begin = record(1, &[0, 1, 1, 0, 0, 0, 0, 0]);
    let request = [begin, record(4, &params.concat()), record(4, b""), record(5, b"")].concat();
    let mut stream = stand_in.connect("fastcgi").unwrap();
    for _ in 0..2 {
        stream.write_all(&request).unwrap();
        let page = b"Content-Type: text/plain\r\n\r\nGET /f\nHTTP_X_AUTHGEAR_USER_ID: a\n";
        let wanted = [record(6, page), record(6, b""), record(3, &[0; 8])].concat();
        let mut answer = vec![0; wanted.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, wanted);
    }
}

#[test]
fn it_ends_when_its_standard_input_closes() {
    let mut stand_in = StandIn::start(&["--exit-on-stdin-eof"]);
    drop(stand_in.child.stdin.take());
    let start = Instant::now();
    while stand_in.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_wrong_order_is_refused_with_a_reason() {
    let stand_in = StandIn::start(&[]);
    for (path, order) in [
        ("/tokens", json!({"tempar": "signature"})),
        ("/tokens", json!({"user": "nobody"})),
        ("/tokens", json!({"key": "nobody's"})),
        ("/sessions", json!({"kind": "cookie"})),
        ("/revoke", json!({"value": "nothing"})),
        ("/keys", json!({"bits": 5})),
        ("/fault", json!({"kind": "delay"})),
        ("/nowhere", json!({})),
    ] {
        assert!(stand_in.order("POST", path, order)["error"].is_string(), "{path}");
    }
}
