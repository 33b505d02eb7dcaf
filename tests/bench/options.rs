//! The command line of the bench.
//!
//! What enters: words. What leaves: [`Options`], or why they are none. What always holds: an unknown word is
//! refused.

use std::path::PathBuf;

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Every row runs once a round.
    pub rounds: usize,
    /// How long a row runs in each round.
    pub seconds: u64,
    /// The largest number of live tokens.
    pub live: usize,
    /// Rows by their names; empty for all.
    pub only: Vec<String>,
    /// Where the machine-readable copy goes.
    pub json: Option<PathBuf>,
    /// Whether instructions are counted, too.
    pub instructions: bool,
    /// Two minutes instead of half an hour.
    pub quick: bool,
}

impl Options {
    fn full() -> Self {
        Self {
            rounds: 20,
            seconds: 2,
            live: 100_000,
            only: Vec::new(),
            json: None,
            instructions: true,
            quick: false,
        }
    }

    fn quick() -> Self {
        Self {
            rounds: 2,
            seconds: 1,
            live: 20_000,
            quick: true,
            ..Self::full()
        }
    }

    /// Reads the words after the program's name.
    pub fn read(words: &[String]) -> Result<Self, String> {
        let quick = words.iter().any(|word| word == "--quick");
        let mut options = if quick { Self::quick() } else { Self::full() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => {}
                "--rounds" => options.rounds = positive(word, value()?)?,
                "--seconds" => options.seconds = positive(word, value()?)? as u64,
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--json" => options.json = Some(PathBuf::from(value()?)),
                "--no-instructions" => options.instructions = false,
                _ => return Err(format!("unknown argument: {word} (--help says which there are)")),
            }
        }
        Ok(options)
    }
}

fn positive(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(0) | Err(_) => Err(format!("{option} takes a whole number above nought, not {value}")),
        Ok(number) => Ok(number),
    }
}
