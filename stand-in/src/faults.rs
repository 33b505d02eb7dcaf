//! Faults on demand, each as it would be on the wire.
//!
//! Enters: a test's order. Leaves: what the next answer of a target is to suffer, and which ports are open.
//! Always holds: faults of a target are used in order, each until its `times` are over; without any, asking
//! costs one load.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::fail::Fail;
use crate::wire::Answer;

/// Whose answers suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Jwks = 0,
    Resolver = 1,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aim {
    #[default]
    All,
    Resolver,
    Jwks,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Delay,
    Status,
    Close,
    Reset,
    CloseMidAnswer,
    Drip,
    Hang,
    Refuse,
    Garbage,
    Body,
    Headers,
    Answer,
    Raw,
    HalfFailingDatabase,
}

/// What a database that fails half-way makes of a question about nobody's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dead {
    /// What is true: `false` to a `session` cookie, else nothing.
    True,
    Error,
    Silence,
}

/// A fault's order; README has the meaning of each member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    #[serde(default)]
    target: Aim,
    kind: Kind,
    times: Option<u64>,
    #[serde(default)]
    delay: u64,
    ms: Option<u64>,
    status: Option<u16>,
    after: Option<usize>,
    body: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
    headers: Option<Value>,
    percent: Option<u8>,
    dead: Option<Dead>,
}

/// What happens to an answer.
#[derive(Debug)]
pub enum Harm {
    Late,
    Replaced(Answer),
    Closed,
    Reset,
    Cut(Option<usize>),
    Drip(Duration),
    Hang,
    Refuse,
    Raw(Vec<u8>),
    Body(Vec<u8>),
    Headers(Vec<(String, Option<String>)>),
    HalfFailingDatabase {
        percent: u8,
        /// `None`: any of them, by chance.
        dead: Option<Dead>,
    },
}

/// One fault, after its delay.
#[derive(Debug)]
pub struct Fault {
    pub delay: Duration,
    pub harm: Harm,
}

impl Order {
    fn ms(&self) -> Result<Duration, Fail> {
        self.ms
            .map(Duration::from_millis)
            .ok_or_else(|| Fail::wish("ms is missing"))
    }

    fn bytes(&self) -> Result<Vec<u8>, Fail> {
        let once = match (&self.body, &self.base64) {
            (Some(body), None) => body.clone().into_bytes(),
            (None, Some(base64)) => BASE64.decode(base64).map_err(Fail::wish)?,
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => return Err(Fail::wish("body or base64, not both")),
        };
        let repeat = self.repeat.unwrap_or(1);
        if once.len().saturating_mul(repeat) > 64 << 20 {
            return Err(Fail::wish("a body of more than 64 MiB"));
        }
        Ok(once.repeat(repeat))
    }

    fn pairs(&self) -> Result<Vec<(String, Vec<u8>)>, Fail> {
        let Some(headers) = &self.headers else {
            return Ok(Vec::new());
        };
        let pairs: Vec<(String, String)> = serde_json::from_value(headers.clone())?;
        Ok(pairs
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect())
    }

    fn replacements(&self) -> Result<Vec<(String, Option<String>)>, Fail> {
        let headers = self
            .headers
            .clone()
            .ok_or_else(|| Fail::wish("headers is missing"))?;
        let headers: Map<String, Value> = serde_json::from_value(headers)?;
        headers
            .into_iter()
            .map(|(name, value)| Ok((name, serde_json::from_value(value)?)))
            .collect()
    }

    fn fault(&self) -> Result<Fault, Fail> {
        let mut delay = Duration::from_millis(self.delay);
        let harm = match self.kind {
            Kind::Delay => {
                delay = self.ms()?;
                Harm::Late
            }
            Kind::Status => Harm::Replaced(Answer::status(
                self.status.ok_or_else(|| Fail::wish("status is missing"))?,
            )),
            Kind::Close => Harm::Closed,
            Kind::Reset => Harm::Reset,
            Kind::CloseMidAnswer => Harm::Cut(self.after),
            Kind::Drip => Harm::Drip(self.ms()?),
            Kind::Hang => Harm::Hang,
            Kind::Refuse => Harm::Refuse,
            Kind::Garbage => Harm::Raw(b"\x16\x03\x01\x00\xff no HTTP at all\r\n\r\n".to_vec()),
            Kind::Body => Harm::Body(self.bytes()?),
            Kind::Headers => Harm::Headers(self.replacements()?),
            Kind::Answer => {
                let status = self.status.unwrap_or(200);
                Harm::Replaced(Answer {
                    status,
                    headers: self.pairs()?,
                    body: self.bytes()?,
                })
            }
            Kind::Raw => Harm::Raw(self.bytes()?),
            Kind::HalfFailingDatabase => Harm::HalfFailingDatabase {
                percent: self.percent.unwrap_or(100),
                dead: self.dead,
            },
        };
        Ok(Fault { delay, harm })
    }
}

#[derive(Default)]
struct Queue(VecDeque<(Arc<Fault>, Option<u64>)>);

impl Queue {
    fn refuses(&self) -> bool {
        self.0
            .front()
            .is_some_and(|(fault, _)| matches!(fault.harm, Harm::Refuse))
    }
}

/// A port's door: whether it should be open, and whether it is.
pub struct Door {
    wanted: watch::Sender<bool>,
    actual: watch::Sender<bool>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            wanted: watch::Sender::new(true),
            actual: watch::Sender::new(true),
        }
    }
}

impl Door {
    /// For whoever has to follow it.
    pub fn wanted(&self) -> watch::Receiver<bool> {
        self.wanted.subscribe()
    }

    /// The port says that it followed.
    pub fn is(&self, open: bool) {
        self.actual.send_replace(open);
    }

    async fn settled(&self) {
        let wanted = *self.wanted.borrow();
        // The sender lives as long as `self`, so waiting can't fail.
        drop(self.actual.subscribe().wait_for(|actual| *actual == wanted).await);
    }
}

#[derive(Default)]
struct Queues {
    jwks: Queue,
    resolver: Queue,
    round: u64,
}

/// All faults in force.
#[derive(Default)]
pub struct Faults {
    any: AtomicBool,
    queues: Mutex<Queues>,
    round: watch::Sender<u64>,
    /// The authgear port's door: closed by a refusal of the keys.
    pub authgear: Door,
    /// The resolver port's door.
    pub resolver: Door,
}

impl Faults {
    fn with<T>(&self, change: impl FnOnce(&mut Queues) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut queues);
        self.any.store(
            !queues.jwks.0.is_empty() || !queues.resolver.0.is_empty(),
            Ordering::Release,
        );
        self.round
            .send_if_modified(|round| std::mem::replace(round, queues.round) != queues.round);
        for (door, queue) in [(&self.authgear, &queues.jwks), (&self.resolver, &queues.resolver)] {
            let open = !queue.refuses();
            door.wanted
                .send_if_modified(|wanted| std::mem::replace(wanted, open) != open);
        }
        result
    }

    /// Puts a fault in force: alone, or after the others. Returns when the ports have followed.
    pub async fn put(&self, order: &Order, alone: bool) -> Result<(), Fail> {
        if order.times == Some(0) {
            return Err(Fail::wish("times: at least 1"));
        }
        let fault = Arc::new(order.fault()?);
        // A closed port sees no requests to count.
        let times = order.times.filter(|_| !matches!(fault.harm, Harm::Refuse));
        self.with(|queues| {
            if alone {
                queues.round = queues.round.wrapping_add(1);
            }
            let (jwks, resolver) = (&mut queues.jwks, &mut queues.resolver);
            let queues = match order.target {
                Aim::All => vec![jwks, resolver],
                Aim::Resolver => vec![resolver],
                Aim::Jwks => vec![jwks],
            };
            for queue in queues {
                if alone {
                    queue.0.clear();
                }
                queue.0.push_back((Arc::clone(&fault), times));
            }
        });
        self.settled().await;
        Ok(())
    }

    /// Ends all faults. Returns when the ports have followed.
    pub async fn clear(&self) {
        self.with(|queues| {
            *queues = Queues {
                round: queues.round.wrapping_add(1),
                ..Queues::default()
            };
        });
        self.settled().await;
    }

    async fn settled(&self) {
        self.authgear.settled().await;
        self.resolver.settled().await;
    }

    /// What this answer is to suffer, and the round in which that was said.
    pub fn take(&self, target: Target) -> Option<(Arc<Fault>, u64)> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.with(|queues| {
            let round = queues.round;
            let queue = match target {
                Target::Jwks => &mut queues.jwks,
                Target::Resolver => &mut queues.resolver,
            };
            let (fault, times) = queue.0.front_mut()?;
            let taken = Arc::clone(fault);
            *times = times.map(|left| left.saturating_sub(1));
            if *times == Some(0) {
                queue.0.pop_front();
            }
            Some((taken, round))
        })
    }

    /// Returns when the faults of that round are no longer in force.
    pub async fn over(&self, round: u64) {
        drop(self.round.subscribe().wait_for(|now| *now != round).await);
    }
}
