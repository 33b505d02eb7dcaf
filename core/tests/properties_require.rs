//! Properties of requirements: with any words and any caller, each is judged for itself, and a refusal says
//! what it has to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;
#[path = "common/challenge.rs"]
mod reader;

use authgear_core::basis::Basis;
use authgear_core::credential::Kind;
use authgear_core::grant::{Grant, Machine, Scope, FULL_ACCESS};
use authgear_core::require::{check, Caller, Facts, Requirements, Status};
use authgear_core::session::Session;
use common::require::{seconds, user, AMR, ANONYMOUS, AT, ROLES, VERIFIED};
use common::NOW;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const WORDS: [&str; 15] = [
    "valid",
    "verified",
    "not_anonymous",
    "role=a",
    "role=b|c",
    "max_age=60",
    "max_age=10m",
    "scope=a",
    "scope=b",
    "client_id=web|app",
    "first_party",
    "amr=mfa|hwk",
    "amr=pwd",
    "machine",
    "$first",
];

fn line(
    name: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = Option<(&'static str, String)>> {
    let value = prop_oneof![4 => select(values).prop_map(str::to_owned), 1 => "[!-~]{1,12}"];
    option::of(value.prop_map(move |value| (name, value)))
}

fn session() -> impl Strategy<Value = Session> {
    const BOOLEANS: &[&str] = &["true", "false"];
    let lines = (
        line(VERIFIED, BOOLEANS),
        line(ANONYMOUS, BOOLEANS),
        line(ROLES, &["a", "b", "a,b", "c,a"]),
        line(AMR, &["mfa", "pwd", "pwd mfa", "pwd,hwk"]),
        line(
            AT,
            &[
                "1800000000",
                "1799999990",
                "1799999500",
                "1",
                "1800000001",
                "+1800000000",
            ],
        ),
    );
    lines.prop_map(|(verified, anonymous, roles, amr, at)| {
        let lines: Vec<_> = [verified, anonymous, roles, amr, at]
            .into_iter()
            .flatten()
            .collect();
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        user(&lines)
    })
}

fn basis() -> impl Strategy<Value = Option<Basis>> {
    let kind = || select(Kind::ALL.to_vec());
    let scope = vec(select(vec!["a", "b", "openid", FULL_ACCESS]), 0..4).prop_map(|scope| scope.join(" "));
    let token = (kind(), option::of(select(vec!["web", "app", "x"])), scope);
    option::of(prop_oneof![
        token.prop_map(|(kind, client_id, scope)| Basis::Token(kind, Grant::new(client_id, Some(&scope)))),
        vec(kind(), 0..4).prop_map(|kinds| Basis::Resolver(kinds.into_iter().collect())),
    ])
}

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    let error = select(vec![None, Some("error=401"), Some("error=403")]);
    (vec(select(WORDS.to_vec()), 1..6), error)
        .prop_map(|(words, error)| words.into_iter().chain(error).collect())
}

/// Whether one word holds, said anew from the documentation.
fn holds(word: &str, session: &Session, basis: Option<&Basis>, first: bool) -> bool {
    let line = |wanted: &str| {
        session
            .lines()
            .find(|(name, _)| *name == wanted)
            .map_or("", |(_, value)| value)
    };
    let listed = |value: &str, any: &[&str]| value.split([' ', ',']).any(|one| any.contains(&one));
    let grant = match basis {
        Some(Basis::Token(_, grant)) => Some(grant),
        _ => None,
    };
    let scope = grant.and_then(Grant::scope).unwrap_or_default();
    let at = line(AT);
    let is_number = !at.is_empty() && at.chars().all(|digit| digit.is_ascii_digit());
    let ago = at
        .parse::<u64>()
        .ok()
        .filter(|at| is_number && *at <= NOW)
        .map(|at| NOW - at);
    match word {
        "valid" => true,
        "verified" => line(VERIFIED) == "true",
        "not_anonymous" => line(ANONYMOUS) == "false",
        "role=a" => line(ROLES).split(',').any(|role| role == "a"),
        "role=b|c" => line(ROLES).split(',').any(|role| role == "b" || role == "c"),
        "max_age=60" => ago.is_some_and(|ago| ago <= 60),
        "max_age=10m" => ago.is_some_and(|ago| ago <= 600),
        "scope=a" => listed(scope, &["a"]),
        "scope=b" => listed(scope, &["b"]),
        "client_id=web|app" => matches!(grant.and_then(Grant::client_id), Some("web" | "app")),
        "first_party" => {
            listed(scope, &[FULL_ACCESS])
                || matches!(basis, Some(Basis::Resolver(kinds)) if kinds.are_cookies_of_sessions())
        }
        "amr=mfa|hwk" => listed(line(AMR), &["mfa", "hwk"]),
        "amr=pwd" => listed(line(AMR), &["pwd"]),
        "$first" => first,
        "error=401" | "error=403" => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_user_enters_exactly_when_each_requirement_holds(words in words(), session in session(), basis in basis(), first in any::<bool>()) {
        let Ok(Some(requirements)) = Requirements::parse(words.iter().copied(), seconds) else {
            return Ok(());
        };
        let facts = Facts { caller: Caller::User(&session, basis.as_ref()), variables: &|_| first, leeway: 0 };
        let wanted = words.iter().all(|word| holds(word, &session, basis.as_ref(), first));
        prop_assert_eq!(check(&requirements, &facts, NOW).is_ok(), wanted, "{:?} {:?}", words, session);
    }

    #[test]
    fn a_refusal_says_what_its_status_has_to_say(words in words(), session in session(), basis in basis(), nobody in any::<bool>()) {
        let Ok(Some(requirements)) = Requirements::parse(words.iter().copied(), seconds) else {
            return Ok(());
        };
        let caller = if nobody { Caller::Nobody } else { Caller::User(&session, basis.as_ref()) };
        let facts = Facts { caller, variables: &|_| false, leeway: 0 };
        let Err(denial) = check(&requirements, &facts, NOW) else {
            prop_assert!(!nobody);
            return Ok(());
        };
        let refusal = requirements.refusal(denial);
        prop_assert!(refusal.reason.as_str().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
        let value = refusal.challenge.map(|challenge| challenge.value(None));
        prop_assert!(refusal.status == Status::Forbidden || value.is_some(), "a 401 without a challenge");
        if let Some(value) = value {
            let (_, parameters) = reader::read(&value).unwrap();
            let error = parameters.iter().find(|(name, _)| name == "error").map(|(_, error)| error.as_str());
            prop_assert_eq!(refusal.status == Status::Forbidden, error == Some("insufficient_scope"), "{}", value);
        }
    }

    #[test]
    fn a_machine_enters_nowhere_without_the_word(words in words(), scope in select(vec!["a", "a b", "b"])) {
        let Ok(Some(requirements)) = Requirements::parse(words.iter().copied(), seconds) else {
            return Ok(());
        };
        let machine = Machine::new("client_id_web", "web", Some(scope)).unwrap();
        let facts = Facts { caller: Caller::Machine(&machine), variables: &|_| true, leeway: 0 };
        if check(&requirements, &facts, NOW).is_ok() {
            prop_assert!(words.contains(&"machine"));
            let of_users = ["verified", "not_anonymous", "role=", "max_age=", "first_party", "amr="];
            prop_assert!(!words.iter().any(|word| of_users.iter().any(|name| word.starts_with(name))));
        }
    }

    #[test]
    fn a_scope_is_what_rfc_6749_says(text in prop_oneof!["[a !\"\\\\~]{0,8}", any::<String>(), "[!-~]{1,9}( [!-~]{1,9}){0,3}"]) {
        let is_allowed = |letter| matches!(letter, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        let is_scope = text.split(' ').all(|token| !token.is_empty() && token.chars().all(is_allowed));
        let grant = Grant::new(None, Some(&text));
        prop_assert_eq!(grant.scope(), is_scope.then_some(text.as_str()));
        prop_assert_eq!(Scope::token(&text).is_some(), is_scope && !text.contains(' '));
    }
}
