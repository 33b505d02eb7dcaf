//! The value of the one `WWW-Authenticate` field of a refusal (RFC 6750, section 3; RFC 9470, section 3; RFC
//! 9728, section 5.1).
//!
//! Every parameter is a quoted string, and what it is made of needs no escape there: the types below can't
//! hold anything else.

use std::fmt;

use http::uri::Uri;

use crate::grant::Scope;
use crate::verdict::Reason;

/// What a client has to come with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A credential: it had none.
    Plain,
    /// Another token: this one is worth nothing.
    InvalidToken(Reason),
    /// A token with all of this scope.
    InsufficientScope(Scope),
    /// A token of a stronger authentication, or one that was at most so many seconds ago.
    InsufficientUserAuthentication {
        /// Seconds.
        max_age: Option<u64>,
    },
}

/// The URL of the protected resource's metadata (RFC 9728), as it may stand in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetadata(String);

/// Why a URL is none of a resource's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceMetadataError {
    /// It holds a `$`: it is fixed when the configuration is read.
    Variable,
    /// A byte that can't stand in a challenge: it is to be percent-encoded.
    Character,
    /// It is not an absolute URL.
    NotAUrl,
    /// Its scheme is neither `https` nor `http`.
    Scheme,
    /// It has a user name or password.
    UserInfo,
    /// It has a fragment.
    Fragment,
}

impl Challenge {
    /// The field's value: printable ASCII, one challenge.
    #[must_use]
    pub fn value(&self, metadata: Option<&ResourceMetadata>) -> String {
        let mut value = String::from("Bearer");
        let mut add = Parameters::of(&mut value);
        match self {
            Self::Plain => {}
            Self::InvalidToken(reason) => {
                add.parameter("error", "invalid_token");
                add.parameter("error_description", reason.as_str());
            }
            Self::InsufficientScope(scope) => {
                add.parameter("error", "insufficient_scope");
                add.parameter("scope", scope.as_str());
            }
            Self::InsufficientUserAuthentication { max_age } => {
                add.parameter("error", "insufficient_user_authentication");
                if let Some(seconds) = max_age {
                    add.parameter("max_age", &seconds.to_string());
                }
            }
        }
        if let Some(ResourceMetadata(url)) = metadata {
            add.parameter("resource_metadata", url);
        }
        value
    }
}

/// The parameters of a challenge, as they are written.
struct Parameters<'v> {
    value: &'v mut String,
    separator: &'static str,
}

impl<'v> Parameters<'v> {
    fn of(value: &'v mut String) -> Self {
        Self {
            value,
            separator: " ",
        }
    }

    fn parameter(&mut self, name: &str, text: &str) {
        for part in [self.separator, name, "=\"", text, "\""] {
            self.value.push_str(part);
        }
        self.separator = ", ";
    }
}

impl ResourceMetadata {
    /// Parses a URL; it stays as it is written.
    ///
    /// # Errors
    /// When it is not an absolute `https` or `http` URL, or can't stand in a challenge.
    pub fn parse(url: &str) -> Result<Self, ResourceMetadataError> {
        if url.contains('$') {
            return Err(ResourceMetadataError::Variable);
        }
        if url.contains('#') {
            return Err(ResourceMetadataError::Fragment);
        }
        if !url
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        {
            return Err(ResourceMetadataError::Character);
        }
        let uri: Uri = url.parse().map_err(|_| ResourceMetadataError::NotAUrl)?;
        let authority = uri.authority().ok_or(ResourceMetadataError::NotAUrl)?;
        match uri.scheme_str() {
            Some("https" | "http") => {}
            Some(_) => return Err(ResourceMetadataError::Scheme),
            None => return Err(ResourceMetadataError::NotAUrl),
        }
        if authority.as_str().contains('@') {
            return Err(ResourceMetadataError::UserInfo);
        }
        if authority.host().is_empty() {
            return Err(ResourceMetadataError::NotAUrl);
        }
        Ok(Self(url.to_owned()))
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceMetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable => "variables are not allowed in it",
            Self::Character => "it has a character that must be percent-encoded",
            Self::NotAUrl => {
                "it is not an absolute URL such as https://api.example.com/.well-known/oauth-protected-resource"
            }
            Self::Scheme => "its scheme must be https or http",
            Self::UserInfo => "a user name or password is not allowed in it",
            Self::Fragment => "a fragment is not allowed in it",
        })
    }
}

impl std::error::Error for ResourceMetadataError {}
