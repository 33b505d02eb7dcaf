//! The rows of the table.
//!
//! What enters: how many tokens the largest row has alive. What leaves: each row's name, nginx and requests,
//! and what must be true of it. What always holds: a row is compared with an nginx without authentication
//! that gets the same requests.

use crate::configuration::{
    auth_request, auth_request_cached, auth_request_keepalive, module, plain, unused, Configuration,
};

/// What the requests of a row carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// No credential.
    Bare,
    /// One JWT, always the same.
    Token,
    /// One opaque token, always the same.
    Opaque,
    /// So many opaque tokens in turn, so that no two requests under way are alike.
    Opaques(usize),
    /// So many JWTs in turn, each seen before.
    Live(usize),
    /// So many JWTs, each once.
    Unseen(usize),
    /// So many JWTs in turn, each seen before, of which as many fall due as in steady use.
    Due(usize),
}

/// How often the resolver may and must have been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Not once.
    Never,
    /// A few times at most: what is remembered has its time.
    Seldom,
    /// At least once, and for few of the requests.
    Behind,
    /// For every request.
    Always,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name on the command line.
    pub name: String,
    /// Its words in the table.
    pub title: String,
    /// What nginx does.
    pub configuration: Configuration,
    /// What it gets.
    pub load: Load,
    /// What Authgear hears of it.
    pub asks: Asks,
    /// Whether the backend is told who is calling.
    pub told: bool,
    /// Whether the resolver is 50 ms away.
    pub far: bool,
    /// Whether its instructions are counted.
    pub counted: bool,
}

/// nginx without authentication, to which all is compared.
pub const A: &str = "a";

/// How many opaque tokens there are.
pub const OPAQUES: usize = 1000;

/// How many tokens are alive where questions go out each second.
const ASKED_ABOUT: usize = 100;

/// Room for every token of the bench.
const LARGE: &str = "authgear_zone zone=authgear:256m;";

/// All hold for the bench's user.
const FOUR_CONDITIONS: &str = "authgear_require verified not_anonymous role=editor max_age=1d;";

impl Load {
    /// The row without authentication that gets the same requests.
    pub fn compared_with(self) -> &'static str {
        match self {
            Self::Bare => "a-bare",
            Self::Token | Self::Live(..=ASKED_ABOUT) => A,
            // So many that who sends them leaves little of a shared cache to nginx.
            Self::Live(_) | Self::Unseen(_) | Self::Due(_) => "a-many",
            Self::Opaque | Self::Opaques(_) => "a-opaque",
        }
    }
}

impl Row {
    fn new(name: &str, title: &str, configuration: Configuration, load: Load) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            configuration,
            load,
            asks: Asks::Never,
            told: load != Load::Bare,
            far: false,
            counted: false,
        }
    }

    fn asks(self, asks: Asks) -> Self {
        Self { asks, ..self }
    }

    fn untold(self) -> Self {
        Self { told: false, ..self }
    }

    fn far(self) -> Self {
        Self { far: true, ..self }
    }

    fn counted(self) -> Self {
        Self {
            counted: true,
            ..self
        }
    }

    /// Whether it says nothing but how long a request waits: a worker that sleeps between requests spends
    /// more on each.
    pub fn waits(&self) -> bool {
        self.far && self.asks == Asks::Always
    }

    /// Whether other rows are compared with this one.
    pub fn is_baseline(&self) -> bool {
        self.load.compared_with() == self.name
    }

    /// Whether it has the module at work.
    pub fn resolves(&self) -> bool {
        self.configuration.resolves()
    }
}

/// All of them, in the table's order.
pub fn rows(live: usize) -> Vec<Row> {
    let mut rows = without_authentication(live);
    rows.extend(with_auth_request(live));
    rows.extend(with_tokens(live));
    rows.extend(with_the_resolver());
    rows
}

fn without_authentication(live: usize) -> Vec<Row> {
    vec![
        Row::new(A, "A: no authentication, one JWT", plain(), Load::Token)
            .untold()
            .counted(),
        Row::new("a-again", "A against itself", plain(), Load::Token).untold(),
        Row::new("a-many", "A, many JWTs in turn", plain(), Load::Live(live))
            .untold()
            .counted(),
        Row::new("a-bare", "A, no credential", plain(), Load::Bare)
            .untold()
            .counted(),
        Row::new("a-opaque", "A, opaque tokens", plain(), Load::Opaques(OPAQUES))
            .untold()
            .counted(),
        Row::new("unused", "module loaded, unused", unused(), Load::Token)
            .untold()
            .counted(),
    ]
}

fn with_auth_request(live: usize) -> Vec<Row> {
    let row = |name, title, configuration, load| {
        Row::new(name, &format!("`auth_request`{title}"), configuration, load).asks(Asks::Always)
    };
    vec![
        row("auth", " as in Authgear's docs", auth_request(), Load::Token),
        row(
            "auth-keepalive",
            ", keepalive",
            auth_request_keepalive(),
            Load::Token,
        )
        .counted(),
        row(
            "auth-opaque",
            ", keepalive, opaque tokens",
            auth_request_keepalive(),
            Load::Opaques(OPAQUES),
        )
        .counted(),
        row(
            "auth-hit",
            " + `proxy_cache`, hits",
            auth_request_cached(),
            Load::Token,
        )
        .asks(Asks::Seldom),
        row(
            "auth-miss",
            " + `proxy_cache`, misses",
            auth_request_cached(),
            Load::Unseen(live),
        ),
        row(
            "auth-far",
            ", keepalive, resolver 50 ms away",
            auth_request_keepalive(),
            Load::Token,
        )
        .far(),
    ]
}

fn with_tokens(live: usize) -> Vec<Row> {
    let alive = |count: usize, words: &str| {
        let name = format!("live-{count}");
        let off = module(LARGE, "authgear_revalidate off;");
        Row::new(
            &name,
            &format!("{words}, `authgear_revalidate off`"),
            off,
            Load::Live(count),
        )
        .counted()
    };
    let first = module(LARGE, "authgear_revalidate off;");
    vec![
        Row::new("none", "no credential", module("", ""), Load::Bare).counted(),
        Row::new(
            "first",
            "token first seen, `authgear_revalidate off`",
            first,
            Load::Unseen(live),
        )
        .counted(),
        Row::new("seen", "token seen before", module("", ""), Load::Token)
            .asks(Asks::Seldom)
            .counted(),
        Row::new(
            "seen-required",
            "the same, `authgear_require` with four conditions",
            module("", FOUR_CONDITIONS),
            Load::Token,
        )
        .asks(Asks::Seldom)
        .counted(),
        alive(1, "one live token"),
        alive(10_000, "10,000 live tokens"),
        alive(live, &format!("{},000 live tokens", live / 1000)),
        Row::new(
            "live-10000-on",
            "10,000 live tokens",
            module(LARGE, ""),
            Load::Due(10_000),
        )
        .asks(Asks::Behind),
    ]
}

fn with_the_resolver() -> Vec<Row> {
    let each_second = || module(LARGE, "authgear_revalidate 1s max=1h;");
    let remembered = module("", "authgear_cache_valid 60s;");
    vec![
        Row::new(
            "remembered",
            "resolver's answer remembered, an opaque token",
            remembered,
            Load::Opaque,
        )
        .asks(Asks::Seldom)
        .counted(),
        Row::new(
            "asked",
            "resolver asked, opaque tokens",
            module("", ""),
            Load::Opaques(OPAQUES),
        )
        .asks(Asks::Always)
        .counted(),
        Row::new(
            "near",
            "100 live tokens, `authgear_revalidate 1s`",
            each_second(),
            Load::Live(ASKED_ABOUT),
        )
        .asks(Asks::Behind),
        Row::new(
            "far",
            "the same, resolver 50 ms away",
            each_second(),
            Load::Live(ASKED_ABOUT),
        )
        .asks(Asks::Behind)
        .far(),
    ]
}
