//! What must hold for any bytes at all: the fuzz targets, the replay of their corpus and the property tests
//! all come here.
//!
//! A check takes bytes and panics where something does not hold.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

// Core's own tests have it, too.
#[allow(clippy::duplicate_mod)]
#[path = "checks/answered.rs"]
pub mod answered;
#[path = "checks/evaluation.rs"]
pub mod evaluation;

use std::sync::OnceLock;

use authgear_core::credential::{Allowed, Credential, Credentials, Kind};
use authgear_core::freshness::{Known, LastAnswer};
use authgear_core::jwks::{JwksError, KeySet, MAX_DOCUMENT, MAX_KEYS, MAX_SERIALISED};
use authgear_core::made_up::CookieChoice;
use authgear_core::ownership::is_ours;
use authgear_core::policy::{Mode, Policy};
use authgear_core::record::{self, Holder, Token};
use authgear_core::resolver::{self, Question, Reader, Reading};
use authgear_core::session::{Name, Session};
use authgear_core::verdict::Reason;
use authgear_core::verify::{refused_without_key, verify, Judgement};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde_json::Value as Json;

/// Tokens and keys of a real server. Nobody here has its private key: whatever else verifies was forged.
struct Recorded {
    keys: KeySet,
    thumbprint: [u8; 32],
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
        let keys = KeySet::parse(set["jwks"].to_string().as_bytes()).unwrap().set;
        let kid = set["jwks"]["keys"][0]["kid"].as_str();
        Recorded {
            thumbprint: *keys.find(kid).unwrap().thumbprint(),
            keys,
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
                machines: false,
            },
            now: set["cases"][1]["at"].as_u64().unwrap(),
        }
    })
}

/// A token that verifies was issued: no change to one does. What begins `{` is taken as the claims of a
/// token.
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
    let doomed = refused_without_key(&token, &recorded.policy, recorded.now);
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

/// A set that was read is bounded, has a key, and is the same after its way through shared memory; nothing
/// else comes out of there.
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

/// What is asked is read by others as exactly the credentials that it was made of. The first line is
/// `Authorization`, the others are `Cookie`.
pub fn cookies(data: &[u8]) {
    for prefix in ["", "golden_"] {
        let credentials = request(data, prefix, Allowed::ALL);
        for (at, credential) in credentials.from(0).enumerate() {
            assert_eq!(credentials.get(at), Some(credential));
            well_formed(credential);
        }
        let order: Vec<usize> = credentials.from(0).map(place).collect();
        assert!(
            order.windows(2).all(|pair| pair[0] < pair[1]),
            "not in order: {order:?}"
        );

        let sendable: Vec<&Credential> = sendable(&credentials).collect();
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
        let again: Vec<&Credential> = again.from(0).collect();
        assert!(sendable == again, "read back as something else");
        apart(credentials, data);
    }
}

/// Behind a token from elsewhere, the last of the lines, no question has two bearer tokens.
fn apart<'d>(credentials: Credentials<'d>, data: &'d [u8]) {
    let token = data.split(|&byte| byte == b'\n').next_back().unwrap_or_default();
    let credentials = credentials.after(token, Allowed::ALL);
    for at in 0..=Kind::ALL.len() {
        let mut behind = credentials.from(at).skip(1);
        assert!(behind.all(|credential| credential.kind != Kind::Bearer));
        credentials.from(at).for_each(well_formed);
    }
}

/// What is read as a record, or as the session of one, has no other spelling, and its lines can stand in a
/// request.
pub fn record(data: &[u8]) {
    if let Some(session) = Session::from_bytes(data) {
        assert_eq!(session.as_bytes(), data);
        safe(&session);
        // More than that no answer may say.
        if data.len() < 4096 && session.count() < 64 {
            let again = answered::answered(session.user_id(), session.lines().skip(2));
            assert_eq!(again, Some(session), "another order, or another spelling");
        }
    }
    if let Some(token) = Token::from_bytes(data) {
        assert_eq!(token.to_bytes(), data);
        if let Holder::User(session, _) = &token.holder {
            safe(session);
        }
    }
    if let Some(answer) = record::Answer::from_bytes(data) {
        assert_eq!(answer.to_bytes(), data);
        answer.session.iter().for_each(safe);
    }
    if let Some(known) = Known::from_bytes(data) {
        assert_eq!(known.to_bytes(data.len()), data);
        if let LastAnswer::Yes(Some(session)) = &known.last_answer {
            safe(session);
            let shorter = Known::from_bytes(&known.to_bytes(data.len() - 1)).unwrap();
            assert_eq!(shorter.last_answer, LastAnswer::TooLong);
        }
    }
    let kinds = [
        Token::from_bytes(data).is_some(),
        record::Answer::from_bytes(data).is_some(),
        Known::from_bytes(data).is_some(),
    ];
    assert!(
        kinds.iter().filter(|is_it| **is_it).count() < 2,
        "two records in one"
    );
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
        let kept = resolver::keeps_set_cookie(value, "golden_", CookieChoice::AsItIs);
        let kept_with_made_up = resolver::keeps_set_cookie(value, "golden_", CookieChoice::WithMadeUp);
        assert!(kept || !kept_with_made_up, "{name:?}");
        assert!(
            !kept || value.trim_ascii_start().starts_with(b"golden_"),
            "{name:?}"
        );
    }
    let mut reader = Reader::new(status);
    for (name, value) in &headers {
        reader.header(name, value);
    }
    let reading = reader.reading(body_empty);
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

/// Values, and names that are written out, lie in the texts one behind the other, a space behind each:
/// whoever copies the texts relies on it.
fn tiled(session: &Session) {
    let mut rest = session.texts();
    let mut take = |part: &[u8]| {
        assert!(std::ptr::eq(part.as_ptr(), rest.as_ptr()), "elsewhere");
        rest = rest[part.len()..].strip_prefix(b" ").unwrap();
    };
    for (name, value) in session.named_lines() {
        if let Name::Other(name) = name {
            take(name.as_bytes());
        }
        take(value);
    }
    assert!(rest.is_empty(), "more than the lines");
}

/// A session's lines can stand in a request as they are: ours by their plain names, each once, and no value
/// that ends a line or is trimmed.
pub fn safe(session: &Session) {
    let lines: Vec<(&str, &str)> = session.lines().collect();
    assert_eq!(lines[0], ("x-authgear-session-valid", "true"));
    assert_eq!(lines[1], ("x-authgear-user-id", session.user_id()));
    tiled(session);
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

fn request<'d>(data: &'d [u8], prefix: &str, allowed: Allowed) -> Credentials<'d> {
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

fn sendable<'c, 'h>(credentials: &'c Credentials<'h>) -> impl Iterator<Item = &'c Credential<'h>> {
    credentials
        .from(0)
        .filter(|credential| credential.value.text().is_some())
}

fn place(credential: &Credential<'_>) -> usize {
    Kind::ALL
        .iter()
        .position(|kind| *kind == credential.kind)
        .unwrap()
}

/// What may be sent can end no header and no cookie.
fn well_formed(credential: &Credential<'_>) {
    let Some(text) = credential.value.text() else {
        return;
    };
    assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
    if credential.kind == Kind::Bearer {
        assert!(!text.is_empty());
    } else {
        assert!(!text.contains([' ', ';', ',', '"', '\\']));
    }
}
