//! `authgear_preflight`: which request a browser makes before the one that it was asked for (Fetch,
//! "CORS-preflight request").

/// What tells a preflight from every other request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method is `OPTIONS`.
    pub is_options: bool,
    /// It has `Origin`.
    pub has_origin: bool,
    /// It has `Access-Control-Request-Method`.
    pub has_request_method: bool,
    /// It has `Authorization`, whatever stands in it.
    pub has_authorization: bool,
    /// It has `Cookie`, whatever stands in it.
    pub has_cookie: bool,
    /// It has a body, or says that one follows.
    pub has_body: bool,
}

impl Request {
    /// Whether it is one: a browser adds no credential to it, and no body.
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        matches!(
            self,
            Self {
                is_options: true,
                has_origin: true,
                has_request_method: true,
                has_authorization: false,
                has_cookie: false,
                has_body: false,
            }
        )
    }
}
