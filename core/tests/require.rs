//! Who may enter: each requirement, on both sides, for users by a token and by the resolver's word.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::basis::Basis;
use authgear_core::credential::Kind;
use authgear_core::grant::{Grant, FULL_ACCESS};
use authgear_core::require::{check, variable_holds, Caller, Denial, Facts};
use common::require::{
    requirements, resolver, said, said_of, token, user, AMR, ANONYMOUS, AT, ROLES, VERIFIED,
};
use common::NOW;

#[test]
fn valid_is_enough_for_any_session() {
    assert_eq!(said_of("valid", &[]), "ok");
    assert_eq!(said("valid", Caller::User(&user(&[]), None)), "ok");
}

#[test]
fn verified_is_exactly_true() {
    assert_eq!(said_of("verified", &[(VERIFIED, "true")]), "ok");
    for lines in [
        &[(VERIFIED, "false")][..],
        &[(VERIFIED, "True")],
        &[(VERIFIED, "1")],
        &[],
    ] {
        assert_eq!(said_of("verified", lines), "403 not_verified", "{lines:?}");
    }
}

#[test]
fn not_anonymous_is_exactly_false() {
    assert_eq!(said_of("not_anonymous", &[(ANONYMOUS, "false")]), "ok");
    for lines in [&[(ANONYMOUS, "true")][..], &[(ANONYMOUS, "no")], &[]] {
        assert_eq!(said_of("not_anonymous", lines), "403 anonymous", "{lines:?}");
    }
}

#[test]
fn a_role_is_one_of_the_list_whole_and_in_its_case() {
    for (words, roles, holds) in [
        ("role=admin", "admin", true),
        ("role=admin", "user,admin,x", true),
        ("role=admin|owner", "owner", true),
        ("role=admin role=billing", "admin,billing", true),
        ("role=admin|owner role=billing|tax", "tax,owner", true),
        ("role=admin", "administrator", false),
        ("role=admin", "Admin", false),
        ("role=admin", "not admin", false),
        ("role=admin", "user, admin", false),
        ("role=admin role=billing", "admin", false),
        ("role=admin role=billing", "billing", false),
        ("role=admin|owner", "admin|owner", false),
    ] {
        let wanted = if holds { "ok" } else { "403 missing_role" };
        assert_eq!(said_of(words, &[(ROLES, roles)]), wanted, "{words}: {roles}");
    }
    assert_eq!(said_of("role=admin", &[]), "403 missing_role");
}

#[test]
fn max_age_counts_since_the_user_authenticated() {
    let stepping_up = "Bearer error=\"insufficient_user_authentication\", max_age=\"900\"";
    let old = format!("401 authentication_too_old {stepping_up}");
    let unknown = format!("401 authentication_time_unknown {stepping_up}");
    for (at, wanted) in [
        (NOW.to_string(), "ok"),
        ((NOW - 900).to_string(), "ok"),
        ((NOW - 901).to_string(), old.as_str()),
        ("0".to_owned(), &old),
        ((NOW + 1).to_string(), &unknown),
        (u64::MAX.to_string(), &unknown),
        ("18446744073709551616".to_owned(), &unknown),
        (format!("+{NOW}"), &unknown),
        (format!("-{NOW}"), &unknown),
        (format!("{NOW}.0"), &unknown),
        (format!("{NOW} 1"), &unknown),
        ("soon".to_owned(), &unknown),
    ] {
        assert_eq!(said_of("max_age=15m", &[(AT, &at)]), wanted, "{at}");
    }
    assert_eq!(said_of("max_age=15m", &[]), unknown);
}

#[test]
fn a_clock_difference_that_is_allowed_makes_no_authentication_future_nor_any_older() {
    // The last that has no more digits than always fit.
    const LATEST: u64 = 9_999_999_999_999_999_999;
    let at = |at: u64, leeway| {
        let session = user(&[(AT, &at.to_string())]);
        let facts = Facts {
            caller: Caller::User(&session, None),
            variables: &|_| true,
            leeway,
        };
        check(&requirements("max_age=60"), &facts, NOW).is_ok()
    };
    assert!(at(NOW + 5, 5));
    assert!(!at(NOW + 6, 5));
    assert!(!at(NOW - 61, 5));
    assert!(!at(NOW + 6, 5));
    assert!(at(LATEST, u64::MAX));
    assert!(!at(u64::MAX, u64::MAX));
}

#[test]
fn a_scope_is_one_of_the_tokens_and_the_challenge_says_all_that_are_wanted() {
    let session = user(&[]);
    for (words, scope, holds) in [
        ("scope=read", "read", true),
        ("scope=read", "openid read write", true),
        ("scope=read scope=write", "write read", true),
        ("scope=read", "reader", false),
        ("scope=read", "Read", false),
        ("scope=read", "", false),
        ("scope=read", "a read\"", false),
        ("scope=read", "a  read", false),
        ("scope=read", "read\nx", false),
    ] {
        let wanted = if holds {
            "ok"
        } else {
            "403 insufficient_scope Bearer error=\"insufficient_scope\", scope=\"read\""
        };
        let basis = token("web", scope);
        assert_eq!(
            said(words, Caller::User(&session, Some(&basis))),
            wanted,
            "{words}: {scope}"
        );
    }
    assert_eq!(
        said(
            "scope=read verified scope=write",
            Caller::User(&user(&[(VERIFIED, "true")]), Some(&token("web", "read")))
        ),
        "403 insufficient_scope Bearer error=\"insufficient_scope\", scope=\"read write\""
    );
}

#[test]
fn a_client_is_one_of_the_list() {
    let session = user(&[]);
    for (words, client_id, wanted) in [
        ("client_id=web", "web", "ok"),
        ("client_id=app|web", "web", "ok"),
        ("client_id=web", "web2", "403 wrong_client"),
        ("client_id=web", "Web", "403 wrong_client"),
        ("client_id=web", "", "403 wrong_client"),
        ("client_id=web", "caf\u{e9}", "403 wrong_client"),
        ("client_id=app|web", "app|web", "403 wrong_client"),
    ] {
        let basis = token(client_id, "a");
        assert_eq!(
            said(words, Caller::User(&session, Some(&basis))),
            wanted,
            "{words}: {client_id}"
        );
    }
}

#[test]
fn the_resolvers_word_has_no_scope_and_no_client() {
    let session = user(&[]);
    for basis in [
        Some(resolver(&[Kind::Bearer])),
        Some(resolver(&[Kind::Session])),
        Some(resolver(&Kind::ALL)),
        None,
    ] {
        let caller = Caller::User(&session, basis.as_ref());
        assert_eq!(
            said("scope=a", caller),
            "403 scope_unknown Bearer error=\"insufficient_scope\", scope=\"a\""
        );
        assert_eq!(said("client_id=web", caller), "403 client_unknown");
    }
}

#[test]
fn first_party_is_full_access_or_a_cookie_of_the_projects_own_sign_in() {
    let session = user(&[]);
    let third = "openid offline_access";
    let with_full = format!("{third} {FULL_ACCESS}");
    let longer = format!("{FULL_ACCESS}/x");
    let cookie = |scope: &str| Basis::Token(Kind::AppAccessToken, Grant::new(None, Some(scope)));
    for (basis, holds) in [
        (Some(token("web", &with_full)), true),
        (Some(cookie(FULL_ACCESS)), true),
        (Some(token("web", third)), false),
        (Some(cookie(third)), false),
        (Some(token("web", &longer)), false),
        (Some(token("web", "")), false),
        (Some(resolver(&[Kind::AppSession])), true),
        (Some(resolver(&[Kind::Session])), true),
        (Some(resolver(&[Kind::AppSession, Kind::Session])), true),
        (Some(resolver(&[Kind::Bearer])), false),
        (Some(resolver(&[Kind::AppAccessToken])), false),
        (Some(resolver(&[Kind::Bearer, Kind::Session])), false),
        (Some(resolver(&[Kind::AppSession, Kind::AppAccessToken])), false),
        (Some(resolver(&Kind::ALL)), false),
        (Some(resolver(&[])), false),
        (None, false),
    ] {
        let wanted = if holds { "ok" } else { "403 not_first_party" };
        assert_eq!(
            said("first_party", Caller::User(&session, basis.as_ref())),
            wanted,
            "{basis:?}"
        );
    }
}

#[test]
fn a_method_is_one_of_the_list_with_spaces_or_commas_between_them() {
    let refused = "401 missing_amr Bearer error=\"insufficient_user_authentication\"";
    for (words, amr, wanted) in [
        ("amr=mfa", "mfa", "ok"),
        ("amr=mfa", "pwd otp mfa", "ok"),
        ("amr=mfa", "pwd,otp,mfa", "ok"),
        ("amr=mfa|hwk", "hwk", "ok"),
        ("amr=pwd amr=otp", "pwd otp", "ok"),
        ("amr=pwd amr=otp", "pwd", refused),
        ("amr=mfa", "mfa2", refused),
        ("amr=mfa", "MFA", refused),
    ] {
        assert_eq!(said_of(words, &[(AMR, amr)]), wanted, "{words}: {amr}");
    }
    assert_eq!(said_of("amr=mfa", &[]), refused);
    assert_eq!(
        said_of("amr=mfa max_age=60", &[(AT, &NOW.to_string())]),
        format!("{refused}, max_age=\"60\""),
        "a new sign-in has to be for both"
    );
}

#[test]
fn a_variable_is_looked_at_by_its_place() {
    let session = user(&[]);
    let requirements = requirements("$first valid $second");
    assert_eq!(requirements.variables().collect::<Vec<_>>(), ["first", "second"]);
    for (values, holds) in [
        ([true, true], true),
        ([true, false], false),
        ([false, true], false),
    ] {
        let facts = Facts {
            caller: Caller::User(&session, None),
            variables: &|at| values[at],
            leeway: 0,
        };
        let reason = check(&requirements, &facts, NOW).map_err(Denial::as_str);
        assert_eq!(reason, if holds { Ok(()) } else { Err("variable") });
    }
    for (value, holds) in [
        ("", false),
        ("0", false),
        ("1", true),
        ("00", true),
        (" ", true),
        ("off", true),
    ] {
        assert_eq!(variable_holds(value.as_bytes()), holds, "{value:?}");
    }
}
