//! What the resolver is asked, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::resolver::Question;
use common::read;

fn asked(authorization: Option<&str>, cookies: &[&str], prefix: &str, from: usize) -> Option<[String; 2]> {
    let credentials = read(authorization, cookies, prefix);
    let question = Question::about(credentials.from(from), prefix)?;
    Some([question.authorization, question.cookie].map(Option::unwrap_or_default))
}

#[test]
fn a_question_holds_the_credentials_once_each_and_nothing_else() {
    for (authorization, cookies, wanted) in [
        (Some("Bearer b"), vec![], ["Bearer b", ""]),
        (Some("bEARER b"), vec![], ["Bearer b", ""]),
        (None, vec!["session=s"], ["", "session=s"]),
        (None, vec!["theme=dark; session=\"s\";_ga=1"], ["", "session=s"]),
        (None, vec!["session=s; session=other"], ["", "session=s"]),
        (
            None,
            vec!["session=s", "app_session=a"],
            ["", "app_session=a; session=s"],
        ),
        (
            Some("Bearer b"),
            vec!["session=s; app_access_token=t"],
            ["Bearer b", "app_access_token=t; session=s"],
        ),
        (Some("Basic eA=="), vec!["session="], ["", "session="]),
        (Some("Bearer a\u{e9}"), vec!["session=s"], ["", "session=s"]),
        (Some("Bearer b"), vec!["session=a b"], ["Bearer b", ""]),
    ] {
        let got = asked(authorization, &cookies, "", 0);
        assert_eq!(
            got,
            Some(wanted.map(str::to_owned)),
            "{authorization:?} {cookies:?}"
        );
    }
}

#[test]
fn a_question_is_about_a_credential_and_those_that_follow() {
    let cookies = ["session=s; app_access_token=t; app_session=a"];
    for (from, wanted) in [
        (0, ["Bearer b", "app_session=a; app_access_token=t; session=s"]),
        (1, ["", "app_session=a; app_access_token=t; session=s"]),
        (2, ["", "app_access_token=t; session=s"]),
        (3, ["", "session=s"]),
    ] {
        let got = asked(Some("Bearer b"), &cookies, "", from);
        assert_eq!(got, Some(wanted.map(str::to_owned)), "{from}");
    }
    assert_eq!(asked(Some("Bearer b"), &cookies, "", 4), None);
}

#[test]
fn cookies_are_asked_about_under_the_projects_own_names() {
    let got = asked(
        None,
        &["session=no; shop_session=s; shop_app_session=a"],
        "shop_",
        0,
    );
    assert_eq!(got.unwrap()[1], "shop_app_session=a; shop_session=s");
}

#[test]
fn there_is_no_question_about_nothing() {
    assert_eq!(asked(None, &[], "", 0), None);
    assert_eq!(asked(Some("Bearer \u{e9}"), &["session=a b"], "", 0), None);
}

#[test]
fn a_question_reads_back_as_the_credentials_it_is_about() {
    for (authorization, cookies) in [
        (Some("Bearer  a b"), vec!["session=s; app_session=\"a=\""]),
        (Some("bearer eyJ.a.b"), vec!["app_access_token=eyJ.c.d"]),
        (None, vec!["session"]),
    ] {
        let credentials = read(authorization, &cookies, "");
        let question = Question::about(credentials.from(0), "").unwrap();
        let cookie: Vec<&str> = question.cookie.as_deref().into_iter().collect();
        assert_eq!(read(question.authorization.as_deref(), &cookie, ""), credentials);
    }
}
