//! `$authgear_...`: their names, and what they say of a request.

use nginx::request::Request;

use crate::conf;

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    Endpoint,
    EndpointHost,
    EndpointScheme,
}

/// All of them.
pub const ALL: [Variable; 3] = [
    Variable::Endpoint,
    Variable::EndpointHost,
    Variable::EndpointScheme,
];

impl Variable {
    /// Its name, without the `$`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "authgear_endpoint",
            Self::EndpointHost => "authgear_endpoint_host",
            Self::EndpointScheme => "authgear_endpoint_scheme",
        }
    }

    /// Its value; `None` where there is none.
    pub fn of(self, request: Request<'_>) -> Option<&str> {
        let endpoint = &conf::site(request)?.endpoint;
        Some(match self {
            Self::Endpoint => endpoint.as_str(),
            Self::EndpointHost => endpoint.host(),
            Self::EndpointScheme => endpoint.scheme().as_str(),
        })
    }
}
