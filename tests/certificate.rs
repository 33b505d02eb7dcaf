//! A certificate that nobody but the client of the same test trusts.
//!
//! Leaves: the files that nginx reads, and the certificate's own for the client. What always holds: the files
//! go with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A certificate and its key, in a directory of its own.
pub struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    /// For that host.
    pub fn of(host: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "authgear-certificate-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("creating a directory");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args([
                "-subj",
                &format!("/CN={host}"),
                "-addext",
                &format!("subjectAltName=DNS:{host}"),
            ])
            .args(["-addext", "basicConstraints=critical,CA:false"])
            .args(["-keyout", "key", "-out", "crt"])
            .current_dir(&directory)
            .output()
            .expect("starting openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { directory }
    }

    /// The certificate, in PEM.
    pub fn file(&self) -> PathBuf {
        self.directory.join("crt")
    }

    /// For nginx.conf.
    pub fn directives(&self) -> String {
        let directory = self.directory.display();
        format!(
            "ssl_certificate {directory}/crt; ssl_certificate_key {directory}/key; ssl_protocols TLSv1.3;"
        )
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
