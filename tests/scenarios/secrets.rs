//! Everything that nobody may read in a log is sent in every place there is, and goes wrong in every way
//! there is: no line of the module's has any of it, at any level.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{prove, use_until_invalid, use_until_valid};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential, StandIn};
use serde_json::{json, Value};

/// Stands in every secret of this file.
const MARK: &str = "hush-hush";

/// What the run is to have in its log: else it proved nothing.
const TOLD: [&str; 30] = [
    "could not be fetched: ",
    "credential refused: expired",
    "credential refused: not_yet_valid",
    "credential refused: issued_in_future",
    "credential refused: malformed",
    "credential refused: malformed_credential",
    "credential refused: unsupported_algorithm",
    "credential refused: unknown_key",
    "credential refused: bad_signature",
    "credential refused: wrong_issuer",
    "credential refused: wrong_audience",
    "credential refused: wrong_type",
    "credential refused: machine_token",
    "credential refused: no_subject",
    "credential refused: bad_claim",
    "credential refused: remote_credential",
    "credential refused: resolver_said_no",
    "credential refused: session_ended",
    "credential refused: user_barred",
    "access refused: no_credential",
    "access refused: missing_role",
    "access refused: variable",
    "access refused: not_a_machine",
    "access would be refused (dry run): missing_role",
    "no verdict could be had: resolver_failed",
    "no verdict could be had: resolver_body",
    "no verdict could be had: resolver_contradiction",
    "with another user",
    "is failing",
    "answers again",
];

const PLACES: &str = "large_client_header_buffers 8 32k;\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }\n\
    location /role { authgear_resolve on; authgear_require role=admin; proxy_pass http://%BACKEND%; }\n\
    location /variable { authgear_resolve on; authgear_require $arg_no; proxy_pass http://%BACKEND%; }\n\
    location /dry { authgear_resolve on; authgear_require role=admin; authgear_dry_run on; proxy_pass http://%BACKEND%; }\n\
    location /machine { authgear_resolve on; authgear_require machine; authgear_audience https://api.test; proxy_pass http://%BACKEND%; }\n\
    location /parts { mirror /part; proxy_pass http://%BACKEND%; }\n\
    location = /part { internal; authgear_resolve on; authgear_require role=admin; proxy_pass http://%BACKEND%/part; }\n\
    location /page { authgear_resolve on; authgear_require role=admin; error_page 401 403 = @page; proxy_pass http://%BACKEND%; }\n\
    location @page { authgear_resolve on; authgear_cache_valid 1s; proxy_pass http://%BACKEND%; }";

/// The same request with the secret in each other place that a client may put it.
fn everywhere(request: Request) -> Request {
    request
        .with("Referer", &format!("https://app.test/?access_token={MARK}"))
        .with("User-Agent", MARK)
        .with("X-Forwarded-For", MARK)
        .with("X-Authgear-User-Id", MARK)
        .with("Proxy-Authorization", &format!("Bearer {MARK}"))
}

fn path(place: &str) -> String {
    format!("{place}?access_token={MARK}&authgear_cookie=session%3D{MARK}#{MARK}")
}

fn send(fixture: &Fixture, request: Request) {
    let answer = everywhere(request).send(fixture.port());
    assert!(answer.status != 500, "{answer:?}");
}

/// A credential to every place.
fn send_to_all(fixture: &Fixture, credential: &Credential) {
    for place in [
        "/",
        "/fast",
        "/local",
        "/role",
        "/variable",
        "/dry",
        "/machine",
        "/parts",
        "/page",
    ] {
        send(fixture, request_with(&path(place), credential));
    }
}

/// A JWT of a user whose id and claims are secrets, changed as the wish says.
fn secret_token(stand_in: &StandIn, wish: Value) -> Credential {
    let mut whole = json!({"user": stand_in.user(&json!({"id": format!("{MARK}-user"), "roles": [MARK]}))});
    for (name, value) in wish.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole["claims"][format!("https://claims.test/{MARK}")] = json!(MARK);
    whole["claims"]["email"] = json!(format!("{MARK}@example.com"));
    stand_in.token(&whole)
}

fn bad_tokens(stand_in: &StandIn) -> Vec<Credential> {
    let soon = now() + 3600;
    let wishes = [
        json!({}),
        json!({"lifetime": -60}),
        json!({"claims": {"nbf": soon}}),
        json!({"claims": {"iat": soon, "exp": soon + 60}}),
        json!({"tamper": "signature"}),
        json!({"tamper": "payload"}),
        json!({"tamper": "truncate"}),
        json!({"key": "foreign", "kid": MARK}),
        json!({"key": "foreign"}),
        json!({"header": {"typ": "JWT"}}),
        json!({"claims": {"iss": "https://elsewhere.test"}}),
        json!({"claims": {"aud": "https://elsewhere.test"}}),
        json!({"claims": {"aud": "https://api.test"}}),
        json!({"claims": {"sub": null}}),
        json!({"claims": {"sub": {"name": MARK}}}),
        json!({"claims": {"sub": format!("{MARK}\n{MARK}")}}),
    ];
    let mut tokens: Vec<Credential> = wishes.map(|wish| secret_token(stand_in, wish)).into();
    let machine = json!({"client_id": MARK, "resource": "https://api.test", "scope": MARK});
    for wish in [json!({"client_id": MARK, "resource": stand_in.origin}), machine] {
        let made = stand_in.control("POST", "/machine-tokens", &wish);
        tokens.push(credential(made["token"].as_str().expect("a token")));
    }
    tokens
}

fn credential(value: &str) -> Credential {
    Credential {
        value: value.to_owned(),
        user: String::new(),
    }
}

fn made_up_credentials() -> Vec<Credential> {
    let values = [
        format!("eyJ{MARK}.eyJ{MARK}.{MARK}"),
        // {"alg":"HS256"}
        format!("eyJhbGciOiJIUzI1NiJ9.e30.{MARK}"),
        MARK.to_owned(),
        format!("session={MARK}"),
        format!("app_session={MARK}; app_access_token={MARK}"),
        format!("app_access_token=eyJ{MARK}.eyJ{MARK}.{MARK}"),
        format!("session=\"{MARK} \\{MARK}"),
    ];
    values.iter().map(|value| credential(value)).collect()
}

/// What the resolver says that it never says, each once or five times in a row.
fn lie(fixture: &Fixture, opaque: &Credential) {
    let answers = [
        json!({"kind": "answer", "status": 500, "headers": [], "body": MARK}),
        json!({"kind": "answer", "status": 403, "headers": [], "body": MARK}),
        json!({"kind": "body", "body": MARK}),
        json!({"kind": "headers", "headers": {"x-authgear-session-valid": "false", "x-authgear-user-id": MARK}}),
        json!({"kind": "headers", "headers": {"x-authgear-session-valid": MARK}}),
        json!({"kind": "headers", "headers": {"x-authgear-note": format!("{MARK}\u{e9}")}}),
        json!({"kind": "headers", "headers": {"set-cookie": format!("session={MARK}; Domain=example.com")}}),
        json!({"kind": "close"}),
    ];
    for answer in answers {
        fixture.stand_in.resolver_fault(answer);
        for index in 0..6 {
            send(fixture, request_with(&path("/"), opaque));
            send(
                fixture,
                Request::get(&path("/role")).bearer(&format!("{MARK}-{index}")),
            );
        }
        fixture.stand_in.heal();
        soon("the resolver is asked again", || {
            let answer = request_with("/", opaque).send(fixture.port());
            answer.status == 200
        });
    }
}

/// Tokens in use whose sessions end, whose users are barred, and who become somebody else.
fn end_sessions(fixture: &Fixture) {
    prove(fixture, "/fast");
    let stand_in = &fixture.stand_in;
    let [ended, barred, swapped] = [stand_in.jwt(), stand_in.jwt(), stand_in.jwt()];
    for token in [&ended, &barred, &swapped] {
        use_until_valid(fixture, "/fast", token);
    }
    stand_in.revoke(&ended);
    stand_in.change(&barred.user, &json!({"barred": true}));
    for token in [&ended, &barred] {
        use_until_invalid(fixture, "/fast", token);
        send_to_all(fixture, token);
    }
    let other = json!({"kind": "headers", "headers": {"x-authgear-user-id": MARK}});
    stand_in.resolver_fault(other);
    use_until_invalid(fixture, "/fast", &swapped);
    stand_in.heal();
}

/// A new key set cannot be read.
fn spoil_keys(fixture: &Fixture) {
    let document = format!("{{\"keys\": [{{\"kid\": \"{MARK}\", \"{MARK}\": }}]}}");
    fixture
        .stand_in
        .answer_keys_with(200, "application/json", document.as_bytes());
    fixture.stand_in.rotate();
    let fetched = || fixture.nginx.log().matches("could not be fetched").count() > 1;
    soon("a key set is refused", || {
        send(
            fixture,
            request_with("/", &secret_token(&fixture.stand_in, json!({}))),
        );
        fetched()
    });
    fixture.stand_in.answer_true_keys();
}

/// The lines of the module's, from the log with all that nginx writes.
fn our_lines(fixture: &Fixture) -> Vec<String> {
    let log = fs::read(fixture.directory().join("debug.log")).expect("reading the log");
    let log = String::from_utf8_lossy(&log);
    log.lines()
        .filter(|line| line.contains("authgear: "))
        .map(str::to_owned)
        .collect()
}

fn assert_nothing_told(fixture: &Fixture, lines: &[String]) {
    let mut secrets = fixture.stand_in.secrets();
    secrets.extend([MARK, "eyJ", "Bearer", "session=", "@example.com", "claims.test"].map(str::to_owned));
    for line in lines {
        let told = secrets.iter().find(|secret| line.contains(secret.as_str()));
        assert!(told.is_none(), "a line tells {told:?}: {line}");
    }
}

#[test]
fn no_line_of_ours_has_a_token_a_cookie_a_subject_or_a_claim_at_any_level() {
    let garbage: fn(&StandIn) = |stand_in| {
        stand_in.answer_keys_with(200, "application/json", format!("{{\"keys\": {MARK}").as_bytes());
    };
    Setup::new()
        .main("error_log %DIR%/debug.log debug;")
        .server(PLACES)
        .server("authgear_jwks_valid 1s stale=1d refetch=1s;")
        .before(garbage)
        .run(|fixture| {
            soon("the first key set is refused", || {
                fixture.nginx.log().contains("could not be fetched")
            });
            send_to_all(fixture, &secret_token(&fixture.stand_in, json!({})));
            fixture.stand_in.answer_true_keys();
            fixture.await_keys();
            let opaque = secret_token(&fixture.stand_in, json!({"jwt": false}));
            for credential in bad_tokens(&fixture.stand_in).iter().chain(&made_up_credentials()) {
                send_to_all(fixture, credential);
                // At most ten lines a second of one reason.
                sleep(Duration::from_millis(150));
            }
            send(fixture, Request::get(&path("/role")));
            let two = Request::get(&path("/")).bearer(MARK).bearer(MARK);
            send(fixture, two);
            end_sessions(fixture);
            lie(fixture, &opaque);
            spoil_keys(fixture);
            let lines = our_lines(fixture);
            for words in TOLD {
                assert!(
                    lines.iter().any(|line| line.contains(words)),
                    "no line has {words:?}"
                );
            }
            assert_nothing_told(fixture, &lines);
        });
}
