//! What holds where nothing is written, in the order of the table of directives, which says the same in
//! words. Issuers and audiences are then the endpoint, credentials all that there are, the rest nothing.

use authgear_core::freshness::Revalidate;

use super::{JwksTimes, LogLevel, Phase, Resolve, Revalidation, Switch, Unavailable};

pub const RESOLVE: Resolve = Resolve::Off;
pub const PHASE: Phase = Phase::Access;
pub const RESOLVE_REQUEST: &str = "/_auth";
pub const JWKS_REQUEST: &str = "/_auth/jwks";
pub const JWKS_TIMES: JwksTimes = JwksTimes {
    valid: 600_000,
    stale: 86_400_000,
    refetch: 10_000,
};
/// Seconds.
pub const LEEWAY: u64 = 0;
pub const RESOLVER_LIMIT: u32 = 64;
/// `max` of `authgear_revalidate` is so many times its interval unless it says otherwise.
pub const MAX_INTERVALS: u64 = 5;
pub const REVALIDATION: Revalidation = Switch::On(Revalidate {
    interval: 60_000,
    max: 60_000 * MAX_INTERVALS,
});
pub const ZONE_NAME: &str = "authgear";
pub const ZONE_SIZE: usize = 8 * 1024 * 1024;
pub const UNAVAILABLE: Unavailable = Unavailable::Status(503);
pub const LOG_LEVEL: LogLevel = LogLevel::Notice;
