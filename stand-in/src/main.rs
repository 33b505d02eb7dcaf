//! A stand-in for Authgear, for the demo, the tests and the bench. README.md beside `src` describes it from
//! outside.
//!
//! Rooms: `sessions` who there is, `issuer` keys, `mint` tokens to order (`tamper` spoils them), `resolver`
//! the search (`cookies` as Go reads them), `login` the pages of a browser, `faults`, `authgear` the two
//! ports, `control` the test's port, `backend` and `fastcgi` the application, `wire` HTTP/1 by hand, `seen`
//! the logs, `world` all of it together.

mod authgear;
mod backend;
mod control;
mod cookies;
mod fail;
mod fastcgi;
mod faults;
#[cfg(test)]
mod golden;
mod issuer;
mod login;
mod mint;
mod random;
mod resolver;
mod seen;
mod sessions;
mod tamper;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};

use crate::authgear::Port;
use crate::world::{Policy, World};

const ANY: &str = "127.0.0.1:0";

/// The command line.
struct Arguments {
    authgear: String,
    resolver: String,
    control: String,
    backend: String,
    fastcgi: Option<String>,
    origin: Option<String>,
    cookie_prefix: String,
    cookie_domain: Option<String>,
    redirect_uris: Vec<String>,
    trust_any_host: bool,
    log: bool,
    threads: usize,
    exit_on_stdin_eof: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            authgear: ANY.to_owned(),
            resolver: ANY.to_owned(),
            control: ANY.to_owned(),
            backend: ANY.to_owned(),
            fastcgi: None,
            origin: None,
            cookie_prefix: String::new(),
            cookie_domain: None,
            redirect_uris: Vec::new(),
            trust_any_host: false,
            log: true,
            threads: 2,
            exit_on_stdin_eof: false,
        }
    }
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        if words.next().as_deref() != Some("serve") {
            return Err("usage: authgear-stand-in serve [OPTION ...], see stand-in/README.md".to_owned());
        }
        let mut arguments = Self::default();
        while let Some(option) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{option}: a value is missing"))
            };
            match option.as_str() {
                "--authgear" => arguments.authgear = value()?,
                "--resolver" => arguments.resolver = value()?,
                "--control" => arguments.control = value()?,
                "--backend" => arguments.backend = value()?,
                "--fastcgi" => arguments.fastcgi = Some(value()?),
                "--origin" => arguments.origin = Some(value()?),
                "--cookie-prefix" => arguments.cookie_prefix = value()?,
                "--cookie-domain" => arguments.cookie_domain = Some(value()?),
                "--redirect-uri" => arguments.redirect_uris.push(value()?),
                "--trust-any-host" => arguments.trust_any_host = true,
                "--no-log" => arguments.log = false,
                "--threads" => arguments.threads = value()?.parse().map_err(|_| "--threads: a number")?,
                "--exit-on-stdin-eof" => arguments.exit_on_stdin_eof = true,
                _ => return Err(format!("{option}: no such option, see stand-in/README.md")),
            }
        }
        Ok(arguments)
    }
}

async fn bind(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address}: {error}"))
}

fn lost(error: io::Error) -> String {
    error.to_string()
}

async fn serve(arguments: Arguments) -> Result<(), String> {
    let authgear = bind(&arguments.authgear).await?;
    let resolver = bind(&arguments.resolver).await?;
    let control = bind(&arguments.control).await?;
    let backend = bind(&arguments.backend).await?;
    let url =
        |listener: &TcpListener| Ok::<_, String>(format!("http://{}", listener.local_addr().map_err(lost)?));
    let (authgear_at, resolver_at) = (
        authgear.local_addr().map_err(lost)?,
        resolver.local_addr().map_err(lost)?,
    );
    let origin = match arguments.origin {
        Some(origin) => origin,
        None => url(&authgear)?,
    };
    let mut line = BTreeMap::from([
        ("authgear", url(&authgear)?),
        ("resolver", url(&resolver)?),
        ("control", url(&control)?),
        ("backend", url(&backend)?),
        ("origin", origin.clone()),
    ]);
    let policy = Policy {
        origin,
        cookie_prefix: arguments.cookie_prefix,
        cookie_domain: arguments.cookie_domain,
        redirect_uris: arguments.redirect_uris,
        trust_any_host: arguments.trust_any_host,
    };
    let world = Arc::new(World::new(policy, arguments.log).map_err(|fail| fail.error)?);
    if let Some(address) = arguments.fastcgi {
        let fastcgi = bind(&address).await?;
        line.insert("fastcgi", fastcgi.local_addr().map_err(lost)?.to_string());
        tokio::spawn(fastcgi::listen(fastcgi, Arc::clone(&world)));
    }
    let mut interrupted = signal(SignalKind::interrupt()).map_err(lost)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(lost)?;
    tokio::spawn(authgear::listen(
        authgear,
        authgear_at,
        Port::Authgear,
        Arc::clone(&world),
    ));
    tokio::spawn(authgear::listen(
        resolver,
        resolver_at,
        Port::Resolver,
        Arc::clone(&world),
    ));
    tokio::spawn(backend::listen(backend, Arc::clone(&world)));
    let control = axum::serve(control, control::routes(world)).into_future();
    if arguments.exit_on_stdin_eof {
        std::thread::spawn(exit_with_stdin);
    }
    writeln!(io::stdout(), "{}", json!(line))
        .and_then(|()| io::stdout().flush())
        .map_err(lost)?;
    tokio::select! {
        served = control => served.map_err(lost),
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
    }
}

/// A test that was killed leaves nothing behind.
fn exit_with_stdin() {
    let mut bytes = [0; 64];
    while matches!(io::stdin().read(&mut bytes), Ok(1..)) {}
    std::process::exit(0);
}

fn main() -> ExitCode {
    let run = || {
        let arguments = Arguments::read(std::env::args().skip(1))?;
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        let runtime = threads
            .worker_threads(arguments.threads.max(1))
            .enable_all()
            .build();
        runtime
            .map_err(|error| error.to_string())?
            .block_on(serve(arguments))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "authgear-stand-in: {error}"));
            ExitCode::FAILURE
        }
    }
}
