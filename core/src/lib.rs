//! What an Authgear credential is worth.
//!
//! Everything here is pure: no nginx type, no clock, no I/O. Time, keys and answers are arguments; bytes from outside are parsed once
//! into types that prove what they hold.
//!
//! - [`credential`]: headers and cookies into the ordered credentials
//! - [`jws`], [`claims`], [`verify`]: a token and a key set into a judgement
//! - [`jwks`]: documents into key sets
//! - [`resolver`]: questions to the resolver, and the strict reading of its answers
//! - [`made_up`]: the `session` cookie that is nobody's, and when it goes with a question
//! - [`session`]: the `x-authgear-*` header lines of who is calling
//! - [`freshness`]: how fresh a token is, and what the resolver's word about it means
//! - [`table`], [`record`]: what is remembered, in memory that processes share
//! - [`flow`]: the walk over the credentials, as a state machine
//! - [`verdict`]: what comes out, and every reason why
//! - [`ownership`]: which header names belong to this project
//! - [`endpoint`]: where a project is
#![forbid(unsafe_code)]

pub mod claims;
pub mod credential;
pub mod crypto;
pub mod endpoint;
pub mod flow;
pub mod freshness;
pub mod jwks;
pub mod jws;
pub mod made_up;
pub mod ownership;
pub mod record;
pub mod resolver;
pub mod session;
pub mod table;
pub mod verdict;
pub mod verify;
