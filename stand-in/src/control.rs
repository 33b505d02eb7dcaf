//! The control port: what a test orders, over HTTP and JSON. README describes each route.
//!
//! Always holds: an order is in force when it is answered.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{header, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::Router;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{json, Map, Value};
use tokio::task::block_in_place;

use crate::fail::Fail;
use crate::faults;
use crate::issuer::Key;
use crate::mint::{mint, Order, Purpose};
use crate::random;
use crate::seen::Count;
use crate::sessions::{Change, Grant, Kind, User};
use crate::world::{now, Override, World};

type Shared = State<Arc<World>>;
type Told = Result<Told200, Fail>;

/// A JSON answer.
struct Told200(Value);

impl IntoResponse for Told200 {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Told200(json!({"error": self.error}))).into_response()
    }
}

fn told(value: Value) -> Told {
    Ok(Told200(value))
}

/// The order in a body, whatever its content type; no body is an empty order.
fn order<T: DeserializeOwned>(body: &Bytes) -> Result<T, Fail> {
    let body = body.trim_ascii();
    Ok(serde_json::from_slice(if body.is_empty() {
        b"{}"
    } else {
        body
    })?)
}

/// The port's routes.
pub fn routes(world: Arc<World>) -> Router {
    Router::new()
        .route("/users", post(add_user))
        .route("/users/{id}", get(user).patch(change_user))
        .route("/users/{id}/revoke-all", post(revoke_all))
        .route("/tokens", post(access_token))
        .route("/id-tokens", post(id_token))
        .route("/machine-tokens", post(machine_token))
        .route("/sessions", post(session))
        .route("/register", post(register))
        .route("/revoke", post(revoke))
        .route("/jwks.json", get(jwks))
        .route("/jwks", put(replace_jwks).delete(restore_jwks))
        .route("/keys", get(keys).post(add_key))
        .route("/keys/rotate", post(rotate))
        .route("/keys/drop-old", post(drop_old))
        .route("/fault", put(set_fault).post(append_fault).delete(clear_faults))
        .route("/log", get(log).delete(clear_log))
        .route("/count", get(count))
        .route("/backend/log", get(backend_log).delete(clear_backend_log))
        .fallback(|| async { Fail::unknown("no such route") })
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(world)
}

async fn add_user(State(world): Shared, body: Bytes) -> Told {
    let change: Change = order(&body)?;
    let id = match &change.id {
        Some(id) => id.clone(),
        None => random::uuid()?,
    };
    told(json!(world.sessions_mut().add(id, change)?))
}

async fn user(State(world): Shared, Path(id): Path<String>) -> Told {
    told(json!(world.sessions().user(&id)?))
}

async fn change_user(State(world): Shared, Path(id): Path<String>, body: Bytes) -> Told {
    let change: Change = order(&body)?;
    if change.id.is_some() {
        return Err(Fail::wish("an id does not change"));
    }
    told(json!(world.sessions_mut().change(&id, change)?))
}

async fn revoke_all(State(world): Shared, Path(id): Path<String>) -> Told {
    let mut sessions = world.sessions_mut();
    sessions.user(&id)?;
    told(json!({"revoked": sessions.end_all(&id)}))
}

/// The user of that id, or a new one.
fn somebody(world: &World, id: Option<&str>) -> Result<User, Fail> {
    match id {
        Some(id) => world.sessions().user(id).cloned(),
        None => world.sessions_mut().add(random::uuid()?, Change::default()),
    }
}

/// Makes sure that there is a foreign key where the order wants one.
fn prepare(world: &World, order: &Order) -> Result<(), Fail> {
    let named = [order.key.as_deref(), order.kid.as_ref().and_then(Value::as_str)];
    if named.contains(&Some("foreign")) && world.issuer().key("foreign").is_err() {
        let key = Key::generate(2048, None, now())?;
        world.issuer_mut().keep_foreign(key)?;
    }
    Ok(())
}

/// Mints one token, and registers an access token unless told otherwise.
fn issue(world: &World, order: &Order, purpose: Purpose, user: &User) -> Result<String, Fail> {
    let now = now();
    let registered = purpose == Purpose::Access && order.register != Some(false);
    if order.jwt == Some(false) {
        let value = random::opaque()?;
        let mut grant = Grant::new(user.id.clone(), order.authenticated_at(now));
        #[allow(clippy::cast_precision_loss, reason = "seconds of an era")]
        {
            grant.expires = order.expiry(now) as f64;
        }
        if registered {
            world.sessions_mut().give(Kind::Token, value.clone(), grant)?;
        }
        return Ok(value);
    }
    let (token, voucher, payload) = {
        let issuer = world.issuer();
        let (token, payload) = mint(order, purpose, &issuer, user, &world.policy.origin, now)?;
        let voucher = if registered { issuer.voucher(&token) } else { None };
        (token, voucher, payload)
    };
    if registered {
        let grant = Grant::of_jwt(user.id.clone(), &payload, &world.policy.origin, voucher);
        world.sessions_mut().give(Kind::Token, token.clone(), grant)?;
    }
    Ok(token)
}

fn issued(world: &World, body: &Bytes, purpose: Purpose) -> Told {
    let order: Order = order(body)?;
    block_in_place(|| {
        prepare(world, &order)?;
        if purpose == Purpose::Machine {
            let nobody = User::new(String::new());
            return told(json!({"token": issue(world, &order, purpose, &nobody)?}));
        }
        let user = somebody(world, order.user.as_deref())?;
        let Some(count) = order.count else {
            return told(json!({"token": issue(world, &order, purpose, &user)?, "user": user}));
        };
        let tokens = (0..count.min(100_000)).map(|_| issue(world, &order, purpose, &user));
        told(json!({"tokens": tokens.collect::<Result<Vec<_>, _>>()?, "user": user}))
    })
}

async fn access_token(State(world): Shared, body: Bytes) -> Told {
    issued(&world, &body, Purpose::Access)
}

async fn id_token(State(world): Shared, body: Bytes) -> Told {
    issued(&world, &body, Purpose::Id)
}

async fn machine_token(State(world): Shared, body: Bytes) -> Told {
    issued(&world, &body, Purpose::Machine)
}

async fn session(State(world): Shared, body: Bytes) -> Told {
    let mut members: Map<String, Value> = order(&body)?;
    let kind = members.remove("kind").unwrap_or_else(|| json!("session"));
    let order: Order = serde_json::from_value(Value::Object(members))?;
    let user = somebody(&world, order.user.as_deref())?;
    let name = kind.as_str().unwrap_or_default();
    let value = match name {
        "session" | "app_session" => {
            let (kind, value) = if name == "session" {
                (Kind::Session, random::session()?)
            } else {
                (Kind::AppSession, random::opaque()?)
            };
            let grant = Grant::new(user.id.clone(), order.authenticated_at(now()));
            world.sessions_mut().give(kind, value.clone(), grant)?;
            value
        }
        "app_access_token" => block_in_place(|| {
            prepare(&world, &order)?;
            issue(&world, &order, Purpose::Access, &user)
        })?,
        _ => return Err(Fail::wish("kind: session, app_session or app_access_token")),
    };
    let cookie = format!("{}{name}={value}", world.policy.cookie_prefix);
    told(json!({"value": value, "cookie": cookie, "user": user}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    value: String,
    kind: String,
    user: String,
    auth_time: Option<i64>,
}

async fn register(State(world): Shared, body: Bytes) -> Told {
    let wish: Registration = order(&body)?;
    let kind = match wish.kind.as_str() {
        "token" => Kind::Token,
        "app_session" => Kind::AppSession,
        "session" => Kind::Session,
        _ => return Err(Fail::wish("kind: token, session or app_session")),
    };
    let grant = Grant::new(wish.user, wish.auth_time);
    world.sessions_mut().give(kind, wish.value, grant)?;
    told(json!({"registered": true}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    value: String,
}

async fn revoke(State(world): Shared, body: Bytes) -> Told {
    let wish: Revocation = order(&body)?;
    world.sessions_mut().end(&wish.value)?;
    told(json!({"revoked": true}))
}

async fn jwks(State(world): Shared) -> Told {
    told(world.issuer().jwks())
}

async fn keys(State(world): Shared) -> Told {
    told(Value::Array(world.issuer().list()?))
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NewKey {
    bits: u32,
    kid: Option<String>,
    publish: bool,
    first: bool,
    jwk: Map<String, Value>,
}

impl Default for NewKey {
    fn default() -> Self {
        Self {
            bits: 2048,
            kid: None,
            publish: true,
            first: false,
            jwk: Map::new(),
        }
    }
}

fn new_key(world: &World, wish: NewKey) -> Told {
    let mut key = block_in_place(|| Key::generate(wish.bits, wish.kid, now()))?;
    key.publish_as(wish.jwk);
    let mut issuer = world.issuer_mut();
    let kid = if wish.publish {
        issuer.publish(key, wish.first)?
    } else {
        issuer.keep_foreign(key)?
    };
    told(json!({"kid": kid}))
}

async fn add_key(State(world): Shared, body: Bytes) -> Told {
    new_key(&world, order(&body)?)
}

async fn rotate(State(world): Shared) -> Told {
    new_key(
        &world,
        NewKey {
            first: true,
            ..NewKey::default()
        },
    )
}

async fn drop_old(State(world): Shared) -> Told {
    told(json!({"dropped": world.issuer_mut().drop_old()}))
}

async fn replace_jwks(
    State(world): Shared,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Told {
    let status = match query.as_deref() {
        None => 200,
        Some(query) => {
            let status = query
                .strip_prefix("status=")
                .and_then(|status| status.parse().ok());
            status.ok_or_else(|| Fail::wish("the query is status=NNN"))?
        }
    };
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b"application/json"[..], |v| v.as_bytes())
        .to_vec();
    world.set_jwks(Some(Override {
        status,
        content_type,
        body: body.to_vec(),
    }));
    told(json!({"replaced": true}))
}

async fn restore_jwks(State(world): Shared) -> Told {
    world.set_jwks(None);
    told(json!({"restored": true}))
}

async fn set_fault(State(world): Shared, body: Bytes) -> Told {
    let wish: faults::Order = order(&body)?;
    world.faults.put(&wish, true).await?;
    told(json!({"fault": "set"}))
}

async fn append_fault(State(world): Shared, body: Bytes) -> Told {
    let wish: faults::Order = order(&body)?;
    world.faults.put(&wish, false).await?;
    told(json!({"fault": "appended"}))
}

async fn clear_faults(State(world): Shared) -> Told {
    world.faults.clear().await;
    told(json!({"fault": "none"}))
}

async fn log(State(world): Shared) -> Told {
    told(Value::Array(world.seen.list()))
}

async fn clear_log(State(world): Shared) -> Told {
    world.seen.clear();
    told(json!({"cleared": true}))
}

async fn count(State(world): Shared) -> Told {
    told(json!({
        "resolver": world.seen.counted(Count::Resolver),
        "jwks": world.seen.counted(Count::Jwks),
        "connections": world.seen.counted(Count::Connections),
        "backend": world.backend_seen.counted(Count::Requests),
    }))
}

async fn backend_log(State(world): Shared) -> Told {
    let seen = world.backend_seen.list();
    let brief = seen
        .iter()
        .map(|entry| json!({"method": entry["method"], "path": entry["path"], "headers": entry["headers"]}));
    told(brief.collect())
}

async fn clear_backend_log(State(world): Shared) -> Told {
    world.backend_seen.clear();
    told(json!({"cleared": true}))
}
