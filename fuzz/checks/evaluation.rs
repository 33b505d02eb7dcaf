//! The evaluation, with keys, a memory and answers that the data chooses.

use std::cell::{Cell, RefCell};

use authgear_core::basis::Basis;
use authgear_core::credential::{Allowed, Kind, Value};
use authgear_core::flow::{Action, AskedToken, Event, Flow, Inputs, Keys, Remembered, VerdictMemory};
use authgear_core::freshness::{Fallback, Freshness, Rejection, TokenAnswer};
use authgear_core::grant::{Grant, Machine};
use authgear_core::jws::{Candidate, Form};
use authgear_core::policy::{Mode, Policy};
use authgear_core::record::{Holder, Token};
use authgear_core::resolver::{Question, Reading};
use authgear_core::session::Session;
use authgear_core::verdict::{Reason, Source, Verdict, Why};

use super::{halves, reading, recorded, request, safe, sendable};

/// Every evaluation ends, asks no more than it may, and gives a session only where somebody vouched for it.
///
/// The first byte chooses mode, keys and whether machines are admitted, the second the credentials that
/// count, the third whether there is an answer and whether there is a memory: then eight more bytes say what
/// it remembers. Then an answer, an empty line, and a request as in [`super::cookies`].
pub fn flow(data: &[u8]) {
    let [choices, allowed, answered, rest @ ..] = data else {
        return;
    };
    let (script, rest) = match rest.split_first_chunk() {
        Some((script, rest)) if answered & 2 != 0 => (*script, rest),
        Some(_) | None => ([0; 8], rest),
    };
    let recorded = recorded();
    let bit = |bit: u8| choices & bit != 0;
    let counts = Kind::ALL
        .into_iter()
        .enumerate()
        .filter(|(index, _)| allowed >> index & 1 != 0);
    let policy = Policy {
        mode: [Mode::On, Mode::Local, Mode::Remote, Mode::On][usize::from(choices & 3)],
        allowed: Allowed::from_names(counts.map(|(_, kind)| kind.name())).unwrap(),
        machines: bit(128),
        ..recorded.policy.clone()
    };
    let (answer, asked) = halves(rest);
    let memory = ScriptedMemory {
        script,
        mode: policy.mode,
        freshnesses: Cell::new(0),
        last: RefCell::new(None),
    };
    let may_fetch = if bit(4) { bit(32) } else { bit(16) };
    let keys = Keys {
        set: bit(4).then_some(&recorded.keys),
        current: bit(8),
    };
    let fetched = Keys {
        set: (may_fetch && bit(64)).then_some(&recorded.keys),
        current: true,
    };
    Run {
        inputs: Inputs {
            credentials: &request(asked, "", policy.allowed),
            policy: &policy,
            keys: &keys,
            memory: &memory,
            now: recorded.now,
        },
        memory: &memory,
        fetched: fetched.set.is_some().then_some(&fetched),
        reading: (answered & 1 != 0).then(|| reading(answer)),
        has_tried_keys: false,
        has_asked: false,
        said: Vec::new(),
    }
    .run();
}

fn session_of(user: &str) -> Session {
    super::answered::answered(user, []).unwrap()
}

/// A memory that says what its script says.
struct ScriptedMemory {
    /// What it knows of tokens, of answers, how fresh three tokens are, and what is said of three.
    script: [u8; 8],
    mode: Mode,
    freshnesses: Cell<usize>,
    /// What it said last of how fresh a token is.
    last: RefCell<Option<Freshness>>,
}

impl ScriptedMemory {
    /// Whether what is remembered of tokens may be used.
    fn vouches(&self) -> bool {
        self.script[0] & 7 == 1
    }

    fn said(&self, nth: usize) -> TokenAnswer {
        match self.script[5 + nth % 3] % 7 {
            0 => TokenAnswer::Yes(session_of("asked")),
            1 => TokenAnswer::AnotherUser,
            2 => TokenAnswer::No(Rejection::Ended),
            3 => TokenAnswer::No(Rejection::Barred),
            4 => TokenAnswer::Unproven,
            5 => TokenAnswer::Unknown(Why::Limit),
            _ => TokenAnswer::Unknown(Why::TimedOut),
        }
    }
}

impl VerdictMemory for ScriptedMemory {
    fn verified(&self, token: &Candidate<'_>) -> Option<Token> {
        assert!(self.mode != Mode::Remote && token.bytes().starts_with(b"eyJ"));
        let [choices, ..] = self.script;
        let now = recorded().now;
        // Nobody remembers what was never judged.
        let was_judged = matches!(token.form(), Form::Token(_));
        (choices & 1 != 0 && was_judged).then(|| Token {
            holder: if choices & 8 == 0 {
                Holder::User(session_of("remembered"), Grant::default())
            } else {
                Holder::Machine(Machine::new("client_id_m", "m", Some("a")).unwrap())
            },
            thumbprint: if choices & 2 == 0 {
                recorded().thumbprint
            } else {
                [0; 32]
            },
            iat: now - 60,
            exp: if choices & 4 != 0 { now } else { now + 60 },
            not_before: now - 60,
        })
    }

    fn remember(&self, token: &Candidate<'_>, verified: &Token) {
        let recorded_tokens = &recorded().tokens;
        assert!(
            recorded_tokens
                .iter()
                .any(|known| known.as_bytes() == token.bytes()),
            "forged: {:?}",
            token.bytes()
        );
        assert!(verified.is_in_time(recorded().now, 0));
    }

    fn freshness(&self, _: &Candidate<'_>, _: u64) -> Freshness {
        let nth = self.freshnesses.replace(self.freshnesses.get() + 1);
        let choices = self.script[2 + nth % 3];
        let session = (choices & 1 != 0).then(|| session_of("said"));
        let no = if choices & 1 != 0 {
            Rejection::Barred
        } else {
            Rejection::Ended
        };
        let freshness = match (choices >> 1) % 6 {
            0 => Freshness::Good {
                session,
                is_due: false,
            },
            1 => Freshness::Good {
                session,
                is_due: true,
            },
            2 => Freshness::Rejected(no),
            3 => Freshness::AskFirst(Fallback::Rejected(no)),
            4 => Freshness::AskFirst(Fallback::Stale(session)),
            _ => Freshness::AskFirst(Fallback::Unknown),
        };
        self.last.replace(Some(freshness.clone()));
        freshness
    }

    fn answer(&self, _: &Question) -> Option<Remembered> {
        let [_, choices, ..] = self.script;
        (choices & 1 != 0).then(|| Remembered {
            session: (choices & 2 != 0).then(|| session_of("answered")),
            is_fresh: choices & 4 != 0,
        })
    }
}

/// An evaluation under way, and what came of it so far.
struct Run<'r> {
    inputs: Inputs<'r>,
    memory: &'r ScriptedMemory,
    /// What a fetch brings.
    fetched: Option<&'r Keys<'r>>,
    /// `None` stands for a resolver that does not answer.
    reading: Option<Reading>,
    has_tried_keys: bool,
    has_asked: bool,
    /// What was said of tokens alone.
    said: Vec<TokenAnswer>,
}

impl Run<'_> {
    fn run(mut self) {
        let (mut flow, mut event) = (Flow::new(), Event::Begin);
        let verdict = loop {
            let action = flow.step(event, &self.inputs);
            self.follows(&action);
            event = match action {
                Action::FetchKeys => self.fetch(),
                Action::Ask(_) => self.ask(),
                Action::AskAboutToken(asked_token) => self.ask_alone(&asked_token),
                Action::DecideAndAsk(verdict, asked_token) => {
                    assert!(matches!(verdict, Verdict::Valid(..)), "only what is good is due");
                    let last = self.memory.last.borrow();
                    assert!(matches!(*last, Some(Freshness::Good { is_due: true, .. })));
                    assert!(self.is_sent(&asked_token));
                    break verdict;
                }
                Action::Decide(verdict) => break verdict,
            };
        };
        self.rests(&verdict, flow.basis());
        self.ends(verdict);
    }

    /// A session rests on a credential that the client sent, a machine on the policy too, and all else on
    /// nothing.
    fn rests(&self, verdict: &Verdict, basis: Option<&Basis>) {
        match (verdict, basis) {
            (Verdict::Valid(..), Some(Basis::Token(kind, _))) => {
                assert!(sendable(self.inputs.credentials.credentials()).any(|sent| sent.kind == *kind));
                assert!(
                    !self.has_asked,
                    "the resolver's answer is about all that were asked about"
                );
            }
            (Verdict::Valid(..), Some(Basis::Resolver(_))) => {}
            (Verdict::Invalid(reason), Some(Basis::Machine(..))) => {
                assert!(self.inputs.policy.machines && *reason == Reason::MachineToken);
            }
            (Verdict::Invalid(_) | Verdict::None | Verdict::Unknown(_), None) => {}
            (verdict, basis) => panic!("{verdict:?} rests on {basis:?}"),
        }
    }

    /// What was said of a token last decides, or lets the evaluation go on.
    fn follows(&self, action: &Action) {
        if self.has_asked {
            assert!(matches!(action, Action::Decide(_)), "an answer stands");
            return;
        }
        match self.said.last() {
            Some(TokenAnswer::Yes(session)) => {
                assert!(
                    matches!(action, Action::Decide(Verdict::Valid(got, Source::Resolver)) if got == session)
                );
            }
            Some(TokenAnswer::No(Rejection::Barred)) => {
                assert!(matches!(
                    action,
                    Action::Decide(Verdict::Invalid(Reason::UserBarred))
                ));
            }
            Some(
                TokenAnswer::AnotherUser
                | TokenAnswer::No(Rejection::Ended)
                | TokenAnswer::Unproven
                | TokenAnswer::Unknown(_),
            )
            | None => {}
        }
    }

    fn fetch(&mut self) -> Event {
        assert!(!self.has_tried_keys, "a second fetch");
        assert_ne!(self.inputs.policy.mode, Mode::Remote, "remote needs no keys");
        self.has_tried_keys = true;
        if let Some(fetched) = self.fetched {
            self.inputs.keys = fetched;
        }
        Event::KeysTried
    }

    fn ask(&mut self) -> Event {
        assert_ne!(self.inputs.policy.mode, Mode::Local, "local never asks");
        self.has_asked = true;
        match &self.reading {
            Some(reading) => Event::Answered(reading.clone()),
            None => Event::Unanswered(Why::Unreachable),
        }
    }

    fn ask_alone(&mut self, asked_token: &AskedToken) -> Event {
        assert_eq!(
            self.inputs.policy.mode,
            Mode::On,
            "local never asks, remote never judges"
        );
        assert!(self.is_sent(asked_token));
        let last = self.memory.last.borrow();
        assert!(matches!(*last, Some(Freshness::AskFirst(_))), "{last:?}");
        let said = self.memory.said(self.said.len());
        self.said.push(said.clone());
        assert!(self.said.len() <= 2, "there are two tokens at most");
        Event::TokenAnswered(said)
    }

    /// Whether the client sent this token.
    fn is_sent(&self, asked_token: &AskedToken) -> bool {
        self.tokens().any(|token| token == asked_token.token)
    }

    fn tokens(&self) -> impl Iterator<Item = &str> {
        sendable(self.inputs.credentials.credentials()).filter_map(|credential| match &credential.value {
            Value::Candidate(_) => credential.value.text(),
            Value::Remote(_) | Value::Malformed => None,
        })
    }

    fn ends(&self, verdict: Verdict) {
        let mode = self.inputs.policy.mode;
        let last = self.memory.last.borrow();
        match verdict {
            Verdict::Valid(session, source) => {
                assert!(
                    self.vouches(&session, source),
                    "{session:?} by {source:?}, {last:?}"
                );
                safe(&session);
            }
            Verdict::Invalid(Reason::UserBarred) => assert!(last.is_some()),
            Verdict::Invalid(_) => assert!(!self.inputs.credentials.credentials().is_empty()),
            Verdict::None => assert!(self.inputs.credentials.credentials().is_empty()),
            Verdict::Unknown(why) => {
                let has_asked = self.has_asked || !self.said.is_empty();
                assert!(has_asked || mode == Mode::Local, "{why:?}");
            }
        }
    }

    /// Whether the one who is said to vouch for a session does.
    fn vouches(&self, session: &Session, source: Source) -> bool {
        let last = self.memory.last.borrow();
        let has_failed = match self.said.last() {
            Some(TokenAnswer::Unknown(why)) => why.is_failure(),
            Some(
                TokenAnswer::Yes(_) | TokenAnswer::AnotherUser | TokenAnswer::No(_) | TokenAnswer::Unproven,
            )
            | None => false,
        };
        let stands_by_claims = match &*last {
            Some(Freshness::Good { session: None, .. }) => true,
            Some(Freshness::AskFirst(Fallback::Stale(None))) => has_failed,
            Some(_) | None => false,
        };
        let is_issued = self
            .tokens()
            .any(|token| recorded().tokens.iter().any(|known| known == token));
        let is_remembered = self.memory.vouches() && session.user_id() == "remembered";
        match source {
            Source::Token => stands_by_claims && is_issued && self.inputs.keys.keys(true).set.is_some(),
            Source::TokenCache => {
                let is_stale = is_issued && has_failed;
                stands_by_claims && (is_remembered || is_stale) && self.inputs.keys.keys(true).set.is_some()
            }
            Source::Resolver => match self.said.last() {
                Some(TokenAnswer::Yes(said)) if !self.has_asked => session == said,
                Some(_) | None => self
                    .reading
                    .as_ref()
                    .is_some_and(|reading| *reading == Reading::Valid(session.clone())),
            },
            Source::ResolverCache => match session.user_id() {
                "said" => match &*last {
                    Some(Freshness::Good { session: said, .. }) => said.as_ref() == Some(session),
                    Some(Freshness::AskFirst(Fallback::Stale(said))) => {
                        has_failed && said.as_ref() == Some(session)
                    }
                    Some(_) | None => false,
                },
                "answered" => self.has_asked || self.memory.script[1] & 4 != 0,
                _ => false,
            },
        }
    }
}
