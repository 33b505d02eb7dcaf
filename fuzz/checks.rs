//! What must hold for any bytes at all: the fuzz targets, the replay of their corpus and the property tests all come here.
//!
//! A check takes bytes and panics where something does not hold.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::OnceLock;

use authgear_core::credential::{Allowed, Credential, Credentials, Kind, Value};
use authgear_core::flow::{Action, Event, Flow, Keys};
use authgear_core::jwks::{JwksError, KeySet, MAX_DOCUMENT, MAX_KEYS, MAX_SERIALISED};
use authgear_core::ownership::is_ours;
use authgear_core::resolver::{self, Answer, Question, Reading};
use authgear_core::session::Session;
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use authgear_core::verify::{hopeless, verify, Judgement, Mode, Policy};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde_json::Value as Json;

/// Tokens and keys of a real server. Nobody here has its private key: whatever else verifies was forged.
struct Recorded {
    keys: KeySet,
    tokens: Vec<String>,
    policy: Policy,
    now: u64,
}

fn recorded() -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let golden: Json = serde_json::from_str(include_str!("../core/tests/data/authgear.json")).unwrap();
        let set = &golden["sets"][0];
        let origin = set["origin"].as_str().unwrap().to_owned();
        let cases = set["cases"].as_array().unwrap().iter();
        let bearers = cases.filter_map(|case| case["request"]["Authorization"].as_str());
        Recorded {
            keys: KeySet::parse(set["jwks"].to_string().as_bytes()).unwrap().set,
            tokens: bearers
                .filter_map(|bearer| Some(bearer.split_once(' ')?.1.to_owned()))
                .collect(),
            policy: Policy {
                mode: Mode::On,
                issuers: vec![origin.clone()],
                audiences: vec![origin],
                leeway: 0,
                allowed: Allowed::ALL,
                cookie_prefix: String::new(),
            },
            now: set["cases"][1]["at"].as_u64().unwrap(),
        }
    })
}

/// A token that verifies was issued: no change to one does. What begins `{` is taken as the claims of a token.
pub fn token(data: &[u8]) {
    let recorded = recorded();
    let token = match data.first() {
        Some(b'{') => format!(
            "{}.{}.AAAA",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"at+jwt","kid":"nobody's"}"#),
            URL_SAFE_NO_PAD.encode(data)
        ),
        Some(_) | None => String::from_utf8_lossy(data).into_owned(),
    };
    let doomed = hopeless(&token, &recorded.policy, recorded.now);
    match verify(&token, &recorded.keys, &recorded.policy, recorded.now) {
        Judgement::Verified(verified) => {
            assert!(recorded.tokens.contains(&token), "forged: {token}");
            assert_eq!(doomed, None);
            safe(&verified.session);
        }
        // Only the keys can tell these.
        Judgement::Refused(Reason::BadSignature | Reason::UnknownKey, seen) => assert_eq!(seen, None),
        Judgement::Refused(reason, _) => assert_eq!(doomed, Some(reason)),
        Judgement::NoKey => {}
    }
}

/// A set that was read is bounded, has a key, and is the same after its way through shared memory; nothing else comes out of there.
pub fn jwks(data: &[u8]) {
    if let Some(set) = KeySet::from_bytes(data) {
        assert_eq!(set.to_bytes(), data, "two spellings of one set");
    }
    match KeySet::parse(data) {
        Ok(parsed) => {
            assert!((1..=MAX_KEYS).contains(&parsed.set.len()));
            assert!(parsed.beyond == 0 || parsed.set.len() == MAX_KEYS);
            let bytes = parsed.set.to_bytes();
            assert!(bytes.len() <= MAX_SERIALISED);
            let again = KeySet::from_bytes(&bytes).unwrap();
            assert_eq!(again.to_bytes(), bytes);
        }
        Err(JwksError::TooLarge) => assert!(data.len() > MAX_DOCUMENT),
        Err(JwksError::NotAKeySet | JwksError::NoUsableKey) => {}
    }
}

/// What is asked is read by others as exactly the credentials that it was made of. The first line is `Authorization`, the others are `Cookie`.
pub fn cookies(data: &[u8]) {
    for prefix in ["", "golden_"] {
        let credentials = request(data, prefix, Allowed::ALL);
        for (at, credential) in credentials.from(0).iter().enumerate() {
            assert_eq!(credentials.get(at), Some(credential));
            well_formed(credential);
        }
        let order: Vec<usize> = credentials.from(0).iter().map(place).collect();
        assert!(
            order.windows(2).all(|pair| pair[0] < pair[1]),
            "not in order: {order:?}"
        );

        let sendable: Vec<&Credential> = sendable(credentials.from(0)).collect();
        let Some(question) = Question::about(credentials.from(0), prefix) else {
            assert!(sendable.is_empty());
            continue;
        };
        let again = Credentials::read(
            question.authorization.as_deref().map(str::as_bytes),
            question.cookie.as_deref().map(str::as_bytes).into_iter(),
            prefix,
            Allowed::ALL,
        );
        let again: Vec<&Credential> = again.from(0).iter().collect();
        assert!(sendable == again, "read back as something else");
    }
}

/// Every walk ends, asks at most once and only where it may, and gives a session only where somebody vouched for it.
///
/// The first byte chooses mode and keys, the second the credentials that count, the third whether there is an answer; then an answer, an
/// empty line, and a request as in [`cookies`].
pub fn flow(data: &[u8]) {
    let [choices, allowed, answered, rest @ ..] = data else {
        return;
    };
    let recorded = recorded();
    let bit = |bit: u8| choices & bit != 0;
    let counts = Kind::ALL
        .into_iter()
        .zip([1, 2, 4, 8])
        .filter(|(_, bit)| allowed & bit != 0);
    let policy = Policy {
        mode: [Mode::On, Mode::Local, Mode::Remote, Mode::On][usize::from(choices & 3)],
        allowed: Allowed::from_names(counts.map(|(kind, _)| kind.name())).unwrap(),
        ..recorded.policy.clone()
    };
    let keys = Keys {
        set: bit(4).then_some(&recorded.keys),
        current: bit(8),
        fetchable: bit(16),
        refetchable: bit(32),
    };
    let (answer, asked) = halves(rest);
    let reading = (answered & 1 != 0).then(|| reading(answer));
    let credentials = request(asked, "", policy.allowed);
    walk(&credentials, &policy, keys, reading);
}

/// Walks to the end; `None` stands for a resolver that does not answer.
fn walk(credentials: &Credentials, policy: &Policy, keys: Keys<'_>, reading: Option<Reading>) {
    let now = recorded().now;
    let (mut flow, mut event) = (Flow::new(), Event::Begin);
    let (mut fetched, mut question) = (false, None);
    let verdict = loop {
        match flow.step(event, credentials, policy, keys, now) {
            Action::FetchKeys => {
                assert!(!fetched, "a second fetch");
                assert!(keys.fetchable || keys.refetchable);
                fetched = true;
                event = Event::KeysTried;
            }
            Action::Ask(asked) => {
                assert!(question.is_none(), "a second question");
                assert_ne!(policy.mode, Mode::Local, "local never asks");
                question = Some(asked);
                event = reading
                    .clone()
                    .map_or(Event::Unanswered(Why::Unreachable), Event::Answered);
            }
            Action::Decide(verdict) => break verdict,
        }
    };
    match verdict {
        Verdict::Valid(session, Source::Token) => {
            assert!(question.is_none() && policy.mode != Mode::Remote);
            let vouched = sendable(credentials.from(0)).any(|credential| match &credential.value {
                Value::Local(token) => recorded().tokens.contains(token),
                Value::Remote(_) | Value::Malformed => false,
            });
            assert!(vouched && keys.set.is_some());
            safe(&session);
        }
        Verdict::Valid(session, Source::Resolver) => {
            assert!(question.is_some());
            assert_eq!(reading, Some(Reading::Valid(session)));
        }
        Verdict::Invalid(_) => assert!(!credentials.is_empty()),
        Verdict::None => assert!(credentials.is_empty()),
        Verdict::Unknown(why) => assert!(question.is_some() || policy.mode == Mode::Local, "{why:?}"),
    }
}

/// Reads an answer: a status, then `name: value` lines; a line without a colon is a body.
pub fn reading(answer: &[u8]) -> Reading {
    let mut lines = answer.split(|&byte| byte == b'\n');
    let status = lines
        .next()
        .and_then(|line| std::str::from_utf8(line).ok()?.parse().ok())
        .unwrap_or(200);
    let (mut headers, mut body_empty) = (Vec::new(), true);
    for line in lines {
        match line.iter().position(|&byte| byte == b':') {
            Some(colon) => headers.push((&line[..colon], &line[colon + 1..])),
            None => body_empty = false,
        }
    }
    for (name, value) in &headers {
        let kept = resolver::keeps_set_cookie(value, "golden_");
        assert!(
            !kept || value.trim_ascii_start().starts_with(b"golden_"),
            "{name:?}"
        );
    }
    let reading = resolver::read(&Answer {
        status,
        headers,
        body_empty,
    });
    match &reading {
        Reading::Valid(session) => {
            assert!(status == 200 && body_empty);
            safe(session);
        }
        Reading::Invalid | Reading::Silent => assert!(status == 200 && body_empty),
        Reading::Unknown(_) => {}
    }
    reading
}

/// A session's lines can stand in a request as they are: ours by their plain names, each once, and no value that ends a line or is trimmed.
pub fn safe(session: &Session) {
    let lines: Vec<(&str, &str)> = session.lines().collect();
    assert_eq!(lines[0], ("x-authgear-session-valid", "true"));
    assert_eq!(lines[1], ("x-authgear-user-id", session.user_id()));
    for (at, (name, value)) in lines.iter().enumerate() {
        assert!(is_ours(name.as_bytes()), "{name}");
        assert!(
            name.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')),
            "{name}"
        );
        assert!(
            value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)),
            "{name}: {value:?}"
        );
        assert!(!value.is_empty() && value.trim() == *value, "{name}: {value:?}");
        assert!(
            lines[..at].iter().all(|(earlier, _)| earlier != name),
            "{name} twice"
        );
    }
}

fn request(data: &[u8], prefix: &str, allowed: Allowed) -> Credentials {
    let mut lines = data.split(|&byte| byte == b'\n');
    let authorization = lines.next().filter(|line| !line.is_empty());
    Credentials::read(authorization, lines, prefix, allowed)
}

fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (b"200", data),
    }
}

fn sendable(credentials: &[Credential]) -> impl Iterator<Item = &Credential> {
    credentials
        .iter()
        .filter(|credential| credential.value != Value::Malformed)
}

fn place(credential: &Credential) -> usize {
    Kind::ALL
        .iter()
        .position(|kind| *kind == credential.kind)
        .unwrap()
}

/// What may be sent can end no header and no cookie.
fn well_formed(credential: &Credential) {
    let (Value::Local(text) | Value::Remote(text)) = &credential.value else {
        return;
    };
    assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
    if credential.kind == Kind::Bearer {
        assert!(!text.is_empty());
    } else {
        assert!(!text.contains([' ', ';', ',', '"', '\\']));
    }
}
