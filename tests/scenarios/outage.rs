//! Authgear is down, or answers like somebody else: a yes stays until `max` and `authgear_stale_if_error`, a
//! no stays a no.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{prove, use_until_invalid, use_until_valid, AT_ONCE};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{now, request_with};
use serde_json::json;

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }\n\
    location /stale { authgear_resolve on; authgear_revalidate 1s max=3s; authgear_stale_if_error 3s; proxy_pass http://%BACKEND%; }\n\
    location /answers { authgear_resolve on; authgear_cache_valid 1s; proxy_pass http://%BACKEND%; }\n\
    location /stale-answers { authgear_resolve on; authgear_cache_valid 1s; authgear_stale_if_error 3s; proxy_pass http://%BACKEND%; }";
const OLDER_THAN_MAX: Duration = Duration::from_millis(3300);
/// A clock that counts milliseconds may be this much ahead of another.
const CLOCKS: Duration = Duration::from_millis(150);
/// A loaded machine may notice the end of a time so much later.
const LATE: Duration = Duration::from_secs(3);

/// A request in use, and when it ceased to be its user's.
struct Watched<'a> {
    request: Request,
    user: &'a str,
    ended: Option<(Duration, Answer)>,
}

impl<'a> Watched<'a> {
    fn new(request: Request, user: &'a str) -> Self {
        Self {
            request,
            user,
            ended: None,
        }
    }

    fn assert_ended_after(&self, seconds: u64, within: Duration) -> &Answer {
        let (after, answer) = self.ended.as_ref().expect("it has ended");
        let least = Duration::from_secs(seconds).saturating_sub(CLOCKS);
        assert!(
            (least..least + within).contains(after),
            "ended after {after:?} and not after {seconds} s: {answer:?}"
        );
        answer
    }
}

/// Uses all of them until each has ceased to be its user's; what has ended never comes back.
fn watch(fixture: &Fixture, begun: Instant, all: &mut [Watched<'_>]) {
    while all.iter().any(|watched| watched.ended.is_none()) {
        for watched in &mut *all {
            let answer = watched.request.send(fixture.port());
            let at = begun.elapsed();
            assert!(at < Duration::from_secs(15), "still valid: {answer:?}");
            let valid = answer.status == 200 && answer.ours().len() > 1;
            if valid {
                answer.assert_user(watched.user);
                assert!(watched.ended.is_none(), "it came back during the outage");
            } else if watched.ended.is_none() {
                watched.ended = Some((at, answer));
            }
        }
        sleep(Duration::from_millis(40));
    }
}

#[test]
fn a_yes_stays_until_max_then_for_stale_if_error_and_never_past_the_tokens_end() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        sleep(OLDER_THAN_MAX);
        let token = fixture.stand_in.aged(60);
        let ending = fixture
            .stand_in
            .token(&json!({"iat": now() - 60, "exp": now() + 6}));
        let ends_in = Duration::from_secs(6);
        let begun = Instant::now();
        for token in [&token, &ending] {
            request_with("/bound", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        fixture.stand_in.forget();
        let mut all = [
            Watched::new(request_with("/bound", &token), &token.user),
            Watched::new(request_with("/stale", &token), &token.user),
            Watched::new(request_with("/stale", &ending), &ending.user),
        ];
        watch(fixture, begun, &mut all);
        all[0].assert_ended_after(3, LATE).assert_unavailable(503);
        all[1].assert_ended_after(6, LATE).assert_unavailable(503);
        let (after, last) = all[2].ended.as_ref().unwrap();
        last.assert_invalid();
        assert!(*after < ends_in + Duration::from_millis(600), "{after:?}");
        let log = fixture.nginx.log();
        assert!(
            log.contains("authgear: no verdict could be had: resolver_"),
            "{log}"
        );
        assert!(log.contains("authgear: credential refused: expired"));
        fixture.stand_in.forget();
        for path in ["/bound", "/stale"] {
            request_with(path, &token)
                .send(fixture.port())
                .assert_unavailable(503);
        }
        assert_eq!(fixture.stand_in.count().backend, 0, "the backend heard nothing");
        fixture.stand_in.heal();
        authgear_scenarios::soon("Authgear is found again", || {
            request_with("/bound", &token).send(fixture.port()).status == 200
        });
        use_until_valid(fixture, "/bound", &token);
    });
}

#[test]
fn an_answer_stays_for_its_time_then_for_stale_if_error() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
        let begun = Instant::now();
        let mut all: Vec<Watched<'_>> = Vec::new();
        for credential in &credentials {
            for path in ["/answers", "/stale-answers"] {
                let request = request_with(path, credential);
                request.send(fixture.port()).assert_user(&credential.user);
                all.push(Watched::new(request, &credential.user));
            }
        }
        fixture.stand_in.resolver_fault(json!({"kind": "close"}));
        watch(fixture, begun, &mut all);
        for (index, watched) in all.iter().enumerate() {
            let seconds = if index % 2 == 0 { 1 } else { 4 };
            watched.assert_ended_after(seconds, LATE).assert_unavailable(503);
        }
    });
}

#[test]
fn an_answer_that_anybody_could_provoke_is_no_outage() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let credential = fixture.stand_in.opaque();
        let request = request_with("/stale-answers", &credential);
        request.send(fixture.port()).assert_user(&credential.user);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 403}));
        sleep(Duration::from_millis(1200));
        request.send(fixture.port()).assert_unavailable(503);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        request.send(fixture.port()).assert_user(&credential.user);
    });
}

#[test]
fn a_no_stays_a_no_while_authgear_is_down() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        let [ended, barred] = [fixture.stand_in.jwt(), fixture.stand_in.jwt()];
        use_until_valid(fixture, "/fast", &ended);
        use_until_valid(fixture, "/fast", &barred);
        fixture.stand_in.revoke(&ended);
        fixture.stand_in.change(&barred.user, &json!({"barred": true}));
        use_until_invalid(fixture, "/fast", &ended);
        use_until_invalid(fixture, "/fast", &barred);
        for fault in [
            json!({"kind": "status", "status": 500}),
            json!({"kind": "refuse"}),
            json!({"kind": "status", "status": 403}),
        ] {
            fixture.stand_in.resolver_fault(fault);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1800) {
                for token in [&ended, &barred] {
                    for path in ["/fast", "/bound", "/stale", "/"] {
                        request_with(path, token).send(fixture.port()).assert_invalid();
                    }
                }
                sleep(Duration::from_millis(60));
            }
        }
        fixture.stand_in.heal();
        fixture.stand_in.change(&barred.user, &json!({"barred": false}));
        use_until_valid(fixture, "/fast", &barred);
        request_with("/fast", &ended)
            .send(fixture.port())
            .assert_invalid();
    });
}

#[test]
fn a_token_in_use_waits_for_nobody_while_the_resolver_hangs() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        let token = fixture.stand_in.jwt();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(6) {
            let sent = Instant::now();
            request_with("/fast", &token)
                .send(fixture.port())
                .assert_user(&token.user);
            assert!(sent.elapsed() < AT_ONCE, "it waited {:?}", sent.elapsed());
            sleep(Duration::from_millis(40));
        }
        let asked = fixture.stand_in.count().resolver;
        // Each question takes 3 s, and is tried again a second after.
        assert!((1..=6).contains(&asked), "asked {asked} times");
    });
}

#[test]
fn a_headerless_answer_counts_only_once_a_token_has_had_a_yes() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let ended = |fixture: &Fixture| {
            let wish = json!({"iat": now() - 2, "register": false});
            fixture.stand_in.token(&wish)
        };
        let first = ended(fixture);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            request_with("/fast", &first)
                .send(fixture.port())
                .assert_user(&first.user);
            sleep(Duration::from_millis(60));
        }
        assert!(
            fixture.stand_in.count().resolver >= 2,
            "it was asked about again and again"
        );
        let log = fixture.nginx.log();
        let origin = fixture.stand_in.origin.trim_start_matches("http://");
        let line = log
            .lines()
            .find(|line| line.contains("answered a good token with no headers"))
            .expect("a line about it");
        for word in [
            "[error]",
            "authgear: the resolver of",
            origin,
            "Host",
            "X-Forwarded-Proto",
        ] {
            assert!(line.contains(word), "{word} is missing: {line}");
        }
        prove(fixture, "/fast");
        use_until_invalid(fixture, "/fast", &first);
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        prove(fixture, "/fast");
        use_until_invalid(fixture, "/fast", &ended(fixture));
    });
}

#[test]
fn a_yes_of_another_kind_or_from_elsewhere_proves_nothing() {
    // A wrong Host: every token is answered with no headers, while cookies and opaque tokens work.
    let wrong = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_resolve_request /wrong;\n\
        location = /wrong { internal; proxy_set_header Host wrong.test; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
        location = /_auth/jwks { internal; proxy_pass http://%AUTHGEAR%/oauth2/jwks; }\n\
        location / { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; } }";
    Setup::new()
        .workers(2)
        .server(LOCATIONS)
        .http(wrong)
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/fast");
            let good = fixture.stand_in.aged(5);
            let others = [fixture.stand_in.opaque(), fixture.stand_in.session()];
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(4) {
                for credential in others.iter().chain([&good]) {
                    request_with("/", credential)
                        .send(fixture.port_of(1))
                        .assert_user(&credential.user);
                }
                sleep(Duration::from_millis(60));
            }
            let about = format!("Bearer {}", good.value);
            let asked = fixture.stand_in.questions().into_iter();
            let asked = asked
                .filter(|question| question.get("authorization") == Some(&about))
                .count();
            assert!(asked >= 2, "it was asked about {asked} times");
        });
}
