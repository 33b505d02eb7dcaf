//! What the control port says when it can't do what it was asked: a status and a sentence; never a panic.

/// A refused wish: the status to answer and why.
#[derive(Debug)]
pub struct Fail {
    /// The HTTP status.
    pub status: u16,
    /// For the person who wrote the test.
    pub error: String,
}

impl Fail {
    /// The request itself is wrong.
    pub fn wish(error: impl ToString) -> Self {
        Self {
            status: 400,
            error: error.to_string(),
        }
    }

    /// It names something that is not there.
    pub fn unknown(error: impl ToString) -> Self {
        Self {
            status: 404,
            error: error.to_string(),
        }
    }

    /// It can't be done in the present state.
    pub fn conflict(error: impl ToString) -> Self {
        Self {
            status: 409,
            error: error.to_string(),
        }
    }
}

impl From<openssl::error::ErrorStack> for Fail {
    fn from(error: openssl::error::ErrorStack) -> Self {
        Self {
            status: 500,
            error: format!("openssl: {error}"),
        }
    }
}

impl From<serde_json::Error> for Fail {
    fn from(error: serde_json::Error) -> Self {
        Self::wish(error)
    }
}
