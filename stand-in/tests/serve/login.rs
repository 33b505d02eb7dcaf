//! The pages of a browser: whom they hand a session, and where they send it.

use serde_json::json;

use crate::harness::StandIn;

const SIGN_IN: &str = "/oauth2/authorize?response_type=none&client_id=web&scope=openid&redirect_uri=";
const HOME: &str = "https%3A%2F%2Fwww.example.com%2Fin";
const OPTIONS: [&str; 6] = [
    "--redirect-uri",
    "https://www.example.com/in",
    "--redirect-uri",
    "https://www.example.com/out",
    "--cookie-domain",
    "example.com",
];

fn open(stand_in: &StandIn, method: &str, path: &str, headers: &str) -> String {
    stand_in.request("authgear", method, path, headers, "")
}

/// The cookie that a button's answer hands out.
fn signed_in(stand_in: &StandIn) -> String {
    let answer = open(stand_in, "POST", &format!("{SIGN_IN}{HOME}"), "");
    assert!(
        answer.contains("\r\nLocation: https://www.example.com/in\r\n"),
        "{answer}"
    );
    let cookie = answer.split_once("\r\nSet-Cookie: ").unwrap().1;
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert!(
        attributes.starts_with("Path=/; Domain=example.com; HttpOnly; SameSite=Lax\r\n"),
        "{answer}"
    );
    format!("Cookie: {cookie}\r\n")
}

#[test]
fn the_button_hands_out_a_session_that_resolves_until_it_is_signed_out() {
    let stand_in = StandIn::start(&OPTIONS);
    let page = open(&stand_in, "GET", &format!("{SIGN_IN}{HOME}"), "");
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains("id=\"sign-in\""),
        "{page}"
    );
    let cookie = signed_in(&stand_in);
    assert!(stand_in.resolve(&cookie).contains("Valid: true"));
    let out = "/oauth2/end_session?post_logout_redirect_uri=https%3A%2F%2Fwww.example.com%2Fout";
    assert!(open(&stand_in, "GET", out, &cookie).contains("id=\"sign-out\""));
    assert!(stand_in.resolve(&cookie).contains("Valid: true"));
    let answer = open(&stand_in, "POST", out, &cookie);
    assert!(
        answer.contains("\r\nLocation: https://www.example.com/out\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nSet-Cookie: session=; Path=/; Domain=example.com; Expires="),
        "{answer}"
    );
    assert!(stand_in.resolve(&cookie).contains("Valid: false"));
}

#[test]
fn who_is_signed_in_is_sent_back_at_once_unless_asked_to_sign_in_again() {
    let stand_in = StandIn::start(&OPTIONS);
    let cookie = signed_in(&stand_in);
    let path = format!("{SIGN_IN}{HOME}");
    let back = "\r\nLocation: https://www.example.com/in\r\n";
    assert!(open(&stand_in, "GET", &path, &cookie).contains(back));
    let again = open(&stand_in, "GET", &format!("{path}&prompt=login"), &cookie);
    assert!(again.contains("id=\"sign-in\""), "{again}");
    let silent = open(&stand_in, "GET", &format!("{path}&prompt=none"), "");
    assert!(
        silent.contains("\r\nLocation: https://www.example.com/in?error=login_required\r\n"),
        "{silent}"
    );
}

#[test]
fn a_browser_is_sent_only_to_what_is_registered_to_the_letter() {
    let stand_in = StandIn::start(&OPTIONS);
    for place in [
        "https://evil.example/in",
        "https://www.example.com/in/",
        "https://www.example.com",
        "",
    ] {
        for method in ["GET", "POST"] {
            let answer = open(&stand_in, method, &format!("{SIGN_IN}{place}"), "");
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert!(
                !answer.contains("Location") && !answer.contains("Set-Cookie"),
                "{answer}"
            );
        }
    }
    let out = open(
        &stand_in,
        "POST",
        "/oauth2/end_session?post_logout_redirect_uri=https://evil.example/",
        "",
    );
    assert!(!out.contains("Location"), "{out}");
    let code = format!("{SIGN_IN}{HOME}").replace("=none", "=code");
    assert!(open(&stand_in, "GET", &code, "").starts_with("HTTP/1.1 400 "));
    let log = stand_in.order("GET", "/log", json!({}));
    assert_eq!(log[0]["target"], "login");
}
