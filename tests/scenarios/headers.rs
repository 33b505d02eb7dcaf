//! Forged headers, in every number and place, under load.

use std::thread;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::Credential;

/// Spellings that a backend may fold into ours.
const FORGED: [&str; 8] = [
    "X-Authgear-User-Id",
    "x-authgear-session-valid",
    "X-AUTHGEAR-USER-ROLES",
    "X_Authgear_User_Id",
    "x-authgear_user-id",
    "X-Authgear-",
    "x.authgear.user.id",
    "X-Authgear-Anything",
];

/// `before` forged headers, ordinary ones, `after` forged ones.
fn request(before: usize, after: usize, credential: Option<&Credential>) -> Request {
    let forged = |request: Request, count: usize| {
        (0..count).fold(request, |request, index| {
            request.with(FORGED[index % FORGED.len()], &format!("mallory{index}"))
        })
    };
    let mut request = forged(Request::get("/"), before)
        .with("User-Agent", "curious/1.0")
        .with("X-Forwarded-For", "203.0.113.7")
        .with("Accept", "text/plain")
        .with("X-Own-One", "1");
    if let Some(credential) = credential {
        request = request.bearer(&credential.value);
    }
    forged(
        request.with("Cookie", "theirs=1; own=2").with("X-Own-Two", "2"),
        after,
    )
}

#[test]
fn no_number_of_forged_headers_before_or_after_ordinary_ones_reaches_the_backend() {
    let setup = Setup::new()
        .workers(2)
        .server("underscores_in_headers on; ignore_invalid_headers off;");
    setup.run(|fixture| {
        fixture.await_keys();
        let credentials = [
            None,
            Some(fixture.stand_in.jwt()),
            Some(fixture.stand_in.opaque()),
        ];
        let port = fixture.port();
        thread::scope(|scope| {
            for credential in &credentials {
                scope.spawn(move || {
                    let mut connection = Connection::open(port);
                    for count in 0..=41 {
                        for (before, after) in [(count, 0), (0, count), (count, 41 - count), (count, count)] {
                            let answer = connection.ask(&request(before, after, credential.as_ref()));
                            match credential {
                                None => answer.assert_anonymous(),
                                Some(credential) => answer.assert_user(&credential.user),
                            }
                            assert!(!answer.body.contains("mallory"), "{before}, {after}: {answer:?}");
                            for (name, value) in [
                                ("user-agent", "curious/1.0"),
                                ("x-forwarded-for", "203.0.113.7"),
                                ("accept", "text/plain"),
                                ("x-own-one", "1"),
                                ("cookie", "theirs=1; own=2"),
                                ("x-own-two", "2"),
                            ] {
                                assert_eq!(answer.seen(name), [value], "{before}, {after}: {answer:?}");
                            }
                        }
                    }
                });
            }
        });
    });
}

#[test]
fn an_answer_for_one_request_on_a_connection_is_not_there_for_the_next() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        let mut connection = Connection::open(fixture.port());
        for _ in 0..5 {
            connection.ask(&request(3, 3, Some(&jwt))).assert_user(&jwt.user);
            connection.ask(&request(3, 3, None)).assert_anonymous();
            connection
                .ask(&request(3, 3, Some(&opaque)))
                .assert_user(&opaque.user);
            connection.ask(&Request::get("/").bearer("dead")).assert_invalid();
            connection.ask(&request(0, 41, None)).assert_anonymous();
        }
    });
}
