//! A certificate for `localhost` that nobody but the client of the same test trusts.
//!
//! Leaves: the files that nginx reads, and the certificate as the client takes it. What always holds: the
//! files go with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;

pub struct Certificate {
    directory: PathBuf,
    pub der: CertificateDer<'static>,
}

impl Certificate {
    pub fn new() -> Self {
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
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-addext", "basicConstraints=critical,CA:false"])
            .args(["-keyout", "key", "-out", "crt"])
            .current_dir(&directory)
            .output()
            .expect("starting openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let der = CertificateDer::from_pem_file(directory.join("crt")).expect("a certificate");
        Self { directory, der }
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
