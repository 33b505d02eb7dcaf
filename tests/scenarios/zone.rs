//! A zone that is too small for all that there is to remember, and one whose size changes: a verdict never
//! becomes another.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Connection};
use authgear_scenarios::eventually;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{prove, use_until_invalid, use_until_roles, with_roles};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{now, request_with, Credential};
use serde_json::json;

const TINY: &str = "authgear_zone zone=authgear:512k;";
const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /off { authgear_resolve on; authgear_revalidate off; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=1s; proxy_pass http://%BACKEND%; }\n\
    location /due { authgear_resolve on; authgear_revalidate 1s max=90s; proxy_pass http://%BACKEND%; }\n\
    location /cached { authgear_resolve on; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }";
/// After this the zone is older than `max` of `/bound`.
const OLDER_THAN_MAX: Duration = Duration::from_millis(1300);

/// One of each that the server thinks less of than its claims do, all of them noticed.
struct Known {
    ended: Credential,
    demoted: Credential,
}

impl Known {
    fn new(fixture: &Fixture) -> Self {
        prove(fixture, "/");
        let known = Self {
            ended: fixture.stand_in.aged(120),
            demoted: with_roles(fixture, 120, &["admin"]),
        };
        fixture.stand_in.revoke(&known.ended);
        fixture
            .stand_in
            .change(&known.demoted.user, &json!({"roles": ["reader"]}));
        use_until_invalid(fixture, "/", &known.ended);
        use_until_roles(fixture, "/", &known.demoted, &["reader"]);
        known
    }

    /// Authgear is down. What is known must still hold, or nothing may be said.
    fn assert_never_as_before(&self, fixture: &Fixture) {
        for path in ["/", "/off", "/bound"] {
            let ended = request_with(path, &self.ended).send(fixture.port());
            match ended.status {
                503 => ended.assert_unavailable(503),
                _ => ended.assert_invalid(),
            }
            let demoted = request_with(path, &self.demoted).send(fixture.port());
            match demoted.status {
                503 => demoted.assert_unavailable(503),
                _ => {
                    demoted.assert_user(&self.demoted.user);
                    assert_eq!(demoted.seen("x-authgear-user-roles"), ["reader"], "{demoted:?}");
                }
            }
        }
    }

    fn assert_kept(&self, fixture: &Fixture) {
        for path in ["/", "/off"] {
            request_with(path, &self.ended)
                .send(fixture.port())
                .assert_invalid();
            let demoted = request_with(path, &self.demoted).send(fixture.port());
            demoted.assert_user(&self.demoted.user);
            assert_eq!(demoted.seen("x-authgear-user-roles"), ["reader"], "{demoted:?}");
        }
    }
}

/// Tokens of three users, each of whom has so many.
fn tokens_of_three(fixture: &Fixture, each: usize, age: u64) -> Vec<Credential> {
    let wish = json!({"iat": now() - age, "lifetime": 36_000});
    let mut all: Vec<Vec<Credential>> = (0..3).map(|_| fixture.stand_in.tokens(each, &wish)).collect();
    let mut mixed = Vec::new();
    for _ in 0..each {
        for of_one in &mut all {
            mixed.extend(of_one.pop());
        }
    }
    mixed
}

fn use_all(fixture: &Fixture, path: &str, tokens: &[Credential], judge: impl Fn(&Credential, Answer)) {
    let mut connection = Connection::open(fixture.port());
    for token in tokens {
        judge(token, connection.ask(&request_with(path, token)));
    }
}

fn assert_own(token: &Credential, answer: Answer) {
    answer.assert_user(&token.user);
}

#[test]
fn thousands_of_tokens_in_a_tiny_zone_get_their_own_users_and_push_out_no_knowledge() {
    Setup::new()
        .workers(2)
        .http(TINY)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let known = Known::new(fixture);
            let tokens = tokens_of_three(fixture, 1200, 0);
            for _ in 0..2 {
                for path in ["/", "/off"] {
                    use_all(fixture, path, &tokens, assert_own);
                }
            }
            fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
            // Mere verdicts push out no knowledge: it is there without asking anybody.
            known.assert_kept(fixture);
        });
}

#[test]
fn many_remembered_answers_in_a_tiny_zone_are_each_their_own() {
    Setup::new()
        .workers(2)
        .http(TINY)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let known = Known::new(fixture);
            let mut tokens = Vec::new();
            for _ in 0..3 {
                tokens.extend(fixture.stand_in.tokens(500, &json!({"jwt": false})));
            }
            for _ in 0..2 {
                use_all(fixture, "/cached", &tokens, assert_own);
            }
            fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
            known.assert_kept(fixture);
        });
}

#[test]
fn knowledge_that_no_longer_fits_is_asked_for_again_and_never_forgotten() {
    Setup::new()
        .workers(2)
        .http(TINY)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let known = Known::new(fixture);
            sleep(OLDER_THAN_MAX);
            // The server thinks otherwise of each than its claims do, so that there is something to know of
            // each.
            let tokens = tokens_of_three(fixture, 1000, 60);
            for token in &tokens[..3] {
                fixture.stand_in.change(&token.user, &json!({"roles": ["late"]}));
            }
            use_all(fixture, "/bound", &tokens, |token, answer| {
                answer.assert_user(&token.user);
                assert_eq!(answer.seen("x-authgear-user-roles"), ["late"], "{answer:?}");
            });
            // With the resolver there, each is right, known or asked about again.
            for _ in 0..3 {
                request_with("/", &known.ended)
                    .send(fixture.port())
                    .assert_invalid();
                let demoted = request_with("/", &known.demoted).send(fixture.port());
                demoted.assert_user(&known.demoted.user);
                assert_eq!(demoted.seen("x-authgear-user-roles"), ["reader"]);
            }
            use_all(fixture, "/bound", &tokens[..1500], |token, answer| {
                answer.assert_user(&token.user);
                assert_eq!(answer.seen("x-authgear-user-roles"), ["late"], "{answer:?}");
            });
            fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
            known.assert_never_as_before(fixture);
            for token in tokens.iter().step_by(100) {
                let answer = request_with("/", token).send(fixture.port());
                match answer.status {
                    503 => answer.assert_unavailable(503),
                    _ => {
                        answer.assert_user(&token.user);
                        assert_eq!(answer.seen("x-authgear-user-roles"), ["late"], "{answer:?}");
                    }
                }
            }
            // A token that was issued since can't have been forgotten.
            sleep(Duration::from_millis(1100));
            let fresh = fixture.stand_in.jwt();
            request_with("/", &fresh)
                .send(fixture.port())
                .assert_user(&fresh.user);
        });
}

#[test]
fn a_revoked_token_is_noticed_within_the_interval_where_the_zone_is_full_of_knowledge() {
    Setup::new().http(TINY).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        sleep(OLDER_THAN_MAX);
        let told = tokens_of_three(fixture, 1000, 60);
        for token in &told[..3] {
            fixture.stand_in.change(&token.user, &json!({"roles": ["late"]}));
        }
        use_all(fixture, "/bound", &told, assert_own);
        // Nothing is known of these yet, and there is no room that knowledge of another token does not have.
        let in_use: Vec<Credential> = (0..8).map(|_| fixture.stand_in.jwt()).collect();
        use_all(fixture, "/due", &in_use, assert_own);
        for token in &in_use {
            fixture.stand_in.revoke(token);
        }
        for token in &in_use {
            use_until_invalid(fixture, "/due", token);
        }
    });
}

#[test]
fn ended_tokens_among_thousands_stay_refused() {
    Setup::new()
        .workers(2)
        .http(TINY)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/");
            sleep(OLDER_THAN_MAX);
            let ended = tokens_of_three(fixture, 700, 30);
            for token in &ended[..3] {
                let path = format!("/users/{}/revoke-all", token.user);
                fixture.stand_in.control("POST", &path, &json!({}));
            }
            use_all(fixture, "/bound", &ended, |_, answer| answer.assert_invalid());
            let good = tokens_of_three(fixture, 700, 0);
            use_all(fixture, "/", &good, assert_own);
            fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
            // Where it would not be asked about otherwise, it is refused or nothing is said.
            use_all(fixture, "/", &ended, |_, answer| {
                if answer.status != 503 {
                    answer.assert_invalid();
                }
            });
        });
}

#[test]
fn a_zone_of_another_size_keeps_what_is_known_of_ended_tokens_and_its_age() {
    for sizes in [["8m", "12m"], ["12m", "6m"]] {
        let [before, after] = sizes.map(|size| format!("authgear_zone zone=authgear:{size};"));
        Setup::new()
            .workers(2)
            .http(&before)
            .server(LOCATIONS)
            .run(|fixture| {
                fixture.await_keys();
                let known = Known::new(fixture);
                let unasked = fixture
                    .stand_in
                    .token(&json!({"iat": now() - 30, "register": false}));
                sleep(OLDER_THAN_MAX);
                fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
                fixture.reconfigure(|conf| conf.replace(&before, &after));
                for path in ["/", "/off"] {
                    for _ in 0..4 {
                        request_with(path, &known.ended)
                            .send(fixture.port())
                            .assert_invalid();
                    }
                }
                known.assert_never_as_before(fixture);
                fixture.stand_in.heal();
                prove(fixture, "/");
                // Its age is the old one's: it does not serve as a young zone does.
                let first = eventually("Authgear is found again", Duration::from_secs(15), || {
                    let answer = request_with("/bound", &unasked).send(fixture.port());
                    (answer.status == 200).then_some(answer)
                });
                first.assert_invalid();
                let good = fixture.stand_in.aged(60);
                request_with("/", &good)
                    .send(fixture.port())
                    .assert_user(&good.user);
            });
    }
}

#[test]
fn the_age_of_the_zone_survives_a_reload() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        sleep(OLDER_THAN_MAX);
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        prove(fixture, "/");
        let ended = fixture
            .stand_in
            .token(&json!({"iat": now() - 30, "register": false}));
        request_with("/bound", &ended)
            .send(fixture.port())
            .assert_invalid();
    });
}
