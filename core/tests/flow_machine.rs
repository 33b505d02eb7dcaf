//! Machines: admitted by their own tokens where the policy says so, never users, and nobody is ever asked
//! about one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::rc::Rc;

use authgear_core::basis::Basis;
use authgear_core::credential::Kind;
use authgear_core::flow::{Action, Event};
use authgear_core::freshness::{Fallback, Freshness, Rejection};
use authgear_core::grant::Machine;
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use authgear_core::verify::{refused_without_key, verify, Judgement};
use common::evaluation::{asked, decided, expired, good, rotated, session, Evaluation};
use common::fake_memory::FakeMemory;
use common::{policy, project, Issuer, NOW};
use serde_json::{json, Value};

const MACHINE_TOKEN: Verdict = Verdict::Invalid(Reason::MachineToken);

/// The claims of a machine, with other claims.
fn claiming(issuer: &Issuer, changes: Value) -> String {
    let mut claims =
        json!({"sub": "client_id_m", "client_id": "m", "scope": "read write", "auth_time": null});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    for of_users in ["is_anonymous", "is_verified", "can_reauthenticate", "roles"] {
        claims[format!("https://authgear.com/claims/user/{of_users}")] = Value::Null;
    }
    issuer.claims(claims)
}

fn machine() -> String {
    claiming(Issuer::first(), json!({}))
}

fn of_the_next_key() -> String {
    claiming(Issuer::second(), json!({}))
}

/// A evaluation where machines are admitted.
fn admitting(mode: Mode, authorization: Option<&str>, cookies: &[&str]) -> Evaluation {
    let mut evaluation = Evaluation::new(mode, authorization, cookies);
    evaluation.policy.machines = true;
    evaluation
}

fn bearing(mode: Mode, token: &str) -> Evaluation {
    admitting(mode, Some(&format!("Bearer {token}")), &[])
}

fn basis(scope: Option<&str>) -> Basis {
    Basis::Machine(Kind::Bearer, Machine::new("client_id_m", "m", scope).unwrap())
}

#[test]
fn a_machine_is_admitted_where_the_policy_says_so_and_is_no_user() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = bearing(mode, &machine());
        assert_eq!(
            decided(evaluation.step(Event::Begin)),
            MACHINE_TOKEN,
            "who looks no further refuses"
        );
        assert_eq!(evaluation.flow.basis(), Some(&basis(Some("read write"))));
        assert_eq!(evaluation.flow.basis().unwrap().credential(), Some(Kind::Bearer));
        assert_eq!(evaluation.flow.refused_token(), None);
    }
}

#[test]
fn everywhere_else_it_is_refused() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = Evaluation::bearer(mode, &machine());
        assert_eq!(decided(evaluation.step(Event::Begin)), MACHINE_TOKEN);
        assert_eq!(evaluation.flow.basis(), None);
        assert_eq!(evaluation.flow.refused_token().unwrap().kid, common::KID);
    }
    let mut evaluation = Evaluation::new(Mode::On, Some(&format!("Bearer {}", machine())), &["session=s"]);
    assert_eq!(evaluation.question(), ["", "session=s"], "the evaluation goes on");
}

#[test]
fn as_a_users_token_it_never_verifies() {
    for machines in [false, true] {
        let mut policy = policy(Mode::On);
        policy.machines = machines;
        let judgement = verify(&machine(), &project(), &policy, NOW);
        assert!(
            matches!(judgement, Judgement::Refused(Reason::MachineToken, Some(_))),
            "{machines}"
        );
        let is_hopeless = refused_without_key(&machine(), &policy, NOW) == Some(Reason::MachineToken);
        assert_eq!(is_hopeless, !machines);
    }
}

#[test]
fn its_header_lines_are_its_client_and_its_scope() {
    let lines = |scope| {
        let machine = Machine::new("client_id_m", "m", scope).unwrap();
        machine
            .lines()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines(Some("read write")),
        ["x-authgear-client-id: m", "x-authgear-scope: read write"]
    );
    assert_eq!(lines(None), ["x-authgear-client-id: m"]);
    assert_eq!(
        lines(Some("")),
        ["x-authgear-client-id: m"],
        "an empty value is an absent header"
    );
}

#[test]
fn its_claims_must_be_right() {
    for (changes, wanted) in [
        (json!({"client_id": null}), Reason::BadClaim),
        (json!({"client_id": "other"}), Reason::BadClaim),
        (json!({"client_id": 1}), Reason::BadClaim),
        (json!({"sub": "client_id_", "client_id": ""}), Reason::BadClaim),
        (
            json!({"sub": "client_id_ m", "client_id": " m"}),
            Reason::BadClaim,
        ),
        (
            json!({"sub": "client_id_m\n", "client_id": "m\n"}),
            Reason::BadClaim,
        ),
        (
            json!({"sub": "client_id_\u{e9}", "client_id": "\u{e9}"}),
            Reason::BadClaim,
        ),
        (
            json!({"scope": "read\r\nx-authgear-user-id: u"}),
            Reason::BadClaim,
        ),
        (json!({"scope": "read  write"}), Reason::BadClaim),
        (json!({"scope": " read"}), Reason::BadClaim),
        (json!({"scope": "\"read\""}), Reason::BadClaim),
        (json!({"scope": ["read"]}), Reason::BadClaim),
        (json!({"aud": "https://other.example"}), Reason::WrongAudience),
        (json!({"iss": "https://other.example"}), Reason::WrongIssuer),
        (json!({"exp": NOW}), Reason::Expired),
        (json!({"nbf": NOW + 1}), Reason::NotYetValid),
        (json!({"iat": NOW + 1}), Reason::IssuedInFuture),
    ] {
        let mut evaluation = bearing(Mode::On, &claiming(Issuer::first(), changes.clone()));
        assert_eq!(
            decided(evaluation.step(Event::Begin)),
            Verdict::Invalid(wanted),
            "{changes}"
        );
        assert_eq!(evaluation.flow.basis(), None, "{changes}");
    }
    for changes in [json!({"scope": null}), json!({"scope": ""})] {
        let mut evaluation = bearing(Mode::On, &claiming(Issuer::first(), changes));
        evaluation.step(Event::Begin);
        assert_eq!(evaluation.flow.basis(), Some(&basis(None)));
    }
}

#[test]
fn its_audience_may_be_another_than_a_users() {
    let mut evaluation = bearing(
        Mode::On,
        &claiming(Issuer::first(), json!({"aud": ["https://api.example"]})),
    );
    evaluation.policy.audiences = vec!["https://api.example".to_owned()];
    evaluation.step(Event::Begin);
    assert!(matches!(evaluation.flow.basis(), Some(Basis::Machine(..))));
}

#[test]
fn a_user_is_still_one_beside_machines() {
    let mut evaluation = bearing(Mode::On, &good());
    let verdict = decided(evaluation.step(Event::Begin));
    assert!(matches!(verdict, Verdict::Valid(_, Source::Token)));
    assert!(matches!(evaluation.flow.basis(), Some(Basis::Token(..))));
}

#[test]
fn it_is_remembered_and_counts_only_where_machines_are_admitted() {
    let memory = Rc::new(FakeMemory::default());
    for _ in ["new", "remembered"] {
        let mut evaluation = bearing(Mode::On, &machine()).remembering(memory.clone());
        assert_eq!(decided(evaluation.step(Event::Begin)), MACHINE_TOKEN);
        assert_eq!(evaluation.flow.basis(), Some(&basis(Some("read write"))));
        assert_eq!(memory.count(), 1);
    }
    let mut evaluation = Evaluation::bearer(Mode::On, &machine()).remembering(memory.clone());
    assert_eq!(decided(evaluation.step(Event::Begin)), MACHINE_TOKEN);
    assert_eq!(evaluation.flow.basis(), None);
    // And in its time, and while its key is in the set.
    let mut evaluation = bearing(Mode::On, &machine()).remembering(memory.clone());
    evaluation.now = NOW + 1740;
    assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::Expired));
    let mut evaluation = bearing(Mode::On, &machine()).remembering(memory);
    evaluation.keys = Some(common::set(&[Issuer::second().jwk()]));
    evaluation.current = true;
    assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::UnknownKey));
}

#[test]
fn no_freshness_is_asked_of_it() {
    for standing in [
        Freshness::Rejected(Rejection::Ended),
        Freshness::Rejected(Rejection::Barred),
        Freshness::AskFirst(Fallback::Unknown),
        Freshness::Good {
            session: Some(session()),
            is_due: true,
        },
    ] {
        let memory = FakeMemory::with_freshness(standing);
        let mut evaluation = bearing(Mode::On, &machine()).remembering(memory);
        assert!(matches!(
            evaluation.step(Event::Begin),
            Action::Decide(MACHINE_TOKEN)
        ));
        assert_eq!(evaluation.flow.basis(), Some(&basis(Some("read write"))));
    }
}

#[test]
fn where_its_key_is_missing_it_is_fetched_and_else_the_verdict_is_unknown() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = bearing(mode, &of_the_next_key()).fetching();
        assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
        evaluation.keys = Some(rotated());
        assert_eq!(decided(evaluation.step(Event::KeysTried)), MACHINE_TOKEN);
        assert_eq!(evaluation.flow.basis(), Some(&basis(Some("read write"))));

        let evaluation = bearing(mode, &of_the_next_key());
        assert_eq!(evaluation.verdict(), Verdict::Unknown(Why::UnknownKey));
        let evaluation = bearing(mode, &machine()).without_keys();
        assert_eq!(evaluation.verdict(), Verdict::Unknown(Why::NoKeys));
        let mut evaluation = bearing(mode, &of_the_next_key());
        evaluation.current = true;
        assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::UnknownKey));
    }
}

#[test]
fn with_remote_it_is_refused_and_not_asked_about() {
    let mut evaluation = bearing(Mode::Remote, &machine());
    assert_eq!(decided(evaluation.step(Event::Begin)), MACHINE_TOKEN);
    assert_eq!(evaluation.flow.basis(), None);
    let mut evaluation = admitting(
        Mode::Remote,
        Some(&format!("Bearer {}", machine())),
        &["session=s"],
    );
    assert_eq!(asked(evaluation.step(Event::Begin)), ["", "session=s"]);
    let mut evaluation = bearing(Mode::Remote, &good());
    assert_eq!(
        asked(evaluation.step(Event::Begin)),
        [format!("Bearer {}", good()), String::new()]
    );
}

#[test]
fn it_is_left_out_of_a_question_about_others() {
    let cookie = format!("app_access_token={}; session=s", machine());
    for mode in [Mode::On, Mode::Remote] {
        let mut evaluation = admitting(mode, Some("Bearer opaque"), &[&cookie]);
        assert_eq!(
            asked(evaluation.step(Event::Begin)),
            ["Bearer opaque", "session=s"],
            "{mode:?}"
        );
        let verdict = decided(evaluation.step(Event::Answered(Reading::Valid(session()))));
        assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
        let kinds = [Kind::Bearer, Kind::Session].into_iter().collect();
        assert_eq!(evaluation.flow.basis(), Some(&Basis::Resolver(kinds)));
    }
}

#[test]
fn behind_a_dead_token_it_counts() {
    let cookie = format!("app_access_token={}", machine());
    let mut evaluation = admitting(Mode::On, Some(&format!("Bearer {}", expired())), &[&cookie]);
    assert_eq!(decided(evaluation.step(Event::Begin)), MACHINE_TOKEN);
    assert!(matches!(
        evaluation.flow.basis(),
        Some(Basis::Machine(Kind::AppAccessToken, _))
    ));
}
