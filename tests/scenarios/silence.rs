//! The database fails Authgear half-way: it says nothing to good credentials, as it does to dead ones. Only a
//! made-up cookie tells them apart.

use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use authgear_scenarios::client::Answer;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{
    await_questions, prove, use_until_invalid, use_until_roles, with_roles,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{made_up, now, request_with, Credential};
use serde_json::{json, Value};

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }\n\
    location /stale { authgear_resolve on; authgear_cache_valid 1s; authgear_stale_if_error 60s; proxy_pass http://%BACKEND%; }";
/// After this the zone is older than `max` of `/bound`.
const OLDER_THAN_MAX: Duration = Duration::from_millis(3300);

fn half_failing(percent: u8) -> Value {
    json!({"kind": "half_failing_database", "percent": percent})
}

/// The same about good and dead credentials alike: always silence.
fn silent() -> Value {
    json!({"kind": "half_failing_database", "dead": "silence"})
}

fn is_invalid(answer: &Answer) -> bool {
    answer.status == 200 && answer.ours() == ["x-authgear-session-valid: false"]
}

/// One of each kind, of new users; what can be a JWT was issued two minutes ago, so that it is due.
fn of_every_kind(fixture: &Fixture) -> Vec<Credential> {
    let aged = json!({"iat": now() - 120, "lifetime": 36_000});
    let cookie = |mut wish: Value, kind: &str| {
        wish["kind"] = json!(kind);
        fixture.stand_in.cookie(&wish)
    };
    vec![
        fixture.stand_in.token(&aged),
        fixture.stand_in.opaque(),
        fixture.stand_in.session(),
        cookie(json!({}), "app_session"),
        cookie(json!({"jwt": false}), "app_access_token"),
        cookie(aged.clone(), "app_access_token"),
    ]
}

/// Uses all good ones for so long, several clients at once: none may be called `false`. How many answers were
/// no verdict.
fn use_good(fixture: &Fixture, path: &str, good: &[Credential], time: Duration) -> usize {
    let (port, end, unknown) = (fixture.port(), Instant::now() + time, Mutex::new(0));
    thread::scope(|scope| {
        for part in good.chunks(good.len().div_ceil(4)) {
            scope.spawn(|| {
                for credential in part.iter().cycle().take_while(|_| Instant::now() < end) {
                    let answer = request_with(path, credential).send(port);
                    assert!(
                        !is_invalid(&answer),
                        "a good credential was called false: {credential:?}"
                    );
                    match answer.status {
                        200 => answer.assert_user(&credential.user),
                        _ => *unknown.lock().unwrap() += 1,
                    }
                    sleep(Duration::from_millis(5));
                }
            });
        }
    });
    unknown.into_inner().unwrap()
}

/// JWTs that worked, each ended in another way: revoked, deleted, barred.
fn ended(fixture: &Fixture, each: usize) -> Vec<Credential> {
    let aged = |_| fixture.stand_in.aged(120);
    let all: Vec<Credential> = (0..3 * each).map(aged).collect();
    for (place, token) in all.iter().enumerate() {
        match place % 3 {
            0 => fixture.stand_in.revoke(token),
            1 => fixture.stand_in.change(&token.user, &json!({"deleted": true})),
            _ => fixture.stand_in.change(&token.user, &json!({"barred": true})),
        }
    }
    all
}

#[test]
fn while_the_database_fails_half_way_no_good_credential_is_called_false() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        let good: Vec<Credential> = (0..50).flat_map(|_| of_every_kind(fixture)).collect();
        assert_eq!(good.len(), 300);
        let ended = ended(fixture, 5);
        fixture.stand_in.resolver_fault(half_failing(27));
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| use_good(fixture, "/", &good, Duration::from_secs(30)));
            scope.spawn(|| await_the_ends(fixture, &ended, begun + Duration::from_secs(60)));
        });
        assert!(fixture.nginx.log().contains("resolver_silent"));
        fixture.stand_in.heal();
        for credential in &good {
            soon("it is served again", || {
                request_with("/", credential).send(fixture.port()).status == 200
            });
            request_with("/", credential)
                .send(fixture.port())
                .assert_user(&credential.user);
        }
    });
}

/// Uses tokens that have ended until that is noticed of each, within the interval; then it stays so.
fn await_the_ends(fixture: &Fixture, ended: &[Credential], end: Instant) {
    let is_noticed = |token: &Credential| is_invalid(&request_with("/", token).send(fixture.port()));
    let mut unnoticed: Vec<_> = ended.iter().collect();
    while !unnoticed.is_empty() {
        assert!(Instant::now() < end, "not noticed: {unnoticed:?}");
        sleep(Duration::from_millis(50));
        unnoticed.retain(|token| !is_noticed(token));
    }
    assert!(ended.iter().all(is_noticed));
}

#[test]
fn also_with_short_intervals_and_every_second_question_failing() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        let good: Vec<Credential> = (0..10).flat_map(|_| of_every_kind(fixture)).collect();
        let ended = ended(fixture, 2);
        fixture.stand_in.resolver_fault(half_failing(50));
        use_good(fixture, "/fast", &good, Duration::from_secs(6));
        for token in &ended {
            use_until_invalid(fixture, "/fast", token);
        }
    });
}

#[test]
fn silence_about_what_only_the_resolver_knows_is_no_verdict() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let remote: Vec<Credential> = of_every_kind(fixture).into_iter().skip(1).take(4).collect();
        for credential in &remote {
            request_with("/stale", credential)
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        sleep(Duration::from_millis(1200));
        for credential in &remote {
            fixture.stand_in.resolver_fault(silent());
            request_with("/", credential)
                .send(fixture.port())
                .assert_unavailable(503);
            request_with("/stale", credential)
                .send(fixture.port())
                .assert_user(&credential.user);
            fixture.stand_in.heal();
            soon("it answers", || {
                request_with("/", credential).send(fixture.port()).status == 200
            });
        }
        let log = fixture.nginx.log();
        assert!(
            log.contains("authgear: no verdict could be had: resolver_silent"),
            "{log}"
        );
    });
}

#[test]
fn a_token_answered_with_nothing_is_asked_about_once_more_with_a_made_up_cookie() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        // The second answer is a yes, and brings the role.
        let token = with_roles(fixture, 120, &["claimed"]);
        fixture
            .stand_in
            .change(&token.user, &json!({"roles": ["answered"]}));
        let mut fault = silent();
        fault["times"] = json!(1);
        fixture.stand_in.resolver_fault(fault);
        use_until_roles(fixture, "/", &token, &["answered"]);
        await_questions(fixture, 2);
        let questions = fixture.stand_in.questions();
        assert_eq!(questions.len(), 2);
        assert_eq!(questions[0].get("cookie"), None);
        made_up(questions[1].get("cookie"), "");
        let bearer = format!("Bearer {}", token.value);
        for name in ["authorization", "user-agent", "x-forwarded-for"] {
            assert_eq!(questions[0].get(name), questions[1].get(name), "{name}");
        }
        assert_eq!(questions[1].get("authorization"), Some(&bearer));
        assert_eq!(
            questions[1].get("x-forwarded-for").map(String::as_str),
            Some("127.0.0.1")
        );

        // An honest `false` to the second says that it has ended; the first alone says that the user is
        // barred.
        for (news, words, asked) in [
            (json!({"deleted": true}), "session_ended", 2),
            (json!({"barred": true}), "user_barred", 1),
        ] {
            let token = fixture.stand_in.aged(120);
            fixture.stand_in.change(&token.user, &news);
            fixture.stand_in.forget();
            use_until_invalid(fixture, "/", &token);
            assert_eq!(fixture.stand_in.count().resolver, asked, "{words}");
            assert!(fixture
                .nginx
                .log()
                .contains(&format!("credential refused: {words}")));
        }
    });
}

#[test]
fn a_token_that_twice_gets_nothing_stays_what_it_was() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        let good = fixture.stand_in.aged(20);
        let ended = fixture.stand_in.aged(20);
        fixture.stand_in.revoke(&ended);
        use_until_invalid(fixture, "/fast", &ended);
        fixture.stand_in.resolver_fault(silent());
        fixture.stand_in.forget();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            request_with("/fast", &good)
                .send(fixture.port())
                .assert_user(&good.user);
            request_with("/fast", &ended)
                .send(fixture.port())
                .assert_invalid();
            sleep(Duration::from_millis(40));
        }
        let asked = fixture.stand_in.count().resolver;
        assert!((2..=16).contains(&asked), "asked {asked} times in 3 s");
    });
}

#[test]
fn both_askings_together_take_no_longer_than_a_question_may() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/bound");
        sleep(OLDER_THAN_MAX);
        let token = fixture.stand_in.aged(60);
        let mut fault = silent();
        fault["delay"] = json!(2_800);
        fixture.stand_in.resolver_fault(fault);
        let sent = Instant::now();
        request_with("/bound", &token)
            .send(fixture.port())
            .assert_unavailable(503);
        let took = sent.elapsed();
        assert!(
            (Duration::from_millis(4_500)..Duration::from_millis(5_900)).contains(&took),
            "it waited {took:?}"
        );
        assert_eq!(fixture.stand_in.count().resolver, 2);
        assert!(fixture
            .nginx
            .log()
            .contains("authgear: no verdict could be had: resolver_timed_out"));
    });
}
