//! What a real Authgear server answered (`data/authgear.json`), and that this crate says the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::collections::BTreeMap;

use authgear_core::credential::{Credentials, Kind};
use authgear_core::flow::{Action, Event, Flow, Inputs, Keys};
use authgear_core::jwks::KeySet;
use authgear_core::jws::Form;
use authgear_core::made_up::CookieChoice;
use authgear_core::policy::{Mode, Policy};
use authgear_core::resolver::{Question, Reader, Reading};
use authgear_core::session::Session;
use authgear_core::verdict::{Reason, Source, Verdict};
use authgear_core::verify::{verify, Judgement};
use common::evaluation::NoMemory;
use common::policy;
use serde_json::Value;

/// Tokens that were good when they were issued, whose session or user changed afterwards: only the resolver
/// can know.
const CHANGED_AT_THE_SERVER: [&str; 6] = [
    "disabled user's jwt",
    "deleted user's jwt",
    "revoked jwt",
    "role given after the token was issued",
    "barred user's jwt",
    "barred user's jwt beside another's session",
];

type Lines = BTreeMap<String, String>;

struct Case {
    name: String,
    at: u64,
    policy: Policy,
    keys: KeySet,
    authorization: Option<String>,
    cookie: Option<String>,
    status: u16,
    /// As the server wrote them.
    answered: Vec<(String, String)>,
}

impl Case {
    fn credentials(&self) -> Credentials<'_> {
        Credentials::read(
            self.authorization.as_deref().map(str::as_bytes),
            self.cookie.as_deref().map(str::as_bytes).into_iter(),
            &self.policy.cookie_prefix,
            self.policy.allowed,
        )
    }

    /// The answer's lines; an empty value is an absent header.
    fn lines(&self) -> Lines {
        let lines = self.answered.iter().filter(|(_, value)| !value.is_empty());
        lines.cloned().collect()
    }

    /// Judges the token that stands first, if one does.
    fn judgement(&self) -> Option<Judgement> {
        match self.credentials().get(0)?.value.form() {
            Form::Token(token) => Some(verify(token.as_str(), &self.keys, &self.policy, self.at)),
            Form::Other(_) | Form::Malformed => None,
        }
    }

    fn reading(&self) -> Reading {
        let mut reader = Reader::new(self.status);
        for (name, value) in &self.answered {
            reader.header(name.as_bytes(), value.as_bytes());
        }
        reader.reading(true)
    }

    /// What the question is answered as it is sent: the record has no made-up cookie, which turns silence
    /// into the `false` that the record has for a bad `session` cookie.
    fn answer_to(&self, question: &Question) -> Reading {
        match (self.reading(), question.cookie_choice) {
            (Reading::Silent, CookieChoice::WithMadeUp) => case("unknown session cookie").reading(),
            (reading, CookieChoice::AsItIs | CookieChoice::WithMadeUp) => reading,
        }
    }

    /// The verdict of an evaluation whose question, if there is one, gets the recorded answer; and that
    /// question.
    fn evaluate(&self) -> (Verdict, Option<Question>) {
        let keys = Keys {
            set: Some(&self.keys),
            current: true,
        };
        let credentials = self.credentials();
        let inputs = Inputs {
            credentials: &credentials,
            policy: &self.policy,
            keys: &keys,
            memory: &NoMemory,
            now: self.at,
        };
        let mut flow = Flow::new();
        let mut asked = None;
        let mut event = Event::Begin;
        loop {
            match flow.step(event, &inputs) {
                Action::Decide(verdict) => return (verdict, asked),
                Action::Ask(question) => {
                    event = Event::Answered(self.answer_to(&question));
                    assert_eq!(asked.replace(question), None, "{}: a second question", self.name);
                }
                Action::FetchKeys => panic!("{}: no keys are wanting", self.name),
                Action::DecideAndAsk(..) | Action::AskAboutToken(_) => {
                    panic!("{}: every token is fresh", self.name)
                }
            }
        }
    }
}

fn lines(session: &Session) -> Lines {
    let lines = session.lines();
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("data/authgear.json")).unwrap()
}

fn key_set(document: &Value) -> KeySet {
    KeySet::parse(document.to_string().as_bytes()).unwrap().set
}

fn cases() -> Vec<Case> {
    authgear_core::crypto::install();
    let recorded = recorded();
    let mut cases = Vec::new();
    for set in recorded["sets"].as_array().unwrap() {
        for case in set["cases"].as_array().unwrap() {
            let mut policy = policy(Mode::On);
            policy.issuers = vec![text(&set["origin"]).to_owned()];
            policy.audiences = policy.issuers.clone();
            policy.cookie_prefix = text(&set["cookie_prefix"]).to_owned();
            let header = |name: &str| case["request"].get(name).map(|value| text(value).to_owned());
            let answered = case["resolver"]["headers"].as_object().unwrap().iter();
            cases.push(Case {
                name: text(&case["name"]).to_owned(),
                at: case["at"].as_u64().unwrap(),
                policy,
                keys: key_set(&set["jwks"]),
                authorization: header("Authorization"),
                cookie: header("Cookie"),
                status: u16::try_from(case["resolver"]["status"].as_u64().unwrap()).unwrap(),
                answered: answered
                    .map(|(name, value)| (name.clone(), text(value).to_owned()))
                    .collect(),
            });
        }
    }
    cases
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

#[test]
fn the_record_is_whole() {
    let cases = cases();
    assert_eq!(cases.len(), 50);
    for name in CHANGED_AT_THE_SERVER {
        assert!(cases.iter().any(|case| case.name == name), "{name}");
    }
    assert!(cases.iter().filter(|case| case.judgement().is_some()).count() > 20);
}

#[test]
fn every_access_token_gives_exactly_the_servers_headers() {
    let mut compared = 0;
    for case in cases() {
        let Some(judgement) = case.judgement() else {
            continue;
        };
        let changed = CHANGED_AT_THE_SERVER.contains(&case.name.as_str());
        match judgement {
            Judgement::Verified(verified) if !changed => {
                assert_eq!(lines(&verified.session), case.lines(), "{}", case.name);
                compared += 1;
            }
            // Where the token is dead the evaluation goes on, and a session cookie may answer: the next
            // test's matter.
            Judgement::Refused(..) if !changed => {}
            Judgement::Verified(verified) => {
                assert_ne!(
                    lines(&verified.session),
                    case.lines(),
                    "{}: nothing changed",
                    case.name
                );
            }
            Judgement::Refused(..) | Judgement::NoKey => panic!("{}: {judgement:?}", case.name),
        }
    }
    assert_eq!(compared, 12, "tokens whose headers were compared");
}

#[test]
fn every_evaluation_ends_in_the_servers_own_answer() {
    for case in cases() {
        if CHANGED_AT_THE_SERVER.contains(&case.name.as_str()) {
            continue;
        }
        let (verdict, asked) = case.evaluate();
        let answered = case.lines();
        match verdict {
            Verdict::Valid(session, source) => {
                assert_eq!(lines(&session), answered, "{}", case.name);
                assert_eq!(source == Source::Resolver, asked.is_some(), "{}", case.name);
            }
            // Headerless, or `false`: one and the same here, as the specification has it.
            Verdict::Invalid(_) => {
                assert!(!case.credentials().is_empty(), "{}", case.name);
                assert_ne!(
                    answered.get("x-authgear-session-valid").map(String::as_str),
                    Some("true")
                );
                assert!(answered.len() <= 1, "{}: {answered:?}", case.name);
            }
            Verdict::None => {
                assert!(case.credentials().is_empty(), "{}", case.name);
                assert!(answered.is_empty(), "{}", case.name);
            }
            Verdict::Unknown(why) => panic!("{}: {why:?}", case.name),
        }
    }
}

#[test]
fn every_recorded_answer_is_read_as_what_it_says() {
    for case in cases() {
        let answered = case.lines();
        let read = case.reading();
        match answered.get("x-authgear-session-valid").map(String::as_str) {
            Some("true") => match read {
                Reading::Valid(session) => assert_eq!(lines(&session), answered, "{}", case.name),
                other => panic!("{}: {other:?}", case.name),
            },
            Some("false") => assert_eq!(read, Reading::Invalid, "{}", case.name),
            None => assert_eq!(read, Reading::Silent, "{}", case.name),
            Some(other) => panic!("{}: {other}", case.name),
        }
    }
}

#[test]
fn a_session_cookie_is_never_answered_with_silence() {
    let mut held = 0;
    for case in cases() {
        let credentials = case.credentials();
        if credentials
            .from(0)
            .any(|credential| credential.kind == Kind::Session)
        {
            assert_ne!(case.reading(), Reading::Silent, "{}", case.name);
            held += 1;
        }
    }
    assert!(held > 10, "only {held}");
}

#[test]
fn dead_tokens_are_refused_here_for_their_own_reason() {
    for (name, wanted) in [
        ("tampered jwt", Reason::BadSignature),
        ("alg none", Reason::UnsupportedAlgorithm),
        ("id token as access token", Reason::WrongType),
        ("machine token", Reason::WrongAudience),
        ("expired jwt", Reason::Expired),
    ] {
        let case = case(name);
        let (verdict, asked) = case.evaluate();
        assert_eq!(verdict, Verdict::Invalid(wanted), "{name}");
        assert_eq!(asked, None, "{name}: nobody is asked about a token that is dead");
    }
}

#[test]
fn what_is_asked_is_only_what_is_undecided() {
    for (name, authorization, cookies) in [
        ("opaque token", true, 0),
        ("session cookie", false, 1),
        ("among other cookies", false, 1),
        ("first of two session cookies is good", false, 1),
        ("app_session before app_access_token", false, 2),
        ("bad jwt beside a good session", false, 1),
        ("expired jwt beside a good session", false, 1),
        ("bad opaque beside a good session", true, 1),
        ("bad app_session beside a good session", false, 2),
        ("prefix: bad jwt beside a good session", false, 1),
        ("prefix: session cookie", false, 1),
    ] {
        let question = case(name).evaluate().1.unwrap();
        assert_eq!(question.authorization.is_some(), authorization, "{name}");
        let cookie = question.cookie.unwrap_or_default();
        let sent = cookie.split("; ").filter(|pair| !pair.is_empty());
        assert_eq!(sent.count(), cookies, "{name}: {cookie}");
        assert_eq!(
            name.starts_with("prefix:"),
            cookie.starts_with("golden_"),
            "{name}: {cookie}"
        );
    }
    for name in [
        "alice's jwt before bob's session",
        "jwt, roles",
        "no credential",
        "scheme and a space",
    ] {
        assert_eq!(case(name).evaluate().1, None, "{name}");
    }
}

#[test]
fn after_a_rotation_the_old_key_and_the_new_one_both_vouch() {
    let before = key_set(&recorded()["sets"][1]["jwks_before"]);
    let (old, new) = (
        case("rotation: token of the old key"),
        case("rotation: token of the new key"),
    );
    assert_eq!((before.len(), old.keys.len()), (1, 2));
    let judged = |case: &Case, keys: &KeySet| match case.credentials().get(0).unwrap().value.form() {
        Form::Token(token) => verify(token.as_str(), keys, &case.policy, case.at),
        Form::Other(_) | Form::Malformed => panic!("not a token"),
    };
    for (case, keys) in [(&old, &before), (&old, &old.keys), (&new, &new.keys)] {
        assert!(
            matches!(judged(case, keys), Judgement::Verified(_)),
            "{}",
            case.name
        );
    }
    assert_eq!(judged(&new, &before), Judgement::NoKey);
}
