//! Two `Authorization` headers. nginx refuses a client's own, but another module can add one before any
//! verdict: `made_by_hand.c` does.
//!
//! What always holds: the request has one line in the log, counts once and has its reason, however many
//! phases and locations meet it; and it is nobody's.

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::request_with;

use crate::made_by_hand;

const REJECTED: &str = "REJECTED|two_authorizations";
/// A server in which all requests but those for the metrics have a second `Authorization`.
fn setup(location: &str, beside: &str) -> Setup {
    let server = format!(
        r#"server_name localhost;
        add_header X-Shown "$authgear_result|$authgear_reason" always;
        location = /metrics {{ authgear_metrics; }}
        location /t {{
            twice;
            authgear_resolve on;
            {location}
            proxy_pass http://%BACKEND%;
        }}
        {beside}"#
    );
    made_by_hand::setup().server(&server)
}

fn ask(fixture: &Fixture) -> Answer {
    fixture.await_keys();
    request_with("/t", &fixture.stand_in.jwt()).send(fixture.port())
}

/// What was refused, as it is counted, and in how many lines.
fn said(fixture: &Fixture) -> (Vec<String>, usize) {
    let told = Request::get("/metrics").send(fixture.port()).body;
    let refusals = told
        .lines()
        .filter(|line| line.contains("refusals_total{") && !line.ends_with(" 0"));
    let log = fixture.nginx.log();
    let lines = log.lines().filter(|line| line.contains("refused"));
    (refusals.map(str::to_owned).collect(), lines.count())
}

fn assert_once(fixture: &Fixture, answer: &Answer, status: u16, shown: &str) {
    assert_eq!(
        (answer.status, answer.header("x-shown")),
        (status, Some(shown)),
        "{answer:?}"
    );
    let counted = r#"nginx_authgear_refusals_total{server="localhost",reason="two_authorizations"} 1"#;
    assert_eq!(said(fixture), (vec![counted.to_owned()], 1));
}

#[test]
fn in_one_phase() {
    for phase in ["access", "preaccess"] {
        setup(&format!("authgear_phase {phase};"), "").run(|fixture| {
            let answer = ask(fixture);
            assert_once(fixture, &answer, 400, REJECTED);
        });
    }
}

#[test]
fn in_two_phases_under_satisfy_any() {
    setup("authgear_phase preaccess; satisfy any;", "").run(|fixture| {
        let answer = ask(fixture);
        assert_once(fixture, &answer, 400, REJECTED);
    });
}

#[test]
fn whom_another_rule_lets_in_is_nobody_and_has_passed() {
    setup("authgear_phase preaccess; satisfy any; allow all;", "").run(|fixture| {
        let answer = ask(fixture);
        answer.assert_anonymous();
        assert_once(fixture, &answer, 200, "PASSED|");
    });
}

#[test]
fn a_dry_run_says_it_once_also_where_something_is_required() {
    for phase in ["access", "preaccess"] {
        let dry = format!("authgear_phase {phase}; authgear_require valid; authgear_dry_run on;");
        setup(&dry, "").run(|fixture| {
            let answer = ask(fixture);
            answer.assert_anonymous();
            assert_once(fixture, &answer, 200, "REJECTED_DRY_RUN|two_authorizations");
        });
    }
}

#[test]
fn an_error_page_in_another_location_says_it_no_second_time() {
    let page = "location @page { authgear_resolve on; authgear_phase preaccess; authgear_dry_run on; proxy_pass http://%BACKEND%; }";
    setup("error_page 400 = @page;", page).run(|fixture| {
        let answer = ask(fixture);
        answer.assert_anonymous();
        assert_once(fixture, &answer, 200, REJECTED);
    });
}
