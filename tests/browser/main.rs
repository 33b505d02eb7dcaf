//! `nginx-conf/browser.conf` in a real browser: whom it sends to sign in, where one comes back to, and that
//! nobody goes round in circles.

mod browser;

use std::fs;
use std::path::Path;

use authgear_scenarios::certificate::Certificate;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use browser::Browser;
use serde_json::{json, Value};

const SIGN_IN: &str = "http://auth.example.com/oauth2/authorize?";
const SITE: &str = "https://www.example.com";

/// The example as its reader runs it: with TLS, and Authgear and the backend of the scenario.
fn example(certificate: &Certificate) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx-conf/browser.conf");
    let text = fs::read_to_string(path).expect("reading nginx-conf/browser.conf");
    let (_, http) = text.split_once("\nhttp {\n").expect("an http block");
    let (http, _) = http.rsplit_once('}').expect("its end");
    http.replace("https://auth.example.com", "http://auth.example.com")
        .replace("server auth.example.com:443;", "server %AUTHGEAR%;")
        .replace("server 127.0.0.1:3000;", "server %BACKEND%;")
        .replace("include authgear.conf;", "include %DIR%/authgear.conf;")
        .replace(
            "listen 80;",
            &format!("listen 127.0.0.1:%PORT1% ssl; {}", certificate.directives()),
        )
}

/// A site and a browser that has never been there. `options` are the stand-in's.
fn at_the_site(options: &[&'static str], scenario: impl FnOnce(&Fixture, &Browser)) {
    let certificate = Certificate::of("www.example.com");
    let registered = [
        "--redirect-uri",
        "https://www.example.com/signed-in",
        "--redirect-uri",
        "https://www.example.com/signed-out",
        "--origin",
        "http://auth.example.com",
    ];
    let options = registered.iter().chain(options);
    let setup = options.fold(Setup::new(), |setup, option| setup.stand_in(option));
    setup.http(&example(&certificate)).kept(32).run(|fixture| {
        let hosts = [
            ("www.example.com", fixture.port_of(1)),
            ("auth.example.com", fixture.stand_in.authgear),
        ];
        scenario(fixture, &Browser::start(&hosts));
    });
}

const SHARED: [&str; 2] = ["--cookie-domain", "example.com"];

/// The status and the challenge that a script of the page gets, and whether it was sent elsewhere.
fn fetched(browser: &Browser, method: &str) -> Value {
    browser.run(&format!(
        "return fetch('/data', {{method: '{method}'}}).then(answer =>
            [answer.status, answer.headers.get('www-authenticate'), answer.redirected])"
    ))
}

/// How often the sign-in page was asked for, or its button sent.
fn visits(fixture: &Fixture) -> usize {
    let log = fixture.stand_in.control("GET", "/log", &Value::Null);
    let entries = log.as_array().expect("a log").iter();
    entries.filter(|entry| entry["target"] == "login").count()
}

#[test]
fn a_page_signs_in_and_comes_back_where_it_was_until_it_signs_out() {
    at_the_site(&SHARED, |_, browser| {
        let page = format!("{SITE}/some/page?a=1&b=2,3");
        browser.open(&page);
        browser.await_url(SIGN_IN);
        browser.click("#sign-in");
        browser.await_url(SITE);
        assert_eq!(browser.url(), page);
        let text = browser.text();
        assert!(text.starts_with("GET /some/page?a=1&b=2,3\n"), "{text}");
        assert!(text.contains("x-authgear-session-valid: true"), "{text}");
        assert_eq!(fetched(browser, "GET"), json!([200, null, false]));
        assert_eq!(fetched(browser, "POST"), json!([200, null, false]));
        browser.open(&format!("{SITE}/sign-out"));
        browser.click("#sign-out");
        browser.await_url(&format!("{SITE}/signed-out"));
        assert_eq!(fetched(browser, "GET"), json!([401, "Bearer", false]));
        browser.open(&page);
        browser.await_url(SIGN_IN);
    });
}

#[test]
fn a_script_without_a_session_gets_401_and_is_never_sent_to_sign_in() {
    at_the_site(&SHARED, |fixture, browser| {
        browser.open(&format!("{SITE}/signed-out"));
        for method in ["GET", "POST", "PUT"] {
            assert_eq!(
                fetched(browser, method),
                json!([401, "Bearer", false]),
                "{method}"
            );
        }
        assert_eq!(visits(fixture), 0);
        assert_eq!(fixture.stand_in.count().backend, 0);
    });
}

#[test]
fn a_browser_that_does_not_get_the_cookie_goes_round_no_circles() {
    at_the_site(&[], |fixture, browser| {
        browser.open(&format!("{SITE}/page"));
        browser.await_url(SIGN_IN);
        browser.click("#sign-in");
        browser.await_url(&format!("{SITE}/signed-in"));
        let text = browser.text();
        assert!(text.contains("You are not signed in"), "{text}");
        assert_eq!(visits(fixture), 2, "the page and its button");
        // Authgear still knows it, and asks all the same.
        browser.click("a");
        browser.await_url(SIGN_IN);
        assert_eq!(visits(fixture), 3);
    });
}

#[test]
fn no_address_leads_to_another_host() {
    at_the_site(&SHARED, |_, browser| {
        for place in [
            "//evil.example/",
            "/%5cevil.example",
            "/%2f%2fevil.example",
            "/@evil.example",
        ] {
            browser.open(&format!("{SITE}{place}"));
            browser.await_url(SIGN_IN);
            browser.click("#sign-in");
            browser.await_url(&format!("{SITE}/"));
            let text = browser.text();
            assert!(text.contains("host: www.example.com"), "{place}: {text}");
            browser.open(&format!("{SITE}/sign-out"));
            browser.click("#sign-out");
            browser.await_url(&format!("{SITE}/signed-out"));
        }
    });
}
