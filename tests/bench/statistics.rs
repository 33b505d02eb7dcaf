//! Medians and quartiles.

/// The middle and the quarters of some numbers.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter is below it.
    pub lower: f64,
    /// Half is.
    pub median: f64,
    /// Three quarters are.
    pub upper: f64,
}

/// The spread of numbers, of which there is at least one.
pub fn spread(numbers: impl Iterator<Item = f64>) -> Spread {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    Spread {
        lower: quantile(&numbers, 0.25),
        median: quantile(&numbers, 0.5),
        upper: quantile(&numbers, 0.75),
    }
}

/// Between the two nearest of sorted numbers.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = part * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor(), at.ceil());
    let (low, high) = (sorted[below as usize], sorted[above as usize]);
    low + (high - low) * (at - below)
}
