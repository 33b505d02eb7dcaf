//! Authgear's answers, the orders that change them, and what is written down of the questions.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::harness::StandIn;

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
