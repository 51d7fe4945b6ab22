//! `wavetank plot`: charts from tables, nothing simulated.

use super::args::PlotArgs;
use super::{Failure, say};

/// Draws the charts of a results folder again.
pub(super) fn plot(args: &PlotArgs) -> Result<(), Failure> {
    let files = crate::report::redraw(&args.results)?;
    let mut text = String::new();
    for file in files {
        text.push_str(&format!("{}\n", file.display()));
    }
    say(&text);
    Ok(())
}
