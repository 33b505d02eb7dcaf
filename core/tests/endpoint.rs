//! Which URLs are a project's origin, and how they are normalised.
#![allow(clippy::unwrap_used)]

use authgear_core::endpoint::{issuer, Endpoint, EndpointError, Scheme};

#[test]
fn an_origin_is_normalised_in_case_port_and_slash() {
    for (url, origin) in [
        ("https://project.authgear.cloud", "https://project.authgear.cloud"),
        (
            "https://project.authgear.cloud/",
            "https://project.authgear.cloud",
        ),
        (
            "HTTPS://Project.Authgear.Cloud/",
            "https://project.authgear.cloud",
        ),
        (
            "https://project.authgear.cloud:443",
            "https://project.authgear.cloud",
        ),
        ("http://localhost:80/", "http://localhost"),
        ("https://auth.example:80", "https://auth.example:80"),
        ("http://auth.example:443", "http://auth.example:443"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("http://authgear_server:3000", "http://authgear_server:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://auth.example:65535", "https://auth.example:65535"),
    ] {
        assert_eq!(Endpoint::parse(url).unwrap().as_str(), origin, "{url}");
    }
}

#[test]
fn an_endpoint_tells_its_parts() {
    for (url, scheme, host, hostname) in [
        ("https://A.example", Scheme::Https, "a.example", "a.example"),
        ("http://a.example", Scheme::Http, "a.example", "a.example"),
        (
            "https://a.example:8443",
            Scheme::Https,
            "a.example:8443",
            "a.example",
        ),
        ("http://[::1]:3000", Scheme::Http, "[::1]:3000", "[::1]"),
        ("https://a.example:443", Scheme::Https, "a.example", "a.example"),
    ] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(endpoint.scheme(), scheme, "{url}");
        assert_eq!((endpoint.host(), endpoint.hostname()), (host, hostname), "{url}");
        assert_eq!(
            endpoint.as_str(),
            format!("{}://{host}", scheme.as_str()),
            "{url}"
        );
    }
}

#[test]
fn what_is_no_origin_is_refused_for_what_it_is() {
    for (url, why) in [
        ("", EndpointError::NotAUrl),
        ("project.authgear.cloud", EndpointError::NotAUrl),
        ("//project.authgear.cloud", EndpointError::NotAUrl),
        ("/oauth2", EndpointError::NotAUrl),
        ("https//project", EndpointError::NotAUrl),
        ("https:///", EndpointError::NotAUrl),
        ("https://", EndpointError::NotAUrl),
        ("https://pro ject.example", EndpointError::NotAUrl),
        ("https://b\u{fc}cher.example", EndpointError::NotAUrl),
        ("https://a.example\r\nx", EndpointError::NotAUrl),
        ("https://a.example\0", EndpointError::NotAUrl),
        ("https://[::1", EndpointError::NotAUrl),
        ("https://[::zz]", EndpointError::NotAUrl),
        ("https://a%2eexample", EndpointError::NotAUrl),
        ("ftp://a.example", EndpointError::Scheme),
        ("ws://a.example", EndpointError::Scheme),
        ("https://user@a.example", EndpointError::UserInfo),
        ("https://user:secret@a.example", EndpointError::UserInfo),
        ("https://a.example:0", EndpointError::Port),
        ("https://a.example:65536", EndpointError::Port),
        ("https://a.example:", EndpointError::Port),
        ("https://a.example/oauth2", EndpointError::Path),
        ("https://a.example//", EndpointError::Path),
        ("https://a.example/.", EndpointError::Path),
        ("https://a.example?", EndpointError::Query),
        ("https://a.example/?x=1", EndpointError::Query),
        ("https://a.example#", EndpointError::Query),
        ("https://$host", EndpointError::Variable),
        ("$scheme://a.example", EndpointError::Variable),
        ("https://a.example/$uri", EndpointError::Variable),
    ] {
        assert_eq!(Endpoint::parse(url).err(), Some(why), "{url:?}");
    }
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let all = [
        EndpointError::Variable,
        EndpointError::NotAUrl,
        EndpointError::Scheme,
        EndpointError::NoHost,
        EndpointError::UserInfo,
        EndpointError::Port,
        EndpointError::Path,
        EndpointError::Query,
    ];
    let mut texts = all.map(|why| why.to_string()).to_vec();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
}

#[test]
fn only_this_machine_is_loopback() {
    for (url, loopback) in [
        ("http://localhost", true),
        ("http://LOCALHOST:3000", true),
        ("http://127.0.0.1", true),
        ("http://127.255.0.9:1", true),
        ("http://[::1]", true),
        // RFC 6761, section 6.3.
        ("http://auth.localhost", true),
        ("http://a.b.LocalHost:3000", true),
        ("http://localhost.", true),
        ("http://auth.localhost.", true),
        ("http://localhost.example", false),
        ("http://authlocalhost", false),
        ("http://auth.localhost.example", false),
        ("http://localhost..", false),
        ("http://127.0.0.1.example", false),
        ("http://128.0.0.1", false),
        ("http://0.0.0.0", false),
        ("http://10.0.0.1", false),
        ("http://[::2]", false),
        ("http://authgear", false),
    ] {
        assert_eq!(Endpoint::parse(url).unwrap().is_loopback(), loopback, "{url}");
    }
}

#[test]
fn an_issuer_may_have_a_path_which_stays_as_it_is() {
    for (url, wanted) in [
        ("https://Login.Shop.example/", "https://login.shop.example"),
        ("https://login.shop.example", "https://login.shop.example"),
        ("https://login.shop.example:443/", "https://login.shop.example"),
        (
            "https://login.shop.example/Auth",
            "https://login.shop.example/Auth",
        ),
        (
            "https://login.shop.example/auth/",
            "https://login.shop.example/auth/",
        ),
        ("http://localhost:3000/a/b", "http://localhost:3000/a/b"),
    ] {
        assert_eq!(issuer(url).as_deref(), Ok(wanted), "{url}");
    }
    for (url, why) in [
        ("project", EndpointError::NotAUrl),
        ("ftp://a.example/x", EndpointError::Scheme),
        ("https://a.example/?x", EndpointError::Query),
        ("https://a.example/$x", EndpointError::Variable),
        ("https://u@a.example/", EndpointError::UserInfo),
    ] {
        assert_eq!(issuer(url), Err(why), "{url}");
    }
}
