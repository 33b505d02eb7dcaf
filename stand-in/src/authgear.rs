//! The public port and the resolver's port.
//!
//! Enters: requests. Leaves: Authgear's answers, or what a fault makes of them. Always holds: every request
//! is counted and logged before it is answered, and a refused port is closed in earnest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::{Dead, Door, Fault, Harm, Target};
use crate::login::{self, Page};
use crate::random;
use crate::resolver::{self, Question};
use crate::seen::{Count, Entry};
use crate::wire::{Answer, Request, Wire};
use crate::world::{now_exact, World};

/// Which of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Authgear,
    Resolver,
}

impl Port {
    fn name(self) -> &'static str {
        match self {
            Self::Authgear => "authgear",
            Self::Resolver => "resolver",
        }
    }

    fn door(self, world: &World) -> &Door {
        match self {
            Self::Authgear => &world.faults.authgear,
            Self::Resolver => &world.faults.resolver,
        }
    }

    fn place(self, path: &[u8]) -> Place {
        match (self, path) {
            (Self::Authgear, b"/oauth2/jwks") => Place::Jwks,
            (Self::Authgear, b"/.well-known/openid-configuration") => Place::Discovery,
            (Self::Authgear, b"/oauth2/authorize") => Place::Login(Page::Authorize),
            (Self::Authgear, b"/oauth2/end_session") => Place::Login(Page::EndSession),
            (_, b"/_resolver/resolve") | (Self::Resolver, b"/resolve") => Place::Resolver,
            (Self::Authgear | Self::Resolver, _) => Place::Other,
        }
    }
}

#[derive(Clone, Copy)]
enum Place {
    Jwks,
    Discovery,
    Resolver,
    Login(Page),
    Other,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Jwks => "jwks",
            Self::Discovery => "discovery",
            Self::Resolver => "resolver",
            Self::Login(_) => "login",
            Self::Other => "other",
        }
    }

    fn target(self) -> Option<Target> {
        match self {
            Self::Jwks | Self::Discovery => Some(Target::Jwks),
            Self::Resolver => Some(Target::Resolver),
            Self::Login(_) | Self::Other => None,
        }
    }
}

/// Accepts until the end of the program, with the listener closed while its door is.
pub async fn listen(listener: TcpListener, address: SocketAddr, port: Port, world: Arc<World>) {
    let mut wanted = port.door(&world).wanted();
    let mut listener = Some(listener);
    loop {
        let open = *wanted.borrow_and_update();
        if !open {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        match &listener {
            Some(listener) => {
                port.door(&world).is(true);
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let world = Arc::clone(&world);
                            tokio::spawn(async move { drop(converse(stream, port, &world).await) });
                        }
                        // Out of descriptors: some will come back.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    },
                    _ = wanted.changed() => {}
                }
            }
            // Another program may hold the port for a moment.
            None if open => tokio::time::sleep(Duration::from_millis(20)).await,
            None => {
                port.door(&world).is(false);
                drop(wanted.changed().await);
            }
        }
    }
}

async fn converse(stream: TcpStream, port: Port, world: &World) -> io::Result<()> {
    stream.set_nodelay(true)?;
    world.seen.count(Count::Connections);
    let connection = world.seen.connection();
    let mut door = port.door(world).wanted();
    let mut wire = Wire::new(stream);
    loop {
        let request = tokio::select! {
            biased;
            _ = door.wait_for(|open| !open) => return Ok(()),
            request = wire.request() => request?,
        };
        let Some(request) = request else { return Ok(()) };
        let place = port.place(request.bare_path());
        match place {
            Place::Jwks => world.seen.count(Count::Jwks),
            Place::Resolver => world.seen.count(Count::Resolver),
            Place::Discovery | Place::Login(_) | Place::Other => {}
        }
        world.seen.write(|| Entry {
            target: place.name(),
            listener: port.name(),
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body_length: request.body_length.unwrap_or(0),
            connection,
        });
        let fault = place.target().and_then(|target| world.faults.take(target));
        let keep_alive = request.keep_alive;
        let Some((fault, round)) = fault else {
            let answer = answer(&request, place, world);
            wire.send(&answer.bytes(request.method == b"HEAD", keep_alive, 0))
                .await?;
            if keep_alive {
                continue;
            } else {
                return wire.finish().await;
            }
        };
        match suffer(wire, &request, place, world, &fault, round).await? {
            Some(same) if keep_alive => wire = same,
            Some(_) | None => return Ok(()),
        }
    }
}

/// Answers under a fault; gives the connection back where it can go on.
async fn suffer(
    mut wire: Wire,
    request: &Request,
    place: Place,
    world: &World,
    fault: &Fault,
    round: u64,
) -> io::Result<Option<Wire>> {
    tokio::time::sleep(fault.delay).await;
    let head = request.method == b"HEAD";
    let whole = |answer: Answer| answer.bytes(head, request.keep_alive, 0);
    let bytes = match &fault.harm {
        Harm::Late => whole(answer(request, place, world)),
        Harm::Replaced(answer) => whole(answer.clone()),
        Harm::Body(body) => whole(Answer {
            body: body.clone(),
            ..answer(request, place, world)
        }),
        Harm::Headers(headers) => {
            let mut answer = answer(request, place, world);
            for (name, value) in headers {
                answer.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                answer.headers.extend(
                    value
                        .iter()
                        .map(|value| (name.clone(), value.clone().into_bytes())),
                );
            }
            whole(answer)
        }
        Harm::HalfFailingDatabase { percent, dead } => {
            whole(half_failing(answer(request, place, world), *percent, *dead))
        }
        Harm::Drip(pause) => {
            for byte in whole(answer(request, place, world)) {
                wire.send(&[byte]).await?;
                tokio::time::sleep(*pause).await;
            }
            Vec::new()
        }
        Harm::Cut(after) => {
            let mut bytes = answer(request, place, world).bytes(head, true, 64);
            bytes.truncate(after.unwrap_or(usize::MAX));
            return last_words(wire, &bytes).await;
        }
        Harm::Raw(bytes) => return last_words(wire, bytes).await,
        Harm::Closed | Harm::Refuse => return Ok(None),
        Harm::Reset => {
            wire.reset()?;
            return Ok(None);
        }
        Harm::Hang => {
            tokio::select! {
                () = wire.gone() => {}
                () = world.faults.over(round) => {}
            }
            return Ok(None);
        }
    };
    wire.send(&bytes).await?;
    if !request.keep_alive {
        wire.finish().await?;
    }
    Ok(Some(wire))
}

/// What the server makes of an answer when its second connection to the database fails, as it does for so
/// many of a hundred: it drops the error, and with it all that it has found.
fn half_failing(true_answer: Answer, percent: u8, dead: Option<Dead>) -> Answer {
    if !random::chance(percent) {
        return true_answer;
    }
    let silence = || Answer::status(200);
    let is_good = true_answer
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("x-authgear-session-valid") && value == b"true");
    match dead.unwrap_or_else(|| random::any([Dead::True, Dead::Error, Dead::Silence], Dead::Silence)) {
        _ if is_good => silence(),
        Dead::True => true_answer,
        Dead::Error => Answer::status(500),
        Dead::Silence => silence(),
    }
}

async fn last_words(mut wire: Wire, bytes: &[u8]) -> io::Result<Option<Wire>> {
    wire.send(bytes).await?;
    wire.finish().await?;
    Ok(None)
}

fn answer(request: &Request, place: Place, world: &World) -> Answer {
    if matches!(place, Place::Other) {
        return Answer::body(404, "text/plain; charset=utf-8", "404 page not found\n");
    }
    if let Place::Login(page) = place {
        return login::answer(request, page, world);
    }
    if request.method != b"GET" && request.method != b"HEAD" {
        return Answer::body(405, "text/plain; charset=utf-8", "Method Not Allowed\n")
            .with("Allow", "GET, HEAD");
    }
    match place {
        Place::Jwks => keys(world),
        Place::Discovery => discovery(&world.policy.origin),
        Place::Resolver | Place::Login(_) | Place::Other => {
            let question = Question::of(&request.headers);
            let headers = {
                let sessions = world.sessions();
                resolver::answer(&question, &sessions, &world.issuer(), &world.policy, now_exact())
            };
            let headers = headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .collect();
            Answer {
                status: 200,
                headers,
                body: Vec::new(),
            }
        }
    }
}

fn keys(world: &World) -> Answer {
    if let Some(other) = &*world.jwks() {
        return Answer::status(other.status)
            .with("Content-Type", other.content_type.clone())
            .with_body(other.body.clone());
    }
    // The cookie is of no concern to anybody, and must not be handed on.
    Answer::body(200, "application/json", world.issuer().jwks().to_string()).with(
        "Set-Cookie",
        "authgear_stand_in=1; Path=/; HttpOnly; SameSite=Lax",
    )
}

fn discovery(origin: &str) -> Answer {
    let page = json!({
        "issuer": origin,
        "jwks_uri": format!("{origin}/oauth2/jwks"),
        "authorization_endpoint": format!("{origin}/oauth2/authorize"),
        "token_endpoint": format!("{origin}/oauth2/token"),
        "end_session_endpoint": format!("{origin}/oauth2/end_session"),
        "userinfo_endpoint": format!("{origin}/oauth2/userinfo"),
        "response_types_supported": ["code", "none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    Answer::body(200, "application/json", page.to_string())
}
