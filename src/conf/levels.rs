//! What is kept at each level of nginx's configuration, and what of it holds for a request.

use nginx::conf;
use nginx::headers::HeaderVariables;
use nginx::request::Request;

use super::settings::{LocationSettings, MainSettings, ServerSettings};
use super::{Location, Main, Server, Site};

/// The three kinds of level.
pub enum Levels {}

/// A server as nginx has read it.
pub type MergedServer<'c> = conf::MergedServer<'c, Levels>;

/// The `http` block's own.
#[derive(Default)]
pub struct MainLevel {
    pub settings: MainSettings,
    pub complete: Main,
    /// nginx's variables that are headers of ours: found later, once.
    pub header_variables: HeaderVariables,
}

/// A server's.
#[derive(Default)]
pub struct ServerLevel {
    pub settings: ServerSettings,
    pub complete: Server,
}

/// A location's.
#[derive(Default)]
pub struct LocationLevel {
    pub settings: LocationSettings,
    /// `None` where nobody has completed it: a location that another module has made by hand, with something
    /// that would have to be checked first.
    pub complete: Option<Location>,
}

/// The project of the server that handles the request; `None` without an endpoint.
pub fn site(request: Request<'_>) -> Option<&Site> {
    server(request)?.site.as_ref()
}

/// Whether a client's `x-authgear-*` headers stay where no verdict is made.
pub fn trust_request_headers(request: Request<'_>) -> bool {
    server(request).is_some_and(|server| server.trust_request_headers)
}

/// What holds for the request's location, as nginx has chosen it by now. `None` where that can't be said:
/// then nobody may pass.
pub fn location(request: Request<'_>) -> Option<&Location> {
    conf::location::<Levels>(request)?.complete.as_ref()
}

/// Which of nginx's variables are headers of ours.
pub fn header_variables(request: Request<'_>) -> Option<&HeaderVariables> {
    Some(&conf::main::<Levels>(request)?.header_variables)
}

/// The names that lead to the claim of a variable of `authgear_claim_set`, by its place.
pub fn claim_path(request: Request<'_>, index: usize) -> Option<&[String]> {
    let claims = &conf::main::<Levels>(request)?.settings.claims;
    Some(&claims.get(index)?.value.path)
}

/// The bytes of the shared memory that is configured.
pub fn zone_size(request: Request<'_>) -> usize {
    conf::main::<Levels>(request).map_or(0, |main| main.complete.zone.size)
}

fn server(request: Request<'_>) -> Option<&Server> {
    Some(&conf::server::<Levels>(request)?.complete)
}

/// Does something with the sites of all servers of the running configuration.
pub fn with_sites<R>(with: impl for<'l> FnOnce(Sites<'l>) -> R) -> R {
    conf::with_servers::<Levels, R>(|servers| with(Sites(servers)))
}

/// Does something with the first of them that is wanted; with none where a reload has ended what once had
/// one.
pub fn with_site<R>(is_wanted: impl Fn(&Site) -> bool, with: impl FnOnce(Option<&Site>) -> R) -> R {
    with_sites(|mut sites| with(sites.find(|site| is_wanted(site))))
}

/// See [`with_sites`].
pub struct Sites<'l>(conf::Servers<'l, Levels>);

impl<'l> Iterator for Sites<'l> {
    type Item = &'l Site;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|level| level.complete.site.as_ref())
    }
}
