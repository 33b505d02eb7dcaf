//! What variables say of a request. A part of it, as SSI makes one, says what the client's own does.
//!
//! What always holds: before a verdict there is nothing, and what is said rests on the verdict, not on the
//! request's headers. A claim is read only out of the very token that the verdict rests on: where the request
//! has it no more, there is no claim.

use authgear_core::basis::Basis;
use authgear_core::claim_text::ClaimReader;
use authgear_core::credential::{Allowed, Credentials, Kind, Value};
use authgear_core::jws::{Candidate, Form};
use authgear_core::session::Name;
use authgear_core::verdict::{Source, Verdict};
use nginx::context;
use nginx::request::Request;

use super::outcome::Outcome;
use super::state::{Saved, Stage, State};
use crate::conf;
use crate::memory;

/// The client's own request, and what is remembered of it.
#[derive(Clone, Copy)]
pub struct Inspection<'r> {
    client: Request<'r>,
    state: Option<&'r State>,
}

impl<'r> Inspection<'r> {
    pub fn of(request: Request<'r>) -> Option<Self> {
        let client = request.main()?;
        let state = context::find(client);
        Some(Self { client, state })
    }

    /// `true` or `false`; `None` without a credential, of a machine, or where no verdict could be had.
    pub fn session_valid(self) -> Option<&'static str> {
        self.settled(|verdict, saved| match (verdict, saved.flow.basis()) {
            (Verdict::Valid(..), _) => Some("true"),
            (Verdict::Invalid(_), Some(Basis::Machine(..))) | (Verdict::None | Verdict::Unknown(_), _) => {
                None
            }
            (Verdict::Invalid(_), Some(Basis::Token(..) | Basis::Resolver(_)) | None) => Some("false"),
        })
    }

    /// The value of a session's line, by its place.
    pub fn session_line(self, place: u8) -> Option<String> {
        self.settled(|verdict, _| {
            let Verdict::Valid(session, _) = verdict else {
                return None;
            };
            let mut lines = session.named_lines();
            let (_, value) = lines.find(|(name, _)| *name == Name::Known(place))?;
            String::from_utf8(value.to_vec()).ok()
        })
    }

    /// The credential that the verdict rests on.
    pub fn credential(self) -> Option<&'static str> {
        self.basis(|basis| basis.credential().map(Kind::name))
    }

    pub fn client_id(self) -> Option<String> {
        self.basis(|basis| basis.grant()?.client_id().map(str::to_owned))
    }

    pub fn scope(self) -> Option<String> {
        self.basis(|basis| basis.grant()?.scope().map(str::to_owned))
    }

    /// Who vouched for the caller, or that nobody could.
    pub fn source(self) -> Option<&'static str> {
        self.saved(|saved| match (&saved.stage, saved.flow.basis()) {
            (Stage::Settled(Verdict::Valid(_, source)), _) => Some(source_name(*source)),
            (Stage::Settled(Verdict::Invalid(_)), Some(Basis::Machine(..))) => {
                Some(source_name(Source::Token))
            }
            (Stage::Unknown(_), _) => Some("unavailable"),
            (Stage::Settled(_) | Stage::Begun | Stage::Asking { .. } | Stage::Fetching(_), _) => None,
        })
    }

    /// What became of it.
    pub fn result(self) -> Option<&'static str> {
        let outcome = match self.state {
            Some(state) => state.outcomes.last(),
            None => self.passed_as_nobody().then_some(Outcome::Passed),
        };
        outcome.map(Outcome::as_str)
    }

    /// Nothing is remembered of who has no credential but that.
    fn passed_as_nobody(self) -> bool {
        let resolves = || conf::location(self.client).is_some_and(|location| location.policy.is_some());
        context::has_passed(self.client) && resolves()
    }

    /// Why it was refused, its credential is worth nothing, or no verdict could be had.
    pub fn reason(self) -> Option<&'static str> {
        match self.state?.outcomes.last() {
            Some(Outcome::Refused { reason, .. }) => Some(reason),
            Some(Outcome::Passed) | None => self.saved(|saved| match (&saved.stage, saved.flow.basis()) {
                (Stage::Settled(Verdict::Invalid(_)), Some(Basis::Machine(..))) => None,
                (Stage::Settled(Verdict::Invalid(reason)), _) => Some(reason.as_str()),
                (Stage::Unknown(why), _) => Some(why.as_str()),
                (Stage::Settled(_) | Stage::Begun | Stage::Asking { .. } | Stage::Fetching(_), _) => None,
            }),
        }
    }

    /// Seconds that it has waited for the resolver or for keys, if it has.
    pub fn time(self) -> Option<String> {
        let waited = self.state?.waited.milliseconds()?;
        Some(format!("{}.{:03}", waited / 1000, waited % 1000))
    }

    /// The `kid` of the token that the verdict rests on.
    pub fn kid(self) -> Option<String> {
        self.claims(|claims| claims.kid().map(str::to_owned))
    }

    /// A claim of that token, by the names that lead to it.
    pub fn claim<'p>(self, path: impl IntoIterator<Item = &'p str>) -> Option<String> {
        self.claims(|claims| claims.text(path))
    }

    fn claims<R>(self, with: impl FnOnce(&ClaimReader) -> Option<R>) -> Option<R> {
        self.settled(|_, saved| {
            let (Basis::Token(..) | Basis::Machine(..)) = saved.flow.basis()? else {
                return None;
            };
            let claims = match saved.claims.get() {
                Some(claims) => claims,
                // The variable of a token is made of a claim: it had none when the verdict was made, either.
                None if saved.is_being_read.replace(true) => return None,
                None => {
                    let token = self.read_token(saved).map(Box::new);
                    saved.is_being_read.set(false);
                    saved.claims.get_or_init(|| token)
                }
            };
            with(claims.as_deref()?)
        })
    }

    /// The token that the verdict rests on, as the request has it still.
    fn read_token(self, saved: &Saved) -> Option<ClaimReader> {
        let (site, wanted) = (conf::site(self.client)?, saved.token?);
        let authorization = self.client.header("authorization").next();
        let cookies = self.client.header("cookie");
        let mut credentials = Credentials::read(authorization, cookies, &site.cookie_prefix, Allowed::ALL);
        if let Some(variable) = saved.terms.token {
            credentials = credentials.after(variable.value(self.client), Allowed::ALL);
        }
        let mut all = (0..).map_while(|at| credentials.get(at));
        let is_it = |candidate: &Candidate<'_>| memory::token_key(site, candidate.bytes()) == Some(wanted);
        let token = all.find_map(|credential| match &credential.value {
            Value::Candidate(candidate) => is_it(candidate).then(|| candidate.form()),
            Value::Remote(_) | Value::Malformed => None,
        })?;
        match token {
            Form::Token(token) => ClaimReader::of(token),
            Form::Other(_) | Form::Malformed => None,
        }
    }

    fn basis<R>(self, with: impl FnOnce(&Basis) -> Option<R>) -> Option<R> {
        self.settled(|_, saved| with(saved.flow.basis()?))
    }

    fn settled<R>(self, with: impl FnOnce(&Verdict, &Saved) -> Option<R>) -> Option<R> {
        self.saved(|saved| match &saved.stage {
            Stage::Settled(verdict) => with(verdict, saved),
            Stage::Begun | Stage::Asking { .. } | Stage::Fetching(_) | Stage::Unknown(_) => None,
        })
    }

    /// A variable that is looked at while the verdict is made finds nothing.
    fn saved<R>(self, with: impl FnOnce(&Saved) -> Option<R>) -> Option<R> {
        with(&*self.state?.saved.try_borrow().ok()?)
    }
}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Token => "token",
        Source::TokenCache => "token_cache",
        Source::Resolver => "resolver",
        Source::ResolverCache => "resolver_cache",
    }
}
