//! What an Authgear credential is worth.
//!
//! Everything here is pure: no nginx type, no clock, no I/O. Time, keys and answers are arguments; bytes from
//! outside are parsed once into types that prove what they hold.
//!
//! From top to bottom; each imports only from those below it, which `tests/rooms.rs` holds:
//!
//! - [`exposition`]: metrics as text, for who collects them; [`counted`]: what is counted
//! - [`require`]: the verdict and `authgear_require` into yes or a refusal; [`challenge`]: what it says in
//!   `WWW-Authenticate`
//! - [`flow`]: the evaluation of a request's credentials, as a state machine
//! - [`record`]: what is remembered, as bytes
//! - [`freshness`]: how fresh a token is, and what the resolver's answer about it means
//! - [`resolver`]: questions to the resolver, and the strict reading of its answers
//! - [`made_up`]: the `session` cookie that is nobody's, and when it goes with a question
//! - [`claim_text`]: a claim of a token that verified, as the text of a variable
//! - [`verify`], [`claims`]: a token, a key set and a policy into a judgement
//! - [`policy`]: what is accepted where a request arrived
//! - [`basis`], [`grant`]: what a verdict rests on, and what a token was issued for
//! - [`credential`]: headers and cookies into the ordered credentials
//! - [`jws`]: a token, taken apart
//! - [`jwks`]: documents into key sets
//! - [`verdict`]: what comes out, and every reason why
//! - [`session`]: the `x-authgear-*` header lines of who is calling
//! - [`header_text`], [`ownership`]: what may stand in a header, and which header names belong to this
//!   project
//! - `json`, [`crypto`]: JSON objects, RSA signatures and SHA-256
//! - [`endpoint`]: where a project is
//! - [`table`]: entries in memory that processes share
#![forbid(unsafe_code)]

pub mod exposition;
pub mod counted;
pub mod require;
pub mod challenge;
pub mod preflight;
pub mod flow;
pub mod record;
pub mod freshness;
pub mod resolver;
pub mod made_up;
pub mod claim_text;
pub mod verify;
pub mod claims;
pub mod policy;
pub mod basis;
pub mod credential;
pub mod grant;
pub mod jws;
pub mod jwks;
pub mod verdict;
pub mod session;
pub mod header_text;
pub mod ownership;
mod json;
pub mod crypto;
pub mod endpoint;
pub mod table;
