//! A client's address, kept for what is asked on its behalf: that may outlive its request.

use crate::request::Request;

/// Where a request came from.
pub struct Peer {
    /// A socket address, as the system has it.
    pub(super) address: Vec<u8>,
    /// The same, as nginx prints it.
    pub(super) text: Vec<u8>,
}

impl Peer {
    /// `None` for a request that another module has made, of no client's.
    pub fn of(request: Request<'_>) -> Option<Self> {
        let connection = request
            .connection()
            .filter(|connection| !connection.sockaddr.is_null())?;
        let len = usize::try_from(connection.socklen).ok()?;
        // SAFETY: a socket address of `socklen` bytes.
        let address = unsafe { std::slice::from_raw_parts(connection.sockaddr.cast::<u8>(), len) };
        Some(Self {
            address: address.to_vec(),
            text: request.address().to_vec(),
        })
    }
}
